//! Records: the logical changes that the log is made of. Everything durable is one of these.

use crate::columns::NewRow;
use crate::flags::{FlagBits, Keyword};
use crate::ids::{AccountId, MailboxId, ModSeq, UidValidity};
use crate::uid_set::UidSet;

/// What a record is, as the byte in its header. Numbers are never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A message's bytes in three pieces.
    Message = 1,
    /// Messages put into a mailbox.
    Appended = 2,
    /// Flags changed over a set.
    FlagsChanged = 3,
    /// Messages removed.
    Expunged = 4,
    /// Messages copied or moved between mailboxes.
    Transferred = 5,
    /// A compression dictionary.
    Dictionary = 6,
    /// A stretch of a blob.
    BlobChunk = 7,
    /// A blob: what is stored once for all messages that have it.
    Blob = 8,
    /// Messages moved together by compaction.
    MessageBlock = 9,
    /// An account with its first mailboxes.
    AccountCreated = 16,
    /// Mailboxes made.
    MailboxesCreated = 17,
    /// A mailbox deleted.
    MailboxDeleted = 18,
    /// Mailboxes renamed.
    MailboxesRenamed = 19,
    /// A name added to the subscriptions.
    Subscribed = 20,
    /// A name taken out of the subscriptions.
    Unsubscribed = 21,
    /// Annotations set or taken away.
    Annotated = 22,
    /// Derived: the columns of a chunk that never change.
    Columns = 64,
    /// Derived: a page of expunge history.
    HistoryPage = 65,
    /// Derived: a mailbox.
    MailboxImage = 66,
    /// Derived: a shard.
    Checkpoint = 67,
    /// Derived: where messages are.
    Places = 68,
    /// Derived: what neighbouring messages are listed by.
    ListPart = 69,
    /// Derived: which blobs there are.
    BlobTable = 70,
    /// Derived: the columns of a chunk that change.
    Marks = 71,
    /// Derived: accounts and their lists of mailboxes.
    Accounts = 72,
}

impl Kind {
    /// Every kind, for tables and tests.
    pub(crate) const ALL: [Self; 25] = [
        Self::Message,
        Self::Appended,
        Self::FlagsChanged,
        Self::Expunged,
        Self::Transferred,
        Self::Dictionary,
        Self::BlobChunk,
        Self::Blob,
        Self::MessageBlock,
        Self::AccountCreated,
        Self::MailboxesCreated,
        Self::MailboxDeleted,
        Self::MailboxesRenamed,
        Self::Subscribed,
        Self::Unsubscribed,
        Self::Annotated,
        Self::Columns,
        Self::HistoryPage,
        Self::MailboxImage,
        Self::Checkpoint,
        Self::Places,
        Self::ListPart,
        Self::BlobTable,
        Self::Marks,
        Self::Accounts,
    ];

    /// What the record is to whoever wants its space back.
    pub(crate) fn class(self) -> Class {
        match self {
            Self::Message => Class::Arrival,
            Self::MessageBlock | Self::BlobChunk | Self::Blob => Class::Archive,
            Self::Columns
            | Self::HistoryPage
            | Self::MailboxImage
            | Self::Checkpoint
            | Self::Places
            | Self::ListPart
            | Self::BlobTable
            | Self::Marks
            | Self::Accounts => Class::Derived,
            Self::Appended
            | Self::FlagsChanged
            | Self::Expunged
            | Self::Transferred
            | Self::Dictionary
            | Self::AccountCreated
            | Self::MailboxesCreated
            | Self::MailboxDeleted
            | Self::MailboxesRenamed
            | Self::Subscribed
            | Self::Unsubscribed
            | Self::Annotated => Class::Change,
        }
    }

    /// `None` for a number that this version does not know.
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// What a record is to whoever wants its space back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// A message as it came in: can be moved.
    Arrival,
    /// What is as small as it gets, as messages that were moved before: can be moved again.
    Archive,
    /// Can be made again from the others.
    Derived,
    /// What happened: kept, and in its order.
    Change,
}

/// How many records of a class there are, and how long their payloads are together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) records: u64,
    pub(crate) len: u64,
}

/// What a segment holds besides changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) arrivals: Tally,
    pub(crate) archived: Tally,
    pub(crate) derived: Tally,
}

impl Contents {
    /// Counts a record.
    pub(crate) fn count(&mut self, kind: u8, payload_len: u64) {
        let tally = match Kind::from_byte(kind).map(Kind::class) {
            Some(Class::Arrival) => &mut self.arrivals,
            Some(Class::Archive) => &mut self.archived,
            Some(Class::Derived) => &mut self.derived,
            Some(Class::Change) | None => return,
        };
        tally.records += 1;
        tally.len += payload_len;
    }
}

/// A change that is not derived, the message's bytes aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// One mailbox's messages or flags changed.
    Changed { mailbox: MailboxId, change: Change },
    /// Messages went from one mailbox to another.
    Transferred(Transfer),
    /// Something about an account's list of mailboxes changed.
    Listed { account: AccountId, change: ListChange },
}

/// A change of one mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Messages were added, ascending by UID.
    Append { modseq: ModSeq, new_keywords: Vec<Keyword>, rows: Vec<NewRow> },
    /// Flags of messages changed.
    Flags {
        modseq: ModSeq,
        new_keywords: Vec<Keyword>,
        uids: UidSet,
        action: FlagAction,
        flags: FlagBits,
    },
    /// Messages went.
    Expunge {
        modseq: ModSeq,
        /// When, in seconds since 1970.
        at: i64,
        uids: UidSet,
    },
}

/// What to do with flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FlagAction {
    /// Set these too.
    Add = 0,
    /// Take these away.
    Remove = 1,
    /// Set these and no others.
    Replace = 2,
}

/// Messages copied or moved: one record, so that a crash cannot leave half of it. It holds the
/// rows of the copies, so that each mailbox can be replayed without the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) from: MailboxId,
    pub(crate) to: MailboxId,
    /// The source's mod-sequence of the move; `None` for a copy.
    pub(crate) moved: Option<ModSeq>,
    /// The originals, all of which existed.
    pub(crate) uids: UidSet,
    /// The target's mod-sequence.
    pub(crate) to_modseq: ModSeq,
    /// Keywords the target meets for the first time.
    pub(crate) new_keywords: Vec<Keyword>,
    /// The copies, in the order of the originals.
    pub(crate) rows: Vec<NewRow>,
}

/// What a mailbox is for (RFC 6154).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SpecialUse {
    /// All messages.
    All = 1,
    /// Kept for long.
    Archive = 2,
    /// Not yet sent.
    Drafts = 3,
    /// Marked important by some means.
    Flagged = 4,
    /// Unwanted mail.
    Junk = 5,
    /// Copies of what was sent.
    Sent = 6,
    /// Deleted or about to be.
    Trash = 7,
}

impl SpecialUse {
    /// Every use there is.
    pub const ALL: [Self; 7] = [
        Self::All,
        Self::Archive,
        Self::Drafts,
        Self::Flagged,
        Self::Junk,
        Self::Sent,
        Self::Trash,
    ];

    /// The mailbox attribute of RFC 6154.
    pub fn attribute(self) -> &'static str {
        match self {
            Self::All => "\\All",
            Self::Archive => "\\Archive",
            Self::Drafts => "\\Drafts",
            Self::Flagged => "\\Flagged",
            Self::Junk => "\\Junk",
            Self::Sent => "\\Sent",
            Self::Trash => "\\Trash",
        }
    }
}

/// The value of an annotation; `None` to take it away.
pub(crate) type Annotation = Option<std::sync::Arc<[u8]>>;

/// A mailbox as it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewMailbox {
    pub(crate) id: MailboxId,
    pub(crate) name: std::sync::Arc<str>,
    pub(crate) uid_validity: UidValidity,
    pub(crate) special_use: Option<SpecialUse>,
}

/// A change of an account's list of mailboxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ListChange {
    /// The account, with its first mailboxes.
    Account(Vec<NewMailbox>),
    /// Mailboxes were made, those above before those below.
    Create(Vec<NewMailbox>),
    /// A mailbox and its messages went, at this time in seconds since 1970.
    Delete(MailboxId, i64),
    /// Mailboxes have other names.
    Rename(Vec<(MailboxId, std::sync::Arc<str>)>),
    /// A name was subscribed to.
    Subscribe(std::sync::Arc<str>),
    /// A name is no longer subscribed to.
    Unsubscribe(std::sync::Arc<str>),
    /// Annotations of a mailbox, or of the account, are set, or taken away where there is no value
    /// (RFC 5464). All of them, or none.
    Annotate { mailbox: Option<MailboxId>, entries: Vec<(std::sync::Arc<str>, Annotation)> },
}
