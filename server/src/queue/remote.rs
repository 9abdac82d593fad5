//! Entries that go to other servers.

use std::sync::Arc;

use engine::clock::unix_seconds;

use super::entries::Entry;
use super::envelope::{Envelope, MailOptions, Trouble};
use super::runner::{all_deferred, message};
use super::settlement::{Handover, Outcome};
use crate::context::Context;
use crate::relay::{self, Body, Concern, Destination, OutgoingMail, OutgoingRecipient, TlsNeed};

/// Tries to hand an entry to the servers of its destination; also tells whether any was reached.
pub(super) async fn deliver(context: &Context, entry: &Entry) -> (Vec<Outcome>, bool) {
    let envelope = &entry.envelope;
    let Some(destination) = Destination::parse(&envelope.destination) else {
        let trouble = Trouble::own("5.1.2", "the domain is no domain name");
        return (vec![Outcome::Failed(trouble); envelope.recipients.len()], true);
    };
    let message = match message(context, entry, b"").await {
        Ok(message) => message,
        Err(trouble) => return (all_deferred(entry, &trouble), true),
    };
    let mail = OutgoingMail { body: Body::of(&message), ..outgoing(envelope, Arc::new(message)) };
    let outcomes = context.relay.send(&destination, &mail).await;
    let reached = outcomes.iter().any(|outcome| match outcome {
        relay::Outcome::Deferred(trouble) => trouble.concern != Concern::Destination,
        relay::Outcome::Accepted(_) | relay::Outcome::Refused(_) => true,
    });
    (outcomes.into_iter().map(Outcome::from).collect(), reached)
}

/// A transaction for the recipients of an envelope.
fn outgoing(envelope: &Envelope, message: engine::io::MessageSource) -> OutgoingMail {
    let MailOptions { smtputf8, require_tls, tls_optional, envelope_id, ret, priority, deliver_by } =
        envelope.options.clone();
    let recipients = envelope.recipients.iter().map(|recipient| OutgoingRecipient {
        address: recipient.address.clone(),
        notify: recipient.notify,
        original: recipient.original.clone(),
    });
    OutgoingMail {
        reverse_path: envelope.reverse_path.clone(),
        recipients: recipients.collect(),
        body: Body::default(),
        message,
        smtputf8,
        tls: match (require_tls, tls_optional) {
            (true, _) => TlsNeed::Required,
            (false, true) => TlsNeed::Optional,
            (false, false) => TlsNeed::Policy,
        },
        envelope_id,
        ret,
        priority,
        deliver_by: deliver_by.map(|by| relay::DeliverBy {
            seconds: by.at.saturating_sub(unix_seconds()),
            late: by.late,
            is_traced: by.traced,
        }),
    }
}

impl From<relay::Outcome> for Outcome {
    fn from(outcome: relay::Outcome) -> Self {
        match outcome {
            relay::Outcome::Accepted(accepted) => Self::Delivered(Handover {
                host: Some(accepted.host.name),
                text: accepted.reply.to_string(),
                reports: accepted.reports,
            }),
            relay::Outcome::Deferred(trouble) => Self::Deferred(trouble.into()),
            relay::Outcome::Refused(trouble) => Self::Failed(trouble.into()),
        }
    }
}

impl From<relay::Trouble> for Trouble {
    fn from(trouble: relay::Trouble) -> Self {
        Self {
            status: trouble.status.to_string(),
            host: trouble.host.map(|host| host.name),
            is_reply: trouble.reply.is_some(),
            text: trouble.reply.map_or(trouble.text, |reply| reply.to_string()),
        }
    }
}
