//! The hot path of FETCH: what can be told of a message from its columns alone.

use engine::{Error, Run};

use super::{DateTexts, Digits, FlagTexts, Pen, Sheet};
use crate::imap::command::FetchAttribute;
use crate::imap::dialect::Dialect;
use crate::imap::walk::Walk;

/// Writes `* n FETCH (…`, or `* uid UIDFETCH (…`, for messages of one snapshot.
#[derive(Debug)]
pub(crate) struct RowWriter<'k> {
    sheet: Sheet,
    items: ItemWriter<'k>,
}

impl<'k> RowWriter<'k> {
    /// With the flags of a mailbox, for a client that may want to hear of UIDs alone.
    pub(crate) fn new(flags: FlagTexts<'k>, dialect: Dialect) -> Self {
        Self { sheet: Sheet::new(), items: ItemWriter::new(flags, dialect) }
    }

    /// The whole answers for messages, until `out` is full; false when there are no more.
    pub(crate) fn lines(
        &mut self,
        wanted: &[FetchAttribute],
        walk: &mut Walk<impl Iterator<Item = Result<Run, Error>>>,
        out: &mut Vec<u8>,
        full: usize,
    ) -> Result<bool, Error> {
        let mut pen = self.sheet.pen(out);
        while let Some((run, from)) = walk.here()? {
            let mut next = from;
            while next < run.len() && !pen.make_room(full) {
                self.items.begin((run, next), &mut pen);
                for item in wanted {
                    self.items.push(*item, (run, next), &mut pen);
                }
                pen.take_space_back();
                pen.push(b")\r\n");
                next += 1;
            }
            let is_full = next < run.len();
            walk.go_to(next);
            if is_full {
                return Ok(true);
            }
        }
        pen.settle();
        Ok(false)
    }

    /// The beginning of an answer, with a space behind every item.
    pub(crate) fn begin(
        &mut self,
        wanted: impl Iterator<Item = FetchAttribute>,
        (run, nth): (&Run, usize),
        out: &mut Vec<u8>,
    ) {
        let mut pen = self.sheet.pen(out);
        self.items.begin((run, nth), &mut pen);
        for item in wanted {
            self.items.push(item, (run, nth), &mut pen);
        }
        pen.settle();
    }

    /// Its end, in place of the last space.
    pub(crate) fn end(out: &mut Vec<u8>) {
        if out.last() == Some(&b' ') {
            out.pop();
        }
        out.extend_from_slice(b")\r\n");
    }
}

#[derive(Debug)]
struct ItemWriter<'k> {
    flags: FlagTexts<'k>,
    dates: DateTexts,
    seq: Digits,
    uid: Digits,
    size: Digits,
    modseq: Digits,
    uid_only: bool,
}

impl<'k> ItemWriter<'k> {
    fn new(flags: FlagTexts<'k>, dialect: Dialect) -> Self {
        let [seq, uid, size, modseq] = [(); 4].map(|()| Digits::new());
        let uid_only = dialect.uid_only;
        Self { flags, dates: DateTexts::new(), seq, uid, size, modseq, uid_only }
    }

    #[inline]
    fn begin(&mut self, (run, nth): (&Run, usize), pen: &mut Pen<'_>) {
        pen.push(b"* ");
        if self.uid_only {
            // RFC 9586, 3.3.
            self.uid.push(run.uids().get(nth).copied().unwrap_or(0).into(), pen);
            pen.push(b" UIDFETCH (");
            return;
        }
        self.seq.push(u64::from(run.first().get()) + nth as u64, pen);
        pen.push(b" FETCH (");
    }

    /// One item and a space. Items that need more than columns write nothing.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the pen's place stays in a register only inside")]
    fn push(&mut self, item: FetchAttribute, (run, nth): (&Run, usize), pen: &mut Pen<'_>) {
        match item {
            FetchAttribute::Uid => {
                pen.push(b"UID ");
                self.uid.push(run.uids().get(nth).copied().unwrap_or(0).into(), pen);
            }
            FetchAttribute::Flags => {
                pen.push(b"FLAGS ");
                self.flags.push(run.flags(nth), pen);
            }
            FetchAttribute::InternalDate => {
                let date = run.internal_date(nth);
                pen.push(b"INTERNALDATE ");
                self.dates.push(date.seconds, date.zone_minutes, pen);
            }
            FetchAttribute::Size => {
                pen.push(b"RFC822.SIZE ");
                self.size.push(run.size(nth).into(), pen);
            }
            FetchAttribute::ModSeq => {
                pen.push(b"MODSEQ (");
                self.modseq.push(run.modseq(nth), pen);
                pen.push(b")");
            }
            FetchAttribute::SaveDate => {
                pen.push(b"SAVEDATE ");
                self.dates.push(run.save_date(nth), 0, pen);
            }
            FetchAttribute::EmailId => {
                pen.push(b"EMAILID (");
                pen.push(&object_id(b'M', run.email_id(nth).0));
                pen.push(b")");
            }
            FetchAttribute::ThreadId => {
                pen.push(b"THREADID (");
                pen.push(&object_id(b'T', run.thread_id(nth).0));
                pen.push(b")");
            }
            FetchAttribute::Guid => {
                pen.push(b"X-GUID ");
                pen.push(&object_id(b'M', run.email_id(nth).0));
            }
            FetchAttribute::Envelope
            | FetchAttribute::Body
            | FetchAttribute::BodyStructure
            | FetchAttribute::Preview => return,
        }
        pen.push(b" ");
    }
}

/// An id as the engine displays it.
fn object_id(kind: u8, number: u64) -> [u8; 17] {
    let mut text = [kind; 17];
    for (slot, byte) in text[1..].chunks_exact_mut(2).zip(number.to_be_bytes()) {
        let digits = [byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]);
        slot.copy_from_slice(&digits);
    }
    text
}

#[cfg(test)]
mod tests {
    use engine::{EmailId, ThreadId};

    use super::*;

    #[test]
    fn ids_are_written_as_the_engine_displays_them() {
        for number in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(object_id(b'M', number), EmailId(number).to_string().as_bytes());
            assert_eq!(object_id(b'T', number), ThreadId(number).to_string().as_bytes());
        }
    }
}
