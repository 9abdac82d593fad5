//! Tries what is due. One task keeps the times; each try is a task of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use engine::clock::unix_seconds;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::sleep;

use super::destinations::Admission;
use super::entries::{Entry, EntryError, EntryId};
use super::envelope::{Envelope, Trouble};
use super::report;
use super::settlement::{self, Outcome, Settlement};
use super::{local, remote};
use crate::context::Context;
use crate::spool::{SpoolFault, Spooled};

/// Bytes of a message that are read from the store at a time.
const PIECE_LEN: u64 = 256 << 10;
/// How long tries that are under way may take once the server stops.
const GRACE: Duration = Duration::from_secs(7);
/// How long the first and the longest pause are where the store takes no changes.
const STORE_PAUSE: Duration = Duration::from_secs(1);
const STORE_PAUSE_MAX: Duration = Duration::from_mins(1);
/// An entry that cannot be read is looked at again after so many seconds.
const UNREADABLE_PAUSE: i64 = 3600;
/// So is one whose try ended by a fault of ours.
const FAULT_PAUSE: i64 = 3600;
/// Entries that are begun between two breaks.
const STRETCH: usize = 64;

/// What came of a try.
struct Ended {
    /// Whether any server of the destination answered.
    reached: bool,
}

/// Tries what is due until the server stops.
pub(crate) async fn run(context: Arc<Context>) {
    let queue = context.queue.clone();
    let (tries, under_way) = (JoinSet::new(), HashMap::new());
    let mut runner = Runner { tries, under_way, context: Arc::clone(&context) };
    while !context.shutdown.is_requested() {
        if runner.start_what_is_due() {
            // There is more, and others have work to do too.
            tokio::task::yield_now().await;
            continue;
        }
        let room = runner.tries.len() < context.config.queue.tries_max;
        let next = queue.lock().next_due().filter(|_| room);
        tokio::select! {
            () = context.shutdown.requested() => break,
            () = queue.0.wake.notified() => {}
            () = until(next) => {}
            Some(ended) = runner.tries.join_next_with_id() => runner.ended(ended),
        }
    }
    // What a server took shall be known before the end, so that it does not get it again.
    let rest = async { while runner.tries.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, rest).await.is_err() {
        tracing::warn!(
            tries = runner.tries.len(),
            "deliveries cut off; they are tried again after the start"
        );
    }
}

struct Runner {
    context: Arc<Context>,
    tries: JoinSet<Ended>,
    /// What each of them tries, and where.
    under_way: HashMap<Id, (EntryId, String)>,
}

impl Runner {
    /// Begins what is due, a stretch of it; `true` if there may be more.
    fn start_what_is_due(&mut self) -> bool {
        let now = unix_seconds();
        let queue = self.context.queue.clone();
        for _ in 0..STRETCH {
            if self.tries.len() >= self.context.config.queue.tries_max {
                return false;
            }
            let Some(id) = queue.lock().take(now) else { return false };
            self.start(id, now);
        }
        true
    }

    /// Begins a try, or puts it off.
    fn start(&mut self, id: EntryId, now: i64) {
        let queue = self.context.queue.clone();
        let entry = match queue.read(id) {
            Ok(Some(entry)) => entry,
            // Changed or gone since it was put on the schedule.
            Ok(None) => return queue.lock().let_go(id),
            Err(error) => {
                tracing::error!(%id, %error, "cannot read an entry of the queue");
                return queue.put_off(id, now + UNREADABLE_PAUSE);
            }
        };
        let admission = queue.destinations().admit(&entry.envelope.destination, id, now);
        match admission {
            Admission::Go => self.spawn(entry),
            // Until its turn comes, an operator may change it.
            Admission::Parked => queue.lock().let_go(id),
            Admission::At(due) => queue.put_off(id, due),
        }
    }

    fn spawn(&mut self, entry: Entry) {
        let context = Arc::clone(&self.context);
        let what = (entry.id, entry.envelope.destination.clone());
        let task = self.tries.spawn(async move { attempt(&context, entry).await });
        self.under_way.insert(task.id(), what);
    }

    fn ended(&mut self, ended: Result<(Id, Ended), JoinError>) {
        let (now, queue) = (unix_seconds(), self.context.queue.clone());
        let task = ended.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
        let Some((id, destination)) = self.under_way.remove(&task) else { return };
        let reached = match ended {
            Ok((_, Ended { reached })) => reached,
            Err(failure) => {
                tracing::error!(%id, %destination, %failure, "a delivery ended by a fault");
                self.context.metrics.panicked();
                queue.put_off(id, now + FAULT_PAUSE);
                true
            }
        };
        let mut next = queue.destinations().ended(&destination, reached, now);
        loop {
            for id in std::mem::take(&mut next.later) {
                queue.put_off(id, next.at);
            }
            let Some(id) = next.go.pop() else { return };
            if queue.lock().claim(id) {
                if let Ok(Some(entry)) = queue.read(id) {
                    self.spawn(entry);
                    continue;
                }
                queue.put_off(id, now);
            }
            // It was given a place that it does not need.
            let another = queue.destinations().ended(&destination, true, now);
            next.go.extend(another.go);
            next.later.extend(another.later);
            next.at = next.at.max(another.at);
        }
    }
}

async fn until(due: Option<i64>) {
    match due {
        Some(due) => {
            let seconds = u64::try_from(due.saturating_sub(unix_seconds())).unwrap_or(0);
            // The clock may be set while this sleeps.
            sleep(Duration::from_secs(seconds.min(60))).await;
        }
        None => std::future::pending().await,
    }
}

/// Tries an entry and writes down what came of it.
async fn attempt(context: &Context, entry: Entry) -> Ended {
    let destination = entry.envelope.destination.clone();
    let (outcomes, reached) = match context.directory.is_local(&destination).await {
        Ok(true) => (local::deliver(context, &entry).await, true),
        Ok(false) => remote::deliver(context, &entry).await,
        Err(error) => {
            tracing::error!(%error, "cannot look up where mail goes");
            (all_deferred(&entry, &Trouble::own("4.3.0", "users cannot be looked up")), true)
        }
    };
    log(&entry.envelope, &outcomes);
    for outcome in &outcomes {
        context.metrics.tried(match outcome {
            Outcome::Delivered(_) => "sent",
            Outcome::Deferred(_) => "deferred",
            Outcome::Failed(_) => "failed",
        });
    }
    let now = unix_seconds();
    let settled = settlement::settle(entry.envelope.clone(), outcomes, now, &context.config.queue);
    record(context, &entry, settled, now).await;
    Ended { reached }
}

/// The same trouble for all recipients of an entry.
pub(super) fn all_deferred(entry: &Entry, trouble: &Trouble) -> Vec<Outcome> {
    vec![Outcome::Deferred(trouble.clone()); entry.envelope.recipients.len()]
}

fn log(envelope: &Envelope, outcomes: &[Outcome]) {
    let Envelope { id, destination, attempts, .. } = envelope;
    for (recipient, outcome) in envelope.recipients.iter().zip(outcomes) {
        let to = &recipient.address;
        match outcome {
            Outcome::Delivered(handover) => {
                let host = handover.host.as_deref().unwrap_or("here");
                tracing::info!(%id, %to, host, attempts, "sent: {}", handover.text);
            }
            Outcome::Deferred(trouble) => {
                let host = trouble.host.as_deref().unwrap_or(destination);
                tracing::info!(%id, %to, host, attempts, "deferred: {} {}", trouble.status, trouble.text);
            }
            Outcome::Failed(trouble) => {
                let host = trouble.host.as_deref().unwrap_or(destination);
                tracing::warn!(%id, %to, host, attempts, "failed: {} {}", trouble.status, trouble.text);
            }
        }
    }
}

/// Writes down what came of a try, for as long as it takes: what was sent must not be sent again.
async fn record(context: &Context, entry: &Entry, settled: Settlement, now: i64) {
    let Settlement { rest, report } = settled;
    let mut pause = STORE_PAUSE;
    loop {
        let reports = report::parcels(&context.queue, entry, &report, now);
        match context.queue.settle(entry, rest.clone(), reports).await {
            Ok(()) => return,
            Err(EntryError::Store(engine::Error::NoSuchMessage)) => {
                tracing::error!(id = %entry.envelope.id, "an entry of the queue vanished in hand");
                return context.queue.lock().let_go(entry.id);
            }
            Err(error) => {
                tracing::error!(id = %entry.envelope.id, %error, "cannot write down what came of a try");
            }
        }
        tokio::select! {
            () = sleep(pause) => pause = (pause * 2).min(STORE_PAUSE_MAX),
            () = context.shutdown.requested() => return,
        }
    }
}

/// The message of an entry behind `front`, in memory or, if it is long, in a file without a name.
pub(super) async fn message(
    context: &Context,
    entry: &Entry,
    front: &[u8],
) -> Result<Spooled, Trouble> {
    let unreadable = |error: EntryError| {
        tracing::error!(id = %entry.envelope.id, %error, "cannot read a message of the queue");
        Trouble::own("4.3.0", "the message cannot be read at the moment")
    };
    let no_room = |fault: SpoolFault| Trouble::own("4.3.1", fault.to_string());
    let stored = context.queue.message(entry).map_err(unreadable)?;
    let (header, mut body) = stored
        .header()
        .and_then(|header| Ok((header, stored.open_body()?)))
        .map_err(|error| unreadable(error.into()))?;
    let mut spool = context.sending.spool();
    spool.push(&header).map_err(no_room)?;
    let (mut at, len) = (0, body.len());
    while at < len {
        let next = (at + PIECE_LEN).min(len);
        let mut piece = Vec::new();
        body.read(at..next, &mut piece).map_err(|error| unreadable(error.into()))?;
        spool.push(&piece).map_err(no_room)?;
        spool.write_out().await.map_err(no_room)?;
        at = next;
    }
    spool.finish(front).await.map_err(no_room)
}
