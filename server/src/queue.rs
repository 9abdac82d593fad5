//! What is on its way out: accepted, on disk, and tried until it is somebody else's or given up
//! (RFC 5321, 4.5.4).
//!
//! A message has an entry for each destination: a domain's recipients, a hundred at most. Whoever works on
//! an entry has it in hand, so that nobody sends what another one is sending.

mod destinations;
mod entries;
mod envelope;
mod intervention;
mod local;
mod outbox;
mod remote;
mod report;
mod retry;
mod runner;
mod schedule;
mod settlement;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::{AccountId, Prepared, Store, StoredMessage, clock};
use tokio::sync::Notify as Wake;

use crate::config::{Config, QueueConfig};
use crate::directory::Directory;
use crate::quota::NoRoom;
use crate::relay::Destination;
use destinations::Destinations;
use entries::{Entries, Entry, EntryError, EntryId, Parcel, Timed};
use outbox::Registry;
use schedule::{Schedule, Turn};

pub use envelope::{DeliverBy, Envelope, MailOptions, MessagePlace, QueuedRecipient, Trouble};
pub use intervention::{Change, Listed, NEVER, QueueOrder, Selection};
pub(crate) use outbox::run as look_after_outboxes;
pub use outbox::{Outbox, Place};
pub(crate) use runner::run;

/// The queue of a server; clones are the same queue.
#[derive(Clone)]
pub struct Queue(Arc<Shared>);

struct Shared {
    entries: Entries,
    schedule: Mutex<Schedule>,
    destinations: Mutex<Destinations>,
    hostname: String,
    /// Something may be due earlier than the runner knows.
    wake: Wake,
    config: QueueConfig,
    /// What senders may still take back.
    outbox: Mutex<Registry>,
    /// There may be an Outbox that nobody looks after.
    outbox_wake: Wake,
    store: Store,
    directory: Directory,
}

/// A message that is to go out.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Names it to people.
    pub id: String,
    /// Where reports go; empty for nowhere.
    pub reverse_path: String,
    /// How it must be treated.
    pub options: MailOptions,
    /// Who submitted it, if somebody did.
    pub account: Option<AccountId>,
    /// To whom it goes.
    pub recipients: Vec<QueuedRecipient>,
    /// When the first try is; `None` for at once.
    pub due: Option<i64>,
}

/// Why a message is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// As many wait as may.
    #[error("the queue is full")]
    Full,
    /// The sender has no room for a copy.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// An address that leads nowhere.
    #[error("{0} has no domain that mail could be sent to")]
    Address(String),
    /// No message of that name.
    #[error("there is no message {0} in the queue")]
    NotThere(String),
    /// It could not be written.
    #[error("the queue could not be read or written: {0}")]
    Store(String),
}

impl From<engine::Error> for QueueError {
    fn from(error: engine::Error) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<EntryError> for QueueError {
    fn from(error: EntryError) -> Self {
        Self::Store(error.to_string())
    }
}

impl Queue {
    /// Opens the queue of a store; nothing is sent before [`run`].
    pub async fn open(
        store: &Store,
        directory: &Directory,
        config: &Config,
    ) -> Result<Self, engine::Error> {
        let entries = Entries::open(store).await?;
        let mut schedule = Schedule::default();
        let in_outbox = entries.in_outbox()?;
        for (turn, id) in entries.all()? {
            if !in_outbox.contains(&id) {
                schedule.insert(turn, id);
            }
        }
        let outbox = Mutex::new(Registry::read(&entries, &in_outbox));
        Ok(Self(Arc::new(Shared {
            entries,
            schedule: Mutex::new(schedule),
            destinations: Mutex::new(Destinations::new(&config.queue)),
            hostname: config.hostname.clone(),
            wake: Wake::new(),
            config: config.queue.clone(),
            outbox,
            outbox_wake: Wake::new(),
            store: store.clone(),
            directory: directory.clone(),
        })))
    }

    /// Accepts a message: when this returns it is on disk, for all its recipients.
    pub async fn submit(
        &self,
        submission: Submission,
        message: Prepared,
    ) -> Result<(), QueueError> {
        let now = clock::unix_seconds();
        let envelopes = self.envelopes(&submission, message.size(), now)?;
        self.check_room(envelopes.len())?;
        let added = self.0.entries.add(vec![Parcel { message, envelopes }]).await?;
        self.schedule(added);
        Ok(())
    }

    /// Tells the sender of a message that these recipients have it in their mailboxes: a report is on
    /// disk when this returns.
    pub async fn tell_delivered(
        &self,
        submission: &Submission,
        recipients: Vec<QueuedRecipient>,
        message: &[u8],
    ) -> Result<(), QueueError> {
        let (now, size) = (clock::unix_seconds(), message.len() as u64);
        let envelope = self.envelope(submission, String::new(), size, now);
        let parcels = report::of_delivery(self, &envelope, recipients, message, now);
        if parcels.is_empty() {
            return Ok(());
        }
        let added = self.0.entries.add(parcels).await?;
        self.schedule(added);
        Ok(())
    }

    /// Entries that wait, and that are being tried.
    pub fn counts(&self) -> (usize, usize) {
        let (waiting, in_hand) = self.lock().counts();
        (waiting + self.outbox().entry_count(), in_hand)
    }

    fn check_room(&self, more: usize) -> Result<(), QueueError> {
        let (waiting, in_hand) = self.counts();
        let has_room = waiting + in_hand + more <= self.0.config.entries_max;
        if has_room { Ok(()) } else { Err(QueueError::Full) }
    }

    /// An envelope for each destination, and for each hundred recipients.
    fn envelopes(
        &self,
        submission: &Submission,
        size: u32,
        now: i64,
    ) -> Result<Vec<Timed>, QueueError> {
        let mut by_destination: BTreeMap<String, Vec<QueuedRecipient>> = BTreeMap::new();
        for recipient in &submission.recipients {
            let destination = Destination::of_address(&recipient.address)
                .ok_or_else(|| QueueError::Address(recipient.address.clone()))?;
            by_destination.entry(destination.to_string()).or_default().push(recipient.clone());
        }
        let due = submission.due.unwrap_or(now);
        let mut envelopes = Vec::new();
        for (destination, recipients) in by_destination {
            for recipients in recipients.chunks(envelope::RECIPIENTS_MAX) {
                let plain = self.envelope(submission, destination.clone(), size.into(), now);
                let envelope = Envelope { recipients: recipients.to_vec(), ..plain };
                envelopes.push(Timed { envelope, due });
            }
        }
        Ok(envelopes)
    }

    /// An envelope for nobody yet.
    fn envelope(&self, of: &Submission, destination: String, size: u64, now: i64) -> Envelope {
        let start = of.due.unwrap_or(now).max(now);
        Envelope {
            id: of.id.clone(),
            message: MessagePlace::Below(0),
            destination,
            reverse_path: of.reverse_path.clone(),
            options: of.options.clone(),
            arrived: now,
            expires: start + self.0.config.expire.as_secs().cast_signed(),
            size,
            account: of.account.map(|account| account.0),
            attempts: 0,
            delay_reported: false,
            held: false,
            outbox: None,
            recipients: Vec::new(),
        }
    }

    fn schedule(&self, entries: Vec<(Turn, EntryId)>) {
        let mut schedule = self.lock();
        entries.into_iter().for_each(|(turn, id)| schedule.insert(turn, id));
        drop(schedule);
        self.0.wake.notify_one();
    }

    fn read(&self, id: EntryId) -> Result<Option<Entry>, EntryError> {
        self.0.entries.read(id)
    }

    fn message(&self, entry: &Entry) -> Result<StoredMessage, EntryError> {
        self.0.entries.message(entry)
    }

    /// Ends an entry that is in hand, or lets it wait on, and puts reports into the queue.
    async fn settle(
        &self,
        entry: &Entry,
        rest: Option<Timed>,
        reports: Vec<Parcel>,
    ) -> Result<(), EntryError> {
        let added = self.0.entries.settle(entry, rest, reports).await?;
        self.lock().let_go(entry.id);
        self.schedule(added);
        Ok(())
    }

    /// Lets go of an entry that is not tried now after all.
    fn put_off(&self, id: EntryId, due: i64) {
        let mut schedule = self.lock();
        schedule.let_go(id);
        schedule.insert(Turn::new(due, 0), id);
    }

    /// What was seen of a destination counts no more.
    fn reopen(&self, destination: &str) {
        self.destinations().reopen(destination);
    }

    fn destinations(&self) -> MutexGuard<'_, Destinations> {
        self.0.destinations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Schedule> {
        self.0.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Queue").finish_non_exhaustive()
    }
}
