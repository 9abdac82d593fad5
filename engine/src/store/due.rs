//! What upkeep is to look at: the writers add to it, the upkeep threads take from it.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::Error;
use crate::ids::{MailboxId, ShardId};
use crate::image::PartRef;
use crate::state::Snapshot;
use crate::store::cells::MailboxCell;

/// Messages of a list part that takes no more; few in tests, so that few messages meet every edge.
pub(crate) const PART_ROWS: u32 = if cfg!(test) { 4 } else { 256 };

/// Messages that are in no list part before one that is not full is made for them.
const LIST_FROM: u32 = if cfg!(test) { 3 } else { 32 };

/// How often upkeep looks though nobody rang.
const RING_EVERY: Duration = Duration::from_hours(1);

/// What there is an upkeep thread for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Dictionaries and list parts.
    Lists,
    /// Compaction, and making again what is damaged.
    Space,
}

/// Mailboxes that wait for upkeep, each once.
pub(crate) type Waiting = HashMap<(ShardId, MailboxId), Unlisted>;

/// A mailbox with messages that are in no list part.
pub(crate) struct Unlisted {
    pub(crate) cell: Weak<MailboxCell>,
    /// Whether somebody lists them, so that they shall not wait until a part is full.
    pub(crate) is_wanted: bool,
}

/// List parts of a mailbox that cannot be read.
pub(crate) struct Spoilt {
    pub(crate) cell: Weak<MailboxCell>,
    pub(crate) parts: Vec<PartRef>,
}

/// What upkeep is to look at; shared by all writers of a store.
#[derive(Default)]
pub(crate) struct Due {
    state: Mutex<State>,
    changed: Condvar,
    space: Mutex<()>,
    lists: Mutex<()>,
}

#[derive(Default)]
struct State {
    unlisted: Waiting,
    spoilt: HashMap<(ShardId, MailboxId), Spoilt>,
    /// Whether each of the threads was rung.
    are_lists_rung: bool,
    is_space_rung: bool,
    is_closed: bool,
}

impl State {
    fn bell(&mut self, work: Work) -> &mut bool {
        match work {
            Work::Lists => &mut self.are_lists_rung,
            Work::Space => &mut self.is_space_rung,
        }
    }
}

impl Due {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets all upkeep look: cheap, never waits, and one notice stands for many.
    pub(crate) fn ring(&self) {
        self.ring_for(&[Work::Lists, Work::Space]);
    }

    fn ring_for(&self, works: &[Work]) {
        let mut state = self.state();
        works.iter().for_each(|work| *state.bell(*work) = true);
        drop(state);
        self.changed.notify_all();
    }

    /// Ends the upkeep.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    /// Waits until there may be something to do, now and then because time has passed; `false`
    /// once there never will be.
    pub(crate) fn wait(&self, work: Work) -> bool {
        let is_idle = |state: &mut State| !*state.bell(work) && !state.is_closed;
        let waited = self.changed.wait_timeout_while(self.state(), RING_EVERY, is_idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *state.bell(work) = false;
        !state.is_closed
    }

    /// Waits, or fails once the store is being closed.
    pub(crate) fn rest(&self, time: Duration) -> Result<(), Error> {
        let state = self.state();
        let waited = self.changed.wait_timeout_while(state, time, |state| !state.is_closed);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.is_closed { Err(Error::Closed) } else { Ok(()) }
    }

    /// Held by whoever compacts, erases or makes again what is damaged, one at a time.
    pub(crate) fn alone(&self) -> MutexGuard<'_, ()> {
        self.space.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held by whoever makes list parts, and by who needs that no new ones come. Never waits for
    /// compaction: who has this does not ask for [`Self::alone`].
    pub(crate) fn listing(&self) -> MutexGuard<'_, ()> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the mailbox if enough of its messages are in no list part. Upkeep is rung once they
    /// fill one: a part that is not full would be made again.
    pub(crate) fn check_lists(&self, shard: ShardId, cell: &Arc<MailboxCell>, now: &Snapshot) {
        if now.live_after(now.lists.until()) >= LIST_FROM {
            self.note_unlisted(shard, cell, false);
            if now.live_after(now.lists.full_until(PART_ROWS)) >= PART_ROWS {
                self.ring_for(&[Work::Lists]);
            }
        }
    }

    /// The same where somebody is about to list them.
    pub(crate) fn want_lists(&self, shard: ShardId, cell: &Arc<MailboxCell>, now: &Snapshot) {
        if now.live_after(now.lists.until()) >= LIST_FROM {
            self.note_unlisted(shard, cell, true);
            self.ring_for(&[Work::Lists]);
        }
    }

    fn note_unlisted(&self, shard: ShardId, cell: &Arc<MailboxCell>, is_wanted: bool) {
        let mut state = self.state();
        let fresh = || Unlisted { cell: Arc::downgrade(cell), is_wanted };
        let noted = state.unlisted.entry((shard, cell.id)).or_insert_with(fresh);
        // An older cell of the same mailbox may be gone.
        *noted = Unlisted { is_wanted: is_wanted || noted.is_wanted, ..fresh() };
    }

    /// Notes a list part that cannot be read: it is damaged, or was made by another version.
    pub(crate) fn note_spoilt(&self, shard: ShardId, cell: &Arc<MailboxCell>, part: PartRef) {
        let mut state = self.state();
        let fresh = || Spoilt { cell: Arc::downgrade(cell), parts: Vec::new() };
        let noted = state.spoilt.entry((shard, cell.id)).or_insert_with(fresh);
        if !noted.parts.contains(&part) {
            noted.parts.push(part);
        }
        drop(state);
        self.ring_for(&[Work::Lists]);
    }

    /// Takes the list parts that are to be made again.
    pub(crate) fn take_spoilt(&self) -> HashMap<(ShardId, MailboxId), Spoilt> {
        std::mem::take(&mut self.state().spoilt)
    }

    /// Takes the mailboxes that wait for list parts.
    pub(crate) fn take_unlisted(&self) -> Waiting {
        std::mem::take(&mut self.state().unlisted)
    }
}
