//! Where the queue is: in mailboxes of an account that nobody can log in to.
//!
//! An entry is two messages of one mailbox, which come and go with one record: the mail, and its
//! envelope, whose date is when it is due. So what is accepted is on disk, once for all
//! destinations, whatever happens while it is written; and a start reads dates, not envelopes.
//!
//! A changed envelope takes a new UID. Before a mailbox has spent its UIDs, new entries go to a new one; the
//! mailbox that is left is deleted when it is empty. [Why so](../../../docs/decisions/0023-the-queue-is-a-mailbox.md)

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine::{
    Account, AppendItem, Appended, Error, FlagSet, InternalDate, Keyword, Mailbox, Prepared, Row,
    Store, StoredMessage, Uid, UidSet,
};

use super::envelope::{Envelope, MessagePlace};
use super::schedule::Turn;
use crate::directory::QUEUE_ACCOUNT;

/// Marks envelopes.
const ENVELOPE: &str = "$Envelope";
/// Marks envelopes of mail that its sender may take back, so that a start finds them.
const OUTBOX: &str = "$Outbox";
/// UIDs that a mailbox may spend before another takes over: its history of what is gone stays short.
const UIDS_MAX: u32 = 1 << 24;

/// Names an entry until it is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EntryId {
    /// The number of its mailbox.
    pub(super) generation: u32,
    /// The UID of its envelope.
    pub(super) uid: Uid,
}

/// An entry as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: EntryId,
    pub(crate) due: i64,
    pub(crate) envelope: Envelope,
    message_uid: Uid,
}

/// An envelope and when it is due.
#[derive(Clone, Debug)]
pub(super) struct Timed {
    pub(super) envelope: Envelope,
    pub(super) due: i64,
}

/// A message and its envelopes.
pub(super) struct Parcel {
    pub(super) message: Prepared,
    pub(super) envelopes: Vec<Timed>,
}

/// The mailboxes of the queue.
pub(super) struct Entries {
    account: Account,
    mailboxes: Mutex<BTreeMap<u32, Mailbox>>,
    uids_max: u32,
}

/// Why an entry cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EntryError {
    /// The engine refused or failed.
    #[error(transparent)]
    Store(#[from] Error),
    /// The envelope is not what was written.
    #[error("the envelope cannot be read: {0}")]
    Envelope(#[from] serde_json::Error),
    /// It names a message that is not there.
    #[error("the envelope has no message")]
    NoMessage,
}

impl Entries {
    /// Opens the queue of a store, or makes it.
    pub(super) async fn open(store: &Store) -> Result<Self, Error> {
        Self::with_uids(store, UIDS_MAX).await
    }

    async fn with_uids(store: &Store, uids_max: u32) -> Result<Self, Error> {
        let account = store.ensure_account(QUEUE_ACCOUNT, &[]).await?;
        let list = account.mailboxes();
        let mut mailboxes = BTreeMap::new();
        for entry in list.iter() {
            if let Some(generation) = generation_of(&entry.name) {
                mailboxes.insert(generation, account.mailbox(&entry.name)?);
            }
        }
        let entries = Self { account, mailboxes: Mutex::new(mailboxes), uids_max };
        entries.current().await?;
        entries.delete_empty().await?;
        Ok(entries)
    }

    /// All entries and when they are due, without reading one of them.
    pub(super) fn all(&self) -> Result<Vec<(Turn, EntryId)>, Error> {
        let mut all = Vec::new();
        for (generation, mailbox) in self.mailboxes() {
            let snapshot = mailbox.snapshot();
            let Some(mark) = snapshot.keyword_bit(&keyword(ENVELOPE)) else { continue };
            let uids = snapshot.uids_with(mark)?;
            for run in snapshot.runs(&uids) {
                let run = run?;
                let uids = run.uids().iter().enumerate();
                all.extend(uids.filter_map(|(nth, uid)| {
                    let id = EntryId { generation, uid: Uid::new(*uid)? };
                    Some((turn(run.internal_date(nth)), id))
                }));
            }
        }
        Ok(all)
    }

    /// Those that their senders may take back.
    pub(super) fn in_outbox(&self) -> Result<BTreeSet<EntryId>, Error> {
        let mut found = BTreeSet::new();
        for (generation, mailbox) in self.mailboxes() {
            let snapshot = mailbox.snapshot();
            let Some(mark) = snapshot.keyword_bit(&keyword(OUTBOX)) else { continue };
            let uids = snapshot.uids_with(mark)?;
            found.extend(uids.iter().map(|uid| EntryId { generation, uid }));
        }
        Ok(found)
    }

    /// Puts messages into the queue, all or none; returns their entries and when they are due.
    pub(super) async fn add(
        &self,
        parcels: Vec<Parcel>,
    ) -> Result<Vec<(Turn, EntryId)>, EntryError> {
        let (items, dues) = items(parcels)?;
        let (generation, mailbox) = self.current().await?;
        match mailbox.append(items.clone()).await {
            Ok(appended) => return Ok(entries(generation, &appended, &dues)),
            // It was empty and left behind in the meantime.
            Err(Error::NoSuchMailbox) => {}
            Err(error) => return Err(error.into()),
        }
        let (generation, mailbox) = self.current().await?;
        let appended = mailbox.append(items).await?;
        Ok(entries(generation, &appended, &dues))
    }

    /// The entry; `None` if it was changed or is gone.
    pub(super) fn read(&self, id: EntryId) -> Result<Option<Entry>, EntryError> {
        let Some(mailbox) = self.mailbox(id.generation) else { return Ok(None) };
        let Some(row) = mailbox.snapshot().row(id.uid)? else { return Ok(None) };
        let envelope = Envelope::from_message(&mailbox.message(&row).bytes()?)?;
        let message_uid = envelope.message_uid(id.uid).ok_or(EntryError::NoMessage)?;
        Ok(Some(Entry { id, due: row.internal_date.seconds, envelope, message_uid }))
    }

    /// The message of an entry.
    pub(super) fn message(&self, entry: &Entry) -> Result<StoredMessage, EntryError> {
        let mailbox = self.mailbox(entry.id.generation).ok_or(EntryError::NoMessage)?;
        let row: Option<Row> = mailbox.snapshot().row(entry.message_uid)?;
        Ok(mailbox.message(&row.ok_or(EntryError::NoMessage)?))
    }

    /// Ends an entry, or gives it another envelope and time, and puts messages into the queue, all
    /// with one record. If it was changed or ended before: [`Error::NoSuchMessage`].
    pub(super) async fn settle(
        &self,
        entry: &Entry,
        rest: Option<Timed>,
        more: Vec<Parcel>,
    ) -> Result<Vec<(Turn, EntryId)>, EntryError> {
        self.settle_all(vec![(entry.clone(), rest)], more).await
    }

    /// The same for entries that came together.
    pub(super) async fn settle_all(
        &self,
        changed: Vec<(Entry, Option<Timed>)>,
        more: Vec<Parcel>,
    ) -> Result<Vec<(Turn, EntryId)>, EntryError> {
        let (first, _) = changed.first().ok_or(EntryError::NoMessage)?;
        let generation = first.id.generation;
        let mailbox = self.mailbox(generation).ok_or(EntryError::NoMessage)?;
        let mut gone = UidSet::new();
        let (mut items, mut dues) = items(more)?;
        for (entry, rest) in changed {
            gone.insert(entry.id.uid);
            if let Some(mut rest) = rest {
                rest.envelope.message = MessagePlace::At(entry.message_uid.get());
                dues.push(Some(rest.turn()));
                items.push(rest.item()?);
            } else {
                gone.insert(entry.message_uid);
            }
        }
        let appended = mailbox.exchange(gone, items).await?;
        Ok(entries(generation, &appended, &dues))
    }

    /// The mailbox for new entries.
    async fn current(&self) -> Result<(u32, Mailbox), Error> {
        let last = self.mailboxes().pop();
        let next = match last {
            Some((generation, mailbox)) => {
                let spent =
                    mailbox.snapshot().uid_next().is_none_or(|uid| uid.get() > self.uids_max);
                if !spent {
                    return Ok((generation, mailbox));
                }
                generation + 1
            }
            None => 1,
        };
        match self.account.create(&name(next), None).await {
            // Somebody else was here first.
            Ok(()) | Err(Error::MailboxExists) => {}
            Err(error) => return Err(error),
        }
        let mailbox = self.account.mailbox(&name(next))?;
        self.lock().insert(next, mailbox.clone());
        self.delete_empty().await?;
        Ok((next, mailbox))
    }

    /// Deletes mailboxes that nothing is left of and nothing more comes to.
    async fn delete_empty(&self) -> Result<(), Error> {
        let mut mailboxes = self.mailboxes();
        mailboxes.pop();
        for (generation, mailbox) in mailboxes {
            if mailbox.snapshot().exists() == 0 {
                self.lock().remove(&generation);
                self.account.delete(&name(generation)).await?;
            }
        }
        Ok(())
    }

    fn mailbox(&self, generation: u32) -> Option<Mailbox> {
        self.lock().get(&generation).cloned()
    }

    fn mailboxes(&self) -> Vec<(u32, Mailbox)> {
        self.lock().iter().map(|(generation, mailbox)| (*generation, mailbox.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Mailbox>> {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timed {
    fn turn(&self) -> Turn {
        Turn::new(self.due, self.envelope.options.priority)
    }

    fn item(&self) -> Result<AppendItem, serde_json::Error> {
        let mut flags = FlagSet::default();
        flags.insert(keyword(ENVELOPE));
        if self.envelope.outbox.is_some() {
            flags.insert(keyword(OUTBOX));
        }
        let message = Prepared::new(&self.envelope.to_message()?);
        let zone_minutes = -i16::from(self.envelope.options.priority);
        let internal_date = InternalDate { seconds: self.due, zone_minutes };
        Ok(AppendItem { message, flags, internal_date })
    }
}

/// The messages of parcels in the order in which they are stored, and for each whether it is an
/// envelope and when it is due.
fn items(parcels: Vec<Parcel>) -> Result<(Vec<AppendItem>, Vec<Option<Turn>>), serde_json::Error> {
    let (mut items, mut dues) = (Vec::new(), Vec::new());
    for Parcel { message, envelopes } in parcels {
        let count = u32::try_from(envelopes.len()).unwrap_or(u32::MAX);
        for timed in &envelopes {
            let seconds = timed.envelope.arrived;
            let internal_date = InternalDate { seconds, zone_minutes: 0 };
            let (message, flags) = (message.clone(), FlagSet::default());
            items.push(AppendItem { message, flags, internal_date });
            dues.push(None);
        }
        for mut timed in envelopes {
            timed.envelope.message = MessagePlace::Below(count);
            dues.push(Some(timed.turn()));
            items.push(timed.item()?);
        }
    }
    Ok((items, dues))
}

/// What became of items.
fn entries(generation: u32, appended: &Appended, dues: &[Option<Turn>]) -> Vec<(Turn, EntryId)> {
    let placed = appended.uids.iter().zip(dues);
    placed.filter_map(|(uid, due)| Some(((*due)?, EntryId { generation, uid }))).collect()
}

/// When an envelope is due: its date, whose zone is its priority, the more urgent the less.
fn turn(date: InternalDate) -> Turn {
    Turn::new(date.seconds, i8::try_from(-i32::from(date.zone_minutes)).unwrap_or(0))
}

fn keyword(word: &str) -> Keyword {
    Keyword::new(word).expect("an atom")
}

fn name(generation: u32) -> String {
    format!("Queue {generation}")
}

fn generation_of(name: &str) -> Option<u32> {
    name.strip_prefix("Queue ")?.parse().ok()
}

impl std::fmt::Display for EntryId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}", self.generation, self.uid.get())
    }
}

impl std::fmt::Debug for Entries {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Entries").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use engine::Options;

    use super::super::envelope::tests::envelope;
    use super::*;

    fn to(destination: &str, due: i64) -> Timed {
        Timed { envelope: Envelope { destination: destination.to_owned(), ..envelope() }, due }
    }

    fn parcel(text: &str, envelopes: Vec<Timed>) -> Parcel {
        let text = format!("Subject: {text}\r\n\r\n{text}\r\n");
        Parcel { message: Prepared::new(text.as_bytes()), envelopes }
    }

    fn text_of(entries: &Entries, id: EntryId) -> (String, String) {
        let entry = entries.read(id).expect("reads").expect("there");
        let message = entries.message(&entry).expect("message").bytes().expect("bytes");
        (entry.envelope.destination, String::from_utf8(message).expect("text"))
    }

    #[tokio::test]
    async fn entries_come_with_their_message_and_survive_a_restart() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("store");
        let store = Store::create(&path, &Options::default()).expect("create");
        let entries = Entries::open(&store).await.expect("open");
        let two = vec![to("one.example", 10), to("two.example", 20)];
        let more = vec![parcel("x", two), parcel("y", vec![to("three.example", 5)])];
        let added = entries.add(more).await.expect("added");
        assert_eq!(added.iter().map(|(turn, _)| turn.due()).collect::<Vec<_>>(), [10, 20, 5]);
        let (one, two, three) = (added[0].1, added[1].1, added[2].1);
        assert_eq!(text_of(&entries, two).0, "two.example");
        assert!(text_of(&entries, two).1.ends_with("\r\n\r\nx\r\n"));
        assert!(text_of(&entries, three).1.ends_with("\r\n\r\ny\r\n"));

        // The first waits on, the second ends with a report in its place.
        let first = entries.read(one).expect("reads").expect("there");
        let again = entries.settle(&first, Some(to("later.example", 30)), vec![]).await;
        let again = again.expect("settled")[0];
        let second = entries.read(two).expect("reads").expect("there");
        let report = vec![parcel("report", vec![to("sender.example", 0)])];
        let report = entries.settle(&second, None, report).await.expect("settled")[0];
        assert!(entries.read(one).expect("reads").is_none());
        let twice = entries.settle(&second, None, vec![]).await;
        assert!(matches!(twice, Err(EntryError::Store(Error::NoSuchMessage))), "{twice:?}");
        drop(entries);
        store.close();
        drop(store);

        let store = Store::open(&path, &Options::default()).expect("open");
        let entries = Entries::open(&store).await.expect("open");
        let mut all = entries.all().expect("rows");
        all.sort_unstable();
        assert_eq!(all, [report, (Turn::new(5, 0), three), again]);
        assert!(text_of(&entries, again.1).1.ends_with("\r\n\r\nx\r\n"));
        assert!(text_of(&entries, report.1).1.ends_with("\r\n\r\nreport\r\n"));
        let mailbox = entries.mailbox(1).expect("mailbox");
        assert_eq!(mailbox.snapshot().exists(), 6, "nothing is left over");
    }

    #[tokio::test]
    async fn a_mailbox_that_has_spent_its_uids_is_left_and_goes_when_it_is_empty() {
        let dir = tempfile::tempdir().expect("directory");
        let store = Store::create(&dir.path().join("store"), &Options::default()).expect("create");
        let entries = Entries::with_uids(&store, 4).await.expect("open");
        let mut ids = Vec::new();
        for number in 0..5 {
            let parcel = parcel("x", vec![to("one.example", number)]);
            ids.push(entries.add(vec![parcel]).await.expect("added")[0].1);
        }
        let generations: Vec<u32> = ids.iter().map(|id| id.generation).collect();
        assert_eq!(generations, [1, 1, 2, 2, 3]);
        assert_eq!(entries.all().expect("rows").len(), 5);
        for id in [ids[0], ids[1]] {
            let entry = entries.read(id).expect("reads").expect("there");
            entries.settle(&entry, None, vec![]).await.expect("settled");
        }
        drop(entries);
        let entries = Entries::with_uids(&store, 4).await.expect("open");
        let names: Vec<u32> =
            entries.mailboxes().iter().map(|(generation, _)| *generation).collect();
        assert_eq!(names, [2, 3]);
        assert!(entries.read(ids[0]).expect("reads").is_none());
        assert_eq!(text_of(&entries, ids[2]).0, "one.example");
    }
}
