//! What upkeep is to look at: the writers add to it, the upkeep thread takes from it.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use crate::ids::{MailboxId, ShardId};
use crate::state::Snapshot;
use crate::store::cells::MailboxCell;

/// Messages of a mailbox that are in no list part before upkeep makes one for them.
///
/// Few in tests, so that few messages meet every edge.
pub(crate) const LIST_FROM: u32 = if cfg!(test) { 3 } else { 32 };

/// Mailboxes that wait for upkeep, each once.
pub(crate) type Waiting = HashMap<(ShardId, MailboxId), Weak<MailboxCell>>;

/// What upkeep is to look at; shared by all writers of a store.
#[derive(Default)]
pub(crate) struct Due {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    unlisted: Waiting,
    is_rung: bool,
    is_closed: bool,
}

impl Due {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets upkeep look: cheap, never waits, and one notice stands for many.
    pub(crate) fn ring(&self) {
        self.state().is_rung = true;
        self.changed.notify_one();
    }

    /// Ends the upkeep.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    /// Waits until there may be something to do; `false` once there never will be.
    pub(crate) fn wait(&self) -> bool {
        let is_idle = |state: &mut State| !state.is_rung && !state.is_closed;
        let waited = self.changed.wait_while(self.state(), is_idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_rung = false;
        !state.is_closed
    }

    /// Notes the mailbox if enough of its messages are in no list part.
    pub(crate) fn check_lists(&self, shard: ShardId, cell: &Arc<MailboxCell>, now: &Snapshot) {
        if now.live_after(now.lists.until()) >= LIST_FROM {
            self.state().unlisted.insert((shard, cell.id), Arc::downgrade(cell));
            self.ring();
        }
    }

    /// Takes the mailboxes that wait for list parts.
    pub(crate) fn take_unlisted(&self) -> Waiting {
        std::mem::take(&mut self.state().unlisted)
    }
}
