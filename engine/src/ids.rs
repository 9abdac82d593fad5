//! The numbers that name things, each a type of its own so that none is taken for another.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::atomic::{AtomicU64, Ordering};

/// Identifies a message for the life of its mailbox's `UIDVALIDITY`; never reused
/// (RFC 9051, 2.3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(NonZeroU32);

impl Uid {
    /// The first UID of a new mailbox.
    pub const FIRST: Self = Self(NonZeroU32::MIN);
    /// The highest UID there can be.
    pub const LAST: Self = Self(NonZeroU32::MAX);

    /// `None` for 0, which is no UID.
    pub fn new(raw: u32) -> Option<Self> {
        NonZeroU32::new(raw).map(Self)
    }

    /// The number as protocols write it.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// `None` once all UIDs are spent; the mailbox then takes no more messages.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

/// The generation of a mailbox's UIDs (RFC 9051, 2.3.1.1); never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UidValidity(NonZeroU32);

impl UidValidity {
    /// `None` for 0, which RFC 9051 does not allow.
    pub fn new(raw: u32) -> Option<Self> {
        NonZeroU32::new(raw).map(Self)
    }

    /// The number as protocols write it.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

/// A message's 1-based place in one view of a mailbox (RFC 9051, 2.3.1.2). Every expunge
/// renumbers it, so nothing durable ever holds one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeqNo(NonZeroU32);

impl SeqNo {
    /// `None` for 0, which is no message sequence number.
    pub fn new(raw: u32) -> Option<Self> {
        NonZeroU32::new(raw).map(Self)
    }

    /// The number as protocols write it.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

/// Orders the changes of one mailbox; 1 to 2^63 - 1 (RFC 7162, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModSeq(NonZeroU64);

impl ModSeq {
    /// What a mailbox starts with.
    pub const FIRST: Self = Self(NonZeroU64::MIN);
    const MAX: u64 = i64::MAX.unsigned_abs();

    /// `None` for 0 and for what does not fit in 63 bits.
    pub fn new(raw: u64) -> Option<Self> {
        NonZeroU64::new(raw).filter(|raw| raw.get() <= Self::MAX).map(Self)
    }

    /// The number as protocols write it.
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// `None` once the 63 bits are spent; the mailbox then refuses further changes.
    pub fn next(self) -> Option<Self> {
        Self::new(self.0.get() + 1)
    }
}

macro_rules! plain_id {
    ($(#[$doc:meta])* $name:ident, $repr:ty, $write:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $repr);

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, $write, self.0)
            }
        }
    };
}

plain_id!(
    /// One user's mailboxes; given out by the directory, the same for ever.
    AccountId, u64, "{}"
);
plain_id!(
    /// A mailbox for its whole life, renames included; unique in its shard (RFC 8474: MAILBOXID).
    MailboxId, u64, "F{:x}"
);
plain_id!(
    /// A message's bytes, the same for every copy; unique in its shard (RFC 8474: EMAILID).
    EmailId, u64, "M{:016x}"
);
plain_id!(
    /// The conversation a message belongs to (RFC 8474: THREADID).
    ThreadId, u64, "T{:016x}"
);
plain_id!(
    /// One log with one writer, and the accounts placed in it.
    ShardId, u16, "{:04x}"
);
plain_id!(
    /// A segment of a shard's log; ascending, never reused.
    SegmentId, u64, "{:016x}"
);

/// A place in a shard's log: totally ordered. Used both for frames and for records, of which
/// it is then the first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPos {
    /// The segment.
    pub segment: SegmentId,
    /// Bytes from the start of the segment.
    pub offset: u64,
}

impl fmt::Display for LogPos {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.segment, self.offset)
    }
}

/// Where a record starts: the place of its record header.
pub type RecordAddr = LogPos;

/// An address that may change while others look: where a derived record is now.
#[derive(Debug, Default)]
pub(crate) struct SharedAddr(AtomicU64);

impl SharedAddr {
    /// Nowhere, where there is none.
    pub(crate) fn new(addr: Option<RecordAddr>) -> Self {
        Self(AtomicU64::new(addr.map_or(0, RecordAddr::packed)))
    }

    pub(crate) fn get(&self) -> Option<RecordAddr> {
        RecordAddr::unpacked(self.0.load(Ordering::Acquire))
    }

    pub(crate) fn set(&self, addr: Option<RecordAddr>) {
        self.0.store(addr.map_or(0, RecordAddr::packed), Ordering::Release);
    }
}

impl LogPos {
    /// The address in one word, never 0: segments are numbered from 1 up and have less than
    /// 4 GiB (see `limits`).
    pub(crate) fn packed(self) -> u64 {
        self.segment.0 << 32 | self.offset
    }

    /// The address in a word; `None` for 0.
    pub(crate) fn unpacked(word: u64) -> Option<Self> {
        let segment = SegmentId(word >> 32);
        (word != 0).then_some(Self { segment, offset: word & u64::from(u32::MAX) })
    }
}
