//! The keys of our domains, ready to sign. What was read is believed for a second, so that a key
//! that the command line adds or removes counts at once, and a flood of mail costs one question.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mail_auth::Result;
use mail_auth::common::crypto::{Algorithm, DkimKey, Sha256};
use mail_auth::common::headers::Writable;
use tokio::time::Instant;

use super::key::SigningKey;
use crate::directory::{Directory, DirectoryError, DkimRow};

/// How long keys are believed.
const BELIEVED_FOR: Duration = Duration::from_secs(1);
/// Domains whose keys are remembered.
const DOMAINS_MAX: usize = 1024;

/// The keys of all domains.
#[derive(Default)]
pub struct Keyring(Mutex<HashMap<String, Remembered>>);

struct Remembered {
    until: Instant,
    rows: Vec<DkimRow>,
    keys: Arc<[DomainKey]>,
}

/// One key of a domain.
pub(super) struct DomainKey {
    pub(super) domain: String,
    pub(super) selector: String,
    pub(super) signer: Shared,
}

/// A key that several signers have; each of mail-auth's wants one of its own.
#[derive(Clone)]
pub(super) struct Shared(Arc<DkimKey>);

impl mail_auth::common::crypto::SigningKey for Shared {
    type Hasher = Sha256;

    fn sign(&self, input: impl Writable) -> Result<Vec<u8>> {
        self.0.sign(input)
    }

    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }
}

impl Keyring {
    /// The keys of a domain, which may be none.
    pub(super) async fn of(
        &self,
        directory: &Directory,
        domain: &str,
    ) -> std::result::Result<Arc<[DomainKey]>, DirectoryError> {
        let now = Instant::now();
        if let Some(known) = self.find(domain, now) {
            return Ok(known);
        }
        let rows = directory.dkim_keys(Some(domain)).await?;
        Ok(self.remember(domain, rows, now))
    }

    fn find(&self, domain: &str, now: Instant) -> Option<Arc<[DomainKey]>> {
        let domains = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = domains.get(domain).filter(|known| known.until > now)?;
        Some(Arc::clone(&known.keys))
    }

    fn remember(&self, domain: &str, rows: Vec<DkimRow>, now: Instant) -> Arc<[DomainKey]> {
        let mut domains = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = now + BELIEVED_FOR;
        // Reading an RSA key takes a thousand times as long as comparing one.
        if let Some(known) = domains.get_mut(domain).filter(|known| known.rows == rows) {
            known.until = until;
            return Arc::clone(&known.keys);
        }
        let keys: Arc<[DomainKey]> = rows.iter().filter_map(key).collect();
        if domains.len() >= DOMAINS_MAX {
            domains.retain(|_, known| known.until > now);
        }
        if domains.len() >= DOMAINS_MAX {
            domains.clear();
        }
        let remembered = Remembered { until, rows, keys: Arc::clone(&keys) };
        domains.insert(domain.to_owned(), remembered);
        keys
    }
}

fn key(row: &DkimRow) -> Option<DomainKey> {
    let key = SigningKey::from_pkcs8(&row.private_key).map_err(|error| error.to_string());
    let signer = key.and_then(|key| key.signer().map_err(|error| error.to_string()));
    match signer {
        Ok(signer) => {
            let (domain, selector) = (row.domain.clone(), row.selector.clone());
            Some(DomainKey { domain, selector, signer: Shared(Arc::new(signer)) })
        }
        Err(error) => {
            tracing::error!(key = ?row, %error, "a key for DKIM cannot be used");
            None
        }
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Keyring").finish_non_exhaustive()
    }
}
