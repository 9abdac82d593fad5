//! What was found in the file and is believed for a moment, so that a flood of mail for one user costs
//! one question.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long an answer is believed: the command line changes the file while the server runs.
const BELIEVED_FOR: Duration = Duration::from_secs(1);
/// How many are remembered.
const ENTRIES_MAX: usize = 4096;

/// Answers by what was asked for.
#[derive(Debug)]
pub(super) struct Believed<K, V>(Mutex<HashMap<K, (Instant, V)>>);

impl<K: Eq + Hash, V: Clone> Believed<K, V> {
    /// The answer, if it is still believed.
    pub(super) fn find(&self, key: &K, now: Instant) -> Option<V> {
        let entries = self.lock();
        entries.get(key).filter(|(until, _)| *until > now).map(|(_, value)| value.clone())
    }

    pub(super) fn remember(&self, key: K, value: V, now: Instant) {
        let mut entries = self.lock();
        if entries.len() >= ENTRIES_MAX {
            entries.retain(|_, (until, _)| *until > now);
        }
        if entries.len() >= ENTRIES_MAX {
            entries.clear();
        }
        entries.insert(key, (now + BELIEVED_FOR, value));
    }

    /// For changes by this process.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, (Instant, V)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Default for Believed<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_believed_for_a_moment_and_not_every_answer_is_kept() {
        let (believed, now) = (Believed::default(), Instant::now());
        believed.remember(1, "one", now);
        assert_eq!(believed.find(&1, now), Some("one"));
        assert_eq!(believed.find(&1, now + BELIEVED_FOR), None);
        for number in 0..3 * ENTRIES_MAX {
            believed.remember(number, "more", now);
        }
        assert!(believed.lock().len() <= ENTRIES_MAX);
        believed.clear();
        assert_eq!(believed.find(&(3 * ENTRIES_MAX - 1), now), None);
    }
}
