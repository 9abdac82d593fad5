//! What the messages of an account take together, kept up to date by the writer.
//!
//! Nothing of it is stored: it is added up from the mailboxes' counters, which their images hold,
//! when somebody first asks, and follows every change from then on, for as long as the account is in
//! memory. The writer never waits for who adds up.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ids::MailboxId;
use crate::state::Snapshot;

/// Messages and their RFC822.SIZE, added up; copies count like any other message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Octets of all messages.
    pub(crate) octets: u64,
    /// Messages.
    pub(crate) messages: u64,
}

impl From<Usage> for (u64, u64) {
    fn from(usage: Usage) -> Self {
        (usage.octets, usage.messages)
    }
}

impl Usage {
    fn of(snapshot: &Snapshot) -> Self {
        Self { octets: snapshot.size_total(), messages: snapshot.exists().into() }
    }

    fn change(&mut self, from: Self, to: Self) {
        self.octets = self.octets.saturating_sub(from.octets).saturating_add(to.octets);
        self.messages = self.messages.saturating_sub(from.messages).saturating_add(to.messages);
    }
}

/// The usage of one account.
#[derive(Debug, Default)]
pub(crate) struct UsageTable(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    mailboxes: HashMap<MailboxId, Usage>,
    total: Usage,
    /// Whether every mailbox is in it.
    is_whole: bool,
}

impl UsageTable {
    /// The writer has published a newer snapshot of a mailbox.
    pub(crate) fn publish(&self, mailbox: MailboxId, snapshot: &Snapshot) {
        let mut counted = self.lock();
        let (now, counted) = (Usage::of(snapshot), &mut *counted);
        let before = counted.mailboxes.insert(mailbox, now).unwrap_or_default();
        counted.total.change(before, now);
    }

    /// The writer has published that a mailbox is gone. While somebody still adds up, an empty
    /// entry keeps them from counting what they saw of it before.
    pub(crate) fn publish_deleted(&self, mailbox: MailboxId) {
        let mut counted = self.lock();
        let counted = &mut *counted;
        let before = if counted.is_whole {
            counted.mailboxes.remove(&mailbox)
        } else {
            counted.mailboxes.insert(mailbox, Usage::default())
        };
        counted.total.change(before.unwrap_or_default(), Usage::default());
    }

    /// A reader has looked at a mailbox; what the writer has said of it since is newer.
    pub(crate) fn look(&self, mailbox: MailboxId, snapshot: &Snapshot) {
        let mut counted = self.lock();
        let counted = &mut *counted;
        if !counted.is_whole && !counted.mailboxes.contains_key(&mailbox) {
            let now = Usage::of(snapshot);
            counted.mailboxes.insert(mailbox, now);
            counted.total.change(Usage::default(), now);
        }
    }

    /// A reader has looked at every mailbox that the list had when it began. Those made since are
    /// published by the writer from the start.
    pub(crate) fn finish(&self) -> Usage {
        let mut counted = self.lock();
        counted.is_whole = true;
        counted.total
    }

    /// The usage, if every mailbox is in it.
    pub(crate) fn whole(&self) -> Option<Usage> {
        let counted = self.lock();
        counted.is_whole.then_some(counted.total)
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
