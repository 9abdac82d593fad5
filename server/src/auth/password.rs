//! Password hashes: argon2id in PHC strings, with the parameters OWASP recommends.

use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use rand::Rng as _;

use super::scram::{SALT_LEN, ScramHash, ScramKeys};
use crate::config::AuthConfig;
use crate::directory::StoredPassword;

/// Letters and digits that are not taken for one another.
const ALPHABET: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 20 of 32 letters: 100 bits.
const GENERATED_LEN: usize = 20;

/// What an unknown user's password is compared with: made like every other, of a password that
/// nobody knows.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash(&generate()).unwrap_or_default());

/// Why a password cannot be hashed.
#[derive(Debug, thiserror::Error)]
#[error("cannot hash the password: {0}")]
pub struct HashError(argon2::password_hash::Error);

/// The PHC string to store.
pub(super) fn hash(password: &str) -> Result<String, HashError> {
    let salt = SaltString::encode_b64(&rand::random::<[u8; 16]>()).map_err(HashError)?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt).map_err(HashError)?;
    Ok(hash.to_string())
}

/// What to store of a new password; with what SCRAM needs, unless that is turned off.
pub fn store(password: &str, config: &AuthConfig) -> Result<StoredPassword, HashError> {
    let hash = hash(password)?;
    if config.scram {
        Ok(with_scram(hash, password, &rand::random::<[u8; SALT_LEN]>()))
    } else {
        Ok(StoredPassword::from(hash.as_str()))
    }
}

/// A hash with what SCRAM needs of the same password.
pub(super) fn with_scram(hash: String, password: &str, salt: &[u8]) -> StoredPassword {
    let keys = |hash| ScramKeys::of(password, hash, salt).map(|keys| keys.to_string());
    StoredPassword {
        hash,
        scram_sha1: keys(ScramHash::Sha1),
        scram_sha256: keys(ScramHash::Sha256),
    }
}

/// Whether the password is right; for `None`, no, after the same work.
pub(super) fn matches(hash: Option<&str>, password: &str) -> bool {
    let is_known = hash.is_some();
    let hash = hash.unwrap_or_else(|| NOBODY.as_str());
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok() && is_known
}

/// A new password that can be read out and typed.
pub fn generate() -> String {
    let mut random = rand::rng();
    let letter = |_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())]);
    (0..GENERATED_LEN).map(letter).collect()
}

/// Prepares what the first unknown login needs, so that it is not slower than the others.
pub fn warm_up() {
    LazyLock::force(&NOBODY);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_matches() {
        let hash = hash("correct horse").expect("hash");
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(matches(Some(&hash), "correct horse"));
        assert!(!matches(Some(&hash), "correct horse "));
        assert!(!matches(Some("not a hash"), ""));
        assert!(!matches(None, ""));
    }

    #[test]
    fn the_same_password_is_never_hashed_alike() {
        assert_ne!(hash("p").expect("hash"), hash("p").expect("hash"));
    }

    #[test]
    fn generated_passwords_differ() {
        assert_eq!(generate().len(), GENERATED_LEN);
        assert_ne!(generate(), generate());
    }
}
