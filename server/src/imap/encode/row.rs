//! The hot path of FETCH: what can be told of a message from its row alone.

use engine::Row;

use super::{FlagTexts, push_date_time, push_number};
use crate::imap::command::FetchAttribute;

/// Writes `* n FETCH (…` for rows of one snapshot.
#[derive(Debug)]
pub(crate) struct RowWriter<'k> {
    flags: FlagTexts<'k>,
}

impl<'k> RowWriter<'k> {
    /// With the flags of a mailbox.
    pub(crate) fn new(flags: FlagTexts<'k>) -> Self {
        Self { flags }
    }

    /// Begins the answer for one message.
    pub(crate) fn begin(row: &Row, out: &mut Vec<u8>) {
        out.extend_from_slice(b"* ");
        push_number(out, row.seq.get());
        out.extend_from_slice(b" FETCH (");
    }

    /// Ends it. Every item leaves a space behind it; the last one is taken back.
    pub(crate) fn end(out: &mut Vec<u8>) {
        if out.last() == Some(&b' ') {
            out.pop();
        }
        out.extend_from_slice(b")\r\n");
    }

    /// One item and a space. Items that need more than the row write nothing.
    pub(crate) fn push(&mut self, attribute: FetchAttribute, row: &Row, out: &mut Vec<u8>) {
        match attribute {
            FetchAttribute::Uid => {
                out.extend_from_slice(b"UID ");
                push_number(out, row.uid.get());
            }
            FetchAttribute::Flags => {
                out.extend_from_slice(b"FLAGS ");
                self.flags.push(row.flags, out);
            }
            FetchAttribute::InternalDate => {
                out.extend_from_slice(b"INTERNALDATE ");
                push_date_time(out, row.internal_date.seconds, row.internal_date.zone_minutes);
            }
            FetchAttribute::Size => {
                out.extend_from_slice(b"RFC822.SIZE ");
                push_number(out, row.size);
            }
            FetchAttribute::ModSeq => {
                out.extend_from_slice(b"MODSEQ (");
                push_number(out, row.modseq.get());
                out.push(b')');
            }
            FetchAttribute::Envelope | FetchAttribute::Body | FetchAttribute::BodyStructure => {
                return;
            }
        }
        out.push(b' ');
    }
}
