//! The dictionaries of a store: all that pieces were ever compressed with, and the newest of each
//! purpose. Shared by all shards; each shard's log holds those that its pieces need.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::format::dictionary::{Dictionary, FindDictionary, Purpose};

/// Dictionaries by number; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Dictionaries(Arc<RwLock<BTreeMap<u32, Arc<Dictionary>>>>);

impl Dictionaries {
    /// Adds one; a number that is known stays what it is.
    pub(crate) fn add(&self, dictionary: Arc<Dictionary>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(dictionary.number).or_insert(dictionary);
    }

    /// What to compress with now.
    pub(crate) fn newest(&self, purpose: Purpose) -> Option<Arc<Dictionary>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.values().rev().find(|known| known.purpose == purpose).cloned()
    }

    /// A number that none has yet.
    pub(crate) fn next_number(&self) -> u32 {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.last_key_value().map_or(1, |(last, _)| last + 1)
    }
}

impl FindDictionary for Dictionaries {
    fn dictionary(&self, number: u32) -> Option<Arc<Dictionary>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&number).cloned()
    }
}
