//! What a client can say: one value for each command of `IMAP4rev1` (RFC 3501, 6) and of the
//! extensions we offer. Built by `parse`, read by `commands`; knows neither bytes nor the store.

mod acl;
mod append;
mod fetch;
mod list;
mod metadata;
mod notify;
mod quota;
mod search;
mod sequence;
mod sort;

use std::fmt;
use std::num::NonZeroU32;

use engine::{FlagSet, Keyword, SpecialUse};

use super::mailbox_text;
pub use acl::{AclChange, SetAcl};
pub use append::{
    Append, AppendMessage, AppendText, CatenatePart, CatenateUrl, Replace, UrlTarget,
};
pub use fetch::{
    FetchAttribute, FetchItems, HeaderFields, Partial, SectionForm, SectionPart, SectionPath,
};
pub use list::{ListQuery, ListSelection, StatusItem};
pub use metadata::{Depth, EntryName, GetMetadata, SetMetadata};
pub use notify::{EventGroup, Events, Notify, NotifySet, SelectedEvents, Timing};
pub use quota::SetQuota;
pub use search::{
    DateField, DateRelation, MailboxFilter, MultiSearch, PartialFrom, PartialRange, ReturnOptions,
    SearchKey,
};
pub use sequence::{Bound, OutOfRange, SequenceSet};
pub use sort::{Direction, Sort, SortCriterion, SortField, Thread};

/// The client's name for a command, repeated in the answer (RFC 3501, 2.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag(Box<str>);

impl Tag {
    /// The longest tag taken, in bytes.
    pub const LEN_MAX: usize = 128;

    /// `None` for what is not `1*<any ASTRING-CHAR except "+">`, or too long.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let is_tag = |byte: u8| byte.is_ascii_graphic() && !b"(){%*\"\\+".contains(&byte);
        let fits = (1..=Self::LEN_MAX).contains(&bytes.len());
        let bytes = Some(bytes).filter(|bytes| fits && bytes.iter().all(|byte| is_tag(*byte)))?;
        std::str::from_utf8(bytes).ok().map(|tag| Self(tag.into()))
    }

    /// The tag as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// One command.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// What the answer begins with.
    pub tag: Tag,
    /// What to do.
    pub body: Body,
}

/// Whether messages are named, and told of, by UID or by message sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// By message sequence number: FETCH, STORE, SEARCH, COPY, MOVE.
    Sequence,
    /// By UID: the same after `UID`.
    Uid,
}

/// Whether a mailbox is opened to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// SELECT.
    ReadWrite,
    /// EXAMINE.
    ReadOnly,
}

/// Whether a session asked for mod-sequences while doing something else (RFC 7162, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condstore {
    /// `SELECT mailbox (CONDSTORE)`.
    Enabled,
    /// Not mentioned.
    Unmentioned,
}

/// What a client knows of a mailbox that it opens again (RFC 7162, 3.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resync {
    /// The UIDVALIDITY it knows.
    pub uid_validity: NonZeroU32,
    /// It knows of all changes up to this.
    pub modseq: u64,
    /// The UIDs it wants to hear of, if not all; without `*`.
    pub known: Option<SequenceSet>,
    /// Numbers and UIDs of some of its messages, both ascending; without `*`.
    pub pairs: Option<(SequenceSet, SequenceSet)>,
}

/// What is asked, with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// CAPABILITY (RFC 3501, 6.1.1).
    Capability,
    /// NOOP (RFC 3501, 6.1.2).
    Noop,
    /// LOGOUT (RFC 3501, 6.1.3).
    Logout,
    /// ID (RFC 2971): the client's fields, name and value.
    Id(Vec<(String, String)>),
    /// STARTTLS (RFC 3501, 6.2.1).
    StartTls,
    /// AUTHENTICATE (RFC 3501, 6.2.2); the initial response still in base64 (RFC 4959).
    Authenticate {
        /// The SASL mechanism, upper case.
        mechanism: String,
        /// `=` stands for an empty one.
        initial: Option<Vec<u8>>,
    },
    /// LOGIN (RFC 3501, 6.2.3).
    Login {
        /// The address or name to log in with.
        user: String,
        /// The password, never logged.
        password: Secret,
    },
    /// UNAUTHENTICATE (RFC 8437).
    Unauthenticate,
    /// ENABLE (RFC 5161): capability names, upper case.
    Enable(Vec<String>),
    /// COMPRESS (RFC 4978): the mechanism, upper case.
    Compress(String),
    /// SELECT and EXAMINE (RFC 3501, 6.3.1 and 6.3.2).
    Select {
        /// The mailbox.
        mailbox: MailboxName,
        /// SELECT or EXAMINE.
        access: Access,
        /// The CONDSTORE parameter (RFC 7162, 3.1.8).
        condstore: Condstore,
        /// The QRESYNC parameter (RFC 7162, 3.2.5).
        resync: Option<Box<Resync>>,
    },
    /// CREATE (RFC 3501, 6.3.3).
    Create {
        /// The mailbox.
        mailbox: MailboxName,
        /// What it is to be for (RFC 6154, 3); `None` for a use that nobody knows.
        uses: Vec<Option<SpecialUse>>,
    },
    /// DELETE (RFC 3501, 6.3.4).
    Delete(MailboxName),
    /// RENAME (RFC 3501, 6.3.5).
    Rename {
        /// The old name.
        from: MailboxName,
        /// The new name.
        to: MailboxName,
    },
    /// SUBSCRIBE (RFC 3501, 6.3.6).
    Subscribe(MailboxName),
    /// UNSUBSCRIBE (RFC 3501, 6.3.7).
    Unsubscribe(MailboxName),
    /// LIST (RFC 3501, 6.3.8) with the options of RFC 5258, RFC 5819 and RFC 6154.
    List(ListQuery),
    /// LSUB (RFC 3501, 6.3.9).
    Lsub {
        /// What the pattern is relative to.
        reference: String,
        /// The pattern, decoded to UTF-8.
        pattern: String,
    },
    /// NAMESPACE (RFC 2342).
    Namespace,
    /// GETQUOTA (RFC 9208, 4.1.2): the quota root.
    GetQuota(String),
    /// GETQUOTAROOT (RFC 9208, 4.1.3).
    GetQuotaRoot(MailboxName),
    /// SETQUOTA (RFC 9208, 4.1.1).
    SetQuota(SetQuota),
    /// SETACL (RFC 4314, 3.1).
    SetAcl(SetAcl),
    /// DELETEACL (RFC 4314, 3.2).
    DeleteAcl {
        /// The mailbox.
        mailbox: MailboxName,
        /// Whose rights go.
        identifier: String,
    },
    /// GETACL (RFC 4314, 3.3).
    GetAcl(MailboxName),
    /// LISTRIGHTS (RFC 4314, 3.4).
    ListRights {
        /// The mailbox.
        mailbox: MailboxName,
        /// Who might be given rights.
        identifier: String,
    },
    /// MYRIGHTS (RFC 4314, 3.5).
    MyRights(MailboxName),
    /// GETMETADATA (RFC 5464, 4.2).
    GetMetadata(GetMetadata),
    /// SETMETADATA (RFC 5464, 4.3).
    SetMetadata(SetMetadata),
    /// STATUS (RFC 3501, 6.3.10).
    Status {
        /// The mailbox.
        mailbox: MailboxName,
        /// What to tell of it.
        items: Vec<StatusItem>,
    },
    /// APPEND (RFC 3501, 6.3.11; RFC 3502; RFC 4469).
    Append(Append),
    /// REPLACE and UID REPLACE (RFC 8508).
    Replace(Replace),
    /// IDLE (RFC 2177).
    Idle,
    /// NOTIFY (RFC 5465).
    Notify(Notify),
    /// CHECK (RFC 3501, 6.4.1).
    Check,
    /// CLOSE (RFC 3501, 6.4.2).
    Close,
    /// UNSELECT (RFC 3691).
    Unselect,
    /// EXPUNGE (RFC 3501, 6.4.3); with a set, UID EXPUNGE (RFC 4315, 2.1).
    Expunge(Option<SequenceSet>),
    /// SEARCH and UID SEARCH (RFC 3501, 6.4.4; RFC 4731).
    Search(Search),
    /// ESEARCH (RFC 7377, 2).
    MultiSearch(MultiSearch),
    /// CANCELUPDATE (RFC 5267, 4.3.5): tags of searches.
    CancelUpdate(Vec<Tag>),
    /// SORT and UID SORT (RFC 5256, 3; RFC 5267, 3).
    Sort(Sort),
    /// THREAD and UID THREAD (RFC 5256, 3).
    Thread(Thread),
    /// FETCH and UID FETCH (RFC 3501, 6.4.5; RFC 7162, 3.1.4).
    Fetch(Fetch),
    /// STORE and UID STORE (RFC 3501, 6.4.6; RFC 7162, 3.1.3).
    Store(Store),
    /// COPY and UID COPY (RFC 3501, 6.4.7).
    Copy(Transfer),
    /// MOVE and UID MOVE (RFC 6851).
    Move(Transfer),
}

impl Body {
    /// The command's name as metrics and logs write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Capability => "CAPABILITY",
            Self::Noop => "NOOP",
            Self::Logout => "LOGOUT",
            Self::Id(_) => "ID",
            Self::StartTls => "STARTTLS",
            Self::Authenticate { .. } => "AUTHENTICATE",
            Self::Login { .. } => "LOGIN",
            Self::Unauthenticate => "UNAUTHENTICATE",
            Self::Enable(_) => "ENABLE",
            Self::Compress(_) => "COMPRESS",
            Self::Select { access: Access::ReadWrite, .. } => "SELECT",
            Self::Select { access: Access::ReadOnly, .. } => "EXAMINE",
            Self::Create { .. } => "CREATE",
            Self::Delete(_) => "DELETE",
            Self::Rename { .. } => "RENAME",
            Self::Subscribe(_) => "SUBSCRIBE",
            Self::Unsubscribe(_) => "UNSUBSCRIBE",
            Self::List(_) => "LIST",
            Self::Lsub { .. } => "LSUB",
            Self::Namespace => "NAMESPACE",
            Self::GetQuota(_) => "GETQUOTA",
            Self::GetQuotaRoot(_) => "GETQUOTAROOT",
            Self::SetAcl(_) => "SETACL",
            Self::DeleteAcl { .. } => "DELETEACL",
            Self::GetAcl(_) => "GETACL",
            Self::ListRights { .. } => "LISTRIGHTS",
            Self::MyRights(_) => "MYRIGHTS",
            Self::SetQuota(_) => "SETQUOTA",
            Self::GetMetadata(_) => "GETMETADATA",
            Self::SetMetadata(_) => "SETMETADATA",
            Self::Status { .. } => "STATUS",
            Self::Append(_) => "APPEND",
            Self::Replace(_) => "REPLACE",
            Self::Idle => "IDLE",
            Self::Notify(_) => "NOTIFY",
            Self::Check => "CHECK",
            Self::Close => "CLOSE",
            Self::Unselect => "UNSELECT",
            Self::Expunge(_) => "EXPUNGE",
            Self::Search(_) => "SEARCH",
            Self::MultiSearch(_) => "ESEARCH",
            Self::CancelUpdate(_) => "CANCELUPDATE",
            Self::Sort(_) => "SORT",
            Self::Thread(_) => "THREAD",
            Self::Fetch(_) => "FETCH",
            Self::Store(_) => "STORE",
            Self::Copy(_) => "COPY",
            Self::Move(_) => "MOVE",
        }
    }
}

/// A password: kept out of every log and debug print.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// A mailbox name in UTF-8 and in Unicode's form C, its INBOX spelled `INBOX` (RFC 3501, 5.1), no
/// `/` at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxName {
    name: String,
    /// As the client wrote it, if that is not the same.
    given: Option<Box<str>>,
}

impl MailboxName {
    /// INBOX is case-blind, alone and as the first level (CLIENTS.md rule 21). The one `/` a
    /// client may put at the end of a name to be created says nothing to us (RFC 3501, 6.3.3).
    pub fn new(name: &str) -> Self {
        let given = name.strip_suffix('/').unwrap_or(name);
        let mut name = mailbox_text::normal(given.to_owned());
        let first_len = name.find('/').unwrap_or(name.len());
        if name.get(..first_len).is_some_and(|first| first.eq_ignore_ascii_case("INBOX")) {
            name.replace_range(..first_len, "INBOX");
        }
        let given = (name != given).then(|| given.into());
        Self { name, given }
    }

    /// What the client wrote instead of the name.
    pub fn other_spelling(&self) -> Option<&str> {
        self.given.as_deref()
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Whether this is the INBOX itself.
    pub fn is_inbox(&self) -> bool {
        self.name == "INBOX"
    }
}

/// A moment with the zone it was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime {
    /// Seconds since 1970-01-01 00:00:00 UTC.
    pub seconds: i64,
    /// Minutes east of UTC.
    pub zone_minutes: i16,
}

/// SEARCH's arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// How the answer names messages.
    pub numbering: Numbering,
    /// `RETURN (…)`; without it the answer is a plain `* SEARCH`.
    pub returns: Option<ReturnOptions>,
    /// What to tell of new messages that come among the results (RFC 5465, 7).
    pub items_of_new: Option<FetchItems>,
    /// All of these must hold.
    pub keys: Vec<SearchKey>,
}

/// FETCH's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// How `messages` names messages.
    pub numbering: Numbering,
    /// Which messages.
    pub messages: SequenceSet,
    /// What of them.
    pub items: FetchItems,
    /// Only those that changed after this mod-sequence.
    pub changed_since: Option<u64>,
    /// Also what was expunged since (RFC 7162, 3.2.6); only with `changed_since`, and by UID.
    pub vanished: bool,
    /// Only those at these places among `messages` (RFC 9394, 3.3); only by UID.
    pub partial: Option<PartialRange>,
}

/// STORE's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// How `messages` names messages.
    pub numbering: Numbering,
    /// Which messages.
    pub messages: SequenceSet,
    /// What to do with the flags.
    pub change: FlagChange,
    /// Whether the new flags are wanted in answer.
    pub echo: Echo,
    /// The flags.
    pub flags: FlagSet,
    /// Leave alone messages that changed after this mod-sequence (RFC 7162, 3.1.3).
    pub unchanged_since: Option<u64>,
}

/// What STORE does with flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagChange {
    /// `+FLAGS`.
    Add,
    /// `-FLAGS`.
    Remove,
    /// `FLAGS`.
    Replace,
}

/// Whether STORE answers with the new flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// It does.
    Told,
    /// `.SILENT`.
    Silent,
}

/// COPY's and MOVE's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// How `messages` names messages.
    pub numbering: Numbering,
    /// Which messages.
    pub messages: SequenceSet,
    /// Where to.
    pub mailbox: MailboxName,
}

/// A keyword in SEARCH: one that cannot exist matches nothing, and is no error.
pub type MaybeKeyword = Option<Keyword>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inbox_is_case_blind_alone_and_as_a_prefix() {
        for (given, name) in [
            ("inbox", "INBOX"),
            ("Inbox/Work", "INBOX/Work"),
            ("inboxes", "inboxes"),
            ("a/inbox", "a/inbox"),
            ("new/", "new"),
            ("e\u{301}t\u{e9}", "\u{e9}t\u{e9}"),
        ] {
            let found = MailboxName::new(given);
            assert_eq!(found.as_str(), name);
            let given = given.trim_end_matches('/');
            assert_eq!(found.other_spelling(), (given != name).then_some(given));
        }
    }

    #[test]
    fn a_tag_has_no_plus_and_no_specials() {
        assert!(Tag::new(b"a]1.").is_some());
        for bad in [&b""[..], b"+", b"a b", b"a{", b"\xc3\xa9", &[b'a'; 129]] {
            assert_eq!(Tag::new(bad), None);
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        assert_eq!(format!("{:?}", Secret("hunter2".to_owned())), "Secret(…)");
    }
}
