//! Every reply of SMTP, submission and LMTP, with its enhanced status code (RFC 3463).
//!
//! The first digit of both codes is the same; `Reply::new` holds that. Replies to greetings and
//! the intermediate ones (334, 354) carry no enhanced code (RFC 2034, 3). Nothing a client sent
//! is repeated in a reply.

use std::borrow::Cow;

use super::command::CommandError;
use super::incoming::MessageFault;
use super::trace::TransactionId;
use crate::auth::AuthFailure;
use crate::auth::sasl::SaslError;
use crate::spool::SpoolFault;

/// One reply, of one line or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    code: u16,
    status: Option<&'static str>,
    text: Cow<'static, str>,
}

impl Reply {
    /// A reply with its enhanced status code.
    const fn new(code: u16, status: &'static str, text: &'static str) -> Self {
        assert!(matches!(status.as_bytes(), [class, b'.', ..]
            if code / 100 == (*class - b'0') as u16));
        Self { code, status: Some(status), text: Cow::Borrowed(text) }
    }

    /// A reply without one: greetings and intermediate replies. Lines are separated by LF.
    pub(super) const fn bare(code: u16, text: Cow<'static, str>) -> Self {
        Self { code, status: None, text }
    }

    /// A permanent refusal.
    pub(super) fn is_permanent_failure(&self) -> bool {
        self.code >= 500
    }

    /// Writes all lines (RFC 5321, 4.2.1).
    pub(super) fn write_to(&self, out: &mut Vec<u8>) {
        let mut lines = self.text.split('\n').peekable();
        while let Some(line) = lines.next() {
            let separator = if lines.peek().is_some() { '-' } else { ' ' };
            out.extend_from_slice(format!("{}{separator}", self.code).as_bytes());
            if let Some(status) = self.status {
                out.extend_from_slice(status.as_bytes());
                out.push(b' ');
            }
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }

    /// For a message that is on its way, by the name it has in the queue.
    pub(super) fn queued(id: TransactionId) -> Self {
        let text = Cow::Owned(format!("Queued as {id}"));
        Self { code: 250, status: Some("2.0.0"), text }
    }

    /// For a message that its sender may take back, by the name it has in the queue.
    pub(super) fn held(id: TransactionId, seconds: i64) -> Self {
        let text = Cow::Owned(format!("Held for {seconds} seconds as {id}"));
        Self { code: 250, status: Some("2.0.0"), text }
    }

    /// For arguments that do not have their form.
    fn form(form: &'static str) -> Self {
        let text = Cow::Owned(format!("The form is: {form}"));
        Self { code: 501, status: Some("5.5.4"), text }
    }
}

macro_rules! replies {
    ($($name:ident = $code:literal $status:literal $text:literal;)*) => {
        impl Reply {
            $(pub(super) const $name: Self = Self::new($code, $status, $text);)*
        }
    };
}

replies! {
    HELP = 214 "2.0.0" "This is Fumikura; see RFC 5321";
    READY_FOR_TLS = 220 "2.0.0" "Ready for TLS";
    BYE = 221 "2.0.0" "Bye";
    LOGGED_IN = 235 "2.7.0" "Logged in";
    OK = 250 "2.0.0" "OK";
    SENDER_OK = 250 "2.1.0" "Sender OK";
    RECIPIENT_OK = 250 "2.1.5" "Recipient OK";
    CHUNK_OK = 250 "2.0.0" "Chunk received";
    STORED = 250 "2.0.0" "Stored";
    CANNOT_VERIFY = 252 "2.5.2" "Send some mail, it will be tried";
    SHUTTING_DOWN = 421 "4.3.2" "The server is shutting down, try again later";
    TIMED_OUT = 421 "4.4.2" "You took too long, closing";
    TOO_MANY_ERRORS = 421 "4.7.0" "Too many errors, closing";
    TOO_MANY_LOG_INS = 421 "4.7.0" "Too many failed log-ins, closing";
    DIRECTORY_FAILED = 451 "4.3.0" "Users cannot be looked up now, try again later";
    STORE_FAILED = 451 "4.3.0" "The message could not be stored, try again later";
    MAILBOX_FULL = 452 "4.2.2" "The mailbox is full, try again later";
    USER_TOO_FAST = 450 "4.7.1" "You have written to as many people as you may in an hour, try again later";
    ADDRESS_TOO_FAST = 450 "4.7.1" "Too many messages from your address, try again later";
    OUT_OF_MEMORY = 452 "4.3.1" "Too much mail is arriving, try again later";
    QUEUE_FULL = 452 "4.3.1" "Too much mail waits to be sent, try again later";
    DISK_FULL = 452 "4.3.1" "There is no room on the disk, try again later";
    TOO_MANY_RECIPIENTS = 452 "4.5.3" "Too many recipients, send the message to the rest again";
    LOG_INS_UNAVAILABLE = 454 "4.7.0" "Log-ins are not possible now, try again later";
    LINE_TOO_LONG = 500 "5.5.6" "The line is too long";
    BARE_LINE_END = 500 "5.5.2" "Command lines end in CR LF";
    NOT_TEXT = 500 "5.5.2" "A command line holds printable text";
    UNRECOGNIZED = 500 "5.5.1" "Command not recognized";
    REVERSE_PATH_MALFORMED = 501 "5.1.7" "The form is: MAIL FROM:<address>";
    FORWARD_PATH_MALFORMED = 501 "5.1.3" "The form is: RCPT TO:<address>";
    PARAMETER_VALUE = 501 "5.5.4" "A parameter has a wrong value";
    CHUNK_SIZE = 501 "5.5.4" "The form is: BDAT size [LAST]; closing, since the end of the chunk is unknown";
    RELEASE_TOO_LATE = 501 "5.5.4" "Messages are not kept back that long";
    AUTH_CANCELLED = 501 "5.7.0" "Authentication cancelled";
    AUTH_MALFORMED = 501 "5.5.2" "Malformed authentication response";
    AUTH_LINE_TOO_LONG = 500 "5.5.6" "The authentication response is too long";
    NOT_OFFERED = 502 "5.5.1" "That is not offered here";
    HELLO_FIRST = 503 "5.5.1" "Greet with EHLO first";
    LHLO_FIRST = 503 "5.5.1" "Greet with LHLO first";
    MAIL_FIRST = 503 "5.5.1" "Begin with MAIL first";
    RECIPIENT_FIRST = 503 "5.5.1" "Name a recipient that is accepted first";
    NESTED_MAIL = 503 "5.5.1" "A mail transaction is open already";
    CHUNKS_BEGUN = 503 "5.5.1" "Send the rest by BDAT, or RSET";
    CHUNKS_FAILED = 503 "5.5.1" "An earlier chunk failed; send RSET";
    TLS_ALREADY = 503 "5.5.1" "TLS has been started before";
    AUTH_ALREADY = 503 "5.5.1" "You are logged in already";
    AUTH_IN_TRANSACTION = 503 "5.5.1" "Not during a mail transaction";
    NO_SUCH_MECHANISM = 504 "5.5.4" "That mechanism is not offered";
    LOG_IN_FIRST = 530 "5.7.0" "Log in first";
    WRONG_CREDENTIALS = 535 "5.7.8" "Wrong login or password";
    OTHER_USER = 535 "5.7.8" "Acting for another user is not offered";
    TLS_FIRST = 538 "5.7.11" "Start TLS first";
    NO_SUCH_USER = 550 "5.1.1" "No such user here";
    NO_SUCH_DOMAIN = 550 "5.1.2" "No mail could be sent to that domain";
    NO_RELAYING = 550 "5.7.1" "That domain is not served here, and mail is not relayed";
    BARE_CR_OR_LF = 550 "5.6.11" "Lines of a message end in CR LF; a CR or LF stood alone";
    MESSAGE_TOO_LARGE = 552 "5.3.4" "The message is larger than allowed";
    SPF_FAILED = 550 "5.7.23" "The sender's domain says that your server may not send for it (SPF)";
    DMARC_FAILED = 550 "5.7.26" "The author's domain wants mail rejected that it does not stand behind (DMARC)";
    HEADER_TOO_LONG = 552 "5.3.4" "The header is longer than allowed";
    NOT_YOUR_ADDRESS = 553 "5.7.1" "That sender is not an address of yours";
    UTF8_NOT_ASKED_FOR = 553 "5.6.7" "An address in UTF-8 needs the SMTPUTF8 parameter of MAIL";
    MAIL_LOOP = 554 "5.4.6" "Too many Received fields: the message goes in circles";
    PARAMETER_UNKNOWN = 555 "5.5.4" "A parameter is not recognized";
}

impl Reply {
    /// The message may follow (RFC 5321, 4.1.1.4).
    pub(super) const SEND_DATA: Self =
        Self::bare(354, Cow::Borrowed("Send the message, end it with CR LF . CR LF"));

    /// The server's part of a SASL exchange (RFC 4954, 4).
    pub(super) fn challenge(challenge: &str) -> Self {
        Self::bare(334, Cow::Owned(challenge.to_owned()))
    }
}

impl From<CommandError> for Reply {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Unrecognized => Self::UNRECOGNIZED,
            CommandError::NotText => Self::NOT_TEXT,
            CommandError::Form(form) => Self::form(form),
            CommandError::ReversePath => Self::REVERSE_PATH_MALFORMED,
            CommandError::ForwardPath => Self::FORWARD_PATH_MALFORMED,
            CommandError::Parameter => Self::PARAMETER_UNKNOWN,
            CommandError::ParameterValue => Self::PARAMETER_VALUE,
            CommandError::ChunkSize => Self::CHUNK_SIZE,
        }
    }
}

impl From<MessageFault> for Reply {
    fn from(fault: MessageFault) -> Self {
        match fault {
            MessageFault::BareCrOrLf => Self::BARE_CR_OR_LF,
            MessageFault::TooLarge => Self::MESSAGE_TOO_LARGE,
            MessageFault::Spool(SpoolFault::NoRoom) => Self::OUT_OF_MEMORY,
            MessageFault::Spool(SpoolFault::DiskFull) => Self::DISK_FULL,
            MessageFault::Spool(SpoolFault::Failed) => Self::STORE_FAILED,
            MessageFault::HeaderTooLong => Self::HEADER_TOO_LONG,
            MessageFault::SpfFailed => Self::SPF_FAILED,
            MessageFault::DmarcFailed => Self::DMARC_FAILED,
            MessageFault::Loop => Self::MAIL_LOOP,
        }
    }
}

impl From<SaslError> for Reply {
    fn from(error: SaslError) -> Self {
        match error {
            SaslError::Cancelled => Self::AUTH_CANCELLED,
            SaslError::Malformed => Self::AUTH_MALFORMED,
            SaslError::ChannelBinding => Self::WRONG_CREDENTIALS,
            SaslError::OtherUser => Self::OTHER_USER,
        }
    }
}

impl From<AuthFailure> for Reply {
    fn from(failure: AuthFailure) -> Self {
        match failure {
            AuthFailure::Wrong => Self::WRONG_CREDENTIALS,
            AuthFailure::TooMany | AuthFailure::Unavailable(_) => Self::LOG_INS_UNAVAILABLE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.write_to(&mut out);
        String::from_utf8(out).expect("replies are text")
    }

    #[test]
    fn lines_of_one_reply_are_joined_by_hyphens() {
        let reply = Reply::bare(250, Cow::Borrowed("mx.test\nPIPELINING\nSIZE 5"));
        assert_eq!(written(&reply), "250-mx.test\r\n250-PIPELINING\r\n250 SIZE 5\r\n");
    }

    #[test]
    fn the_enhanced_code_stands_before_the_text() {
        assert_eq!(written(&Reply::NO_SUCH_USER), "550 5.1.1 No such user here\r\n");
        assert_eq!(written(&Reply::challenge("")), "334 \r\n");
        let form = Reply::from(CommandError::Form("RSET"));
        assert_eq!(written(&form), "501 5.5.4 The form is: RSET\r\n");
    }
}
