//! What a session is told of besides its mailbox: annotations that others change, once METADATA was
//! enabled (RFC 5464, 4.1).
//!
//! A session that asked for nothing has no watch, and none costs anything between two changes but
//! the list of mailboxes that its client knows.

mod lists;
mod own;

use std::sync::Arc;

use engine::{Account, MailboxList};

use super::dialogue::Dialogue;
use super::encode::{push_entry_name, push_mailbox};
use super::outcome::Stop;
use lists::ListEvent;
pub(crate) use own::Own;

/// What a session is told of besides its mailbox.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The list that the client was told of.
    seen: Arc<MailboxList>,
    /// What the client just did itself, and is not told.
    own: Option<Own>,
}

impl Watch {
    /// Tells of what changes from now on.
    pub(crate) fn new(account: &Account) -> Self {
        Self { seen: account.mailboxes(), own: None }
    }

    /// The client has done this itself.
    pub(crate) fn note_own(&mut self, own: Option<Own>) {
        self.own = own;
    }

    /// Resolves once there may be something to tell.
    pub(crate) async fn changed(&self, account: &Account) {
        account.changed(&self.seen).await;
    }

    /// Tells what changed since the last time.
    pub(crate) async fn tell(
        &mut self,
        account: &Account,
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        let (list, own) = (account.mailboxes(), self.own.take());
        if Arc::ptr_eq(&list, &self.seen) {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.seen, Arc::clone(&list));
        for event in lists::changes(&before, &list) {
            if own.as_ref().is_some_and(|own| own.caused(&event)) {
                continue;
            }
            push_event(dialogue, &event);
            dialogue.breathe().await?;
        }
        Ok(())
    }
}

/// `* METADATA name entry …`, without values (RFC 5464, 4.4.2).
fn push_event(dialogue: &mut Dialogue, event: &ListEvent<'_>) {
    let ListEvent::Annotations { mailbox, entries } = event;
    let dialect = dialogue.dialect;
    let out = dialogue.out();
    out.extend_from_slice(b"* METADATA ");
    push_mailbox(out, mailbox.unwrap_or(""), dialect);
    for entry in entries {
        out.push(b' ');
        push_entry_name(out, entry);
    }
    out.extend_from_slice(b"\r\n");
}
