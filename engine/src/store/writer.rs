//! The one thread that changes a shard: it drains its queue, writes what the changes add up to
//! with one sync, shows the new snapshots, and only then tells the callers.

mod append;
mod blobs;
mod compact;
mod directory;
mod edit;
mod lists;

pub(crate) use append::Target;
pub(crate) use compact::{Carrying, Leaving, NewBlock};
pub(crate) use edit::TransferMode;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Weak};

use crate::ids::{AccountId, EmailId, MailboxId, RecordAddr};
use crate::image::Grave;
use crate::log::Log;
use crate::record::Record;
use crate::state::{MailboxList, MailboxState, Settle};
use crate::store::accounts::AccountTable;
use crate::store::blobs::Blobs;
use crate::store::cells::{AccountCell, MailboxCell};
use crate::store::checkpoint::Checkpoints;
use crate::store::due::Due;
use crate::store::image;
use crate::store::reader::ShardReader;
use crate::{Error, format};

/// Tells a caller what became of its change, once the batch it was in is on disk or is not.
pub(crate) type Acknowledge = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// One change: works out and applies its records.
pub(crate) type Job = Box<dyn FnOnce(&mut Writer) -> Turn + Send>;

/// What became of a change when it had its turn.
pub(crate) enum Turn {
    /// It is done, and leaves the answer for after the commit.
    Done(Acknowledge),
    /// It wrote what it may at once, and goes on when others had their turn.
    Again(Job),
}

/// Changes that share one sync at most, so that the first of them does not wait without end.
const BATCH_JOBS_MAX: usize = 1024;

/// Bytes of log after which a batch is committed although more changes wait.
const BATCH_LEN_MAX: u64 = 8 << 20;

/// Messages after which upkeep gets to look.
const RING_EVERY: u64 = 256;

/// The writer's own view of a shard. It runs ahead of what readers see by the batch in hand.
pub(crate) struct Writer {
    pub(crate) log: Log,
    pub(crate) accounts: Arc<AccountTable>,
    pub(crate) reader: ShardReader,
    pub(crate) ids: NextIds,
    pub(crate) checkpoints: Checkpoints,
    /// What upkeep is to look at.
    pub(crate) due: Option<Arc<Due>>,
    /// The message number at which it is rung next.
    ring_at: u64,
    /// The dictionaries that this shard's log holds, and where.
    pub(crate) dictionaries: BTreeMap<u32, RecordAddr>,
    /// What stands by itself in this shard.
    pub(crate) blobs: Blobs,
    /// Changes that wait for another turn.
    unfinished: VecDeque<Job>,
    /// Accounts whose buckets lack a change of their lists.
    pub(crate) listed: BTreeMap<AccountId, Arc<AccountCell>>,
    /// Buckets that the batch in hand holds, and the accounts that are up to date in them.
    pub(crate) filed: Vec<(usize, RecordAddr, Vec<Arc<AccountCell>>)>,
    /// Mailboxes that the batch in hand only looked at, as far as is known yet.
    borrowed: Vec<MailboxId>,
    /// Messages that the batch in hand moved, and where to.
    moved: Vec<(EmailId, RecordAddr)>,
    /// What is remembered of deleted mailboxes.
    pub(crate) graves: Vec<Grave>,
    /// Segments that the checkpoint being waited for is to refer to no more.
    pub(crate) leaving: Leaving,
    /// Numbers of blobs of which some chunks are written, as long as their uploads go on.
    uploads: Vec<Weak<u64>>,
    /// Mailboxes changed since the last checkpoint.
    pub(crate) open: HashMap<MailboxId, Open>,
    /// Mailbox lists as the batch in hand leaves them.
    lists: HashMap<AccountId, (Arc<AccountCell>, Arc<MailboxList>)>,
    /// Mailboxes that the batch in hand made.
    made: Vec<(Arc<AccountCell>, Arc<MailboxCell>)>,
    /// Mailboxes that the batch in hand deleted.
    deleted: Vec<(Arc<AccountCell>, MailboxId)>,
    /// Columns and the like that the batch in hand holds.
    pub(crate) written: Vec<Arc<dyn Settle>>,
    /// Mailboxes whose watchers are to be woken.
    changed: Vec<Arc<MailboxCell>>,
    /// Accounts that the batch in hand made.
    new_accounts: HashMap<AccountId, Arc<AccountCell>>,
}

/// Numbers that the shard gives out, each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NextIds {
    pub(crate) mailbox: u64,
    pub(crate) email: u64,
}

impl Default for NextIds {
    fn default() -> Self {
        Self { mailbox: 1, email: 1 }
    }
}

/// A mailbox that the writer has changed.
pub(crate) struct Open {
    pub(crate) state: MailboxState,
    pub(crate) cell: Arc<MailboxCell>,
    is_published: bool,
    /// Whether the newest image lacks a change.
    pub(crate) is_dirty: bool,
}

impl Open {
    /// A mailbox whose state and cell agree; `is_dirty` tells whether its image does too.
    pub(crate) fn new(state: MailboxState, cell: Arc<MailboxCell>, is_dirty: bool) -> Self {
        Self { state, cell, is_published: true, is_dirty }
    }
}

impl Writer {
    pub(crate) fn new(
        (log, reader): (Log, ShardReader),
        accounts: AccountTable,
        ids: NextIds,
        checkpoints: Checkpoints,
    ) -> Self {
        Self {
            log,
            accounts: Arc::new(accounts),
            reader,
            ids,
            checkpoints,
            due: None,
            ring_at: 0,
            dictionaries: BTreeMap::new(),
            blobs: Blobs::default(),
            moved: Vec::new(),
            graves: Vec::new(),
            leaving: Leaving::new(),
            uploads: Vec::new(),
            unfinished: VecDeque::new(),
            listed: BTreeMap::new(),
            filed: Vec::new(),
            borrowed: Vec::new(),
            open: HashMap::new(),
            lists: HashMap::new(),
            made: Vec::new(),
            deleted: Vec::new(),
            written: Vec::new(),
            changed: Vec::new(),
            new_accounts: HashMap::new(),
        }
    }

    /// Works until every sender of the queue is gone, then writes a last checkpoint.
    pub(crate) fn run(&mut self, queue: &Receiver<Job>) {
        self.checkpoint_a_bit();
        loop {
            // While a checkpoint or a long change is under way the thread does not sleep: it
            // writes the next piece of it whenever no change waits.
            let next = if self.checkpoints.is_under_way() || !self.unfinished.is_empty() {
                queue.try_recv()
            } else {
                queue.recv().map_err(|_| TryRecvError::Disconnected)
            };
            match next {
                Ok(job) => self.work_through(job, queue),
                Err(TryRecvError::Disconnected) if self.unfinished.is_empty() => break,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
            }
            if let Some(job) = self.unfinished.pop_front() {
                self.work_through(job, queue);
            }
            self.checkpoint_a_bit();
            self.wake_watchers();
        }
        if let Err(error) = self.checkpoint_now() {
            tracing::warn!(%error, "no checkpoint at the end; the next start replays the log");
        }
    }

    fn work_through(&mut self, first: Job, queue: &Receiver<Job>) {
        let (mut waiting, mut next) = (Vec::new(), Some(first));
        while let Some(job) = next {
            match job(self) {
                Turn::Done(acknowledge) => waiting.push(acknowledge),
                Turn::Again(job) => self.unfinished.push_back(job),
            }
            let takes_more =
                waiting.len() < BATCH_JOBS_MAX && self.log.pending_len() < BATCH_LEN_MAX;
            next = if takes_more { queue.try_recv().ok() } else { None };
        }
        let committed = self.commit();
        for acknowledge in waiting {
            acknowledge(committed.clone());
        }
        self.wake_watchers();
    }

    /// Who made a change is answered first: a thousand watchers would keep them waiting.
    pub(crate) fn wake_watchers(&mut self) {
        self.changed.drain(..).for_each(|cell| cell.wake_watchers());
    }

    /// Makes the batch in hand durable and shows it to readers.
    pub(crate) fn commit(&mut self) -> Result<(), Error> {
        let len = self.log.pending_len();
        self.log.commit()?;
        self.written.drain(..).for_each(|piece| piece.settle(&self.reader));
        for (bucket, addr, _accounts) in self.filed.drain(..) {
            self.accounts.directory().set(bucket, addr);
        }
        self.checkpoints.count(len);
        self.publish();
        self.publish_moved()?;
        if let Some(due) = &self.due
            && self.ids.email >= self.ring_at
        {
            due.ring();
            self.ring_at = self.ids.email + RING_EVERY;
        }
        Ok(())
    }

    fn publish(&mut self) {
        // Before its cell goes: nobody shall find the one gone and read the other.
        for (_, mailbox) in &self.deleted {
            if let Err(error) = self.reader.set_image(*mailbox, None) {
                tracing::warn!(%error, %mailbox, "a deleted mailbox keeps its image");
            }
        }
        for (account, cell) in self.made.drain(..) {
            account.insert(cell);
        }
        for open in self.open.values_mut().filter(|open| !open.is_published) {
            open.is_published = true;
            let snapshot = open.state.snapshot();
            let account = match self.new_accounts.get(&open.cell.account) {
                Some(account) => Some(Arc::clone(account)),
                None => self.accounts.resident(open.cell.account),
            };
            if let Some(account) = &account {
                account.usage.publish(open.cell.id, &snapshot);
            }
            if open.cell.publish(Arc::clone(&snapshot), self.accounts.outlived()) {
                if let Some(account) = &account {
                    account.note_activity(open.cell.id);
                }
                self.changed.push(Arc::clone(&open.cell));
            }
            // Whoever is rung looks at what is shown.
            if let Some(due) = &self.due {
                due.check_lists(self.reader.shard(), &open.cell, &snapshot);
            }
        }
        for (_, (account, list)) in self.lists.drain() {
            account.publish(list);
        }
        for (account, mailbox) in self.deleted.drain(..) {
            if let Some(cell) = account.remove(mailbox) {
                cell.publish_deleted(self.accounts.outlived());
            }
            account.usage.publish_deleted(mailbox);
            self.open.remove(&mailbox);
        }
        for (_, account) in self.new_accounts.drain() {
            self.accounts.directory().count_account();
            self.accounts.insert(account);
        }
        for mailbox in self.borrowed.drain(..) {
            if self.open.get(&mailbox).is_some_and(|open| !open.is_dirty) {
                self.open.remove(&mailbox);
            }
        }
    }

    /// The writer's own state of a mailbox, read from its image if need be.
    fn state(&mut self, cell: &Arc<MailboxCell>) -> Result<&MailboxState, Error> {
        if cell.is_deleted() || self.deleted.iter().any(|(_, gone)| *gone == cell.id) {
            return Err(Error::NoSuchMailbox);
        }
        if !self.open.contains_key(&cell.id) {
            // The cell may have been let go of just before somebody got hold of it again.
            let account = self.accounts.find(cell.account, &self.reader)?;
            let cell = account.ok_or(Error::NoSuchMailbox)?.mailbox(cell.id);
            let state = MailboxState::of(&*image::snapshot(&cell, &self.reader)?);
            self.open.insert(cell.id, Open::new(state, Arc::clone(&cell), false));
            self.borrowed.push(cell.id);
        }
        self.open.get(&cell.id).map(|open| &open.state).ok_or(Error::NoSuchMailbox)
    }

    /// Makes `state` the writer's own; readers see it once the batch is on disk.
    pub(crate) fn advance(&mut self, mailbox: MailboxId, state: MailboxState) {
        if let Some(open) = self.open.get_mut(&mailbox) {
            open.state = state;
            open.is_published = false;
            open.is_dirty = true;
        }
    }

    /// Puts one record into the batch, as a frame of its own.
    fn write(&mut self, record: &Record) -> Result<RecordAddr, Error> {
        let (kind, payload) = format::record::encode(record);
        self.write_frame(kind as u8, &payload)
    }

    /// Puts a frame of one record into the batch.
    pub(crate) fn write_frame(&mut self, kind: u8, payload: &[u8]) -> Result<RecordAddr, Error> {
        self.log.reserve(payload.len() as u64, 1)?;
        self.log.begin_frame();
        let addr = self.log.record(kind, &[payload]);
        self.log.end_frame();
        Ok(addr)
    }
}
