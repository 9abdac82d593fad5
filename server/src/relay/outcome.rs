//! What came of a try, for each recipient, in words that a delivery status notification can be
//! written with (RFC 3464, 2.3).

use std::fmt;
use std::net::IpAddr;

use super::reply::{EnhancedStatus, Reply};

/// What came of a try for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Another server has the message and answers for it.
    Accepted(Acceptance),
    /// Another try may succeed.
    Deferred(Trouble),
    /// No other try will.
    Refused(Trouble),
}

/// Who has the message now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// The server that took it.
    pub host: RemoteHost,
    /// What it said.
    pub reply: Reply,
    /// Whether it knows DSN, and so reports success itself if it was asked to (RFC 3461, 5.2.2).
    pub reports: bool,
    /// Whether it knows DELIVERBY, and so minds the time itself (RFC 2852, 4).
    pub minds_time: bool,
    /// Whether the message went in TLS.
    pub is_tls: bool,
}

/// A server that was spoken to, or would have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteHost {
    /// The name that led there; for an address literal the literal.
    pub name: String,
    /// Its address, if it has one.
    pub address: Option<IpAddr>,
}

/// Why a recipient has not got a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// For the Status field: the server's own if it said one, else ours (RFC 3463).
    pub status: EnhancedStatus,
    /// Who was asked, for Remote-MTA; `None` if nobody could be.
    pub host: Option<RemoteHost>,
    /// What it answered, for Diagnostic-Code; `None` where it did not come to that.
    pub reply: Option<Reply>,
    /// What happened, in words.
    pub text: String,
    /// What it says about others.
    pub concern: Concern,
    /// Whether the message may have arrived all the same: the connection broke when the message
    /// was sent and not yet acknowledged (RFC 5321, 4.2.5, 6.1). The next try may be a second copy.
    pub may_have_arrived: bool,
}

/// What a trouble says about others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// All mail to the destination has it: nobody can be reached, or nobody takes mail from us.
    Destination,
    /// This message has it, for all recipients.
    Message,
    /// This recipient has it.
    Recipient,
}

impl Trouble {
    /// What happened here, where no server said anything.
    pub fn own(status: EnhancedStatus, concern: Concern, text: impl Into<String>) -> Self {
        Self {
            status,
            host: None,
            reply: None,
            text: text.into(),
            concern,
            may_have_arrived: false,
        }
    }

    /// What a server answered, to something that it says `concern`.
    pub(super) fn answered(
        host: &RemoteHost,
        reply: Reply,
        concern: Concern,
        text: impl Into<String>,
    ) -> Self {
        let status = match reply.status_or_class() {
            // Success where there can be none: no SMTP that we know.
            EnhancedStatus { class: 2, .. } => EnhancedStatus::new(4, 5, 0),
            status => status,
        };
        Self { reply: Some(reply), ..Self::own(status, concern, text).at(host) }
    }

    /// A refusal if it is for good, else a deferral.
    pub(super) fn into_outcome(self) -> Outcome {
        if self.status.is_temporary() { Outcome::Deferred(self) } else { Outcome::Refused(self) }
    }

    /// The same, with whom we spoke.
    #[must_use]
    pub fn at(self, host: &RemoteHost) -> Self {
        Self { host: Some(host.clone()), ..self }
    }
}

/// One sentence, for a log or a list.
impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(out, "{host}: ")?;
        }
        out.write_str(&self.text)?;
        match &self.reply {
            Some(reply) => write!(out, ": {reply}"),
            None => write!(out, " ({})", self.status),
        }
    }
}

/// `mx.example.org [192.0.2.1]`.
impl fmt::Display for RemoteHost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) if !self.name.starts_with('[') => {
                write!(out, "{} [{address}]", self.name)
            }
            _ => out.write_str(&self.name),
        }
    }
}
