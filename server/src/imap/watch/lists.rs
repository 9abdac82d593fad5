//! What happened between two lists of an account's mailboxes.

use std::collections::BTreeMap;

use engine::{MailboxEntry, MailboxId, MailboxList};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ListEvent<'l> {
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
    let mut events = Vec::new();
    let old: BTreeMap<MailboxId, &MailboxEntry> =
        before.iter().map(|entry| (entry.id, entry)).collect();
    let mailboxes = after.iter().map(|entry| (old.get(&entry.id).copied(), Some(entry)));
    for (was, is) in mailboxes.chain([(None, None)]) {
        let is_new = is.is_some() && was.is_none();
        let mut differing: BTreeMap<&str, &[u8]> = BTreeMap::new();
        if !is_new {
            differing.extend(before.annotations(was));
        }
        for (entry, value) in after.annotations(is) {
            if differing.get(entry) == Some(&value) {
                differing.remove(entry);
            } else {
                differing.insert(entry, value);
            }
        }
        if !differing.is_empty() {
            let mailbox = is.map(|entry| &*entry.name);
            events
                .push(ListEvent::Annotations { mailbox, entries: differing.into_keys().collect() });
        }
    }
    events
}
