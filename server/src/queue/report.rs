//! What senders are told: delivery status notifications (RFC 3464, in a report by RFC 6522).

use std::fmt::Write as _;

use engine::Prepared;

use super::Queue;
use super::entries::{Entry, Parcel, Timed};
use super::envelope::{Envelope, MailOptions, MessagePlace, QueuedRecipient, Trouble};
use super::settlement::{Action, Reported};
use crate::calendar::HeaderDate;
use crate::relay::{Destination, Return};

/// The longest message that comes back whole, where the sender asked for that.
pub(super) const RETURNED_LEN_MAX: u64 = 1 << 20;
/// The longest header that comes back.
const HEADER_LEN_MAX: usize = 64 << 10;
/// What a server said that stands in a report, at most.
const TEXT_LEN_MAX: usize = 1000;

/// The report to the sender of an entry as another entry, if there is anything to report and
/// somewhere to send it.
pub(super) fn parcels(
    queue: &Queue,
    entry: &Entry,
    recipients: &[Reported],
    now: i64,
) -> Vec<Parcel> {
    let envelope = &entry.envelope;
    if recipients.is_empty() {
        return Vec::new();
    }
    let whole = returns_all(envelope, recipients);
    // A message that cannot be read any more must not keep its sender from hearing of it.
    let original = queue
        .message(entry)
        .and_then(|message| Ok(if whole { message.bytes()? } else { message.header()? }));
    let original = original.unwrap_or_default();
    let original = if whole { Original::Full(&original) } else { Original::Header(&original) };
    parcel(queue, envelope, recipients, original, now).into_iter().collect()
}

/// The report that a message was delivered to these recipients here.
pub(super) fn of_delivery(
    queue: &Queue,
    envelope: &Envelope,
    recipients: Vec<QueuedRecipient>,
    message: &[u8],
    now: i64,
) -> Vec<Parcel> {
    let stored = |recipient| Reported {
        recipient,
        action: Action::Delivered,
        trouble: Trouble::own("2.1.5", "stored in the mailbox"),
    };
    let recipients: Vec<_> = recipients.into_iter().map(stored).collect();
    let original = Original::Header(message);
    parcel(queue, envelope, &recipients, original, now).into_iter().collect()
}

/// A report to where the message came from; `None` if that is nowhere.
fn parcel(
    queue: &Queue,
    envelope: &Envelope,
    recipients: &[Reported],
    original: Original<'_>,
    now: i64,
) -> Option<Parcel> {
    let destination = Destination::of_address(&envelope.reverse_path)?;
    let id = format!("{:016x}", rand::random::<u64>());
    let report =
        Report { hostname: &queue.0.hostname, id: &id, now, envelope, recipients, original };
    let message = Prepared::new(&report.compose());
    let recipient =
        QueuedRecipient { address: envelope.reverse_path.clone(), ..QueuedRecipient::default() };
    let envelope = Envelope {
        id,
        message: MessagePlace::Below(0),
        destination: destination.to_string(),
        reverse_path: String::new(),
        options: MailOptions { smtputf8: envelope.options.smtputf8, ..MailOptions::default() },
        arrived: now,
        expires: now + queue.0.config.expire.as_secs().cast_signed(),
        size: message.size().into(),
        account: None,
        attempts: 0,
        delay_reported: false,
        held: false,
        outbox: None,
        recipients: vec![recipient],
    };
    Some(Parcel { message, envelopes: vec![Timed { envelope, due: now }] })
}

/// What a report is made of.
pub(super) struct Report<'a> {
    /// The name of this server.
    pub(super) hostname: &'a str,
    /// Drawn at random.
    pub(super) id: &'a str,
    pub(super) now: i64,
    /// Of the message that it is about.
    pub(super) envelope: &'a Envelope,
    /// At least one.
    pub(super) recipients: &'a [Reported],
    pub(super) original: Original<'a>,
}

/// What of the message comes back.
pub(super) enum Original<'a> {
    /// All of it.
    Full(&'a [u8]),
    /// Its header.
    Header(&'a [u8]),
}

/// Whether the sender wants the message back: if it says so, and where it fails (RFC 3461, 5.3 leaves
/// the rest to the server; a header says which message it was and carries nothing on).
pub(super) fn returns_all(envelope: &Envelope, recipients: &[Reported]) -> bool {
    envelope.options.ret == Some(Return::Full)
        && envelope.size <= RETURNED_LEN_MAX
        && recipients.iter().any(|one| one.action == Action::Failed)
}

impl Report<'_> {
    /// The message to send, with CRLF line ends.
    pub(super) fn compose(&self) -> Vec<u8> {
        let boundary = format!("report-{}", self.id);
        let mut text = self.header(&boundary);
        let _ = write!(text, "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n");
        let _ = write!(text, "Content-Transfer-Encoding: 8bit\r\n\r\n{}\r\n", self.words());
        let status = if self.is_global() { "global-delivery-status" } else { "delivery-status" };
        let _ =
            write!(text, "--{boundary}\r\nContent-Type: message/{status}\r\n\r\n{}", self.status());
        let (kind, original) = match self.original {
            Original::Full(bytes) if self.is_global() => ("message/global", bytes),
            Original::Full(bytes) => ("message/rfc822", bytes),
            Original::Header(bytes) if self.is_global() => {
                ("message/global-headers", header(bytes))
            }
            Original::Header(bytes) => ("text/rfc822-headers", header(bytes)),
        };
        let _ = write!(text, "--{boundary}\r\nContent-Type: {kind}\r\n\r\n");
        let mut message = text.into_bytes();
        message.extend_from_slice(original);
        if !original.ends_with(b"\r\n") {
            message.extend_from_slice(b"\r\n");
        }
        message.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        message
    }

    /// Whether fields must hold UTF-8 (RFC 6533, 3).
    fn is_global(&self) -> bool {
        self.envelope.options.smtputf8
    }

    fn header(&self, boundary: &str) -> String {
        let status = if self.is_global() { "global-delivery-status" } else { "delivery-status" };
        let mut text = format!(
            "From: Mail delivery <mailer-daemon@{host}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\
             Date: {date}\r\nMessage-ID: <{id}@{host}>\r\n",
            host = self.hostname,
            to = self.envelope.reverse_path,
            subject = self.subject(),
            date = HeaderDate(self.now),
            id = self.id,
        );
        if let Some(about) = self.message_id() {
            let _ = write!(text, "In-Reply-To: {about}\r\nReferences: {about}\r\n");
        }
        let _ = write!(
            text,
            "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type={status};\r\n\tboundary=\"{boundary}\"\r\n\r\n"
        );
        text
    }

    fn subject(&self) -> &'static str {
        if self.any(Action::Failed) {
            "Your message could not be delivered"
        } else if self.any(Action::Delayed) {
            "Your message is delayed"
        } else {
            "Your message was delivered"
        }
    }

    fn any(&self, action: Action) -> bool {
        self.recipients.iter().any(|one| one.action == action)
    }

    /// For people.
    fn words(&self) -> String {
        let mut words = format!("This is the mail server {}.\r\n", self.hostname);
        for (action, introduction) in [
            (Action::Failed, "Your message could not be delivered to these recipients:"),
            (
                Action::Delayed,
                "Your message has not been delivered to these recipients yet. It will be tried again; \
                 you need not do anything:",
            ),
            (Action::Delivered, "Your message was delivered to:"),
            (
                Action::Relayed,
                "Your message was handed to a server that sends no word of what becomes of it, for:",
            ),
        ] {
            let mut of_it = self.recipients.iter().filter(|one| one.action == action).peekable();
            if of_it.peek().is_none() {
                continue;
            }
            let _ = write!(words, "\r\n{introduction}\r\n");
            for Reported { recipient, trouble, .. } in of_it {
                let said = one_line(&trouble.text);
                let _ = match &trouble.host {
                    Some(host) => {
                        write!(
                            words,
                            "\r\n  <{}>\r\n    {host} said: {said}\r\n",
                            recipient.address
                        )
                    }
                    None => write!(words, "\r\n  <{}>\r\n    {said}\r\n", recipient.address),
                };
            }
        }
        if self.any(Action::Delayed) {
            let until = HeaderDate(self.envelope.expires);
            let _ =
                write!(words, "\r\nIf it cannot be delivered by {until}, you will be told.\r\n");
        }
        words
    }

    /// For programs (RFC 3464, 2.2 and 2.3).
    fn status(&self) -> String {
        let mut text = format!("Reporting-MTA: dns; {}\r\n", self.hostname);
        if let Some(id) = self.envelope.options.envelope_id.as_deref().and_then(plain) {
            let _ = write!(text, "Original-Envelope-Id: {id}\r\n");
        }
        let _ = write!(text, "Arrival-Date: {}\r\n\r\n", HeaderDate(self.envelope.arrived));
        for Reported { recipient, action, trouble } in self.recipients {
            if let Some((kind, original)) =
                recipient.original.as_deref().and_then(|it| it.split_once(';'))
                && let Some(original) = plain(original)
            {
                let _ = write!(text, "Original-Recipient: {kind}; {original}\r\n");
            }
            let kind = if recipient.address.is_ascii() { "rfc822" } else { "utf-8" };
            let action = match action {
                Action::Failed => "failed",
                Action::Delayed => "delayed",
                Action::Delivered => "delivered",
                Action::Relayed => "relayed",
            };
            let _ = write!(
                text,
                "Final-Recipient: {kind}; {}\r\nAction: {action}\r\nStatus: {}\r\n",
                recipient.address, trouble.status
            );
            if let Some(host) = &trouble.host {
                let _ = write!(text, "Remote-MTA: dns; {host}\r\n");
            }
            let kind = if trouble.is_reply { "smtp" } else { "x-fumikura" };
            let said = one_line(&trouble.text);
            if !said.is_empty() {
                let _ = write!(text, "Diagnostic-Code: {kind}; {said}\r\n");
            }
            let _ = write!(text, "Last-Attempt-Date: {}\r\n", HeaderDate(self.now));
            if action == "delayed" {
                let _ = write!(text, "Will-Retry-Until: {}\r\n", HeaderDate(self.envelope.expires));
            }
            text.push_str("\r\n");
        }
        text
    }

    /// The Message-ID of the message, if it can stand in a field as it is.
    fn message_id(&self) -> Option<&str> {
        let (Original::Full(bytes) | Original::Header(bytes)) = self.original;
        let fields = header(bytes).split(|byte| *byte == b'\n');
        let mut found = fields.filter_map(|line| {
            let (name, value) = line.split_at_checked(b"message-id:".len())?;
            name.eq_ignore_ascii_case(b"message-id:").then_some(value.trim_ascii())
        });
        let id = std::str::from_utf8(found.next()?).ok()?;
        let is_id = id.starts_with('<') && id.ends_with('>') && id.len() < 300;
        (is_id && id.bytes().all(|byte| byte.is_ascii_graphic())).then_some(id)
    }
}

/// The header of a message, cut where a line ends if it is very long.
fn header(message: &[u8]) -> &[u8] {
    let end = memchr::memmem::find(message, b"\r\n\r\n").map_or(message.len(), |end| end + 2);
    let header = message.get(..end).unwrap_or_default();
    let Some(front) = header.get(..HEADER_LEN_MAX) else { return header };
    let end = memchr::memrchr(b'\n', front).map_or(0, |end| end + 1);
    front.get(..end).unwrap_or_default()
}

/// What a server said, as it can stand in a field.
fn one_line(text: &str) -> String {
    let plain = text.chars().map(|it| if it.is_control() { ' ' } else { it });
    let words: String = plain.take(TEXT_LEN_MAX).collect();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// xtext (RFC 3461, 4) as it was before it was encoded; `None` for what cannot stand in a field.
fn plain(xtext: &str) -> Option<String> {
    let mut plain = Vec::new();
    let mut bytes = xtext.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'+' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                u8::try_from(high << 4 | low).ok()?
            }
            other => other,
        };
        plain.push(byte);
    }
    String::from_utf8(plain).ok().filter(|text| !text.contains(char::is_control))
}

#[cfg(test)]
mod tests;
