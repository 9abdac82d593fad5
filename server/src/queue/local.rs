//! Entries that lead to mailboxes of this server: reports to its own users above all.

use std::sync::Arc;

use super::entries::Entry;
use super::envelope::Trouble;
use super::runner::{all_deferred, message};
use super::settlement::{Handover, Outcome};
use crate::config::Role;
use crate::context::Context;
use crate::delivery::{self, Placement};
use crate::directory::{Address, Resolution};
use crate::spool::Spooled;

/// Delivers an entry whose destination is a domain of ours.
pub(super) async fn deliver(context: &Context, entry: &Entry) -> Vec<Outcome> {
    let front = format!("Return-Path: <{}>\r\n", entry.envelope.reverse_path);
    let message = match message(context, entry, front.as_bytes()).await {
        Ok(message) => message,
        Err(trouble) => return all_deferred(entry, &trouble),
    };
    let message = Arc::new(message);
    let mut outcomes = Vec::with_capacity(entry.envelope.recipients.len());
    for recipient in &entry.envelope.recipients {
        outcomes.push(to(context, &recipient.address, &message).await);
    }
    outcomes
}

async fn to(context: &Context, address: &str, message: &Arc<Spooled>) -> Outcome {
    let unknown = || Outcome::Failed(Trouble::own("5.1.1", "there is no such user here"));
    let Ok(address) = Address::parse(address) else { return unknown() };
    let targets = match context.directory.resolve(&address).await {
        Ok(Resolution::Found(targets)) => targets,
        Ok(_) => return unknown(),
        Err(error) => {
            tracing::error!(%error, "cannot look up a recipient");
            return Outcome::Deferred(Trouble::own("4.3.0", "users cannot be looked up"));
        }
    };
    // With each user's own room looked at, as LMTP does.
    let results = delivery::deliver(
        context,
        Role::Lmtp,
        &targets.users,
        Arc::clone(message),
        Placement::Inbox,
    )
    .await;
    match results.into_iter().find_map(Result::err) {
        None => {
            Outcome::Delivered(Handover { host: None, text: "stored".to_owned(), reports: false })
        }
        Some(error) if error.is_over_quota() => {
            Outcome::Deferred(Trouble::own("4.2.2", "the mailbox is full"))
        }
        Some(error) => {
            tracing::error!(%error, "cannot store a message of the queue");
            Outcome::Deferred(Trouble::own("4.3.0", "the message could not be stored"))
        }
    }
}
