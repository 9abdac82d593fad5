//! What APPEND and REPLACE are given (RFC 3501, 6.3.11; RFC 3502; RFC 4469; RFC 8508).

use std::num::NonZeroU32;
use std::ops::Range;

use engine::FlagSet;

use super::{Bound, DateTime, MailboxName, Numbering, SectionPath};

/// APPEND's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// Where to.
    pub mailbox: MailboxName,
    /// All of them or none (RFC 3502); at least one.
    pub messages: Vec<AppendMessage>,
}

/// REPLACE's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replace {
    /// How `message` names a message.
    pub numbering: Numbering,
    /// The one to remove.
    pub message: Bound,
    /// The one to add, and where to.
    pub append: Append,
}

/// One message of an APPEND.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendMessage {
    /// The flags to set.
    pub flags: FlagSet,
    /// The internal date, or now.
    pub date: Option<DateTime>,
    /// Its octets.
    pub text: AppendText,
}

/// Where the octets of a message come from. What a client sends stays where it is in the bytes that
/// the command was parsed from, so that a large message is in memory once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendText {
    /// One literal.
    Literal(Range<usize>),
    /// CATENATE: these, one behind the other (RFC 4469, 3).
    Parts(Vec<CatenatePart>),
}

/// A part of a message that is put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatenatePart {
    /// TEXT: a literal.
    Text(Range<usize>),
    /// URL: what the server has.
    Url(Box<CatenateUrl>),
}

/// A URL in CATENATE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatenateUrl {
    /// As the client is told of it, should it be bad.
    pub text: String,
    /// `None` if it names no message here, whatever there is.
    pub target: Option<UrlTarget>,
}

/// The message, or the part of one, that a URL names (RFC 5092, 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTarget {
    /// The mailbox; `None` is the selected one.
    pub mailbox: Option<MailboxName>,
    /// What its UIDVALIDITY must be.
    pub uid_validity: Option<NonZeroU32>,
    /// The message.
    pub uid: NonZeroU32,
    /// What of it.
    pub section: SectionPath,
    /// Where in that, and how many octets at most.
    pub partial: Option<(u32, Option<NonZeroU32>)>,
}
