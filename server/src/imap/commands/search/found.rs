//! What a search found, and how it is told: SEARCH (RFC 3501, 7.2.5) or ESEARCH (RFC 4731, 3.1),
//! always in one line, sent in pieces.

use std::sync::Arc;

use engine::{Run, Snapshot, UidSet};

use crate::imap::command::{Numbering, ReturnOptions, Tag};
use crate::imap::dialogue::Dialogue;
use crate::imap::encode::{Digits, SetWriter, Sheet, push_number};
use crate::imap::outcome::Stop;

/// What was found in a snapshot: one bit a message, so that memory is bounded however the finds are
/// scattered.
#[derive(Debug)]
pub(super) struct Found {
    numbering: Numbering,
    snapshot: Arc<Snapshot>,
    /// Bit n - 1 is message number n.
    bits: Vec<u64>,
    count: u32,
    /// The first and the last, in the numbers asked for.
    ends: Option<(u32, u32)>,
    modseq_max: Option<u64>,
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
        let number = match self.numbering {
            Numbering::Sequence => u32::try_from(at + 1).unwrap_or(u32::MAX),
            Numbering::Uid => run.uids().get(nth).copied().unwrap_or(0),
        };
        self.ends = Some((self.ends.map_or(number, |ends| ends.0), number));
        self.count += 1;
        let modseq = Some(run.modseq(nth));
        self.modseq_max = self.modseq_max.max(modseq);
        self.modseq_of_first = self.modseq_of_first.or(modseq);
        self.modseq_of_last = modseq;
    }

    /// The numbers found among the messages of a run.
    fn numbers_of(&self, run: &Run) -> impl Iterator<Item = u32> {
        let start = place(run);
        let found = (0..run.len()).filter(move |nth| self.has(start + nth));
        found.filter_map(move |nth| match self.numbering {
            Numbering::Sequence => u32::try_from(start + nth + 1).ok(),
            Numbering::Uid => run.uids().get(nth).copied(),
        })
    }

    fn has(&self, at: usize) -> bool {
        self.bits.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    /// `* SEARCH 1 2 3`, with the highest mod-sequence if a key asked for it
    /// (RFC 7162, 3.1.5).
    pub(super) async fn write_plain(
        &self,
        with_modseq: bool,
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        dialogue.out().extend_from_slice(b"* SEARCH");
        let all = UidSet::all();
        let (mut sheet, mut number) = (Sheet::new(), Digits::new());
        for run in self.snapshot.runs(&all) {
            let run = run?;
            let mut pen = sheet.pen(dialogue.out());
            for found in self.numbers_of(&run) {
                pen.push(b" ");
                number.push(found.into(), &mut pen);
                pen.make_room(usize::MAX);
            }
            pen.settle();
            dialogue.breathe().await?;
        }
        if let Some(modseq) = self.modseq_max.filter(|_| with_modseq) {
            let out = dialogue.out();
            out.extend_from_slice(b" (MODSEQ ");
            push_number(out, modseq);
            out.push(b')');
        }
        dialogue.out().extend_from_slice(b"\r\n");
        Ok(())
    }

    /// `* ESEARCH (TAG "a") UID MIN 1 …`. Of nothing found only COUNT can be told.
    pub(super) async fn write_extended(
        &self,
        tag: &Tag,
        (returns, with_modseq): (ReturnOptions, bool),
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        let out = dialogue.out();
        out.extend_from_slice(b"* ESEARCH (TAG \"");
        out.extend_from_slice(tag.as_str().as_bytes());
        out.extend_from_slice(b"\")");
        if self.numbering == Numbering::Uid {
            out.extend_from_slice(b" UID");
        }
        let ends = self.ends;
        push_result(out, b" MIN ", ends.map(|ends| ends.0).filter(|_| returns.min));
        push_result(out, b" MAX ", ends.map(|ends| ends.1).filter(|_| returns.max));
        push_result(out, b" COUNT ", Some(self.count).filter(|_| returns.count));
        if returns.all {
            self.write_set(dialogue).await?;
        }
        if let Some(modseq) = self.modseq_of(returns).filter(|_| with_modseq) {
            push_result(dialogue.out(), b" MODSEQ ", Some(modseq));
        }
        dialogue.out().extend_from_slice(b"\r\n");
        Ok(())
    }

    async fn write_set(&self, dialogue: &mut Dialogue) -> Result<(), Stop> {
        let all = UidSet::all();
        let mut set = SetWriter::new(" ALL ");
        for run in self.snapshot.runs(&all) {
            let run = run?;
            for found in self.numbers_of(&run) {
                set.push(found..=found, dialogue.out());
            }
            dialogue.breathe().await?;
        }
        set.end(dialogue.out());
        Ok(())
    }

    /// The mod-sequence of what is told: of the first, of the last, or the highest of all
    /// (RFC 7162, 3.1.10).
    fn modseq_of(&self, returns: ReturnOptions) -> Option<u64> {
        match returns {
            ReturnOptions { all: true, .. } | ReturnOptions { count: true, .. } => self.modseq_max,
            ReturnOptions { min: true, max: true, .. } => {
                self.modseq_of_first.max(self.modseq_of_last)
            }
            ReturnOptions { min: true, .. } => self.modseq_of_first,
            ReturnOptions { .. } => self.modseq_of_last,
        }
    }
}

fn push_result(out: &mut Vec<u8>, name: &[u8], value: Option<impl itoa::Integer>) {
    if let Some(value) = value {
        out.extend_from_slice(name);
        push_number(out, value);
    }
}

/// Messages before a run.
fn place(run: &Run) -> usize {
    run.first().get() as usize - 1
}
