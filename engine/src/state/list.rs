//! An account's mailboxes by name, and its subscriptions.
//!
//! Names are UTF-8 with `/` between levels. INBOX is one name in any case, also as the first
//! level of a longer one (RFC 9051, 5.1; CLIENTS rule 21).

mod annotations;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::Error;
use crate::ids::{MailboxId, UidValidity};
use crate::limits::{MAILBOX_NAME_LEN_MAX, MAILBOX_NAME_LEVELS_MAX, MAILBOXES_MAX};
use crate::record::{ListChange, NewMailbox, SpecialUse};
pub(crate) use annotations::Annotations;

/// One mailbox of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxEntry {
    /// Which mailbox.
    pub id: MailboxId,
    /// Its name now.
    pub name: Arc<str>,
    /// Its UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// What it is for.
    pub special_use: Option<SpecialUse>,
}

/// An account's mailboxes and subscriptions at one moment; immutable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxList {
    entries: BTreeMap<Arc<str>, MailboxEntry>,
    pub(crate) subscribed: BTreeSet<Arc<str>>,
    pub(crate) annotations: Annotations,
    pub(crate) last_uid_validity: u32,
}

impl MailboxList {
    /// The mailboxes in name order.
    pub fn iter(&self) -> impl Iterator<Item = &MailboxEntry> {
        self.entries.values()
    }

    /// How many mailboxes there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no mailbox.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Finds a mailbox by name.
    pub fn find(&self, name: &str) -> Option<&MailboxEntry> {
        self.entries.get(&*canonical(name))
    }

    /// Whether a mailbox stands below this name.
    pub fn has_children(&self, name: &str) -> bool {
        self.below(name).next().is_some()
    }

    /// The subscribed names in order, whether or not a mailbox has them.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Arc<str>> {
        self.subscribed.iter()
    }

    /// Whether the name is subscribed to.
    pub fn is_subscribed(&self, name: &str) -> bool {
        self.subscribed.contains(&*canonical(name))
    }

    fn below(&self, name: &str) -> impl Iterator<Item = &MailboxEntry> {
        let prefix = format!("{}/", canonical(name));
        let from = Arc::<str>::from(prefix.as_str());
        let rest = self.entries.range(from..).map(|(_, entry)| entry);
        rest.take_while(move |entry| entry.name.starts_with(&prefix))
    }

    pub(crate) fn insert(&mut self, mailbox: NewMailbox) {
        let NewMailbox { id, name, uid_validity, special_use } = mailbox;
        self.last_uid_validity = self.last_uid_validity.max(uid_validity.get());
        let entry = MailboxEntry { id, name: Arc::clone(&name), uid_validity, special_use };
        self.entries.insert(name, entry);
    }

    /// Does what a record says: the one place where a list changes.
    pub(crate) fn apply(&mut self, change: &ListChange) {
        match change {
            ListChange::Account(made) | ListChange::Create(made) => {
                for mailbox in made {
                    self.insert(mailbox.clone());
                }
            }
            ListChange::Delete(id, _) => {
                self.entries.retain(|_, entry| entry.id != *id);
                self.annotations.forget(*id);
            }
            ListChange::Rename(names) => self.rename(names),
            ListChange::Subscribe(name) => {
                self.subscribed.insert(Arc::clone(name));
            }
            ListChange::Unsubscribe(name) => {
                self.subscribed.remove(name);
            }
            ListChange::Annotate { mailbox, entries } => self.annotate(*mailbox, entries),
        }
    }

    fn rename(&mut self, names: &[(MailboxId, Arc<str>)]) {
        let names: HashMap<_, _> = names.iter().map(|(id, name)| (*id, name)).collect();
        let entries = std::mem::take(&mut self.entries).into_values();
        let renamed = entries.map(|mut entry| {
            if let Some(name) = names.get(&entry.id) {
                entry.name = Arc::clone(name);
            }
            (Arc::clone(&entry.name), entry)
        });
        self.entries = renamed.collect();
    }
}

/// The one spelling of a name: INBOX in capitals, also as the first level.
pub(crate) fn canonical(name: &str) -> Arc<str> {
    match name.split_once('/') {
        None if name.eq_ignore_ascii_case("INBOX") => "INBOX".into(),
        Some((first, rest)) if first.eq_ignore_ascii_case("INBOX") && first != "INBOX" => {
            format!("INBOX/{rest}").into()
        }
        _ => name.into(),
    }
}

/// Planning changes: what is asked against what is there.
pub(crate) mod plan {
    pub(crate) use super::annotations::annotate;
    use super::{
        Arc, Error, ListChange, MAILBOX_NAME_LEN_MAX, MAILBOX_NAME_LEVELS_MAX, MAILBOXES_MAX,
        MailboxId, MailboxList, NewMailbox, SpecialUse, UidValidity, canonical,
    };

    /// Gives out numbers while a change is planned.
    pub(crate) struct Numbers<'a> {
        pub(crate) next_mailbox: &'a mut u64,
        pub(crate) now: i64,
    }

    impl Numbers<'_> {
        fn mailbox(&mut self) -> MailboxId {
            let id = MailboxId(*self.next_mailbox);
            *self.next_mailbox += 1;
            id
        }

        /// The time, or one more than the last given: never twice in an account, never 0.
        fn uid_validity(&self, last: u32) -> Result<UidValidity, Error> {
            let now = u32::try_from(self.now).unwrap_or(1);
            let next = last.checked_add(1).ok_or(Error::Exhausted)?;
            UidValidity::new(now.max(next)).ok_or(Error::Exhausted)
        }
    }

    /// A new account: INBOX and these, which are subscribed to by whoever asks for it.
    pub(crate) fn account(
        defaults: &[(String, Option<SpecialUse>)],
        numbers: &mut Numbers<'_>,
    ) -> Result<ListChange, Error> {
        let mut list = MailboxList::default();
        let mut made = Vec::new();
        let inbox = std::iter::once(("INBOX", None));
        for (name, special_use) in
            inbox.chain(defaults.iter().map(|(name, special_use)| (name.as_str(), *special_use)))
        {
            let more = new_mailboxes(&list, name, special_use, numbers)?;
            for mailbox in &more {
                list.insert(mailbox.clone());
            }
            made.extend(more);
        }
        Ok(ListChange::Account(made))
    }

    /// CREATE: the mailbox, and those above it that do not exist.
    pub(crate) fn create(
        list: &MailboxList,
        name: &str,
        special_use: Option<SpecialUse>,
        numbers: &mut Numbers<'_>,
    ) -> Result<ListChange, Error> {
        if list.find(name).is_some() {
            return Err(Error::MailboxExists);
        }
        new_mailboxes(list, name, special_use, numbers).map(ListChange::Create)
    }

    fn new_mailboxes(
        list: &MailboxList,
        name: &str,
        special_use: Option<SpecialUse>,
        numbers: &mut Numbers<'_>,
    ) -> Result<Vec<NewMailbox>, Error> {
        let name = checked(name)?;
        let mut given = list.last_uid_validity;
        let mut made = Vec::new();
        let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
        for level in ends.filter_map(|end| name.get(..end)) {
            if list.find(level).is_some() {
                continue;
            }
            let uid_validity = numbers.uid_validity(given)?;
            given = uid_validity.get();
            let special_use = special_use.filter(|_| level.len() == name.len());
            made.push(NewMailbox {
                id: numbers.mailbox(),
                name: level.into(),
                uid_validity,
                special_use,
            });
        }
        if list.len() + made.len() > MAILBOXES_MAX {
            return Err(Error::TooManyMailboxes(list.len()));
        }
        Ok(made)
    }

    /// DELETE: mailboxes below it stay.
    pub(crate) fn delete(list: &MailboxList, name: &str, at: i64) -> Result<ListChange, Error> {
        let entry = list.find(name).ok_or(Error::NoSuchMailbox)?;
        if &*entry.name == "INBOX" {
            return Err(Error::InboxStays);
        }
        Ok(ListChange::Delete(entry.id, at))
    }

    /// RENAME: the mailbox and all below it; those above the new name are made by the caller.
    pub(crate) fn rename(list: &MailboxList, from: &str, to: &str) -> Result<ListChange, Error> {
        let (from, to) = (canonical(from), checked(to)?);
        if &*from == "INBOX" {
            return Err(Error::InboxStays);
        }
        let itself = list.find(&from);
        let moving: Vec<_> = itself.into_iter().chain(list.below(&from)).collect();
        if moving.is_empty() {
            return Err(Error::NoSuchMailbox);
        }
        if list.find(&to).is_some() {
            return Err(Error::MailboxExists);
        }
        if to.strip_prefix(&*from).is_some_and(|rest| rest.starts_with('/')) {
            return Err(Error::BadMailboxName("a mailbox cannot go below itself"));
        }
        let mut names = Vec::with_capacity(moving.len());
        for entry in moving {
            let rest = entry.name.get(from.len()..).unwrap_or_default();
            let name = checked(&format!("{to}{rest}"))?;
            if list.find(&name).is_some() {
                return Err(Error::MailboxExists);
            }
            names.push((entry.id, name));
        }
        Ok(ListChange::Rename(names))
    }

    /// The mailboxes above `name` that do not exist, to be made before a rename to it.
    pub(crate) fn parents(
        list: &MailboxList,
        name: &str,
        numbers: &mut Numbers<'_>,
    ) -> Result<Option<ListChange>, Error> {
        let name = checked(name)?;
        let Some((above, _)) = name.rsplit_once('/') else { return Ok(None) };
        let made = new_mailboxes(list, above, None, numbers)?;
        Ok((!made.is_empty()).then_some(ListChange::Create(made)))
    }

    /// SUBSCRIBE: any allowed name.
    pub(crate) fn subscribe(name: &str) -> Result<ListChange, Error> {
        checked(name).map(ListChange::Subscribe)
    }

    /// UNSUBSCRIBE: any name.
    pub(crate) fn unsubscribe(name: &str) -> ListChange {
        ListChange::Unsubscribe(canonical(name))
    }

    fn checked(name: &str) -> Result<Arc<str>, Error> {
        let name = name.strip_suffix('/').unwrap_or(name);
        let fault = if name.is_empty() || name.split('/').any(str::is_empty) {
            "a level of it is empty"
        } else if name.len() > MAILBOX_NAME_LEN_MAX {
            "it is too long"
        } else if name.split('/').count() > MAILBOX_NAME_LEVELS_MAX {
            "it has too many levels"
        } else if name.chars().any(char::is_control) {
            "it holds control characters"
        } else {
            return Ok(canonical(name));
        };
        Err(Error::BadMailboxName(fault))
    }
}

#[cfg(test)]
mod tests;
