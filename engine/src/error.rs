//! Why the engine refused or failed.

use std::io;

use crate::ids::{LogPos, ShardId};

/// Why the engine refused or failed; one variant for each thing a caller can do about it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The account has no mailbox of that name, or it was deleted meanwhile.
    #[error("no such mailbox")]
    NoSuchMailbox,
    /// The message's bytes were removed for good.
    #[error("the message is gone")]
    NoSuchMessage,
    /// The store has no such account.
    #[error("no such account")]
    NoSuchAccount,
    /// CREATE or RENAME to a name that is taken.
    #[error("a mailbox of that name exists")]
    MailboxExists,
    /// The name is empty, too long, too deep, or has an empty level.
    #[error("that mailbox name is not allowed: {0}")]
    BadMailboxName(&'static str),
    /// INBOX cannot be deleted.
    #[error("the INBOX cannot be deleted")]
    InboxStays,
    /// The account is at its limit of mailboxes.
    #[error("the account has {0} mailboxes, as many as are allowed")]
    TooManyMailboxes(usize),
    /// The mailbox cannot number more keywords.
    #[error("the mailbox has {0} keywords, as many as it can hold")]
    TooManyKeywords(usize),
    /// The value of an annotation is too long.
    #[error("an annotation may have {limit} octets")]
    AnnotationTooLarge {
        /// Octets allowed.
        limit: usize,
    },
    /// The account is at its limit of annotations.
    #[error("there are as many annotations as are allowed")]
    TooManyAnnotations,
    /// A mailbox cannot have that special use.
    #[error("{0}")]
    BadSpecialUse(&'static str),
    /// No UID or mod-sequence is left.
    #[error("the mailbox has used up its numbers")]
    Exhausted,
    /// The message is larger than one record can be.
    #[error("the message has {size} bytes, more than the {limit} that can be stored")]
    MessageTooLarge {
        /// Bytes of the message.
        size: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The two mailboxes are in different shards, between which one record cannot copy.
    #[error("the mailboxes are in different shards")]
    OtherShard,
    /// The bytes on disk contradict themselves. Everything else stays readable.
    #[error("shard {shard}, segment and offset {at}: {fault}")]
    Damaged {
        /// The shard.
        shard: ShardId,
        /// Where.
        at: LogPos,
        /// What is wrong there.
        fault: Fault,
    },
    /// An earlier write or sync failed, so what reached the disk is unknown.
    #[error("the store stopped accepting changes after a failed write; restart the server")]
    Poisoned,
    /// The store is being closed.
    #[error("the store is closing")]
    Closed,
    /// Another process owns the store.
    #[error("the store at {0} is in use by another process")]
    Locked(String),
    /// The directory holds no store, or not one this version can read.
    #[error("{0}")]
    Unusable(String),
    /// The operating system refused.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        #[source]
        source: std::sync::Arc<io::Error>,
    },
}

impl Error {
    /// For `map_err`: an I/O error with what was tried.
    pub fn io(action: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { action, source: std::sync::Arc::new(source) }
    }
}

/// What a decoder found wrong; it knows the bytes, not where they came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Fewer bytes than the lengths promise.
    #[error("the bytes end too early")]
    Truncated,
    /// A checksum does not match.
    #[error("checksum mismatch")]
    Checksum,
    /// A field holds what this version does not know.
    #[error("unknown value {value} in field {field}")]
    Unknown {
        /// The field.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// A value that the format does not allow, such as a length beyond its bound.
    #[error("field {0} holds a value that is not allowed")]
    Invalid(&'static str),
    /// Compressed bytes do not decompress to what was promised.
    #[error("the compressed bytes do not decompress")]
    Compression,
    /// A record is not of the kind that was expected there.
    #[error("a record of another kind stands there")]
    WrongKind,
    /// Records in an impossible order, such as flags of a mailbox that does not exist.
    #[error("the record does not fit the state before it")]
    OutOfOrder,
}
