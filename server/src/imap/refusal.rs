//! The one place where the engine's errors, and the parser's, become `NO` and `BAD` with the
//! response codes of RFC 5530 and others.

use engine::Error;

use super::command::OutOfRange;
use super::parse::{CHARSETS, FaultKind, Oversize};
use super::response::{Refusal, Verdict};
use crate::auth::sasl::SaslError;
use crate::auth::{AuthFailure, LogInError};

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let code = match error {
            Error::AnnotationTooLarge { limit } => {
                return Self::no(format!("METADATA MAXSIZE {limit}"), sentence(&error.to_string()));
            }
            Error::TooManyAnnotations => "METADATA TOOMANY",
            Error::BadSpecialUse(_) => "USEATTR",
            Error::NoSuchMailbox | Error::NoSuchAccount => "NONEXISTENT",
            Error::NoSuchMessage => "EXPUNGEISSUED",
            Error::MailboxExists => "ALREADYEXISTS",
            Error::BadMailboxName(_) | Error::InboxStays | Error::OtherShard => "CANNOT",
            Error::TooManyMailboxes(_) | Error::TooManyKeywords(_) | Error::Exhausted => "LIMIT",
            Error::MessageTooLarge { .. } => "TOOBIG",
            Error::Damaged { .. } => "CORRUPTION",
            Error::Poisoned
            | Error::Closed
            | Error::Locked(_)
            | Error::Unusable(_)
            | Error::Io { .. } => "UNAVAILABLE",
        };
        // Where on disk it is damaged is for the operator, not for the client.
        let text = match &error {
            Error::Damaged { .. } => "The message is damaged on the server's disk".to_owned(),
            Error::Io { .. } | Error::Locked(_) | Error::Unusable(_) => {
                "The server cannot do this at the moment".to_owned()
            }
            error => sentence(&error.to_string()),
        };
        if code == "CORRUPTION" || code == "UNAVAILABLE" {
            tracing::error!(%error, "command failed");
        }
        Self::no(code, text)
    }
}

/// Errors begin in lower case, answers do not.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(chars.filter(|char| !char.is_control())).collect()
    })
}

impl From<FaultKind> for Refusal {
    fn from(kind: FaultKind) -> Self {
        match kind {
            FaultKind::NoTag => Self::bad("A command begins with a tag"),
            FaultKind::UnknownCommand => Self::bad("Unknown command"),
            FaultKind::Malformed(expected) => Self::bad(format!("Expected {expected}")),
            FaultKind::BadCharset | FaultKind::BadCharsetToSave => Self {
                verdict: Verdict::No,
                code: Some(format!("BADCHARSET ({CHARSETS})").into()),
                text: "Unknown charset".into(),
            },
        }
    }
}

impl From<Oversize> for Refusal {
    fn from(oversize: Oversize) -> Self {
        match oversize {
            Oversize::Command => Self::bad("The command is too long"),
            Oversize::Message => Self::no("TOOBIG", "The message is larger than allowed"),
            Oversize::Together => {
                Self::no("UNAVAILABLE", "Too many messages are coming in; try again later")
            }
            Oversize::Disk => {
                Self::no("UNAVAILABLE", "There is no room for the message now; try again later")
            }
        }
    }
}

impl From<OutOfRange> for Refusal {
    fn from(OutOfRange: OutOfRange) -> Self {
        Self::bad("There is no message with such a number")
    }
}

impl From<AuthFailure> for Refusal {
    fn from(failure: AuthFailure) -> Self {
        let code = match failure {
            AuthFailure::Wrong | AuthFailure::TooMany => "AUTHENTICATIONFAILED",
            AuthFailure::Unavailable(_) => "UNAVAILABLE",
        };
        Self::no(code, sentence(&failure.to_string()))
    }
}

impl From<LogInError> for Refusal {
    fn from(error: LogInError) -> Self {
        match error {
            LogInError::Sasl(error) => error.into(),
            LogInError::Failed(failure) => failure.into(),
        }
    }
}

impl From<SaslError> for Refusal {
    fn from(error: SaslError) -> Self {
        match error {
            // RFC 3501, 6.2.2: a cancelled exchange is a BAD.
            SaslError::Cancelled | SaslError::Malformed => Self::bad(sentence(&error.to_string())),
            SaslError::ChannelBinding => {
                Self::no("AUTHENTICATIONFAILED", sentence(&error.to_string()))
            }
            SaslError::OtherUser => Self::no("AUTHORIZATIONFAILED", sentence(&error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_become_codes_that_clients_know_and_whole_sentences() {
        let refusal = Refusal::from(Error::NoSuchMailbox);
        assert_eq!(refusal, Refusal::no("NONEXISTENT", "No such mailbox"));
        let refusal = Refusal::from(FaultKind::BadCharset);
        assert!(refusal.code.is_some_and(|code| code.starts_with("BADCHARSET (UTF-8 ")));
    }

    #[test]
    fn what_only_the_operator_may_know_is_not_told() {
        let error = Error::Unusable("/srv/store is broken".to_owned());
        assert!(!Refusal::from(error).text.contains("/srv"));
    }
}
