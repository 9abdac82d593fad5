//! Images: what a checkpoint writes of a mailbox and of the whole shard.

use std::sync::Arc;

use crate::flags::Keyword;
use crate::ids::{AccountId, LogPos, MailboxId, RecordAddr, Uid, UidValidity};
use crate::numbers::Numbers;
use crate::record::NewMailbox;
use crate::uid_set::UidSet;

/// What is known of a chunk without its columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) first_uid: u32,
    pub(crate) last_uid: u32,
    /// Rows, expunged ones among them.
    pub(crate) rows: u32,
    pub(crate) live: u32,
    pub(crate) unseen: u32,
    pub(crate) deleted: u32,
    /// RFC822.SIZE of the live messages, added up.
    pub(crate) size: u64,
    pub(crate) modseq_max: u64,
}

/// A chunk whose columns are in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkRef {
    pub(crate) summary: Summary,
    /// The columns that never change.
    pub(crate) base: RecordAddr,
    /// The columns that change.
    pub(crate) marks: RecordAddr,
}

/// Messages that went at one mod-sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vanished {
    pub(crate) modseq: u64,
    /// When, in seconds since 1970.
    pub(crate) at: i64,
    pub(crate) uids: UidSet,
    /// Which messages they were, in the order of the UIDs.
    pub(crate) numbers: Numbers,
}

/// A page of expunge history that is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageRef {
    pub(crate) modseq_max: u64,
    pub(crate) addr: RecordAddr,
}

/// A list part that is in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartRef {
    pub(crate) first_uid: u32,
    pub(crate) last_uid: u32,
    /// Messages in it.
    pub(crate) rows: u32,
    /// Bytes of the record's payload.
    pub(crate) len: u32,
    pub(crate) addr: RecordAddr,
}

impl PartRef {
    /// The part of these messages whose record is at `addr`.
    pub(crate) fn of(uids: &UidSet, payload_len: usize, addr: RecordAddr) -> Self {
        Self {
            first_uid: uids.first().map_or(0, Uid::get),
            last_uid: uids.last().map_or(0, Uid::get),
            rows: u32::try_from(uids.count()).unwrap_or(u32::MAX),
            len: u32::try_from(payload_len).unwrap_or(u32::MAX),
            addr,
        }
    }
}

/// A mailbox as of the image's own place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MailboxImage {
    pub(crate) mailbox: MailboxId,
    /// Whose it is.
    pub(crate) account: AccountId,
    pub(crate) uid_validity: UidValidity,
    /// 0 once all UIDs are spent.
    pub(crate) uid_next: u32,
    pub(crate) highest_modseq: u64,
    pub(crate) keywords: Vec<Keyword>,
    pub(crate) chunks: Vec<ChunkRef>,
    pub(crate) history_pages: Vec<PageRef>,
    pub(crate) history_tail: Vec<Arc<Vanished>>,
    pub(crate) lists: Vec<PartRef>,
}

/// Message numbers on one page of places.
pub(crate) const PLACES_PAGE_LEN: usize = 4096;

/// Blobs on one page of their table.
pub(crate) const BLOB_PAGE_LEN: usize = 1024;

/// A blob of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlobUse {
    /// BLAKE3 of its bytes.
    pub(crate) hash: [u8; 32],
    /// From the sequence that messages are numbered by.
    pub(crate) number: u64,
    /// Messages that have it.
    pub(crate) uses: u64,
}

/// Annotations of an account, or of a mailbox of it, each with a value.
pub(crate) type StoredAnnotations = (Option<MailboxId>, Vec<(Arc<str>, Arc<[u8]>)>);

/// An account: its list of mailboxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredAccount {
    pub(crate) account: AccountId,
    pub(crate) last_uid_validity: u32,
    pub(crate) mailboxes: Vec<NewMailbox>,
    pub(crate) subscribed: Vec<Arc<str>>,
    pub(crate) annotations: Vec<StoredAnnotations>,
}

/// The messages of a mailbox that was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grave {
    pub(crate) account: AccountId,
    /// When, in seconds since 1970.
    pub(crate) at: i64,
    pub(crate) numbers: Numbers,
}

/// A whole shard as of the checkpoint's own place in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// Where replay starts.
    pub(crate) replay_from: LogPos,
    pub(crate) next_mailbox: u64,
    pub(crate) next_email: u64,
    /// The dictionaries that the log holds, by number.
    pub(crate) dictionaries: Vec<(u32, RecordAddr)>,
    /// Where the pages of message places are, from the first number on.
    pub(crate) places: Vec<RecordAddr>,
    /// Where the pages of the table of blobs are.
    pub(crate) blobs: Vec<RecordAddr>,
    /// Where the pages of the addresses of mailbox images are, from the first number on.
    pub(crate) images: Vec<RecordAddr>,
    pub(crate) account_count: u64,
    /// Where the buckets of accounts are; the zero address for one without a record.
    pub(crate) buckets: Vec<RecordAddr>,
    /// The messages of mailboxes that were deleted: account, when, which.
    pub(crate) graves: Vec<Grave>,
}
