//! What a search found.

use std::ops::Range;
use std::sync::Arc;

use engine::{Error, Run, SeqNo, Snapshot, Uid, UidSet};

use crate::imap::command::Numbering;

/// What was found in a snapshot: one bit a message, so that memory is bounded however the finds are
/// scattered.
#[derive(Debug)]
pub(in crate::imap::commands) struct Found {
    numbering: Numbering,
    snapshot: Arc<Snapshot>,
    /// Bit n - 1 is message number n.
    bits: Vec<u64>,
    count: u32,
}

impl Found {
    /// Nothing yet.
    pub(super) fn new(numbering: Numbering, snapshot: Arc<Snapshot>) -> Self {
        Self { numbering, snapshot, bits: Vec::new(), count: 0 }
    }

    /// One message more.
    pub(super) fn push(&mut self, seq: SeqNo) {
        self.push_all(seq.get() - 1, &[1]);
    }

    /// More messages: bit n is the one with n and `before` before it. Each is pushed once.
    pub(super) fn push_all(&mut self, before: u32, bits: &[u64]) {
        let (first, shift) = (before as usize / 64, before % 64);
        for (at, word) in (first..).zip(bits).filter(|(_, word)| **word != 0) {
            if at + 2 > self.bits.len() {
                self.bits.resize(at + 2, 0);
            }
            self.count += word.count_ones();
            if let Some(low) = self.bits.get_mut(at) {
                *low |= word << shift;
            }
            if let Some(high) = self.bits.get_mut(at + 1).filter(|_| shift > 0) {
                *high |= word >> (64 - shift);
            }
        }
    }

    /// The places in a run of what was found among its messages.
    pub(in crate::imap::commands) fn places_in(
        &self,
        run: &Run,
    ) -> impl Iterator<Item = usize> + use<> {
        let start = place(run);
        let word = |at: usize| u128::from(self.bits.get(at).copied().unwrap_or(0));
        let window = (word(start / 64) | word(start / 64 + 1) << 64) >> (start % 64);
        // A run is of 64 messages at most.
        let mut bits = window & ((1 << run.len()) - 1);
        std::iter::from_fn(move || {
            let nth = bits.trailing_zeros() as usize;
            bits &= bits.checked_sub(1)?;
            Some(nth)
        })
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

    /// The first and the last, in the numbers asked for.
    pub(super) fn ends(&self) -> Result<Option<(u32, u32)>, Error> {
        let mut words = (0_u32..).zip(&self.bits).filter(|(_, word)| **word != 0);
        let Some(first) = words.next() else { return Ok(None) };
        let last = words.last().unwrap_or(first);
        let first = first.0 * 64 + first.1.trailing_zeros() + 1;
        let last = last.0 * 64 + 64 - last.1.leading_zeros();
        let number = |seq: u32| match self.numbering {
            Numbering::Sequence => Ok(Some(seq)),
            Numbering::Uid => {
                let uid = SeqNo::new(seq).map_or(Ok(None), |seq| self.snapshot.uid_at(seq));
                uid.map(|uid| uid.map(Uid::get))
            }
        };
        Ok(number(first)?.zip(number(last)?))
    }

    /// The highest mod-sequence of what was found.
    pub(super) fn modseq_max(&self) -> Result<Option<u64>, Error> {
        let (all, mut highest) = (UidSet::all(), None);
        for run in self.snapshot.runs(&all) {
            let run = run?;
            highest = highest.max(self.places_in(&run).map(|nth| run.modseq(nth)).max());
        }
        Ok(highest)
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
}

/// Messages before a run.
fn place(run: &Run) -> usize {
    run.first().get() as usize - 1
}
