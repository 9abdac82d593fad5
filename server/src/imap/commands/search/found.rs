//! What a search found, and how it is told: SEARCH (RFC 3501, 7.2.5) or ESEARCH (RFC 4731, 3.1),
//! always in one line, sent in pieces.

use engine::{ModSeq, Row};

use crate::imap::command::{Numbering, ReturnOptions, Tag};
use crate::imap::dialogue::Dialogue;
use crate::imap::encode::{push_number, push_range};
use crate::stream::StreamError;

/// The numbers found, ascending, as ranges.
#[derive(Debug)]
pub(super) struct Found {
    numbering: Numbering,
    ranges: Vec<(u32, u32)>,
    count: u32,
    modseq_max: Option<ModSeq>,
    modseq_of_first: Option<ModSeq>,
    modseq_of_last: Option<ModSeq>,
}

impl Found {
    /// Nothing yet.
    pub(super) fn new(numbering: Numbering) -> Self {
        Self {
            numbering,
            ranges: Vec::new(),
            count: 0,
            modseq_max: None,
            modseq_of_first: None,
            modseq_of_last: None,
        }
    }

    /// One message more, with higher numbers than those before.
    pub(super) fn push(&mut self, row: &Row) {
        let number = match self.numbering {
            Numbering::Sequence => row.seq.get(),
            Numbering::Uid => row.uid.get(),
        };
        match self.ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => self.ranges.push((number, number)),
        }
        self.count += 1;
        self.modseq_max = self.modseq_max.max(Some(row.modseq));
        self.modseq_of_first = self.modseq_of_first.or(Some(row.modseq));
        self.modseq_of_last = Some(row.modseq);
    }

    /// `* SEARCH 1 2 3`, with the highest mod-sequence if a key asked for it
    /// (RFC 7162, 3.1.5).
    pub(super) async fn write_plain(
        &self,
        with_modseq: bool,
        dialogue: &mut Dialogue,
    ) -> Result<(), StreamError> {
        dialogue.out().extend_from_slice(b"* SEARCH");
        for number in self.ranges.iter().flat_map(|&(first, last)| first..=last) {
            dialogue.out().push(b' ');
            push_number(dialogue.out(), number);
            dialogue.connection.flush_if_full().await?;
        }
        if let Some(modseq) = self.modseq_max.filter(|_| with_modseq) {
            let out = dialogue.out();
            out.extend_from_slice(b" (MODSEQ ");
            push_number(out, modseq.get());
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
    ) -> Result<(), StreamError> {
        let out = dialogue.out();
        out.extend_from_slice(b"* ESEARCH (TAG \"");
        out.extend_from_slice(tag.as_str().as_bytes());
        out.extend_from_slice(b"\")");
        if self.numbering == Numbering::Uid {
            out.extend_from_slice(b" UID");
        }
        let first = self.ranges.first().map(|range| range.0);
        let last = self.ranges.last().map(|range| range.1);
        push_result(out, b" MIN ", first.filter(|_| returns.min));
        push_result(out, b" MAX ", last.filter(|_| returns.max));
        push_result(out, b" COUNT ", Some(self.count).filter(|_| returns.count));
        if returns.all && !self.ranges.is_empty() {
            self.write_set(dialogue).await?;
        }
        if let Some(modseq) = self.modseq_of(returns).filter(|_| with_modseq) {
            push_result(dialogue.out(), b" MODSEQ ", Some(modseq.get()));
        }
        dialogue.out().extend_from_slice(b"\r\n");
        Ok(())
    }

    async fn write_set(&self, dialogue: &mut Dialogue) -> Result<(), StreamError> {
        dialogue.out().extend_from_slice(b" ALL ");
        for (index, &(first, last)) in self.ranges.iter().enumerate() {
            if index > 0 {
                dialogue.out().push(b',');
            }
            push_range(dialogue.out(), first, last);
            dialogue.connection.flush_if_full().await?;
        }
        Ok(())
    }

    /// The mod-sequence of what is told: of the first, of the last, or the highest of all
    /// (RFC 7162, 3.1.10).
    fn modseq_of(&self, returns: ReturnOptions) -> Option<ModSeq> {
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
