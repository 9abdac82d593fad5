//! What is stored of a password for SCRAM (RFC 5802, 3): enough to check a client's proof, not
//! enough to make one. Written as RFC 5803 has it:
//! `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, the last three in base64.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use subtle::ConstantTimeEq as _;

/// Each guess at a stolen key costs so much; half of what the most careful library of clients
/// still takes, Cyrus SASL.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(32_768).expect("it is not 0");
/// Random octets of a salt.
pub(in crate::auth) const SALT_LEN: usize = 16;

/// The hash of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::auth) enum ScramHash {
    /// RFC 5802.
    Sha1,
    /// RFC 7677.
    Sha256,
}

/// What is stored of a password.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::auth) struct ScramKeys {
    pub(super) hash: ScramHash,
    pub(super) iterations: NonZeroU32,
    pub(super) salt: Vec<u8>,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl ScramHash {
    fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SCRAM-SHA-1",
            Self::Sha256 => "SCRAM-SHA-256",
        }
    }

    fn len(self) -> usize {
        self.digest().output_len()
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
        }
    }

    fn sign(self, key: &[u8], message: &[u8]) -> hmac::Tag {
        let algorithm = match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), message)
    }
}

impl ScramKeys {
    /// Those of a password; `None` if it holds what `SASLprep` does not allow (RFC 4013), so that no
    /// two programs need agree on its octets.
    pub(in crate::auth) fn of(password: &str, hash: ScramHash, salt: &[u8]) -> Option<Self> {
        Self::with(password, hash, salt, ITERATIONS)
    }

    pub(super) fn with(
        password: &str,
        hash: ScramHash,
        salt: &[u8],
        iterations: NonZeroU32,
    ) -> Option<Self> {
        let password = stringprep::saslprep(password).ok()?;
        let mut salted = vec![0; hash.len()];
        let algorithm = match hash {
            ScramHash::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            ScramHash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        };
        pbkdf2::derive(algorithm, iterations, salt, password.as_bytes(), &mut salted);
        let client_key = hash.sign(&salted, b"Client Key");
        Some(Self {
            hash,
            iterations,
            salt: salt.to_vec(),
            stored_key: digest::digest(hash.digest(), client_key.as_ref()).as_ref().to_vec(),
            server_key: hash.sign(&salted, b"Server Key").as_ref().to_vec(),
        })
    }

    /// Of no password.
    pub(in crate::auth) fn of_nobody(hash: ScramHash, salt: &[u8]) -> Self {
        let key = vec![0; hash.len()];
        let iterations = ITERATIONS;
        Self { hash, iterations, salt: salt.to_vec(), stored_key: key.clone(), server_key: key }
    }

    /// Reads what is stored.
    pub(in crate::auth) fn parse(text: &str, hash: ScramHash) -> Option<Self> {
        let mut parts = text.split('$');
        let name = parts.next()?;
        let (iterations, salt) = parts.next()?.split_once(':')?;
        let (stored_key, server_key) = parts.next()?.split_once(':')?;
        let key = |text| STANDARD.decode(text).ok().filter(|key| key.len() == hash.len());
        let keys = Self {
            hash,
            iterations: iterations.parse().ok()?,
            salt: STANDARD.decode(salt).ok()?,
            stored_key: key(stored_key)?,
            server_key: key(server_key)?,
        };
        (name == hash.name() && parts.next().is_none()).then_some(keys)
    }

    /// Whether a client that knows the password has signed `message` (RFC 5802, 3).
    pub(super) fn prove(&self, message: &[u8], proof: &[u8]) -> bool {
        let signature = self.hash.sign(&self.stored_key, message);
        let client_key: Vec<u8> =
            proof.iter().zip(signature.as_ref()).map(|(proof, signed)| proof ^ signed).collect();
        let stored_key = digest::digest(self.hash.digest(), &client_key);
        proof.len() == self.hash.len() && bool::from(stored_key.as_ref().ct_eq(&self.stored_key))
    }

    /// By which the client knows that we have its keys.
    pub(super) fn sign(&self, message: &[u8]) -> String {
        STANDARD.encode(self.hash.sign(&self.server_key, message))
    }
}

impl std::fmt::Display for ScramKeys {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let base64 = |octets: &[u8]| STANDARD.encode(octets);
        let (salt, stored, server) =
            (base64(&self.salt), base64(&self.stored_key), base64(&self.server_key));
        write!(out, "{}${}:{salt}${stored}:{server}", self.hash.name(), self.iterations)
    }
}

impl std::fmt::Debug for ScramKeys {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ScramKeys").field("hash", &self.hash).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_reads_back_and_is_what_others_store() {
        let keys = ScramKeys::of("pass", ScramHash::Sha256, b"salt").expect("keys");
        assert_eq!(ScramKeys::parse(&keys.to_string(), ScramHash::Sha256), Some(keys.clone()));
        assert_eq!(ScramKeys::parse(&keys.to_string(), ScramHash::Sha1), None);
        assert!(keys.to_string().starts_with("SCRAM-SHA-256$32768:c2FsdA==$"), "{keys}");
        for wrong in ["", "SCRAM-SHA-256", "SCRAM-SHA-256$1:$:", "SCRAM-SHA-256$0:c2FsdA==$AA:AA"] {
            assert_eq!(ScramKeys::parse(wrong, ScramHash::Sha256), None, "{wrong}");
        }
    }

    /// RFC 4013, 3: what looks the same is the same, and what nobody can type is refused.
    #[test]
    fn passwords_are_prepared() {
        let keys = |password| ScramKeys::of(password, ScramHash::Sha1, b"salt");
        assert_eq!(keys("I\u{ad}X"), keys("IX"));
        assert_eq!(keys("\u{2168}"), keys("IX"));
        assert_ne!(keys("user"), keys("USER"));
        assert_eq!(keys("\u{7}"), None);
    }
}
