//! How fast compaction goes beside everything else.

use std::time::{Duration, Instant};

use crate::Error;
use crate::store::due::Due;

/// Bytes that compaction writes in a second at most.
const LEN_A_SECOND: u64 = 64 << 20;

/// Rests between pieces of long work.
pub(super) struct Pace<'a> {
    due: &'a Due,
    /// Whether somebody waits for the work.
    is_hasty: bool,
    since: Instant,
}

impl<'a> Pace<'a> {
    pub(super) fn new(due: &'a Due, is_hasty: bool) -> Self {
        Self { due, is_hasty, since: Instant::now() }
    }

    /// Rests after a piece of work that wrote these bytes: as long as it took, so that half of a
    /// core is left to others, and as long as the bytes are to take at least. Fails once the store
    /// is being closed.
    pub(super) fn rest(&mut self, len: usize) -> Result<(), Error> {
        let nanos = (len as u64).saturating_mul(1_000_000_000 / LEN_A_SECOND);
        let rest = Duration::from_nanos(nanos).max(self.since.elapsed());
        let done = self.due.rest(if self.is_hasty { Duration::ZERO } else { rest });
        self.since = Instant::now();
        done
    }
}
