//! A running shard as its users see it: a queue to the writer's thread, and the cells to read.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::Error;
use crate::ids::ShardId;
use crate::state::Snapshot;
use crate::store::accounts::AccountTable;
use crate::store::cells::MailboxCell;
use crate::store::due::Due;
use crate::store::image;
use crate::store::reader::ShardReader;
use crate::store::receipt::Receipt;
use crate::store::writer::{Acknowledge, Job, Turn, Writer};

/// A handle to a running shard; cheap to clone.
#[derive(Clone)]
pub(crate) struct Shard(Arc<Running>);

struct Running {
    id: ShardId,
    jobs: Mutex<Option<Sender<Job>>>,
    accounts: Arc<AccountTable>,
    reader: ShardReader,
    due: Option<Arc<Due>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Shard {
    /// Starts the thread of a recovered writer.
    pub(crate) fn start(id: ShardId, mut writer: Writer) -> Result<Self, Error> {
        let (jobs, queue) = channel();
        let (accounts, reader) = (Arc::clone(&writer.accounts), writer.reader.clone());
        let due = writer.due.clone();
        let thread = std::thread::Builder::new()
            .name(format!("shard-{id}"))
            .spawn(move || writer.run(&queue))
            .map_err(Error::io("start a writer thread"))?;
        let (jobs, thread) = (Mutex::new(Some(jobs)), Mutex::new(Some(thread)));
        Ok(Self(Arc::new(Running { id, jobs, accounts, reader, due, thread })))
    }

    pub(crate) fn id(&self) -> ShardId {
        self.0.id
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn accounts(&self) -> &Arc<AccountTable> {
        &self.0.accounts
    }

    pub(crate) fn reader(&self) -> &ShardReader {
        &self.0.reader
    }

    /// The newest snapshot of a mailbox, read from its image if nobody has opened it before.
    pub(crate) fn snapshot(&self, cell: &MailboxCell) -> Result<Arc<Snapshot>, Error> {
        image::snapshot(cell, &self.0.reader)
    }

    /// The same for a mailbox that stays open.
    pub(crate) fn open(&self, cell: &Arc<MailboxCell>) -> Result<Arc<Snapshot>, Error> {
        let snapshot = self.snapshot(cell)?;
        if let Some(due) = &self.0.due {
            due.check_lists(self.0.id, cell, &snapshot);
        }
        Ok(snapshot)
    }

    /// Lets upkeep know that somebody is about to list messages of this mailbox.
    pub(crate) fn want_lists(&self, cell: &Arc<MailboxCell>, now: &Snapshot) {
        if let Some(due) = &self.0.due {
            due.want_lists(self.0.id, cell, now);
        }
    }

    /// Hands a change to the writer. The queue has no bound of its own: every session waits for
    /// its receipt before it asks for more, and message bytes in flight are counted by who
    /// receives them.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, Error> + Send + 'static,
    ) -> Receipt<T> {
        let mut work = Some(work);
        self.submit_in_steps(move |writer| match work.take() {
            Some(work) => work(writer).map(Some),
            None => Ok(None),
        })
    }

    /// The same of a change that is too long for one turn: it is called again, after others had
    /// theirs, for as long as it answers `None`.
    pub(crate) fn submit_in_steps<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Writer) -> Result<Option<T>, Error> + Send + 'static,
    ) -> Receipt<T> {
        let (reply, outcome) = oneshot::channel();
        let job = in_steps(work, reply);
        let jobs = self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        match jobs.as_ref().map(|jobs| jobs.send(job)) {
            Some(Ok(())) => Receipt::waiting(outcome),
            Some(Err(_)) | None => Receipt::decided(Err(Error::Closed)),
        }
    }

    /// Lets the writer finish what is queued, write a checkpoint and end.
    pub(crate) fn close(&self) {
        drop(self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!(shard = %self.0.id, "the writer thread had panicked");
        }
    }
}

fn in_steps<T: Send + 'static>(
    mut work: impl FnMut(&mut Writer) -> Result<Option<T>, Error> + Send + 'static,
    reply: oneshot::Sender<Result<T, Error>>,
) -> Job {
    Box::new(move |writer| {
        let Some(done) = work(writer).transpose() else {
            return Turn::Again(in_steps(work, reply));
        };
        let acknowledge: Acknowledge = Box::new(move |committed| {
            // A caller that stopped waiting needs no answer.
            let _ = reply.send(committed.and(done));
        });
        Turn::Done(acknowledge)
    })
}
