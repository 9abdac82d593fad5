//! What a search found.

use std::ops::Range;
use std::sync::Arc;

use engine::{Error, Run, Snapshot, Uid, UidSet};

use crate::imap::command::{Numbering, ReturnOptions};

/// What was found in a snapshot: one bit a message, so that memory is bounded however the finds are
/// scattered.
#[derive(Debug)]
pub(in crate::imap::commands) struct Found {
    numbering: Numbering,
    snapshot: Arc<Snapshot>,
    /// Bit n - 1 is message number n.
    bits: Vec<u64>,
    count: u32,
    /// The first and the last, in the numbers asked for.
    pub(super) ends: Option<(u32, u32)>,
    pub(super) modseq_max: Option<u64>,
    modseq_of_first: Option<u64>,
    modseq_of_last: Option<u64>,
}

impl Found {
    /// Nothing yet.
    pub(super) fn new(numbering: Numbering, snapshot: Arc<Snapshot>) -> Self {
        Self {
            numbering,
            snapshot,
            bits: Vec::new(),
            count: 0,
            ends: None,
            modseq_max: None,
            modseq_of_first: None,
            modseq_of_last: None,
        }
    }

    /// One message more, with higher numbers than those before: number `nth` of a run.
    pub(super) fn push(&mut self, run: &Run, nth: usize) {
        let at = place(run) + nth;
        if at / 64 >= self.bits.len() {
            self.bits.resize(at / 64 + 1, 0);
        }
        if let Some(word) = self.bits.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
        let number = self.number_of(run, nth);
        self.ends = Some((self.ends.map_or(number, |ends| ends.0), number));
        self.count += 1;
        let modseq = Some(run.modseq(nth));
        self.modseq_max = self.modseq_max.max(modseq);
        self.modseq_of_first = self.modseq_of_first.or(modseq);
        self.modseq_of_last = modseq;
    }

    /// The places in a run of what was found among its messages.
    pub(in crate::imap::commands) fn places_in(&self, run: &Run) -> impl Iterator<Item = usize> {
        let start = place(run);
        (0..run.len()).filter(move |nth| self.has(start + nth))
    }

    /// The number that a message of a run is named by.
    pub(in crate::imap::commands) fn number_of(&self, run: &Run, nth: usize) -> u32 {
        match self.numbering {
            Numbering::Sequence => u32::try_from(place(run) + nth + 1).unwrap_or(u32::MAX),
            Numbering::Uid => run.uids().get(nth).copied().unwrap_or(0),
        }
    }

    /// The UIDs of what was found, of those at these places among them.
    pub(super) fn uids(&self, places: &Range<usize>) -> Result<UidSet, Error> {
        let (all, mut uids, mut at) = (UidSet::all(), UidSet::new(), 0);
        for run in self.snapshot.runs(&all) {
            let run = run?;
            for nth in self.places_in(&run) {
                if places.contains(&at)
                    && let Some(uid) = run.uids().get(nth).copied().and_then(Uid::new)
                {
                    uids.insert(uid);
                }
                at += 1;
            }
        }
        Ok(uids)
    }

    fn has(&self, at: usize) -> bool {
        self.bits.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    /// How messages are named.
    pub(in crate::imap::commands) fn numbering(&self) -> Numbering {
        self.numbering
    }

    /// Where they were found.
    pub(in crate::imap::commands) fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// How many were found.
    pub(in crate::imap::commands) fn count(&self) -> u32 {
        self.count
    }

    /// The mod-sequence of what is told: of the first, of the last, or the highest of all
    /// (RFC 7162, 3.1.10).
    pub(super) fn modseq_of(&self, returns: &ReturnOptions) -> Option<u64> {
        match returns {
            ReturnOptions { all: true, .. }
            | ReturnOptions { count: true, .. }
            | ReturnOptions { partial: Some(_), .. } => self.modseq_max,
            ReturnOptions { min: true, max: true, .. } => {
                self.modseq_of_first.max(self.modseq_of_last)
            }
            ReturnOptions { min: true, .. } => self.modseq_of_first,
            ReturnOptions { max: true, .. } => self.modseq_of_last,
            ReturnOptions { .. } => None,
        }
    }
}

/// Messages before a run.
fn place(run: &Run) -> usize {
    run.first().get() as usize - 1
}
