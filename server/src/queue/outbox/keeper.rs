//! Looks after what waits: a task for each account with messages in its Outbox, which sees at once
//! what happens there.

use std::sync::Arc;
use std::time::Duration;

use engine::clock::unix_seconds;
use engine::{Account, AccountId};
use tokio::sync::Notify as Wake;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::super::Queue;
use super::super::entries::EntryError;
use super::copy;
use super::decision::{By, Sight, Verdict, decide};
use super::registry::{Held, Key, Unaccepted};
use crate::context::Context;
use crate::directory::HISTORY_KEPT_FOR;

/// How long after something failed it is tried again.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest sleep: the clock may be set meanwhile.
const SLEEP_MAX: i64 = 60;
/// How often old decisions are forgotten.
const DAY: Duration = Duration::from_hours(24);

/// Looks after all Outboxes until the server stops.
pub(crate) async fn run(context: Arc<Context>) {
    let queue = context.queue.clone();
    let mut watches = JoinSet::new();
    let mut history_is_due = Instant::now();
    loop {
        let all_forgotten = forget_unaccepted(&queue).await;
        for (account, wake) in queue.outbox().unwatched() {
            watches.spawn(watch(Arc::clone(&context), account, wake));
        }
        if Instant::now() >= history_is_due {
            forget_history(&context).await;
            history_is_due = Instant::now() + DAY;
        }
        let next = if all_forgotten { history_is_due } else { Instant::now() + PAUSE };
        tokio::select! {
            () = context.shutdown.requested() => break,
            () = queue.0.outbox_wake.notified() => {}
            Some(ended) = watches.join_next() => if ended.is_err() {
                // It panicked; what it was doing may make it do so again.
                sleep(PAUSE).await;
            },
            () = sleep_until(next) => {}
        }
    }
    while watches.join_next().await.is_some() {}
}

/// Forgets what was not accepted before the server ended; `false` if something is left to do.
pub(super) async fn forget_unaccepted(queue: &Queue) -> bool {
    let mut is_done = true;
    let all = queue.outbox().take_unaccepted();
    for (key, message) in all {
        if let Err(error) = forget(queue, &key, &message).await {
            tracing::error!(id = %key.id, %error, "cannot forget a message that was not accepted");
            queue.outbox().insert_unaccepted(key, message);
            is_done = false;
        }
    }
    is_done
}

/// The copy first: as long as there is an entry, it is looked for again.
async fn forget(queue: &Queue, key: &Key, message: &Unaccepted) -> Result<(), EntryError> {
    if let Some(account) = queue.0.store.account(key.account)? {
        copy::remove_unaccepted(&account, (&key.id, message.size), message.arrived).await?;
    }
    queue.restage(&message.ids, |_| None).await.map(drop)
}

async fn forget_history(context: &Context) {
    let end = unix_seconds().saturating_sub(HISTORY_KEPT_FOR.as_secs().cast_signed());
    if let Err(error) = context.directory.forget_history(end).await {
        tracing::error!(%error, "cannot forget old decisions");
    }
}

/// However the task ends, another one may follow.
struct Watching(Queue, AccountId);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.outbox().unwatch(self.1);
    }
}

/// Looks at the Outbox of one account whenever something happens there or is due, as long as
/// something waits.
async fn watch(context: Arc<Context>, id: AccountId, wake: Arc<Wake>) {
    let watching = Watching(context.queue.clone(), id);
    let queue = &watching.0;
    loop {
        let account = match context.store.account(id) {
            Ok(account) => account,
            Err(error) => {
                tracing::error!(account = %id, %error, "cannot look at an Outbox");
                tokio::select! {
                    () = sleep(PAUSE) => continue,
                    () = context.shutdown.requested() => return,
                }
            }
        };
        // Read before it is looked, so that nothing is missed.
        let seen = account.as_ref().map(|account| (account.mailboxes(), account.activity()));
        let Some(next) = look_at_all(queue, id, account.as_ref()).await else { return };
        let changed = async {
            match (&account, &seen) {
                (Some(account), Some((list, activity))) => account.active(list, *activity).await,
                _ => std::future::pending().await,
            }
        };
        let seconds = next.saturating_sub(unix_seconds()).clamp(0, SLEEP_MAX);
        tokio::select! {
            () = context.shutdown.requested() => return,
            () = wake.notified() => {}
            () = changed => {}
            () = sleep(Duration::from_secs(seconds.unsigned_abs())) => {}
        }
    }
}

/// Does what is to be done; when the next message is due, or `None` if nothing waits.
pub(super) async fn look_at_all(
    queue: &Queue,
    id: AccountId,
    account: Option<&Account>,
) -> Option<i64> {
    let all = queue.outbox().of(id);
    let mut next: Option<i64> = None;
    for (key, held) in all {
        let due = match look_at(queue, account, (&key, &held)).await {
            Ok(None) => continue,
            Ok(Some(due)) => due,
            Err(error) => {
                tracing::error!(id = %key.id, %error, "cannot look after a message in an Outbox");
                unix_seconds() + PAUSE.as_secs().cast_signed()
            }
        };
        next = Some(next.map_or(due, |next| next.min(due)));
    }
    next
}

/// Does what is to be done about one message; when it is due if it waits on.
async fn look_at(
    queue: &Queue,
    account: Option<&Account>,
    (key, held): (&Key, &Held),
) -> Result<Option<i64>, EntryError> {
    if held.releasing {
        queue.release(key, By::Restart).await?;
        return Ok(None);
    }
    let sight = match account {
        Some(account) => copy::look(account, held.place)?,
        None => Sight::Gone,
    };
    match decide(sight, held.until, unix_seconds()) {
        Verdict::Wait => return Ok(Some(held.until)),
        Verdict::Release(by) => queue.release(key, by).await?,
        Verdict::Cancel(why) => queue.cancel(key, (By::Sender.name(), why)).await?,
    };
    Ok(None)
}
