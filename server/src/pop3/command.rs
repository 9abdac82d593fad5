//! The commands of POP3 as values: what the parser makes, and what the session acts on.

use std::fmt;
use std::num::NonZeroU32;

/// One command line (RFC 1939; RFC 2449, 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// What the server offers (RFC 2449, 5).
    Capa,
    /// The login of USER and PASS.
    User(String),
    /// Its password.
    Pass(Secret),
    /// Asks which SASL mechanisms there are, as Outlook does.
    AuthList,
    /// A SASL exchange (RFC 5034, 4).
    Auth(Auth),
    /// A TLS handshake follows (RFC 2595, 4).
    Stls,
    /// Header fields may be UTF-8 (RFC 6856, 2).
    Utf8,
    /// The client is done.
    Quit,
    /// How many messages, and how large together.
    Stat,
    /// The size of a message, or of each.
    List(Option<MessageNumber>),
    /// A message.
    Retr(MessageNumber),
    /// Marks a message as deleted.
    Dele(MessageNumber),
    /// Nothing.
    Noop,
    /// Takes all marks back.
    Rset,
    /// A message's header and the first lines of its body.
    Top {
        /// Which message.
        number: MessageNumber,
        /// How many lines of its body.
        line_count: u64,
    },
    /// The unique id of a message, or of each.
    Uidl(Option<MessageNumber>),
}

/// A message's place in the maildrop as it was at log-in, from 1 (RFC 1939, 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageNumber(NonZeroU32);

/// A password, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

/// AUTH with what came on its line.
#[derive(Clone, PartialEq, Eq)]
pub struct Auth {
    /// A mechanism's name, as the client wrote it.
    pub mechanism: String,
    /// The initial response, in base64.
    pub initial: Option<String>,
}

/// Why a line is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No command of this protocol.
    #[error("command not recognized")]
    Unrecognized,
    /// NUL, another control character, or broken UTF-8.
    #[error("a command line holds printable text")]
    NotText,
    /// The arguments do not have the form that is shown.
    #[error("the form is: {0}")]
    Form(&'static str),
    /// A message number that no message can have.
    #[error("no such message")]
    NoSuchMessage,
}

impl Command {
    /// The command's own word, for metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Capa => "CAPA",
            Self::User(_) => "USER",
            Self::Pass(_) => "PASS",
            Self::AuthList | Self::Auth(_) => "AUTH",
            Self::Stls => "STLS",
            Self::Utf8 => "UTF8",
            Self::Quit => "QUIT",
            Self::Stat => "STAT",
            Self::List(_) => "LIST",
            Self::Retr(_) => "RETR",
            Self::Dele(_) => "DELE",
            Self::Noop => "NOOP",
            Self::Rset => "RSET",
            Self::Top { .. } => "TOP",
            Self::Uidl(_) => "UIDL",
        }
    }
}

impl MessageNumber {
    /// `None` for 0, which is no message's number.
    pub fn new(raw: u32) -> Option<Self> {
        NonZeroU32::new(raw).map(Self)
    }

    /// The number as the protocol writes it.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret")
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Auth").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}
