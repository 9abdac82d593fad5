//! From a message that came whole to its reply: once the store has acknowledged it.
//!
//! SMTP has one reply for all recipients, so the message is taken for all or, as the client must
//! understand it, for none: if one of several could not be stored, the client is told to try
//! again, and those who have it already may get it twice. Nothing is lost that way. LMTP has a
//! reply for each (RFC 2033, 4.2).

use super::incoming::{Incoming, MessageFault};
use super::reply::Reply;
use super::session::Session;
use super::trace::missing_fields;
use super::transaction::Transaction;
use crate::config::Role;
use crate::delivery::{DeliveryError, deliver};
use crate::spool::Spooled;

/// More `Received` fields than this are taken for a loop (RFC 5321, 6.3: at least 100).
const RECEIVED_COUNT_MAX: usize = 100;

/// Stores a message and answers, or answers why not.
pub(super) async fn accept(session: &mut Session, transaction: &Transaction, incoming: Incoming) {
    let len = incoming.received();
    let refusal = match finished(session, transaction, incoming).await {
        Ok(message) => return store(session, transaction, message).await,
        Err(fault) => fault,
    };
    tracing::info!(
        id = %transaction.id, role = session.role.name(), from = %transaction.reverse_path,
        len, "message refused: {refusal}"
    );
    let reply = Reply::from(refusal);
    match session.role {
        Role::Lmtp => (0..transaction.recipient_count()).for_each(|_| session.reply(&reply)),
        _ => session.refuse(&reply),
    }
}

/// The message as it will be stored.
async fn finished(
    session: &Session,
    transaction: &Transaction,
    incoming: Incoming,
) -> Result<Spooled, MessageFault> {
    let finish = incoming.finish(|survey| {
        if survey.received_count > RECEIVED_COUNT_MAX {
            return Err(MessageFault::Loop);
        }
        if session.role != Role::Submission {
            return Ok(String::new());
        }
        let hostname = &session.context.config.hostname;
        let now = engine::clock::unix_seconds();
        Ok(missing_fields(survey, transaction.id, hostname, now))
    });
    finish.await
}

async fn store(session: &mut Session, transaction: &Transaction, message: Spooled) {
    let targets = transaction.targets();
    let len = message.len();
    let outcomes = deliver(&session.context, session.role, &targets.unique, message).await;
    report(session, transaction, &outcomes, len);
    let is_stored = |place: &usize| matches!(outcomes.get(*place), Some(Ok(())));
    match session.role {
        Role::Lmtp => {
            for places in &targets.by_recipient {
                let is_full = |place: &usize| {
                    let outcome = outcomes.get(*place);
                    matches!(outcome, Some(Err(error)) if error.is_over_quota())
                };
                let reply = if places.iter().all(is_stored) {
                    Reply::STORED
                } else if places.iter().any(is_full) {
                    Reply::MAILBOX_FULL
                } else {
                    Reply::STORE_FAILED
                };
                session.reply(&reply);
            }
        }
        _ if (0..targets.unique.len()).all(|place| is_stored(&place)) => {
            session.reply(&Reply::STORED);
        }
        _ => session.reply(&Reply::STORE_FAILED),
    }
}

fn report(
    session: &Session,
    transaction: &Transaction,
    outcomes: &[Result<(), DeliveryError>],
    len: usize,
) {
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        if error.is_over_quota() {
            tracing::info!(id = %transaction.id, %error, "a message was not taken");
        } else {
            tracing::error!(id = %transaction.id, %error, "cannot store a message");
        }
    }
    let stored = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    tracing::info!(
        id = %transaction.id, role = session.role.name(), from = %transaction.reverse_path,
        len, stored, "message received"
    );
}
