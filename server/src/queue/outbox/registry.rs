//! Which messages wait in an Outbox; in memory, as the entries say.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use engine::AccountId;
use tokio::sync::Notify as Wake;

use super::super::entries::{self, Entries, EntryId};
use super::{Outbox, Place};

/// Names a message that waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Key {
    /// Whose Outbox.
    pub(in super::super) account: AccountId,
    /// The name of the message in the queue.
    pub(in super::super) id: String,
}

/// A message that waits.
#[derive(Clone, Debug)]
pub(in super::super) struct Held {
    /// Its entries.
    pub(in super::super) ids: Vec<EntryId>,
    /// When it is sent; seconds since 1970.
    pub(in super::super) until: i64,
    pub(in super::super) place: Place,
    /// Whether it was decided that it is sent.
    pub(in super::super) releasing: bool,
    /// The address that it comes from.
    pub(in super::super) sender: String,
}

/// A message that was not accepted before the server ended.
#[derive(Debug)]
pub(in super::super) struct Unaccepted {
    pub(in super::super) ids: Vec<EntryId>,
    pub(in super::super) size: u64,
    pub(in super::super) arrived: i64,
}

/// All of them.
#[derive(Debug, Default)]
pub(in super::super) struct Registry {
    waiting: BTreeMap<Key, Held>,
    /// Entries of those that wait or are in somebody's hand.
    entry_count: usize,
    /// Accounts that a task looks at, and how it is woken.
    watched: HashMap<AccountId, Arc<Wake>>,
    unaccepted: Vec<(Key, Unaccepted)>,
}

impl Registry {
    /// As the entries say. What cannot be read is left alone: nobody knows what was decided of it.
    pub(in super::super) fn read(entries: &Entries, ids: &BTreeSet<EntryId>) -> Self {
        let mut registry = Self::default();
        let mut waiting: BTreeMap<Key, Held> = BTreeMap::new();
        let mut unaccepted: BTreeMap<Key, Unaccepted> = BTreeMap::new();
        for id in ids {
            let entries::Entry { due, envelope, .. } = match entries.read(*id) {
                Ok(Some(entry)) => entry,
                Ok(None) => continue,
                Err(error) => {
                    tracing::error!(%id, %error, "cannot read an entry of the queue");
                    continue;
                }
            };
            let account = AccountId(envelope.account.unwrap_or_default());
            let key = Key { account, id: envelope.id };
            let (place, releasing) = match envelope.outbox {
                Some(Outbox::Waiting(place)) => (place, false),
                Some(Outbox::Releasing(place)) => (place, true),
                Some(Outbox::Arriving) => {
                    let (size, arrived) = (envelope.size, envelope.arrived);
                    let new = || Unaccepted { ids: Vec::new(), size, arrived };
                    unaccepted.entry(key).or_insert_with(new).ids.push(*id);
                    continue;
                }
                None => continue,
            };
            let (ids, sender) = (Vec::new(), envelope.reverse_path);
            let new = || Held { ids, until: due, place, releasing, sender };
            waiting.entry(key).or_insert_with(new).ids.push(*id);
        }
        waiting.into_iter().for_each(|(key, held)| registry.insert(key, held));
        registry.unaccepted.extend(unaccepted);
        registry
    }

    /// A message waits.
    pub(in super::super) fn insert(&mut self, key: Key, held: Held) {
        self.entry_count += held.ids.len();
        if let Some(wake) = self.watched.get(&key.account) {
            wake.notify_one();
        }
        self.put_back(key, held);
    }

    /// A message must be forgotten, with its copy.
    pub(in super::super) fn insert_unaccepted(&mut self, key: Key, message: Unaccepted) {
        self.unaccepted.push((key, message));
    }

    /// Takes a message into hand, so that nobody else does anything to it.
    pub(super) fn take(&mut self, key: &Key) -> Option<Held> {
        self.waiting.remove(key)
    }

    /// Lets it wait on.
    pub(super) fn put_back(&mut self, key: Key, held: Held) {
        self.waiting.insert(key, held);
    }

    /// Lets go of one that was in hand and is done.
    pub(super) fn let_go(&mut self, held: &Held) {
        self.entry_count = self.entry_count.saturating_sub(held.ids.len());
    }

    /// Entries of all messages.
    pub(in super::super) fn entry_count(&self) -> usize {
        self.entry_count
    }

    /// The messages in one Outbox.
    pub(super) fn of(&self, account: AccountId) -> Vec<(Key, Held)> {
        let from = Key { account, id: String::new() };
        let all = self.waiting.range(from..).take_while(|(key, _)| key.account == account);
        all.map(|(key, held)| (key.clone(), held.clone())).collect()
    }

    /// Those that are to be forgotten.
    pub(super) fn take_unaccepted(&mut self) -> Vec<(Key, Unaccepted)> {
        std::mem::take(&mut self.unaccepted)
    }

    /// Accounts with messages that no task looks at; from now on one does.
    pub(super) fn unwatched(&mut self) -> Vec<(AccountId, Arc<Wake>)> {
        let mut found = Vec::new();
        for key in self.waiting.keys() {
            if let Entry::Vacant(place) = self.watched.entry(key.account) {
                let wake = place.insert(Arc::new(Wake::new()));
                found.push((key.account, Arc::clone(wake)));
            }
        }
        found
    }

    /// No task looks at the account any more.
    pub(super) fn unwatch(&mut self, account: AccountId) {
        self.watched.remove(&account);
    }
}

#[cfg(test)]
mod tests {
    use engine::Uid;

    use super::*;

    fn key(account: u64, id: &str) -> Key {
        Key { account: AccountId(account), id: id.to_owned() }
    }

    fn held(count: u32) -> Held {
        let id = |uid| EntryId { generation: 1, uid: Uid::new(uid).expect("a UID") };
        let place = Place { mailbox: 1, uid: 1, email: 1 };
        let ids = (1..=count).map(id).collect();
        Held { ids, until: 10, place, releasing: false, sender: String::new() }
    }

    #[test]
    fn a_message_is_in_one_hand_only() {
        let mut registry = Registry::default();
        registry.insert(key(1, "a"), held(2));
        let taken = registry.take(&key(1, "a")).expect("waits");
        assert!(registry.take(&key(1, "a")).is_none());
        assert_eq!(registry.entry_count(), 2, "it still counts");
        registry.put_back(key(1, "a"), taken);
        let taken = registry.take(&key(1, "a")).expect("waits");
        registry.let_go(&taken);
        assert_eq!(registry.entry_count(), 0);
    }

    #[test]
    fn an_account_with_messages_is_watched_once() {
        let mut registry = Registry::default();
        for (account, id) in [(2, "a"), (1, "b"), (2, "c")] {
            registry.insert(key(account, id), held(1));
        }
        let accounts: Vec<_> = registry.unwatched().iter().map(|(account, _)| account.0).collect();
        assert_eq!(accounts, [1, 2]);
        assert!(registry.unwatched().is_empty());
        registry.unwatch(AccountId(2));
        assert_eq!(registry.unwatched().len(), 1);
        let ids: Vec<_> = registry.of(AccountId(2)).into_iter().map(|(key, _)| key.id).collect();
        assert_eq!(ids, ["a", "c"]);
    }
}
