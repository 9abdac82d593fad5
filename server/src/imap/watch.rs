//! What a session is told of besides its mailbox: what it asked for by NOTIFY (RFC 5465), or
//! annotations that others change, once METADATA was enabled (RFC 5464, 4.1).
//!
//! A session that asked for nothing has no watch. One that has a watch knows the list of mailboxes
//! that its client was told of, and a few counters of each mailbox whose messages it asked for.

mod counters;
mod lists;
mod own;

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{Account, AccountId, Mailbox, MailboxId, MailboxList, Snapshot};

use super::command::{
    EventGroup, Events, FetchItems, MailboxFilter, NotifySet, SelectedEvents, Timing,
};
use super::commands::{list_names, push_list_notice};
use super::dialogue::Dialogue;
use super::encode::{push_entry_name, push_mailbox};
use super::outcome::Stop;
use super::sources::is_meant;
use super::view::SelectedView;
use counters::Counters;
pub(crate) use counters::TooMany;
use lists::ListEvent;
pub(crate) use own::{Own, own_messages};

/// What a session is told of besides its mailbox, and what of that.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The list that the client was told of.
    seen: Arc<MailboxList>,
    /// What the client just did itself, and is not told.
    own: Option<Own>,
    wants: Wants,
    counters: Counters,
}

/// What is wanted.
#[derive(Clone, Debug)]
struct Wants {
    groups: Vec<EventGroup>,
    /// Of the selected mailbox; `None` if NOTIFY was not used.
    selected: Option<SelectedEvents>,
}

/// The selected mailbox, and what its client knows of it.
#[derive(Clone, Copy)]
pub(crate) struct Known<'s> {
    /// Which.
    pub(crate) id: MailboxId,
    /// What its session shows.
    pub(crate) snapshot: &'s Snapshot,
}

impl<'s> Known<'s> {
    /// The selected mailbox, if it is one of the user's own: those of others are not watched.
    pub(crate) fn among_own(
        user: AccountId,
        mailbox: &Mailbox,
        view: &'s SelectedView,
    ) -> Option<Self> {
        let is_own = mailbox.account().id() == user;
        is_own.then(|| Self { id: mailbox.id(), snapshot: view.snapshot() })
    }
}

/// What is told of the selected mailbox, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// As without NOTIFY: everything, while a command is worked on.
    Usual,
    /// Nothing.
    Nothing,
    /// What is asked for, always.
    Asked {
        /// When removals are told.
        timing: Timing,
        /// Whether flags are.
        flags: bool,
    },
}

impl Wants {
    fn nothing() -> Self {
        let (timing, events, items) = (Timing::Immediate, Events::default(), None);
        Self { groups: Vec::new(), selected: Some(SelectedEvents { timing, events, items }) }
    }

    fn all(&self) -> Events {
        self.groups.iter().fold(Events::default(), |all, group| all.and(group.events))
    }

    /// The events that are wanted of a name.
    fn of(&self, name: &str, list: &MailboxList) -> Events {
        let meant = self.groups.iter().filter(|group| is_meant(&group.filter, name, list));
        meant.fold(Events::default(), |all, group| all.and(group.events))
    }
}

impl Watch {
    /// Tells of annotations that change from now on.
    pub(crate) fn of_annotations(account: &Account) -> Self {
        let events = Events::MAILBOX_METADATA.and(Events::SERVER_METADATA);
        let groups = vec![EventGroup { filter: MailboxFilter::Personal, events }];
        Self::new(account, Wants { groups, selected: None })
    }

    /// Tells of nothing.
    pub(crate) fn of_nothing(account: &Account) -> Self {
        Self::new(account, Wants::nothing())
    }

    /// Tells of what is asked for from now on, of messages only once [`Self::look`] has seen them.
    pub(crate) fn of(account: &Account, NotifySet { selected, groups, .. }: NotifySet) -> Self {
        let selected = selected.or(Wants::nothing().selected);
        Self::new(account, Wants { groups, selected })
    }

    fn new(account: &Account, wants: Wants) -> Self {
        let (seen, counters) = (account.mailboxes(), Counters::default());
        Self { seen, own: None, wants, counters }
    }

    /// Whether the client is told also while it says nothing.
    pub(crate) fn is_always_told(&self) -> bool {
        self.wants.selected.is_some()
    }

    /// What is told of the selected mailbox.
    pub(crate) fn rule(&self) -> Rule {
        match &self.wants.selected {
            None => Rule::Usual,
            Some(SelectedEvents { timing, events, .. }) if events.has(Events::MESSAGES) => {
                Rule::Asked { timing: *timing, flags: events.has(Events::FLAGS) }
            }
            Some(_) => Rule::Nothing,
        }
    }

    /// What is told of a new message in the selected mailbox.
    pub(crate) fn items_of_new(&self) -> Option<FetchItems> {
        self.wants.selected.as_ref().and_then(|selected| selected.items.clone())
    }

    /// The client has done this itself.
    pub(crate) fn note_own(&mut self, own: Option<Own>) {
        self.own = own;
    }

    /// Resolves once there may be something to tell.
    pub(crate) async fn changed(&self, account: &Account) {
        if self.wants.all().has(Events::MESSAGES) {
            account.active(&self.seen, self.counters.activity()).await;
        } else {
            account.changed(&self.seen).await;
        }
    }

    /// Takes note of how the mailboxes are whose messages are asked for, and tells it if that is
    /// wanted (RFC 5465, 3.1).
    pub(crate) async fn look(
        &mut self,
        account: &Account,
        (known, status): (Option<Known<'_>>, bool),
        dialogue: &mut Dialogue,
    ) -> Result<Result<(), TooMany>, Stop> {
        let (list, wants) = (Arc::clone(&self.seen), &self.wants);
        let of = |name: &str| wants.of(name, &list);
        self.counters.begin(account, (&list, &of), (known, status), dialogue).await
    }

    /// Tells what changed since the last time.
    pub(crate) async fn tell(
        &mut self,
        account: &Account,
        (known, condstore): (Option<Known<'_>>, bool),
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        let (list, own) = (account.mailboxes(), self.own.take());
        let is_other = !Arc::ptr_eq(&list, &self.seen);
        if is_other {
            let before = std::mem::replace(&mut self.seen, Arc::clone(&list));
            self.tell_lists((&before, &list), own.as_ref(), dialogue).await?;
        }
        let all = self.wants.all();
        if !all.has(Events::MESSAGES) {
            return Ok(());
        }
        let wants = &self.wants;
        let of = |name: &str| wants.of(name, &list);
        let what = (known, is_other, condstore);
        if self.counters.tell(account, (&list, &of), what, dialogue).await?.is_err() {
            // As if NOTIFY NONE had been said (RFC 5465, 5.8).
            dialogue.untagged("OK [NOTIFICATIONOVERFLOW] There are too many mailboxes to watch");
            *self = Self::of_nothing(account);
        }
        Ok(())
    }

    async fn tell_lists(
        &self,
        (before, after): (&MailboxList, &MailboxList),
        own: Option<&Own>,
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        let mut events = lists::changes(before, after);
        events.retain(|event| {
            !own.is_some_and(|own| own.caused(event)) && self.is_wanted(event, (before, after))
        });
        let tells_names = |event: &ListEvent<'_>| !matches!(event, ListEvent::Annotations { .. });
        let names =
            if events.iter().any(tells_names) { list_names(after) } else { BTreeMap::new() };
        for event in &events {
            match event {
                ListEvent::Name { name, old } => {
                    push_list_notice(dialogue, &names, name, *old);
                }
                ListEvent::Subscription(name) => {
                    push_list_notice(dialogue, &names, name, None);
                }
                ListEvent::Annotations { mailbox, entries } => {
                    push_annotations(dialogue, mailbox.unwrap_or(""), entries);
                }
            }
            dialogue.breathe().await?;
        }
        Ok(())
    }

    /// Whether the client asked to be told of it. A name counts as it was and as it is.
    fn is_wanted(
        &self,
        event: &ListEvent<'_>,
        (before, after): (&MailboxList, &MailboxList),
    ) -> bool {
        let of = |name: &str| self.wants.of(name, before).and(self.wants.of(name, after));
        match event {
            ListEvent::Name { name, old } => {
                of(name).and(old.map_or(Events::default(), of)).has(Events::NAMES)
            }
            ListEvent::Subscription(name) => of(name).has(Events::SUBSCRIPTIONS),
            ListEvent::Annotations { mailbox: Some(name), .. } => {
                of(name).has(Events::MAILBOX_METADATA)
            }
            ListEvent::Annotations { mailbox: None, .. } => {
                self.wants.all().has(Events::SERVER_METADATA)
            }
        }
    }
}

/// `* METADATA name entry …`, without values (RFC 5464, 4.4.2).
fn push_annotations(dialogue: &mut Dialogue, name: &str, entries: &[&str]) {
    let dialect = dialogue.dialect;
    let out = dialogue.out();
    out.extend_from_slice(b"* METADATA ");
    push_mailbox(out, name, dialect);
    for entry in entries {
        out.push(b' ');
        push_entry_name(out, entry);
    }
    out.extend_from_slice(b"\r\n");
}
