//! A key for DKIM and ARC: made, read, and shown as the record that belongs in DNS
//! (RFC 6376, 3.6.1; RFC 8463, 4).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_auth::common::crypto::{DkimKey, Ed25519Key, RsaKey, Sha256};
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _};
use rsa::rand_core::OsRng;
use rsa::traits::PublicKeyParts as _;
use rsa::{RsaPrivateKey, RsaPublicKey};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

/// Bits of an RSA key that is made: what every verifier takes, in a record that DNS carries well.
const RSA_BITS: usize = 2048;
/// A string in a TXT record.
const TXT_STRING_LEN_MAX: usize = 255;

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// `rsa-sha256`, which every verifier knows.
    Rsa,
    /// `ed25519-sha256` (RFC 8463): short and fast, and not known everywhere yet.
    Ed25519,
}

/// A private key that signs.
pub struct SigningKey {
    kind: KeyKind,
    pkcs8: Vec<u8>,
    public: Vec<u8>,
    bits: usize,
}

/// Why something is no key for signing.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not PEM, or not PEM of a private key.
    #[error("there is no private key in PEM: {0}")]
    NotPem(String),
    /// Another kind.
    #[error("the key is neither an RSA key of 2048 to 8192 bits nor an Ed25519 key: {0}")]
    NotUsable(String),
    /// The system has no randomness.
    #[error("no key could be made: {0}")]
    NotMade(String),
    /// Not a name.
    #[error(
        "a selector is made of letters, digits and hyphens, in parts of at most 63 with dots between them"
    )]
    Selector,
}

impl KeyKind {
    /// The word in DNS and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ed25519 => "ed25519",
        }
    }
}

impl SigningKey {
    /// A new one.
    pub fn generate(kind: KeyKind) -> Result<Self, KeyError> {
        let not_made = |error: &dyn std::fmt::Display| KeyError::NotMade(error.to_string());
        match kind {
            KeyKind::Rsa => {
                let key = RsaPrivateKey::new(&mut OsRng, RSA_BITS).map_err(|e| not_made(&e))?;
                let pkcs8 = key.to_pkcs8_der().map_err(|e| not_made(&e))?;
                Self::from_pkcs8(pkcs8.as_bytes())
            }
            KeyKind::Ed25519 => {
                Self::from_pkcs8(&Ed25519Key::generate_pkcs8().map_err(|e| not_made(&e))?)
            }
        }
    }

    /// One that somebody has already, in PEM: PKCS #8, or PKCS #1 for RSA.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let key =
            PrivateKeyDer::from_pem_slice(pem).map_err(|e| KeyError::NotPem(e.to_string()))?;
        match key {
            PrivateKeyDer::Pkcs8(der) => Self::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => {
                let unusable =
                    |error: &dyn std::fmt::Display| KeyError::NotUsable(error.to_string());
                let key = RsaPrivateKey::from_pkcs1_der(der.secret_pkcs1_der())
                    .map_err(|e| unusable(&e))?;
                Self::from_pkcs8(key.to_pkcs8_der().map_err(|e| unusable(&e))?.as_bytes())
            }
            _ => Err(KeyError::NotUsable("it is for elliptic curves".to_owned())),
        }
    }

    /// One that is stored.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let pkcs8 = der.to_vec();
        if let Ok(key) = Ed25519Key::from_pkcs8_maybe_unchecked_der(der) {
            let public = key.public_key();
            return Ok(Self { kind: KeyKind::Ed25519, pkcs8, public, bits: 256 });
        }
        let unusable = |error: &dyn std::fmt::Display| KeyError::NotUsable(error.to_string());
        let key = RsaPrivateKey::from_pkcs8_der(der).map_err(|e| unusable(&e))?;
        let bits = key.n().bits();
        let public = RsaPublicKey::from(&key).to_public_key_der().map_err(|e| unusable(&e))?;
        let key = Self { kind: KeyKind::Rsa, pkcs8, public: public.into_vec(), bits };
        key.signer().map_err(|e| unusable(&e))?;
        Ok(key)
    }

    /// What signs.
    pub(super) fn signer(&self) -> mail_auth::Result<DkimKey> {
        match self.kind {
            KeyKind::Ed25519 => {
                Ed25519Key::from_pkcs8_maybe_unchecked_der(&self.pkcs8).map(DkimKey::Ed25519)
            }
            KeyKind::Rsa => {
                let der = rustls::pki_types::PrivatePkcs8KeyDer::from(self.pkcs8.as_slice());
                RsaKey::<Sha256>::from_key_der(PrivateKeyDer::Pkcs8(der)).map(DkimKey::Rsa)
            }
        }
    }

    /// How it signs.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// How long it is.
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// As it is stored: PKCS #8, DER.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The value of its record: RSA keys as a `SubjectPublicKeyInfo`, Ed25519 keys bare
    /// (RFC 8463, 4.2).
    pub fn record(&self) -> String {
        format!("v=DKIM1; k={}; p={}", self.kind.name(), self.public_text())
    }

    /// The public key as its record has it.
    pub fn public_text(&self) -> String {
        STANDARD.encode(&self.public)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("SigningKey").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The name of a key's record.
pub fn record_name(selector: &str, domain: &str) -> String {
    format!("{selector}._domainkey.{domain}")
}

/// A TXT record as a line of a zone file: its value in strings that are short enough.
pub fn zone_line(name: &str, value: &str) -> String {
    let mut line = format!("{name}. IN TXT");
    let mut rest = value;
    while !rest.is_empty() {
        let mut end = rest.len().min(TXT_STRING_LEN_MAX);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (string, more) = rest.split_at(end);
        // Writing to a string cannot fail.
        let _ = write!(line, " \"{string}\"");
        rest = more;
    }
    line
}

/// A selector in its one form: lower case, since DNS does not tell cases apart.
pub fn selector_of(text: &str) -> Result<String, KeyError> {
    let is_label = |label: &str| {
        let is_text = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(is_text)
    };
    let is_name = text.len() <= 127 && text.split('.').all(is_label);
    if is_name { Ok(text.to_ascii_lowercase()) } else { Err(KeyError::Selector) }
}

#[cfg(test)]
mod tests {
    use mail_auth::common::parse::TxtRecordParser as _;
    use mail_auth::common::verify::DomainKey;

    use super::*;

    /// What openssl makes; RFC 8463, appendix A.2 in PKCS #8.
    const ED25519: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
        -----END PRIVATE KEY-----\n";

    #[test]
    fn keys_are_made_stored_and_read_back_with_a_record_that_verifiers_understand() {
        for kind in [KeyKind::Rsa, KeyKind::Ed25519] {
            let key = SigningKey::generate(kind).expect("a key");
            let again = SigningKey::from_pkcs8(key.pkcs8()).expect("it reads back");
            assert_eq!((again.kind(), again.record()), (kind, key.record()));
            assert!(DomainKey::parse(key.record().as_bytes()).is_ok(), "{}", key.record());
        }
    }

    #[test]
    fn the_record_of_the_standard_s_example() {
        let key = SigningKey::from_pem(ED25519.as_bytes()).expect("a key");
        let expected = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        assert_eq!(key.record(), expected);
        let line = zone_line(&record_name("brisbane", "football.example.com"), &key.record());
        assert_eq!(
            line,
            format!("brisbane._domainkey.football.example.com. IN TXT \"{expected}\"")
        );
        let long = zone_line("x.test", &"a".repeat(300));
        assert_eq!(long, format!("x.test. IN TXT \"{}\" \"{}\"", "a".repeat(255), "a".repeat(45)));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(matches!(SigningKey::from_pem(b"hello"), Err(KeyError::NotPem(_))));
        assert!(matches!(SigningKey::from_pkcs8(b"hello"), Err(KeyError::NotUsable(_))));
        let mut random = OsRng;
        let short = RsaPrivateKey::new(&mut random, 1024).expect("a key").to_pkcs8_der();
        let refused = SigningKey::from_pkcs8(short.expect("der").as_bytes());
        assert!(matches!(refused, Err(KeyError::NotUsable(_))), "too short to be trusted");
        for (text, expected) in [("A1", Some("a1")), ("a.b-c", Some("a.b-c")), ("", None)] {
            assert_eq!(selector_of(text).ok().as_deref(), expected);
        }
        for text in ["a..b", "a b", "ä", "a;b", &"x".repeat(64)] {
            assert!(selector_of(text).is_err(), "{text}");
        }
    }
}
