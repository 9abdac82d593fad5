//! The trace fields that final delivery puts on top of a message (RFC 5321, 4.4), and the fields
//! that submission adds where they are missing (RFC 6409, 8).

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use super::command::{AddressText, Greeting, HelloName};
use super::path::{ForwardPath, ReversePath};
use crate::calendar::HeaderDate;

/// What the trace fields of one mail transaction tell.
#[derive(Debug)]
pub(super) struct Trace<'a> {
    pub(super) reverse_path: &'a ReversePath,
    /// The recipient, if there is only one: others must not learn who else got the message.
    pub(super) only_recipient: Option<&'a ForwardPath>,
    pub(super) client: &'a HelloName,
    pub(super) peer: IpAddr,
    pub(super) hostname: &'a str,
    pub(super) with: With,
    pub(super) id: TransactionId,
    pub(super) unix_seconds: i64,
}

/// How the message came: the registered words of RFC 3848 and RFC 6531.
#[derive(Clone, Copy, Debug)]
pub(super) struct With {
    pub(super) greeting: Greeting,
    pub(super) text: AddressText,
    pub(super) carrier: Carrier,
    pub(super) sender: Sender,
}

/// Whether the bytes were encrypted on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Plain,
    Tls,
}

/// Whether the client logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    Anonymous,
    LoggedIn,
}

/// Names one mail transaction in trace fields and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TransactionId(u64);

impl TransactionId {
    /// Unlike any other: drawn at random.
    pub(super) fn draw() -> Self {
        Self(rand::random())
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

impl fmt::Display for With {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match (self.greeting, self.text) {
            (Greeting::Lhlo, AddressText::Ascii) => "LMTP",
            (Greeting::Lhlo, AddressText::Utf8) => "UTF8LMTP",
            (Greeting::Helo, AddressText::Ascii) => "SMTP",
            (Greeting::Ehlo, AddressText::Ascii) => "ESMTP",
            (_, AddressText::Utf8) => "UTF8SMTP",
        })?;
        // SMTPS and SMTPA are no registered words: what HELO began stays SMTP.
        if self.greeting == Greeting::Helo && self.text == AddressText::Ascii {
            return Ok(());
        }
        if self.carrier == Carrier::Tls {
            out.write_str("S")?;
        }
        if self.sender == Sender::LoggedIn {
            out.write_str("A")?;
        }
        Ok(())
    }
}

/// The fields, with their line ends.
impl fmt::Display for Trace<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Return-Path: <{}>\r\n", self.reverse_path)?;
        write!(out, "Received: from {} (", self.client.as_str())?;
        match self.peer {
            IpAddr::V4(peer) => write!(out, "[{peer}]")?,
            IpAddr::V6(peer) => write!(out, "[IPv6:{peer}]")?,
        }
        write!(out, ")\r\n\tby {} (Fumikura) with {} id {}", self.hostname, self.with, self.id)?;
        if let Some(recipient) = self.only_recipient {
            write!(out, "\r\n\tfor <{recipient}>")?;
        }
        write!(out, ";\r\n\t{}\r\n", HeaderDate(self.unix_seconds))
    }
}

/// The fields a submitted message must have and lacks, with their line ends.
pub(super) fn missing_fields(
    survey: &super::header::HeaderSurvey,
    id: TransactionId,
    hostname: &str,
    unix_seconds: i64,
) -> String {
    let mut fields = String::new();
    if !survey.has_date {
        let _ = write!(fields, "Date: {}\r\n", HeaderDate(unix_seconds));
    }
    if !survey.has_message_id {
        let _ = write!(fields, "Message-ID: <{id}@{hostname}>\r\n");
    }
    if survey.is_headless {
        // Without it the message's first line would end up among the header fields.
        fields.push_str("\r\n");
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::super::header::HeaderSurvey;
    use super::*;

    fn with(greeting: Greeting, text: AddressText, carrier: Carrier, sender: Sender) -> String {
        With { greeting, text, carrier, sender }.to_string()
    }

    #[test]
    fn the_protocol_is_named_by_its_registered_word() {
        use AddressText::{Ascii, Utf8};
        use Carrier::{Plain, Tls};
        use Greeting::{Ehlo, Helo, Lhlo};
        use Sender::{Anonymous, LoggedIn};
        assert_eq!(with(Helo, Ascii, Plain, Anonymous), "SMTP");
        assert_eq!(with(Helo, Ascii, Tls, Anonymous), "SMTP");
        assert_eq!(with(Ehlo, Ascii, Plain, Anonymous), "ESMTP");
        assert_eq!(with(Ehlo, Ascii, Tls, LoggedIn), "ESMTPSA");
        assert_eq!(with(Ehlo, Utf8, Plain, LoggedIn), "UTF8SMTPA");
        assert_eq!(with(Lhlo, Ascii, Tls, Anonymous), "LMTPS");
        assert_eq!(with(Lhlo, Utf8, Plain, Anonymous), "UTF8LMTP");
    }

    #[test]
    fn the_fields_of_one_recipient() {
        let trace = Trace {
            reverse_path: &ReversePath::Null,
            only_recipient: Some(&ForwardPath::Postmaster),
            client: &HelloName::new("client.example").expect("a name"),
            peer: "2001:db8::1".parse().expect("an address"),
            hostname: "mx.test",
            with: With {
                greeting: Greeting::Ehlo,
                text: AddressText::Ascii,
                carrier: Carrier::Tls,
                sender: Sender::Anonymous,
            },
            id: TransactionId(0xbeef),
            unix_seconds: 1_795_512_345,
        };
        let expected = "Return-Path: <>\r\n\
             Received: from client.example ([IPv6:2001:db8::1])\r\n\
             \tby mx.test (Fumikura) with ESMTPS id 000000000000beef\r\n\
             \tfor <postmaster>;\r\n\
             \tTue, 24 Nov 2026 09:25:45 +0000\r\n";
        assert_eq!(trace.to_string(), expected);
        let trace = Trace { only_recipient: None, ..trace };
        assert!(trace.to_string().contains("id 000000000000beef;\r\n\tTue,"));
    }

    #[test]
    fn submission_adds_only_what_is_missing() {
        let add = |message: &[u8]| {
            missing_fields(&HeaderSurvey::of(message), TransactionId(1), "mx.test", 0)
        };
        assert_eq!(add(b"Date: x\r\nMessage-ID: <y>\r\n\r\n"), "");
        let both = "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n\
                    Message-ID: <0000000000000001@mx.test>\r\n";
        assert_eq!(add(b"Subject: x\r\n\r\n"), both);
        assert_eq!(add(b"hello\r\n"), format!("{both}\r\n"));
    }
}
