//! Remembers log-ins that were verified a moment ago: mail programs log in again and again, and
//! a password hash is made to be slow.
//!
//! An entry holds the stored hash it was verified against, and counts only while the directory
//! still says the same: a changed password takes effect at once. It holds no password, only a
//! digest under a key that is drawn at start.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine::AccountId;
use tokio::time::Instant;

use crate::directory::User;

#[derive(Debug)]
pub(super) struct VerifiedCache {
    key: [u8; 32],
    time: Duration,
    entries_max: usize,
    entries: Mutex<HashMap<AccountId, Entry>>,
}

#[derive(Debug)]
struct Entry {
    digest: blake3::Hash,
    password_hash: String,
    until: Instant,
}

impl VerifiedCache {
    pub(super) fn new(time: Duration, entries_max: usize) -> Self {
        Self { key: rand::random(), time, entries_max, entries: Mutex::default() }
    }

    pub(super) fn knows(&self, user: &User, password: &str, now: Instant) -> bool {
        let digest = self.digest(password);
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(&user.account).is_some_and(|entry| {
            // `blake3::Hash` compares in constant time.
            entry.until > now && entry.password_hash == user.password_hash && entry.digest == digest
        })
    }

    pub(super) fn remember(&self, user: &User, password: &str, now: Instant) {
        let entry = Entry {
            digest: self.digest(password),
            password_hash: user.password_hash.clone(),
            until: now + self.time,
        };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.entries_max && !entries.contains_key(&user.account) {
            entries.retain(|_, entry| entry.until > now);
        }
        if entries.len() >= self.entries_max {
            entries.clear();
        }
        entries.insert(user.account, entry);
    }

    fn digest(&self, password: &str) -> blake3::Hash {
        blake3::keyed_hash(&self.key, password.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Address;

    fn user(account: u64, password_hash: &str) -> User {
        User {
            account: AccountId(account),
            address: Address::parse("a@example.test").expect("address"),
            password_hash: password_hash.to_owned(),
            scram_sha1: None,
            scram_sha256: None,
        }
    }

    #[test]
    fn an_entry_counts_for_its_password_hash_and_time_only() {
        let cache = VerifiedCache::new(Duration::from_mins(1), 10);
        let now = Instant::now();
        cache.remember(&user(1, "hash"), "p", now);
        assert!(cache.knows(&user(1, "hash"), "p", now));
        assert!(!cache.knows(&user(1, "hash"), "q", now));
        assert!(!cache.knows(&user(1, "changed"), "p", now));
        assert!(!cache.knows(&user(2, "hash"), "p", now));
        assert!(!cache.knows(&user(1, "hash"), "p", now + Duration::from_mins(1)));
    }

    #[test]
    fn a_full_cache_forgets_rather_than_grow() {
        let cache = VerifiedCache::new(Duration::from_mins(1), 3);
        let now = Instant::now();
        for account in 0..100 {
            cache.remember(&user(account, "hash"), "p", now);
            assert!(cache.entries.lock().expect("lock").len() <= 3);
            assert!(cache.knows(&user(account, "hash"), "p", now));
        }
    }
}
