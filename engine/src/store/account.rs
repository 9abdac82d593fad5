//! One account: its mailboxes by name, and the changes to that list.

use std::sync::Arc;

use crate::Error;
use crate::ids::{AccountId, MailboxId};
use crate::io::MessageSource;
use crate::record::SpecialUse;
use crate::state::{MailboxEntry, MailboxList, Snapshot};
use crate::store::cells::AccountCell;
use crate::store::mailbox::Mailbox;
use crate::store::prepare::Prepared;
use crate::store::receipt::Receipt;
use crate::store::shard::Shard;

/// A handle to one account; cheap to clone.
#[derive(Clone)]
pub struct Account {
    pub(crate) shard: Shard,
    pub(crate) cell: Arc<AccountCell>,
}

impl Account {
    /// Who this is.
    pub fn id(&self) -> AccountId {
        self.cell.id
    }

    /// The mailboxes and subscriptions as of now, in name order.
    pub fn mailboxes(&self) -> Arc<MailboxList> {
        self.cell.list()
    }

    /// Resolves once the list is another than `seen`.
    pub async fn changed(&self, seen: &Arc<MailboxList>) {
        self.cell.changed(seen, u64::MAX).await;
    }

    /// How many changes of mailboxes there were since the account is in memory.
    pub fn activity(&self) -> u64 {
        self.cell.activity.count()
    }

    /// Resolves once the list is another than `seen`, or there were more changes of mailboxes than
    /// `activity`.
    pub async fn active(&self, seen: &Arc<MailboxList>, activity: u64) {
        self.cell.changed(seen, activity).await;
    }

    /// The mailboxes that changed after the first `activity` changes; `None` if it may have been any.
    pub fn changed_mailboxes(&self, activity: u64) -> Option<Vec<MailboxId>> {
        self.cell.activity.since(activity)
    }

    /// Parses and compresses a message for this account's store, as
    /// [`Store::prepare`](crate::Store::prepare) does.
    pub fn prepare(&self, bytes: &[u8]) -> Prepared {
        Prepared::with(bytes, self.shard.reader().dictionaries())
    }

    /// The same of bytes that stay where they are, as
    /// [`Store::prepare_source`](crate::Store::prepare_source) does.
    pub fn prepare_source(&self, source: &MessageSource) -> Prepared {
        Prepared::with_source(source, self.shard.reader().dictionaries())
    }

    /// Opens a mailbox by its name; `INBOX` in any case.
    pub fn mailbox(&self, name: &str) -> Result<Mailbox, Error> {
        let list = self.cell.list();
        let entry = list.find(name).ok_or(Error::NoSuchMailbox)?;
        let cell = self.cell.mailbox(entry.id);
        Mailbox::open(self.clone(), cell)
    }

    /// The newest snapshot of a mailbox of [`Account::mailboxes`], for its counters: reads no column,
    /// and does not count as opening the mailbox. Fails if it was deleted meanwhile.
    pub fn peek(&self, mailbox: &MailboxEntry) -> Result<Arc<Snapshot>, Error> {
        self.shard.snapshot(&self.cell.mailbox(mailbox.id))
    }

    /// What its messages take: their RFC822.SIZE added up, and how many they are. The first time it is asked for since the account is in memory, every
    /// mailbox's image may be read; after that it costs next to nothing.
    pub fn usage(&self) -> Result<(u64, u64), Error> {
        let table = &self.cell.usage;
        if let Some(usage) = table.whole() {
            return Ok(usage.into());
        }
        for mailbox in self.mailboxes().iter() {
            match self.peek(mailbox) {
                Ok(snapshot) => table.look(mailbox.id, &snapshot),
                // Deleted meanwhile.
                Err(Error::NoSuchMailbox) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(table.finish().into())
    }

    /// Makes a mailbox, and those above it that do not exist (RFC 9051, 6.3.4).
    pub fn create(&self, name: &str, special_use: Option<SpecialUse>) -> Receipt<()> {
        let (account, name) = (Arc::clone(&self.cell), name.to_owned());
        self.shard.submit(move |writer| writer.create_mailbox(&account, &name, special_use))
    }

    /// Deletes a mailbox and its messages; mailboxes below it stay (RFC 9051, 6.3.5).
    pub fn delete(&self, name: &str) -> Receipt<()> {
        let (account, name) = (Arc::clone(&self.cell), name.to_owned());
        self.shard.submit(move |writer| writer.delete_mailbox(&account, &name))
    }

    /// Renames a mailbox and those below it, atomically. INBOX is refused: its messages are
    /// moved instead (RFC 9051, 6.3.6), by [`Account::create`] and [`Mailbox::move_to`].
    pub fn rename(&self, from: &str, to: &str) -> Receipt<()> {
        let (account, from, to) = (Arc::clone(&self.cell), from.to_owned(), to.to_owned());
        self.shard.submit(move |writer| writer.rename_mailbox(&account, &from, &to))
    }

    /// Adds a name to the subscriptions, whether or not a mailbox has it.
    pub fn subscribe(&self, name: &str) -> Receipt<()> {
        let (account, name) = (Arc::clone(&self.cell), name.to_owned());
        self.shard.submit(move |writer| writer.subscribe(&account, &name))
    }

    /// Sets annotations of a mailbox, or of the account if none is named, or takes them away where
    /// there is no value: all or none (RFC 5464, 4.3). `/private/specialuse` is what the mailbox is for
    /// (RFC 6154, 4). Entries are told apart by case.
    pub fn annotate(
        &self,
        mailbox: Option<&str>,
        entries: impl IntoIterator<Item = (Arc<str>, Option<Arc<[u8]>>)>,
    ) -> Receipt<()> {
        let (account, mailbox) = (Arc::clone(&self.cell), mailbox.map(str::to_owned));
        let entries: Vec<_> = entries.into_iter().collect();
        self.shard.submit(move |writer| writer.annotate(&account, mailbox.as_deref(), entries))
    }

    /// Takes a name out of the subscriptions.
    pub fn unsubscribe(&self, name: &str) -> Receipt<()> {
        let (account, name) = (Arc::clone(&self.cell), name.to_owned());
        self.shard.submit(move |writer| writer.unsubscribe(&account, &name))
    }
}
