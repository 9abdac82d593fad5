//! What happened between two lists of an account's mailboxes.

use std::collections::{BTreeMap, BTreeSet};

use engine::{MailboxEntry, MailboxId, MailboxList};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ListEvent<'l> {
    /// A mailbox has come or gone, or one directly below it; or it had another name.
    Name {
        /// Its name, now or before it went.
        name: &'l str,
        /// The name before.
        old: Option<&'l str>,
    },
    /// A name is subscribed to, or no longer.
    Subscription(&'l str),
    /// Annotations of a mailbox, or of the server if none is named, were set or taken away.
    Annotations {
        /// Its name.
        mailbox: Option<&'l str>,
        /// Which.
        entries: Vec<&'l str>,
    },
}

/// All that happened, in an order that clients can follow.
pub(super) fn changes<'l>(before: &'l MailboxList, after: &'l MailboxList) -> Vec<ListEvent<'l>> {
    let old: BTreeMap<MailboxId, &MailboxEntry> =
        before.iter().map(|entry| (entry.id, entry)).collect();
    let new: BTreeSet<MailboxId> = after.iter().map(|entry| entry.id).collect();
    let mut events = Vec::new();
    let gone = before.iter().filter(|entry| !new.contains(&entry.id));
    let come = after.iter().filter(|entry| !old.contains_key(&entry.id));
    let names: BTreeSet<&str> =
        gone.chain(come).flat_map(|entry| with_parent(&entry.name)).collect();
    events.extend(names.into_iter().map(|name| ListEvent::Name { name, old: None }));
    events.extend(renamed(&old, after));
    let (was, is): (BTreeSet<_>, BTreeSet<_>) =
        (before.subscriptions().collect(), after.subscriptions().collect());
    events.extend(was.symmetric_difference(&is).map(|name| ListEvent::Subscription(name)));
    let mailboxes = after.iter().map(|entry| (old.get(&entry.id).copied(), Some(entry)));
    for (was, is) in mailboxes.chain([(None, None)]) {
        let is_new = is.is_some() && was.is_none();
        let mut differing: BTreeMap<&str, &[u8]> = BTreeMap::new();
        if !is_new {
            differing.extend(shown(before.annotations(was)));
        }
        for (entry, value) in shown(after.annotations(is)) {
            if differing.get(entry) == Some(&value) {
                differing.remove(entry);
            } else {
                differing.insert(entry, value);
            }
        }
        if !differing.is_empty() {
            let (mailbox, entries) = (is.map(|entry| &*entry.name), differing.into_keys());
            events.push(ListEvent::Annotations { mailbox, entries: entries.collect() });
        }
    }
    events
}

/// Those that clients can name: rights are kept among them too.
fn shown<'l>(
    all: impl Iterator<Item = (&'l str, &'l [u8])>,
) -> impl Iterator<Item = (&'l str, &'l [u8])> {
    all.filter(|(entry, _)| entry.starts_with('/'))
}

/// A mailbox that comes or goes concerns the one above it too (RFC 5465, 5.4).
fn with_parent(name: &str) -> impl Iterator<Item = &str> {
    let parent = name.rsplit_once('/').map(|(above, _)| above);
    std::iter::once(name).chain(parent)
}

/// Those that have another name. What is below them has gone along, and is not told of.
fn renamed<'l>(
    old: &BTreeMap<MailboxId, &'l MailboxEntry>,
    after: &'l MailboxList,
) -> Vec<ListEvent<'l>> {
    let mut events = Vec::new();
    let mut tops: BTreeMap<&str, &str> = BTreeMap::new();
    // In the order of the new names, so that a mailbox comes before those below it.
    for entry in after.iter() {
        let Some(was) = old.get(&entry.id).filter(|was| was.name != entry.name) else { continue };
        let went_along = |(end, _): (usize, &str)| {
            let (above, rest) = was.name.split_at(end);
            tops.get(above).is_some_and(|to| entry.name.strip_prefix(*to) == Some(rest))
        };
        if !was.name.match_indices('/').any(went_along) {
            tops.insert(&was.name, &entry.name);
            events.push(ListEvent::Name { name: &entry.name, old: Some(&was.name) });
        }
    }
    events
}
