//! What was removed since some mod-sequence, in the order of UIDs and a piece at a time, so that an
//! answer of any length takes little memory however the removals were scattered.

use std::sync::Arc;

use crate::Error;
use crate::image::Vanished;
use crate::state::snapshot::Snapshot;
use crate::uid_set::UidSet;

/// UIDs looked at for one piece, at least. Few in tests, so that these cross pieces.
const PIECE_UIDS_MIN: u64 = if cfg!(test) { 64 } else { 64 << 10 };
/// Pieces, so that the expunges are not gone through more often than this.
const PIECES_MAX: u64 = 32;

impl Snapshot {
    /// What was removed after `modseq` (RFC 7162: VANISHED). Exact from the first change on.
    /// `modseq` is a plain number because clients may say 0.
    pub fn expunged_since(&self, modseq: u64) -> Result<UidSet, Error> {
        let since = self.history.since(modseq, &self.source)?;
        Ok(UidSet::union(since.iter().map(|entry| &entry.uids)))
    }

    /// What of `uids` was removed after `modseq`, in ascending pieces.
    pub fn gone<'a>(
        &'a self,
        modseq: u64,
        uids: &'a UidSet,
    ) -> Result<impl Iterator<Item = UidSet> + 'a, Error> {
        let since = self.history.since(modseq, &self.source)?;
        let ends = |entry: &Arc<Vanished>| Some((entry.uids.first()?, entry.uids.last()?));
        let first = since.iter().filter_map(ends).map(|ends| ends.0).min().max(uids.first());
        let last = since.iter().filter_map(ends).map(|ends| ends.1).max().min(uids.last());
        let (next, last) = match (first, last) {
            (Some(first), Some(last)) => (u64::from(first.get()), u64::from(last.get())),
            // Nothing went, or nothing was asked for.
            _ => (1, 0),
        };
        let piece = (last.saturating_sub(next) / PIECES_MAX + 1).max(PIECE_UIDS_MIN);
        Ok(Gone { since, uids, next, last, piece })
    }

    /// Whether anything was removed after `modseq`.
    pub fn has_expunged_since(&self, modseq: u64) -> bool {
        self.history.modseq_max() > modseq
    }
}

/// The pieces of [`Snapshot::gone`]: none is empty, and each is above the one before.
struct Gone<'a> {
    since: Vec<Arc<Vanished>>,
    uids: &'a UidSet,
    /// The first UID of the next piece.
    next: u64,
    last: u64,
    piece: u64,
}

impl Gone<'_> {
    /// What went between two UIDs.
    fn between(&self, first: u32, last: u32) -> UidSet {
        let mut ranges = Vec::new();
        for entry in &self.since {
            let near = entry.uids.ranges_within(first, last);
            ranges
                .extend(near.map(|range| ((*range.start()).max(first), (*range.end()).min(last))));
        }
        UidSet::from_ranges(ranges).intersection(self.uids)
    }
}

impl Iterator for Gone<'_> {
    type Item = UidSet;

    fn next(&mut self) -> Option<UidSet> {
        while self.next <= self.last {
            let (first, last) = (self.next, (self.next + self.piece - 1).min(self.last));
            self.next = last + 1;
            let piece = self.between(u32::try_from(first).ok()?, u32::try_from(last).ok()?);
            if !piece.is_empty() {
                return Some(piece);
            }
        }
        None
    }
}
