//! The commands of SMTP, submission and LMTP as values: what the parser makes, and what the
//! session acts on.

use std::fmt;

use super::path::{ForwardPath, ReversePath};
use crate::relay::{DeliverBy, Notify, Return};

/// One command line (RFC 5321, 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// EHLO, HELO or LHLO.
    Hello(Greeting, HelloName),
    /// Begins a mail transaction.
    Mail(Mail),
    /// Names a recipient.
    Rcpt(Rcpt),
    /// The message follows, ended by a dot.
    Data,
    /// A counted piece of the message follows.
    Bdat(Chunk),
    /// Ends the mail transaction without a message.
    Rset,
    /// Nothing.
    Noop,
    /// Asks whether there is such a user.
    Vrfy,
    /// Asks who is on a list.
    Expn,
    /// Asks for help.
    Help,
    /// The client is done.
    Quit,
    /// A TLS handshake follows (RFC 3207).
    StartTls,
    /// A log-in (RFC 4954).
    Auth(Auth),
}

/// Which word the client greeted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// SMTP without extensions.
    Helo,
    /// SMTP with extensions.
    Ehlo,
    /// LMTP (RFC 2033, 4.1).
    Lhlo,
}

/// What the client calls itself: a domain or an address literal, or what programs send in its
/// place. Holds only letters, digits and `-._:[]`, so it can stand in a trace field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloName(String);

/// MAIL with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Where failures are reported to.
    pub reverse_path: ReversePath,
    /// SIZE: how large the client says the message is (RFC 1870, 6).
    pub size: Option<u64>,
    /// Whether addresses and header may hold UTF-8 (RFC 6531, 3.4).
    pub text: AddressText,
    /// ENVID, as xtext (RFC 3461, 4.4).
    pub envelope_id: Option<String>,
    /// RET: what comes back with a report (RFC 3461, 4.3).
    pub ret: Option<Return>,
    /// REQUIRETLS (RFC 8689, 2).
    pub require_tls: bool,
    /// MT-PRIORITY (RFC 6710), -9 to 9.
    pub priority: Option<i8>,
    /// BY (RFC 2852).
    pub deliver_by: Option<DeliverBy>,
    /// HOLDFOR or HOLDUNTIL (RFC 4865).
    pub release: Option<Release>,
}

/// RCPT with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rcpt {
    /// To whom.
    pub path: ForwardPath,
    /// NOTIFY: when the sender wants to hear of it (RFC 3461, 4.1).
    pub notify: Option<Notify>,
    /// ORCPT: whom the sender wrote to, `type;xtext` (RFC 3461, 4.2).
    pub original: Option<String>,
}

/// Before when a message is not sent (RFC 4865, 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// So many seconds from now.
    After(i64),
    /// This time, in seconds since 1970.
    At(i64),
}

impl Release {
    /// The time, for a command that comes `now`.
    pub fn at(self, now: i64) -> i64 {
        match self {
            Self::After(seconds) => now.saturating_add(seconds),
            Self::At(time) => time,
        }
    }
}

impl Mail {
    /// Without parameters.
    pub fn new(reverse_path: ReversePath) -> Self {
        Self {
            reverse_path,
            size: None,
            text: AddressText::Ascii,
            envelope_id: None,
            ret: None,
            require_tls: false,
            priority: None,
            deliver_by: None,
            release: None,
        }
    }
}

/// What addresses and header fields of a mail transaction are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressText {
    /// ASCII.
    #[default]
    Ascii,
    /// UTF-8: the client gave SMTPUTF8.
    Utf8,
}

/// What BDAT announces (RFC 3030, 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Octets that follow the command line.
    pub len: u64,
    /// Whether the message ends with them.
    pub place: ChunkPlace,
}

/// Where a chunk stands in its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkPlace {
    /// More follow.
    Inner,
    /// LAST.
    Last,
}

/// AUTH with what came on its line.
#[derive(Clone, PartialEq, Eq)]
pub struct Auth {
    /// A mechanism's name, as the client wrote it.
    pub mechanism: String,
    /// The initial response, in base64.
    pub initial: Option<String>,
}

/// Why a line is no command. The session turns each into its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No command of this protocol.
    #[error("the command is not recognized")]
    Unrecognized,
    /// Control characters or broken UTF-8.
    #[error("a command line holds printable text")]
    NotText,
    /// The arguments do not have the form that is shown.
    #[error("the form is: {0}")]
    Form(&'static str),
    /// No address to send failures to.
    #[error("the sender's address is malformed")]
    ReversePath,
    /// No address to deliver to.
    #[error("the recipient's address is malformed")]
    ForwardPath,
    /// A parameter that was not announced.
    #[error("a parameter is not recognized")]
    Parameter,
    /// A parameter's value is missing, malformed or given twice.
    #[error("a parameter has a wrong value")]
    ParameterValue,
    /// Where the chunk ends is unknown, so nothing behind it can be trusted to be a command.
    #[error("the chunk's size is malformed")]
    ChunkSize,
}

impl Command {
    /// The command's own word, for metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello(Greeting::Helo, _) => "HELO",
            Self::Hello(Greeting::Ehlo, _) => "EHLO",
            Self::Hello(Greeting::Lhlo, _) => "LHLO",
            Self::Mail(_) => "MAIL",
            Self::Rcpt(_) => "RCPT",
            Self::Data => "DATA",
            Self::Bdat(_) => "BDAT",
            Self::Rset => "RSET",
            Self::Noop => "NOOP",
            Self::Vrfy => "VRFY",
            Self::Expn => "EXPN",
            Self::Help => "HELP",
            Self::Quit => "QUIT",
            Self::StartTls => "STARTTLS",
            Self::Auth(_) => "AUTH",
        }
    }
}

impl HelloName {
    const LEN_MAX: usize = 255;

    /// `None` for what could break a trace field. Names that are merely wrong are taken: they
    /// must not be a reason to refuse mail (RFC 5321, 4.1.4).
    pub fn new(name: &str) -> Option<Self> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        let fits = !name.is_empty() && name.len() <= Self::LEN_MAX && name.bytes().all(is_allowed);
        fits.then(|| Self(name.to_owned()))
    }

    /// The name as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Auth").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}
