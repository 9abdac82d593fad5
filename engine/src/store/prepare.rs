//! What happens to a message before the writer sees it: parsed once, taken apart, compressed, on
//! the caller's thread.

use std::sync::Arc;

use crate::columns::{InternalDate, NewRow};
use crate::flags::FlagBits;
use crate::format::compress::{self, Codec, Piece};
use crate::format::dictionary::{Effort, Purpose};
use crate::format::message::MessageTable;
use crate::ids::{EmailId, ThreadId};
use crate::io::MessageSource;
use crate::message::{ListData, SentDate};
use crate::store::attached::{self, Attached};
use crate::store::dictionaries::Dictionaries;

/// Bytes of the longest table of a message without attachments.
const TABLE_LEN_MAX: usize = 64;

/// Bytes that an attachment takes in the table besides its recipe.
const ATTACHED_LEN_MAX: usize = 40;

/// A piece longer than this has enough of its own to refer to.
const DICTIONARY_UPTO: usize = 128 << 10;

/// A message ready to be stored; cheap to clone.
#[derive(Clone)]
pub struct Prepared(Arc<Parts>);

struct Parts {
    size: u32,
    sent_date: Option<SentDate>,
    thread_id: ThreadId,
    pieces: [Piece; 2],
    attached: Vec<Attached>,
}

impl Prepared {
    /// Parses, splits and compresses the bytes of one message. They come back from the store
    /// exactly as given. Takes time in proportion to the message: call it off the paths that
    /// must answer quickly.
    ///
    /// For a message of a store, [`Store::prepare`](crate::Store::prepare) makes it smaller.
    pub fn new(bytes: &[u8]) -> Self {
        Self::with(bytes, &Dictionaries::default())
    }

    pub(crate) fn with(bytes: &[u8], dictionaries: &Dictionaries) -> Self {
        Self::make(bytes, None, dictionaries)
    }

    /// The same of bytes that stay where they are, so that long ones need not be copied.
    pub(crate) fn with_source(source: &MessageSource, dictionaries: &Dictionaries) -> Self {
        Self::make((**source).as_ref(), Some(source), dictionaries)
    }

    fn make(bytes: &[u8], source: Option<&MessageSource>, dictionaries: &Dictionaries) -> Self {
        let list = ListData::of(bytes);
        let structure = list.structure().expect("it was made just now");
        let (attached, body) = attached::cut(bytes, &structure, source);
        let pack = |raw: &[u8], purpose| {
            let dictionary = dictionaries.newest(purpose).filter(|_| raw.len() <= DICTIONARY_UPTO);
            compress::pack(raw, Effort::Arrival, dictionary.as_deref())
        };
        let pieces = [pack(list.as_bytes(), Purpose::Head), pack(&body, Purpose::Body)];
        Self(Arc::new(Parts {
            size: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            sent_date: list.sent_date(),
            thread_id: ThreadId(list.thread_hash()),
            pieces,
            attached,
        }))
    }

    /// What of its body stands by itself.
    pub(crate) fn attached(&self) -> &[Attached] {
        &self.0.attached
    }

    /// Whether it is the same, not just alike.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// RFC822.SIZE: octets of the message.
    pub fn size(&self) -> u32 {
        self.0.size
    }

    /// Bytes it takes in the log, less what stands by itself.
    pub fn stored_len(&self) -> u64 {
        let pieces = self.0.pieces.iter().map(|piece| piece.bytes.len());
        let attached = self.0.attached.iter();
        let attached = attached.map(|attached| ATTACHED_LEN_MAX + attached.entry(0).recipe.len());
        (TABLE_LEN_MAX + pieces.sum::<usize>() + attached.sum::<usize>()) as u64
    }

    /// The table of its record; `blobs` hold what of it stands by itself.
    pub(crate) fn table(&self, number: u64, blobs: &[u64]) -> Vec<u8> {
        let [head, body] = &self.0.pieces;
        let pieces = [head.entry, body.entry];
        let attached = self.0.attached.iter().zip(blobs);
        let attachments = attached.map(|(attached, blob)| attached.entry(*blob)).collect();
        MessageTable { number, pieces, attachments }.encode()
    }

    /// The dictionaries that its pieces cannot be read without.
    pub(crate) fn dictionaries(&self) -> impl Iterator<Item = u32> {
        self.0.pieces.iter().filter_map(|piece| match piece.entry.codec {
            Codec::Dictionary(number) => Some(number),
            Codec::Stored | Codec::Zstd => None,
        })
    }

    /// The pieces that follow the table.
    pub(crate) fn pieces(&self) -> [&[u8]; 2] {
        let [head, body] = &self.0.pieces;
        [&head.bytes, &body.bytes]
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
