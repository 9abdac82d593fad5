//! Where the writer publishes and readers look: one cell for each account and each mailbox.
//!
//! Readers take an `Arc` out of an atomic pointer and let go; nothing they do can delay the
//! writer. A mailbox's snapshot is read from its durable image when somebody first asks for it,
//! so what nobody opens costs a table entry.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::Error;
use crate::ids::{AccountId, MailboxId};
use crate::state::{Diff, MailboxList, Snapshot};
use crate::store::activity::Activity;
use crate::store::outlived::Outlived;
use crate::store::usage::UsageTable;

/// Ranges of UIDs in a step that is kept for the next session.
const STEP_RANGES_MAX: usize = 1024;

/// The published state of one mailbox.
pub(crate) struct MailboxCell {
    pub(crate) id: MailboxId,
    pub(crate) account: AccountId,
    snapshot: OnceLock<ArcSwap<Snapshot>>,
    is_deleted: AtomicBool,
    changed: Notify,
    last_step: Mutex<Option<Step>>,
}

/// A step from one snapshot to another. As long as it is kept their addresses are not used
/// again, so equal addresses are equal snapshots.
struct Step {
    old: Weak<Snapshot>,
    new: Weak<Snapshot>,
    diff: Arc<Diff>,
}

impl Step {
    fn diff(&self, old: &Arc<Snapshot>, new: &Arc<Snapshot>) -> Option<Arc<Diff>> {
        let is_it = self.old.as_ptr() == Arc::as_ptr(old) && self.new.as_ptr() == Arc::as_ptr(new);
        is_it.then(|| Arc::clone(&self.diff))
    }
}

impl MailboxCell {
    /// A cell whose snapshot is read from the mailbox's image when first asked for.
    pub(crate) fn stored(id: MailboxId, account: AccountId) -> Self {
        Self {
            id,
            account,
            snapshot: OnceLock::new(),
            is_deleted: AtomicBool::new(false),
            changed: Notify::new(),
            last_step: Mutex::default(),
        }
    }

    /// A cell of a mailbox that is in memory.
    pub(crate) fn resident(id: MailboxId, account: AccountId, snapshot: Arc<Snapshot>) -> Self {
        let cell = Self::stored(id, account);
        let snapshot = OnceLock::from(ArcSwap::new(snapshot));
        Self { snapshot, ..cell }
    }

    /// The newest snapshot; `load` reads it if nobody has before.
    pub(crate) fn snapshot<E>(
        &self,
        load: impl FnOnce() -> Result<Arc<Snapshot>, E>,
    ) -> Result<Arc<Snapshot>, E> {
        if let Some(snapshot) = self.snapshot.get() {
            return Ok(snapshot.load_full());
        }
        let loaded = load()?;
        // Two readers may both have loaded; they read the same image, and one of them stays.
        Ok(self.snapshot.get_or_init(|| ArcSwap::new(loaded)).load_full())
    }

    /// The snapshot if it is in memory.
    pub(crate) fn resident_snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.get().map(ArcSwap::load_full)
    }

    /// Whether anybody holds the newest snapshot.
    fn is_looked_at(&self) -> bool {
        self.snapshot.get().is_some_and(|snapshot| Arc::strong_count(&snapshot.load()) > 1)
    }

    /// Shows a newer snapshot to everybody. If it says that something changed,
    /// [`Self::wake_watchers`] must follow.
    pub(crate) fn publish(&self, snapshot: Arc<Snapshot>, outlived: &Outlived) -> bool {
        let modseq = snapshot.highest_modseq();
        let cell = self.snapshot.get_or_init(|| ArcSwap::new(Arc::clone(&snapshot)));
        let old = cell.swap(snapshot);
        outlived.note(&old);
        old.highest_modseq() != modseq
    }

    /// Wakes who waits for a newer snapshot.
    pub(crate) fn wake_watchers(&self) {
        self.changed.notify_waiters();
    }

    /// What leads from one snapshot to a later one. Sessions that watch a mailbox all make the
    /// same step, so the last one is kept, if it is short.
    pub(crate) fn diff(
        &self,
        old: &Arc<Snapshot>,
        new: &Arc<Snapshot>,
    ) -> Result<Arc<Diff>, Error> {
        if let Some(known) = lock(&self.last_step).as_ref().and_then(|step| step.diff(old, new)) {
            return Ok(known);
        }
        let diff = Arc::new(Diff::between(old, new)?);
        if diff.range_count() <= STEP_RANGES_MAX {
            let (old, new) = (Arc::downgrade(old), Arc::downgrade(new));
            *lock(&self.last_step) = Some(Step { old, new, diff: Arc::clone(&diff) });
        }
        Ok(diff)
    }

    /// Marks the mailbox as gone; who has it open keeps its last snapshot.
    pub(crate) fn publish_deleted(&self, outlived: &Outlived) {
        if let Some(last) = self.resident_snapshot() {
            outlived.note(&last);
        }
        self.is_deleted.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.is_deleted.load(Ordering::Acquire)
    }

    /// Resolves once the published snapshot is another than `seen`, or the mailbox is gone.
    pub(crate) async fn changed(&self, seen: &Arc<Snapshot>) {
        let is_new = || {
            let is_newer = |now: &ArcSwap<Snapshot>| !Arc::ptr_eq(&now.load(), seen);
            self.is_deleted() || self.snapshot.get().is_some_and(is_newer)
        };
        wait_until(&self.changed, is_new).await;
    }
}

/// The published state of one account: its list of mailboxes, and a cell for each that somebody
/// uses.
pub(crate) struct AccountCell {
    pub(crate) id: AccountId,
    /// What its messages take.
    pub(crate) usage: UsageTable,
    /// Which of its mailboxes changed lately.
    pub(crate) activity: Activity,
    list: ArcSwap<MailboxList>,
    mailboxes: RwLock<HashMap<MailboxId, Arc<MailboxCell>>>,
    changed: Notify,
}

impl AccountCell {
    pub(crate) fn new(id: AccountId, list: Arc<MailboxList>) -> Self {
        let (list, mailboxes) = (ArcSwap::new(list), RwLock::default());
        let (usage, activity) = (UsageTable::default(), Activity::default());
        Self { id, usage, activity, list, mailboxes, changed: Notify::new() }
    }

    pub(crate) fn list(&self) -> Arc<MailboxList> {
        self.list.load_full()
    }

    /// The cell of a mailbox that the list names.
    pub(crate) fn mailbox(&self, id: MailboxId) -> Arc<MailboxCell> {
        let cells = self.mailboxes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.get(&id) {
            return Arc::clone(cell);
        }
        drop(cells);
        let mut cells = self.mailboxes.write().unwrap_or_else(PoisonError::into_inner);
        let made = || Arc::new(MailboxCell::stored(id, self.id));
        Arc::clone(cells.entry(id).or_insert_with(made))
    }

    /// Lets go of the cells that nobody else holds, nor their snapshot; whether none are left. A
    /// mailbox whose image lacks a change is held by the writer.
    pub(crate) fn let_go(&self) -> bool {
        let mut cells = self.mailboxes.write().unwrap_or_else(PoisonError::into_inner);
        cells.retain(|_, cell| Arc::strong_count(cell) > 1 || cell.is_looked_at());
        cells.is_empty()
    }

    /// Adds a cell before the list that names it is published.
    pub(crate) fn insert(&self, cell: Arc<MailboxCell>) {
        let mut cells = self.mailboxes.write().unwrap_or_else(PoisonError::into_inner);
        cells.insert(cell.id, cell);
    }

    pub(crate) fn remove(&self, id: MailboxId) -> Option<Arc<MailboxCell>> {
        self.mailboxes.write().unwrap_or_else(PoisonError::into_inner).remove(&id)
    }

    pub(crate) fn publish(&self, list: Arc<MailboxList>) {
        self.list.store(list);
        self.changed.notify_waiters();
    }

    /// A mailbox has a newer snapshot.
    pub(crate) fn note_activity(&self, mailbox: MailboxId) {
        self.activity.note(mailbox);
        self.changed.notify_waiters();
    }

    /// Resolves once the list is another than `seen`, or a mailbox has changed since `count` changes.
    pub(crate) async fn changed(&self, seen: &Arc<MailboxList>, count: u64) {
        let is_new = || !Arc::ptr_eq(&self.list.load(), seen) || self.activity.count() > count;
        wait_until(&self.changed, is_new).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for notices until `is_new` holds, missing none between the look and the wait.
async fn wait_until(notify: &Notify, is_new: impl Fn() -> bool) {
    loop {
        let mut notified = pin!(notify.notified());
        notified.as_mut().enable();
        if is_new() {
            return;
        }
        let notified: std::pin::Pin<&mut (dyn Future<Output = ()> + Send)> = notified;
        notified.await;
    }
}
