//! What is known of a message on its way out besides its octets: an envelope (RFC 5321, 2.3.1)
//! for each destination, written as a document that stands in the queue as a message of its own.
//!
//! ```text
//! Content-Type: application/json
//!
//! {"id":"5c0f…","message":{"below":2},"destination":"example.org","reverse_path":"a@b.example",…}
//! ```

use engine::Uid;
use serde::{Deserialize, Serialize};

use crate::relay::{LateAction, Notify, Return};

use super::outbox::Outbox;

/// Stands before the document.
const HEADER: &[u8] = b"Content-Type: application/json\r\n\r\n";
/// Recipients of one envelope: what every server must take at once (RFC 5321, 4.5.3.1.8).
pub(super) const RECIPIENTS_MAX: usize = 100;

/// An envelope: one message, one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Names the message to people; the same for all its destinations.
    pub id: String,
    /// Where the message is.
    pub message: MessagePlace,
    /// The domain of the recipients, as A-label, or an address literal in its brackets.
    pub destination: String,
    /// Where reports go; empty for nowhere.
    pub reverse_path: String,
    /// How the message must be treated on its way.
    #[serde(flatten)]
    pub options: MailOptions,
    /// When it was accepted; seconds since 1970, as all times here.
    pub arrived: i64,
    /// When it is given up.
    pub expires: i64,
    /// Octets of the message.
    pub size: u64,
    /// The account that submitted it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<u64>,
    /// Tries so far.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// Whether the sender was told that it takes long.
    #[serde(default, skip_serializing_if = "is_false")]
    pub delay_reported: bool,
    /// Not tried until somebody releases it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub held: bool,
    /// How far it is, if its sender may take it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox: Option<Outbox>,
    /// Who has not got it yet; at least one.
    pub recipients: Vec<QueuedRecipient>,
}

/// Where the message of an envelope is in the mailbox of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessagePlace {
    /// So many UIDs below the envelope: they came together.
    Below(u32),
    /// At this UID.
    At(u32),
}

/// What the sender asked of everybody on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MailOptions {
    /// Addresses or header fields hold UTF-8 (RFC 6531).
    #[serde(skip_serializing_if = "is_false")]
    pub smtputf8: bool,
    /// Only over TLS that is verified (RFC 8689, 2).
    #[serde(skip_serializing_if = "is_false")]
    pub require_tls: bool,
    /// `TLS-Required: no` (RFC 8689, 3): rather without TLS than not at all.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_optional: bool,
    /// ENVID (RFC 3461, 4.4), as xtext.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub envelope_id: Option<String>,
    /// RET (RFC 3461, 4.3): what of the message comes back with a report of failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ret: Option<Return>,
    /// MT-PRIORITY (RFC 6710), -9 to 9.
    #[serde(skip_serializing_if = "is_normal")]
    pub priority: i8,
    /// BY (RFC 2852).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliver_by: Option<DeliverBy>,
}

/// By when a message is to be delivered (RFC 2852, 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliverBy {
    /// Seconds since 1970.
    pub at: i64,
    /// What is done then.
    pub late: LateAction,
    /// Whether each server on the way tells the sender.
    #[serde(default, skip_serializing_if = "is_false")]
    pub traced: bool,
}

/// A recipient that has not got the message yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedRecipient {
    /// The address, as it is written between angle brackets.
    pub address: String,
    /// NOTIFY (RFC 3461, 4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// ORCPT (RFC 3461, 4.2): `type;xtext`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// What came of the last try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

/// Why a recipient has not got a message, in the words of RFC 3464, 2.3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// An enhanced status code (RFC 3463), such as `4.4.1`.
    pub status: String,
    /// Who said so; `None` if nobody could be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What was said, or what happened.
    pub text: String,
    /// Whether `text` is an SMTP reply.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_reply: bool,
}

impl Envelope {
    /// As it stands in the queue.
    pub(super) fn to_message(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = HEADER.to_vec();
        serde_json::to_writer(&mut text, self)?;
        text.extend_from_slice(b"\r\n");
        Ok(text)
    }

    /// Reads what [`Self::to_message`] wrote.
    pub(super) fn from_message(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text.strip_prefix(HEADER).unwrap_or(text))
    }

    /// The UID of the message, for an envelope that has this one.
    pub(super) fn message_uid(&self, own: Uid) -> Option<Uid> {
        match self.message {
            MessagePlace::Below(distance) => Uid::new(own.get().checked_sub(distance)?),
            MessagePlace::At(uid) => Uid::new(uid),
        }
    }

    /// Whether nobody is told what becomes of it.
    pub fn is_report(&self) -> bool {
        self.reverse_path.is_empty()
    }
}

impl QueuedRecipient {
    /// Whether the sender wants to hear that the recipient does not get the message: yes unless it
    /// said otherwise (RFC 3461, 4.1).
    pub fn reports_failure(&self) -> bool {
        self.notify.is_none_or(|notify| notify.failure)
    }

    /// Whether it wants to hear that it takes long. Who said nothing does too.
    pub fn reports_delay(&self) -> bool {
        self.notify.is_none_or(|notify| notify.delay)
    }

    /// Whether it wants to hear that the message was delivered.
    pub fn reports_success(&self) -> bool {
        self.notify.is_some_and(|notify| notify.success)
    }
}

impl Trouble {
    /// What happened here, where no server said anything.
    pub fn own(status: &str, text: impl Into<String>) -> Self {
        Self { status: status.to_owned(), host: None, text: text.into(), is_reply: false }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn is_normal(value: &i8) -> bool {
    *value == 0
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::outbox::Place;
    use super::*;

    pub(in super::super) fn envelope() -> Envelope {
        let recipient =
            QueuedRecipient { address: "b@example.org".to_owned(), ..Default::default() };
        Envelope {
            id: "00ab".to_owned(),
            message: MessagePlace::Below(1),
            destination: "example.org".to_owned(),
            reverse_path: "a@example.test".to_owned(),
            options: MailOptions::default(),
            arrived: 1_700_000_000,
            expires: 1_700_432_000,
            size: 1200,
            account: None,
            attempts: 0,
            delay_reported: false,
            held: false,
            outbox: None,
            recipients: vec![recipient],
        }
    }

    #[test]
    fn a_plain_envelope_is_short_and_reads_back() {
        let text = envelope().to_message().expect("written");
        let expected = concat!(
            "Content-Type: application/json\r\n\r\n",
            r#"{"id":"00ab","message":{"below":1},"destination":"example.org","#,
            r#""reverse_path":"a@example.test","arrived":1700000000,"expires":1700432000,"#,
            r#""size":1200,"recipients":[{"address":"b@example.org"}]}"#,
            "\r\n",
        );
        assert_eq!(String::from_utf8_lossy(&text), expected);
        assert_eq!(Envelope::from_message(&text).expect("reads"), envelope());
    }

    #[test]
    fn everything_that_can_be_said_reads_back() {
        let options = MailOptions {
            smtputf8: true,
            require_tls: true,
            tls_optional: true,
            envelope_id: Some("QQ+3D".to_owned()),
            ret: Some(Return::Headers),
            priority: -3,
            deliver_by: Some(DeliverBy {
                at: 1_700_000_060,
                late: LateAction::Notify,
                traced: true,
            }),
        };
        let trouble = Trouble {
            status: "4.2.2".to_owned(),
            host: Some("mx.example.org".to_owned()),
            text: "452 4.2.2 full".to_owned(),
            is_reply: true,
        };
        let recipient = QueuedRecipient {
            address: "\"ö ö\"@example.org".to_owned(),
            notify: Some(Notify { success: true, failure: false, delay: true }),
            original: Some("rfc822;x@y".to_owned()),
            trouble: Some(trouble),
        };
        let envelope = Envelope {
            message: MessagePlace::At(7),
            options,
            account: Some(u64::MAX),
            attempts: 3,
            delay_reported: true,
            held: true,
            outbox: Some(Outbox::Waiting(Place { mailbox: 3, uid: 4, email: 5 })),
            recipients: vec![recipient],
            ..envelope()
        };
        let text = envelope.to_message().expect("written");
        assert_eq!(Envelope::from_message(&text).expect("reads"), envelope);
        // The bytes, which must stay readable, and their table.
        let expected = concat!(
            r#"{"id":"00ab","message":{"at":7},"destination":"example.org","#,
            r#""reverse_path":"a@example.test","smtputf8":true,"require_tls":true,"#,
            r#""tls_optional":true,"envelope_id":"QQ+3D","ret":"hdrs","priority":-3,"#,
            r#""deliver_by":{"at":1700000060,"late":"notify","traced":true},"#,
            r#""arrived":1700000000,"expires":1700432000,"size":1200,"#,
            r#""account":18446744073709551615,"attempts":3,"delay_reported":true,"held":true,"#,
            r#""outbox":{"waiting":{"mailbox":3,"uid":4,"email":5}},"#,
            r#""recipients":[{"address":"\"ö ö\"@example.org","#,
            r#""notify":{"success":true,"delay":true},"original":"rfc822;x@y","#,
            r#""trouble":{"status":"4.2.2","host":"mx.example.org","text":"452 4.2.2 full","#,
            r#""is_reply":true}}]}"#,
        );
        let text = String::from_utf8(text).expect("text");
        let (_, document) = text.split_once("\r\n\r\n").expect("a header");
        assert_eq!(document.trim_end(), expected);
        let page = include_str!("../../../docs/FORMAT.md");
        let members: serde_json::Value = serde_json::from_str(expected).expect("an object");
        for member in members.as_object().expect("an object").keys() {
            assert!(page.contains(&format!("`{member}`")), "FORMAT.md has no {member}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "{}", "Content-Type: application/json\r\n\r\n{\"id\":1}"] {
            assert!(Envelope::from_message(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn failures_are_told_unless_the_sender_said_otherwise() {
        let with = |notify| QueuedRecipient { notify, ..QueuedRecipient::default() };
        let silent = with(None);
        assert!(silent.reports_failure() && silent.reports_delay() && !silent.reports_success());
        let never = with(Some(Notify::default()));
        assert!(!never.reports_failure() && !never.reports_delay() && !never.reports_success());
    }
}
