//! The trace fields that final delivery puts on top of a message (RFC 5321, 4.4), and the fields
//! that submission adds where they are missing (RFC 6409, 8).

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use super::command::{AddressText, Greeting, HelloName};
use super::path::{ForwardPath, ReversePath};

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
        write!(out, ";\r\n\t{}\r\n", Date(self.unix_seconds))
    }
}

/// A date as header fields write it, in UTC (RFC 5322, 3.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Date(pub(super) i64);

impl fmt::Display for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (days, seconds) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        let name = |names: &[&'static str], index: i64| {
            usize::try_from(index).ok().and_then(|index| names.get(index).copied()).unwrap_or("")
        };
        let (year, month, day) = civil(days);
        let weekday = name(&WEEKDAYS, days.rem_euclid(7));
        let month = name(&MONTHS, month - 1);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(out, "{weekday}, {day} {month} {year:04} {hour:02}:{minute:02}:{second:02} +0000")
    }
}

/// Year, month and day of a number of days since 1970 in the Gregorian calendar, whose years
/// are counted here from March on, so that the leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_ERA: i64 = 146_097;
    let since_march_0 = days + 719_468;
    let era = since_march_0.div_euclid(DAYS_PER_ERA);
    let of_era = since_march_0.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
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
        let _ = write!(fields, "Date: {}\r\n", Date(unix_seconds));
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
    fn dates_are_right_at_the_edges_of_the_calendar() {
        for (seconds, expected) in [
            (0, "Thu, 1 Jan 1970 00:00:00 +0000"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (4_107_542_400, "Mon, 1 Mar 2100 00:00:00 +0000"),
            (-1, "Wed, 31 Dec 1969 23:59:59 +0000"),
        ] {
            assert_eq!(Date(seconds).to_string(), expected);
        }
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
