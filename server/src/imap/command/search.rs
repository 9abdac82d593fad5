//! What SEARCH can ask (RFC 3501, 6.4.4; RFC 4731; RFC 7162, 3.1.5; RFC 8474, 6).

use engine::{EmailId, SystemFlag, ThreadId};

use super::{MaybeKeyword, SequenceSet};

/// One condition on a message.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchKey {
    /// `ALL`; `OLD`, for no message is ever recent here; `SAVEDATESUPPORTED`, for all have one.
    All,
    /// `RECENT`, `NEW`: no message is ever recent here.
    Nothing,
    /// `SEEN` and the like.
    Flag(SystemFlag),
    /// `KEYWORD`; `None` for a word that no mailbox can hold.
    Keyword(MaybeKeyword),
    /// A bare set of message sequence numbers.
    Sequence(SequenceSet),
    /// `UID`.
    Uid(SequenceSet),
    /// `BEFORE`, `ON`, `SINCE` and their `SENT` and `SAVED` forms: a day as days since 1970-01-01.
    Date {
        /// Which date of the message.
        field: DateField,
        /// How it must lie.
        relation: DateRelation,
        /// The day.
        day: i32,
    },
    /// `LARGER`: more octets than this.
    Larger(u64),
    /// `SMALLER`: fewer octets than this.
    Smaller(u64),
    /// `MODSEQ`: at least this.
    ModSeq(u64),
    /// `EMAILID` (RFC 8474, 6.1); `None` for what is no id of ours.
    EmailId(Option<EmailId>),
    /// `THREADID`, likewise.
    ThreadId(Option<ThreadId>),
    /// `HEADER`, `FROM`, `SUBJECT` and the like: the field has the text in it, or is just there
    /// when the text is empty.
    Header {
        /// The field's name.
        field: String,
        /// The text, UTF-8.
        text: String,
    },
    /// `BODY`: the text of the body holds this.
    Body(String),
    /// `TEXT`: header or body holds this.
    Text(String),
    /// `NOT`, and the `UN…` keys.
    Not(Box<SearchKey>),
    /// `OR`; chains of it come as one list.
    Or(Vec<SearchKey>),
    /// A list in parentheses: all must hold.
    And(Vec<SearchKey>),
}

impl SearchKey {
    /// Whether the condition names messages by number, so that no number may change before the
    /// answer is complete (RFC 7162, 3.2.10.2).
    pub fn names_numbers(&self) -> bool {
        match self {
            Self::Sequence(_) => true,
            Self::Not(key) => key.names_numbers(),
            Self::Or(keys) | Self::And(keys) => keys.iter().any(Self::names_numbers),
            _ => false,
        }
    }

    /// Whether the condition is on mod-sequences, so that the answer carries one
    /// (RFC 7162, 3.1.5).
    pub fn asks_modseq(&self) -> bool {
        match self {
            Self::ModSeq(_) => true,
            Self::Not(key) => key.asks_modseq(),
            Self::Or(keys) | Self::And(keys) => keys.iter().any(Self::asks_modseq),
            _ => false,
        }
    }
}

/// The date a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateField {
    /// When the message arrived.
    Internal,
    /// The Date field of its header.
    Sent,
    /// When it came into this mailbox (RFC 8514).
    Saved,
}

/// How a date must lie, disregarding time and zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateRelation {
    /// Earlier than the day.
    Before,
    /// Within the day.
    On,
    /// Within the day or later.
    Since,
}

/// `RETURN (…)` (RFC 4731, 3.1); no option at all means ALL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the four options are independent on the wire")]
pub struct ReturnOptions {
    /// The lowest number found.
    pub min: bool,
    /// The highest number found.
    pub max: bool,
    /// How many were found.
    pub count: bool,
    /// All of them.
    pub all: bool,
}
