//! Every one-line answer of POP3, with its response code where one is registered (RFC 2449, 8;
//! RFC 3206). Nothing a client sent is repeated in an answer.

use super::command::CommandError;
use crate::auth::AuthFailure;
use crate::auth::sasl::SaslError;

/// A refusal: `-ERR`, a response code or none, and text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    code: Option<&'static str>,
    text: &'static str,
}

impl Refusal {
    const fn plain(text: &'static str) -> Self {
        Self { code: None, text }
    }

    const fn coded(code: &'static str, text: &'static str) -> Self {
        Self { code: Some(code), text }
    }

    pub(super) const BARE_OF_USER: Self = Self::plain("Send USER first");
    pub(super) const LINE_TOO_LONG: Self = Self::plain("The line is too long");
    pub(super) const LOG_IN_FIRST: Self = Self::plain("Log in first");
    pub(super) const LOGGED_IN_ALREADY: Self = Self::plain("You are logged in already");
    pub(super) const MARKED: Self = Self::plain("That message is marked as deleted");
    pub(super) const NO_SUCH_MECHANISM: Self = Self::plain("That mechanism is not offered");
    pub(super) const NO_SUCH_MESSAGE: Self = Self::plain("No such message");
    pub(super) const TLS_ALREADY: Self = Self::plain("TLS has been started before");
    pub(super) const TLS_FIRST: Self = Self::plain("Start TLS first");
    pub(super) const TOO_MANY_BAD: Self = Self::plain("Too many unknown commands, closing");
    pub(super) const TOO_MANY_LOG_INS: Self =
        Self::coded("AUTH", "Too many failed log-ins, closing");
    pub(super) const NOT_DELETED: Self =
        Self::coded("SYS/TEMP", "The marked messages could not be deleted; all are kept");
    pub(super) const UNREADABLE: Self = Self::coded("SYS/TEMP", "That cannot be read now");
    pub(super) const DAMAGED: Self = Self::coded("SYS/PERM", "That message is damaged");
    pub(super) const SHUTTING_DOWN: Self =
        Self::coded("SYS/TEMP", "The server is shutting down, try again later");

    /// Writes the line.
    pub(super) fn write_to(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"-ERR ");
        if let Some(code) = self.code {
            out.push(b'[');
            out.extend_from_slice(code.as_bytes());
            out.extend_from_slice(b"] ");
        }
        out.extend_from_slice(self.text.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Unrecognized => Self::plain("Command not recognized"),
            CommandError::NotText => Self::plain("A command line holds printable text"),
            CommandError::Form(form) => Self::plain(form),
            CommandError::NoSuchMessage => Self::NO_SUCH_MESSAGE,
        }
    }
}

impl From<SaslError> for Refusal {
    fn from(error: SaslError) -> Self {
        match error {
            SaslError::Cancelled => Self::plain("Authentication cancelled"),
            SaslError::Malformed => Self::plain("Malformed authentication response"),
            SaslError::ChannelBinding => Self::coded("AUTH", "Wrong channel binding"),
            SaslError::OtherUser => Self::coded("AUTH", "Acting for another user is not offered"),
        }
    }
}

impl From<&AuthFailure> for Refusal {
    fn from(failure: &AuthFailure) -> Self {
        match failure {
            AuthFailure::Wrong => Self::coded("AUTH", "Wrong login or password"),
            // The password was not looked at, so it may well be right (RFC 3206, 4).
            AuthFailure::TooMany | AuthFailure::Unavailable(_) => {
                Self::coded("SYS/TEMP", "Log-ins are not possible now, try again later")
            }
        }
    }
}

impl From<&engine::Error> for Refusal {
    fn from(error: &engine::Error) -> Self {
        match error {
            engine::Error::Damaged { .. } => Self::DAMAGED,
            _ => Self::UNREADABLE,
        }
    }
}

/// Writes `+OK` and text.
pub(super) fn ok(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"+OK");
    if !text.is_empty() {
        out.push(b' ');
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_stand_in_brackets_before_the_text() {
        let mut out = Vec::new();
        Refusal::from(&AuthFailure::Wrong).write_to(&mut out);
        Refusal::NO_SUCH_MESSAGE.write_to(&mut out);
        ok("", &mut out);
        ok("2 messages", &mut out);
        let expected = "-ERR [AUTH] Wrong login or password\r\n-ERR No such message\r\n\
                        +OK\r\n+OK 2 messages\r\n";
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }
}
