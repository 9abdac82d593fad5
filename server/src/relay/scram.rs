//! SCRAM (RFC 5802, RFC 7677), the client's side, without channel binding.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};

/// Random octets of our part of the nonce.
const NONCE_LEN: usize = 18;
/// Rounds that a server may ask of us; more would be a way to keep us busy.
const ITERATIONS_MAX: u32 = 1_000_000;

/// Which hash a mechanism is made with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hash {
    Sha1,
    Sha256,
}

/// An exchange that waits for the server's first message.
pub(super) struct ScramClient {
    hash: Hash,
    password: Vec<u8>,
    nonce: String,
    bare: String,
}

/// What the server must send if it knows the password.
pub(super) struct ServerProof(String);

impl ScramClient {
    /// Begins; also returns our first message. A password that `SASLprep` refuses is taken as it is
    /// (RFC 5802, 2.2 leaves no other way to use it).
    pub(super) fn begin(hash: Hash, user: &str, password: &str) -> (Self, String) {
        let random: [u8; NONCE_LEN] = rand::random();
        Self::begin_with(hash, user, password, &STANDARD.encode(random))
    }

    fn begin_with(hash: Hash, user: &str, password: &str, nonce: &str) -> (Self, String) {
        let password = stringprep::saslprep(password)
            .map_or_else(|_| password.as_bytes().to_vec(), |text| text.as_bytes().to_vec());
        let bare = format!("n={},r={nonce}", user.replace('=', "=3D").replace(',', "=2C"));
        let first = format!("n,,{bare}");
        (Self { hash, password, nonce: nonce.to_owned(), bare }, first)
    }

    /// Our last message, and what proves the server; `None` if its message is not what it should be.
    pub(super) fn answer(self, server_first: &[u8]) -> Option<(String, ServerProof)> {
        let server_first = std::str::from_utf8(server_first).ok()?;
        let mut fields = server_first.split(',');
        let nonce = fields.next()?.strip_prefix("r=")?;
        let salt = STANDARD.decode(fields.next()?.strip_prefix("s=")?).ok()?;
        let iterations: NonZeroU32 = fields.next()?.strip_prefix("i=")?.parse().ok()?;
        // A nonce that is only ours could be an answer to another exchange.
        let is_fresh = nonce.len() > self.nonce.len() && nonce.starts_with(&self.nonce);
        if !is_fresh || iterations.get() > ITERATIONS_MAX {
            return None;
        }
        let (algorithm, pbkdf, hash) = self.algorithms();
        let mut salted = vec![0; hash.output_len()];
        pbkdf2::derive(pbkdf, iterations, &salt, &self.password, &mut salted);
        let sign = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(algorithm, key), text);
        let client_key = sign(&salted, b"Client Key");
        let stored_key = digest::digest(hash, client_key.as_ref());
        // `biws` is `n,,`: no channel binding.
        let unproved = format!("c=biws,r={nonce}");
        let all = format!("{},{server_first},{unproved}", self.bare);
        let signature = sign(stored_key.as_ref(), all.as_bytes());
        let proof =
            client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, sign)| key ^ sign);
        let proof = STANDARD.encode(proof.collect::<Vec<u8>>());
        let server_key = sign(&salted, b"Server Key");
        let server = sign(server_key.as_ref(), all.as_bytes());
        let server = ServerProof(format!("v={}", STANDARD.encode(server.as_ref())));
        Some((format!("{unproved},p={proof}"), server))
    }

    fn algorithms(&self) -> (hmac::Algorithm, pbkdf2::Algorithm, &'static digest::Algorithm) {
        match self.hash {
            Hash::Sha1 => (
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                pbkdf2::PBKDF2_HMAC_SHA1,
                &digest::SHA1_FOR_LEGACY_USE_ONLY,
            ),
            Hash::Sha256 => (hmac::HMAC_SHA256, pbkdf2::PBKDF2_HMAC_SHA256, &digest::SHA256),
        }
    }
}

impl ServerProof {
    /// Whether the server's last message has it.
    pub(super) fn is_given_by(&self, message: &[u8]) -> bool {
        message.split(|byte| *byte == b',').next() == Some(self.0.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchanges of RFC 5802, 5 and RFC 7677, 3.
    #[test]
    fn the_examples_of_the_standards() {
        let sha1 =
            ScramClient::begin_with(Hash::Sha1, "user", "pencil", "fyko+d2lbbFgONRv9qkxdawL");
        assert_eq!(sha1.1, "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        let first = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
        let (last, proof) = sha1.0.answer(first).expect("an answer");
        assert_eq!(
            last,
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
        );
        assert!(proof.is_given_by(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="));
        assert!(!proof.is_given_by(b"v=rmF9pqV8S7suAoZWja4dJRkFsKR="));
        let nonce = "rOprNGfwEbeRWgbNEkqO";
        let (client, _) = ScramClient::begin_with(Hash::Sha256, "user", "pencil", nonce);
        let first = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                      s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let (last, proof) = client.answer(first).expect("an answer");
        assert!(last.ends_with(",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), "{last}");
        assert!(proof.is_given_by(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
    }

    #[test]
    fn a_server_cannot_choose_the_nonce_or_keep_us_busy() {
        for wrong in [
            "r=abc,s=AAAA,i=4096",
            "r=abd,s=AAAA,i=4096",
            "r=abcd,s=AAAA,i=0",
            "r=abcd,s=AAAA,i=2000000",
            "r=abcd,s=?,i=4096",
            "m=x,r=abcd,s=AAAA,i=4096",
            "",
        ] {
            let (client, _) = ScramClient::begin_with(Hash::Sha256, "u", "p", "abc");
            assert!(client.answer(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }
}
