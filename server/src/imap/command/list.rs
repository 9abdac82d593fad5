//! What LIST and STATUS are asked.

use super::EntryName;

/// LIST's arguments (RFC 3501, 6.3.8; RFC 5258, 3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// What the patterns are relative to.
    pub reference: String,
    /// Patterns, decoded to UTF-8; a name that matches one is listed.
    pub patterns: Vec<String>,
    /// Which of the names that match.
    pub selection: ListSelection,
    /// Say which mailboxes are subscribed.
    pub tell_subscribed: bool,
    /// What to tell of each mailbox by STATUS (RFC 5819); empty for nothing.
    pub status: Vec<StatusItem>,
    /// Annotations to tell of each mailbox (RFC 9590); empty for nothing.
    pub metadata: Vec<EntryName>,
    /// Tell what the user may do with each mailbox (RFC 8440).
    pub my_rights: bool,
    /// Whether anything of RFC 5258 was used: names without a mailbox are then `\NonExistent`.
    pub is_extended: bool,
}

/// Selection options of LIST: all that are chosen must hold (RFC 5258, 3.1; RFC 6154, 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListSelection {
    /// Only subscribed names, also those without a mailbox.
    pub subscribed: bool,
    /// Only mailboxes with a special use.
    pub special_use: bool,
    /// Also names that are above one that is chosen, and are not listed themselves.
    pub recursive: bool,
}

/// A thing STATUS can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusItem {
    /// How many messages there are.
    Messages,
    /// How many are recent: always 0 here, see `docs/PROTOCOLS.md`.
    Recent,
    /// The UID the next message will get.
    UidNext,
    /// The generation of the UIDs.
    UidValidity,
    /// How many messages lack `\Seen`.
    Unseen,
    /// The highest mod-sequence (RFC 7162, 3.1.7).
    HighestModSeq,
    /// The mailbox's id (RFC 8474, 4.3).
    MailboxId,
    /// The sizes of all messages, added up (RFC 8438).
    Size,
    /// How large a message may be that is appended (RFC 7889, 5).
    AppendLimit,
    /// How many messages have `\Deleted` (RFC 9208, 5.2).
    Deleted,
    /// What an expunge would free, in units of 1,024 octets (RFC 9208, 5.1).
    DeletedStorage,
}
