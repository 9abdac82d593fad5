//! Snapshots that somebody still looks at though newer ones are shown, or their mailbox is gone.
//! What they read must stay readable while the log is compacted.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::state::Snapshot;

/// Entries at which those are dropped that nobody looks at any more, at first.
const PRUNE_AT: usize = 64;

/// The outlived snapshots of a shard.
pub(crate) struct Outlived(Mutex<Noted>);

struct Noted {
    each: Vec<Weak<Snapshot>>,
    prune_at: usize,
}

impl Default for Outlived {
    fn default() -> Self {
        Self(Mutex::new(Noted { each: Vec::new(), prune_at: PRUNE_AT }))
    }
}

impl Outlived {
    /// Notes a snapshot that is not the newest any more, if anybody else holds it.
    pub(crate) fn note(&self, snapshot: &Arc<Snapshot>) {
        if Arc::strong_count(snapshot) > 1 {
            self.add(snapshot);
        }
    }

    /// Notes a snapshot that never was a mailbox's newest.
    pub(crate) fn add(&self, snapshot: &Arc<Snapshot>) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.each.len() >= noted.prune_at {
            noted.each.retain(|each| each.strong_count() > 0);
            // Each is looked at once, on average, however many stay.
            noted.prune_at = PRUNE_AT.max(noted.each.len() * 2);
        }
        noted.each.push(Arc::downgrade(snapshot));
    }

    /// Those that somebody looks at.
    pub(crate) fn all(&self) -> Vec<Arc<Snapshot>> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.each.iter().filter_map(Weak::upgrade).collect()
    }
}
