//! What happens to a message before the writer sees it: parsed once, taken apart, compressed, on
//! the caller's thread.

use std::sync::Arc;

use crate::columns::{InternalDate, NewRow};
use crate::flags::FlagBits;
use crate::format::compress::{self, Piece};
use crate::format::message::{MessageTable, TABLE_LEN};
use crate::ids::{EmailId, ThreadId};
use crate::message::{ListData, SentDate, header_len};

/// Compression of message pieces as they arrive.
const LEVEL: i32 = 3;

/// A message ready to be stored; cheap to clone.
#[derive(Clone)]
pub struct Prepared(Arc<Parts>);

struct Parts {
    size: u32,
    sent_date: Option<SentDate>,
    thread_id: ThreadId,
    pieces: [Piece; 3],
}

impl Prepared {
    /// Parses, splits and compresses the bytes of one message. They come back from the store
    /// exactly as given. Takes time in proportion to the message: call it off the paths that
    /// must answer quickly.
    pub fn new(bytes: &[u8]) -> Self {
        let list = ListData::of(bytes);
        let (header, body) = bytes.split_at(header_len(bytes));
        let pieces = [list.as_bytes(), header, body].map(|piece| compress::pack(piece, LEVEL));
        Self(Arc::new(Parts {
            size: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            sent_date: list.sent_date(),
            thread_id: ThreadId(list.thread_hash()),
            pieces,
        }))
    }

    /// RFC822.SIZE: octets of the message.
    pub fn size(&self) -> u32 {
        self.0.size
    }

    /// Bytes it takes in the log.
    pub fn stored_len(&self) -> u64 {
        let pieces = self.0.pieces.iter().map(|piece| piece.bytes.len());
        (TABLE_LEN + pieces.sum::<usize>()) as u64
    }

    /// The table of its record.
    pub(crate) fn table(&self, email_id: EmailId) -> Vec<u8> {
        let [list, header, body] = &self.0.pieces;
        MessageTable { email_id, pieces: [list.entry, header.entry, body.entry] }.encode()
    }

    /// The pieces that follow the table.
    pub(crate) fn pieces(&self) -> [&[u8]; 3] {
        let [list, header, body] = &self.0.pieces;
        [&list.bytes, &header.bytes, &body.bytes]
    }

    /// Its row; UID and flags are given by the mailbox.
    pub(crate) fn row(
        &self,
        internal_date: InternalDate,
        save_date: i64,
        email_id: EmailId,
    ) -> NewRow {
        let arrived = (internal_date.seconds, internal_date.zone_minutes);
        let sent = self.0.sent_date.map(|sent| (sent.unix_seconds, sent.zone_minutes));
        let (sent_date, sent_zone_minutes) = sent.unwrap_or(arrived);
        NewRow {
            uid: 0,
            flags: FlagBits::default(),
            size: self.0.size,
            internal_date,
            save_date,
            sent_date,
            sent_zone_minutes,
            email_id,
            thread_id: self.0.thread_id,
        }
    }
}
