//! A mail transaction that is to be made with another server (RFC 5321, 3.3), as a value.

use std::fmt;

use engine::io::MessageSource;
use serde::{Deserialize, Serialize};

/// One message and those of its recipients that share a destination.
#[derive(Clone)]
pub struct OutgoingMail {
    /// Where reports go, as it stands between angle brackets; empty for nowhere.
    pub reverse_path: String,
    /// Who is to get it.
    pub recipients: Vec<OutgoingRecipient>,
    /// The message as it is sent, with CR LF line ends.
    pub message: MessageSource,
    /// What octets it has.
    pub body: Body,
    /// Whether it came, or was made, with SMTPUTF8 (RFC 6531, 3.4). What can do without does.
    pub smtputf8: bool,
    /// What its sender asked of TLS.
    pub tls: TlsNeed,
    /// ENVID, as xtext (RFC 3461, 4.4).
    pub envelope_id: Option<String>,
    /// RET.
    pub ret: Option<Return>,
    /// MT-PRIORITY, -9 to 9 (RFC 6710); 0 is said to nobody.
    pub priority: i8,
    /// BY (RFC 2852).
    pub deliver_by: Option<DeliverBy>,
}

/// Who is to get a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutgoingRecipient {
    /// The address, as it stands between angle brackets.
    pub address: String,
    /// NOTIFY, if the sender said anything.
    pub notify: Option<Notify>,
    /// ORCPT: `type;xtext` (RFC 3461, 4.2).
    pub original: Option<String>,
}

/// When a sender wants to hear of a recipient (RFC 3461, 4.1); all false is NEVER.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notify {
    /// When the message was delivered.
    #[serde(skip_serializing_if = "is_false")]
    pub success: bool,
    /// When it cannot be.
    #[serde(skip_serializing_if = "is_false")]
    pub failure: bool,
    /// When it takes long.
    #[serde(skip_serializing_if = "is_false")]
    pub delay: bool,
}

/// What of a message comes back with a report that it failed (RFC 3461, 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Return {
    /// All of it.
    Full,
    /// Its header.
    #[serde(rename = "hdrs")]
    Headers,
}

/// By when a message is to be delivered (RFC 2852, 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliverBy {
    /// Seconds that are left when the transaction begins; negative if it is too late already.
    pub seconds: i64,
    /// What to do then.
    pub late: LateAction,
    /// Whether the sender wants to hear of each host on the way.
    pub is_traced: bool,
}

/// What is done with a message that is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LateAction {
    /// `R`: it goes back.
    Return,
    /// `N`: the sender is told.
    Notify,
}

/// What octets a message has (RFC 6152; RFC 3030, 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// ASCII in lines.
    #[default]
    SevenBit,
    /// Any octets in lines.
    EightBit,
    /// Any octets: CR and LF may stand alone, and lines be of any length.
    Binary,
}

/// What the sender of a message asked of TLS (RFC 8689).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsNeed {
    /// Nothing: what the destination's own policy says.
    #[default]
    Policy,
    /// REQUIRETLS: with a certificate that is verified, and to servers that pass that on.
    Required,
    /// `TLS-Required: no`: delivered even where the destination's policy cannot be met.
    Optional,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Body {
    /// Looks whether there are octets above 127.
    pub fn of(message: &[u8]) -> Self {
        if message.is_ascii() { Self::SevenBit } else { Self::EightBit }
    }
}

impl OutgoingMail {
    /// Mail to these addresses about which nothing else was said.
    pub fn plain(reverse_path: &str, recipients: &[&str], message: MessageSource) -> Self {
        let recipient = |address: &&str| OutgoingRecipient {
            address: (*address).to_owned(),
            ..OutgoingRecipient::default()
        };
        Self {
            reverse_path: reverse_path.to_owned(),
            recipients: recipients.iter().map(recipient).collect(),
            body: Body::of((*message).as_ref()),
            message,
            smtputf8: false,
            tls: TlsNeed::Policy,
            envelope_id: None,
            ret: None,
            priority: 0,
            deliver_by: None,
        }
    }

    /// Its octets.
    pub fn octets(&self) -> &[u8] {
        (*self.message).as_ref()
    }
}

impl fmt::Debug for OutgoingMail {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut mail = out.debug_struct("OutgoingMail");
        mail.field("reverse_path", &self.reverse_path).field("recipients", &self.recipients);
        mail.field("len", &self.octets().len()).finish_non_exhaustive()
    }
}
