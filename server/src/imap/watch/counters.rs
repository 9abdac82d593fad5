//! What a client was told of mailboxes that it has not selected: a few counters of each, so that a
//! STATUS response can say what is new (RFC 5465, 5.1 to 5.3).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::{Account, MailboxEntry, MailboxId, MailboxList, Snapshot, Uid};

use super::Known;
use crate::imap::command::{Events, StatusItem};
use crate::imap::commands::push_status;
use crate::imap::dialogue::{Dialogue, blocking};
use crate::imap::outcome::Stop;

/// Mailboxes that one session watches the messages of.
const MAILBOXES_MAX: usize = 4096;
/// Mailboxes that are looked at in one go.
const BATCH: usize = 64;

/// There are more mailboxes to watch than a session may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// What a client was told of other mailboxes.
#[derive(Debug, Default)]
pub(super) struct Counters {
    told: BTreeMap<MailboxId, Told>,
    /// Changes of the account's mailboxes that were looked at.
    activity: u64,
    /// Which mailbox was selected when they were.
    selected: Option<MailboxId>,
}

/// What a client was told of one mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    uid_next: u32,
    exists: u32,
    unseen: u32,
    modseq: u64,
}

impl Told {
    /// Of a mailbox in which nothing ever was.
    const EMPTY: Self = Self { uid_next: 1, exists: 0, unseen: 0, modseq: 1 };

    fn of(snapshot: &Snapshot) -> Self {
        Self {
            uid_next: snapshot.uid_next().map_or(u32::MAX, Uid::get),
            exists: snapshot.exists(),
            unseen: snapshot.unseen(),
            modseq: snapshot.highest_modseq().get(),
        }
    }

    /// What is to be told of a mailbox that was so and now is otherwise. Without CONDSTORE flags are
    /// told of as far as UNSEEN shows them (RFC 5465, 5.1).
    fn news(self, now: Self, events: Events, condstore: bool) -> Vec<StatusItem> {
        let mut items = Vec::new();
        if (self.uid_next, self.exists) != (now.uid_next, now.exists) {
            items.extend([StatusItem::Messages, StatusItem::UidNext]);
        }
        if events.has(Events::FLAGS) && self.unseen != now.unseen {
            items.push(StatusItem::Unseen);
        }
        let has_flags = events.has(Events::FLAGS) && self.modseq != now.modseq;
        if condstore && (has_flags || !items.is_empty()) {
            items.push(StatusItem::HighestModSeq);
        }
        if !items.is_empty() {
            items.push(StatusItem::UidValidity);
        }
        items
    }
}

/// What NOTIFY SET STATUS tells (RFC 5465, 3.1).
fn first_items(events: Events) -> Vec<StatusItem> {
    let mut items = vec![StatusItem::Messages, StatusItem::UidNext, StatusItem::UidValidity];
    if events.has(Events::FLAGS) {
        items.push(StatusItem::HighestModSeq);
    }
    items
}

/// Which mailboxes there are, and what is wanted of a name.
type Scope<'s> = (&'s MailboxList, &'s (dyn Fn(&str) -> Events + Sync));

impl Counters {
    /// Changes of the account's mailboxes that were looked at.
    pub(super) fn activity(&self) -> u64 {
        self.activity
    }

    /// Takes note of all mailboxes as they are, and tells it if that is wanted.
    pub(super) async fn begin(
        &mut self,
        account: &Account,
        (list, of): Scope<'_>,
        (known, status): (Option<Known<'_>>, bool),
        dialogue: &mut Dialogue,
    ) -> Result<Result<(), TooMany>, Stop> {
        self.activity = account.activity();
        self.selected = known.map(|known| known.id);
        let wanted: Vec<_> = wanted(list, of).collect();
        if wanted.len() > MAILBOXES_MAX {
            return Ok(Err(TooMany));
        }
        for batch in wanted.chunks(BATCH) {
            for (entry, events, snapshot) in look(account, batch) {
                self.told.insert(entry.id, Told::of(&snapshot));
                if status && self.selected != Some(entry.id) {
                    let items = first_items(events);
                    push_status(dialogue, (&entry.name, entry.id), &snapshot, &items);
                }
            }
            dialogue.breathe().await?;
        }
        self.keep(known);
        Ok(Ok(()))
    }

    /// Tells of mailboxes that changed since they were looked at.
    pub(super) async fn tell(
        &mut self,
        account: &Account,
        (list, of): Scope<'_>,
        (known, is_other, condstore): (Option<Known<'_>>, bool, bool),
        dialogue: &mut Dialogue,
    ) -> Result<Result<(), TooMany>, Stop> {
        let now = account.activity();
        let selected = known.map(|known| known.id);
        if is_other {
            let ids: BTreeSet<_> = wanted(list, of).map(|(entry, _)| entry.id).collect();
            self.told.retain(|id, _| ids.contains(id));
        }
        let changed = account.changed_mailboxes(self.activity);
        // A mailbox that is selected no more may have changed while it was.
        let left = self.selected.filter(|_| self.selected != selected);
        let is_due = |entry: &MailboxEntry| {
            let is_changed = changed.as_ref().is_none_or(|changed| changed.contains(&entry.id));
            is_changed || left == Some(entry.id) || is_other && !self.told.contains_key(&entry.id)
        };
        // What a filter means is looked at last: it may name many mailboxes.
        let due = list.iter().filter(|entry| is_due(entry)).map(|entry| (entry, of(&entry.name)));
        let due: Vec<_> = due.filter(|(_, events)| events.has(Events::MESSAGES)).collect();
        for batch in due.chunks(BATCH) {
            for (entry, events, snapshot) in look(account, batch) {
                if selected == Some(entry.id) {
                    continue;
                }
                let new = Told::of(&snapshot);
                let old = self.told.insert(entry.id, new).unwrap_or(Told::EMPTY);
                if self.told.len() > MAILBOXES_MAX {
                    return Ok(Err(TooMany));
                }
                let items = old.news(new, events, condstore);
                if !items.is_empty() {
                    push_status(dialogue, (&entry.name, entry.id), &snapshot, &items);
                }
            }
            dialogue.breathe().await?;
        }
        (self.activity, self.selected) = (now, selected);
        self.keep(known);
        Ok(Ok(()))
    }

    /// Of the selected mailbox the client knows what its session shows.
    fn keep(&mut self, known: Option<Known<'_>>) {
        if let Some(Known { id, snapshot }) = known
            && let Some(told) = self.told.get_mut(&id)
        {
            *told = Told::of(snapshot);
        }
    }
}

/// The mailboxes whose messages are asked for.
fn wanted<'l>(
    list: &'l MailboxList,
    of: &(dyn Fn(&str) -> Events + Sync),
) -> impl Iterator<Item = (&'l MailboxEntry, Events)> {
    let each = list.iter().map(move |entry| (entry, of(&entry.name)));
    each.filter(|(_, events)| events.has(Events::MESSAGES))
}

/// Mailboxes as they are now. Those that were deleted meanwhile are left out, and those that cannot be
/// read: nobody is refused the rest.
fn look<'l>(
    account: &Account,
    batch: &[(&'l MailboxEntry, Events)],
) -> Vec<(&'l MailboxEntry, Events, Arc<Snapshot>)> {
    let peek = |(entry, events): &(&'l MailboxEntry, Events)| {
        account.peek(entry).ok().map(|snapshot| (*entry, *events, snapshot))
    };
    blocking(|| batch.iter().filter_map(peek).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_what_was_asked_for() {
        use StatusItem::{HighestModSeq, Messages, UidNext, UidValidity, Unseen};
        let old = Told { uid_next: 5, exists: 4, unseen: 2, modseq: 9 };
        let flagged = Told { modseq: 10, ..old };
        let read = Told { unseen: 1, ..flagged };
        let came = Told { uid_next: 6, exists: 5, unseen: 3, modseq: 10 };
        let (messages, all) = (Events::MESSAGES, Events::MESSAGES.and(Events::FLAGS));
        assert_eq!(old.news(old, all, true), []);
        assert_eq!(old.news(read, messages, true), []);
        assert_eq!(old.news(flagged, all, false), []);
        assert_eq!(old.news(flagged, all, true), [HighestModSeq, UidValidity]);
        assert_eq!(old.news(read, all, false), [Unseen, UidValidity]);
        assert_eq!(old.news(came, messages, false), [Messages, UidNext, UidValidity]);
        let told = old.news(came, all, true);
        assert_eq!(told, [Messages, UidNext, Unseen, HighestModSeq, UidValidity]);
    }
}
