//! What a client has said by ENABLE that it understands beyond `IMAP4rev1` (RFC 5161): it decides how
//! commands are read and answers written. CONDSTORE and QRESYNC, which other commands enable as
//! well, are the session's.

/// How this client and we talk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dialect {
    /// UTF8=ACCEPT (RFC 9755).
    pub utf8_accept: bool,
    /// `IMAP4rev2` (RFC 9051).
    pub rev2: bool,
    /// UIDONLY (RFC 9586): messages are told of by UID alone.
    pub uid_only: bool,
}

impl Dialect {
    /// Whether mailbox names travel as UTF-8, and quoted strings may hold it.
    pub fn has_utf8(self) -> bool {
        self.utf8_accept || self.rev2
    }
}
