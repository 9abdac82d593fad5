//! LIST (RFC 3501, 6.3.8; RFC 5258) with STATUS and annotations of what is listed (RFC 5819,
//! RFC 9590), and with child and special-use attributes, always (RFC 3348, RFC 6154; CLIENTS.md rule 13).

use std::collections::BTreeMap;

use engine::{MailboxEntry, MailboxList, SpecialUse};

use super::metadata::{self, Wanted};
use super::{acl, status};
use crate::imap::command::{Depth, ListQuery, ListSelection};
use crate::imap::dialogue::{Dialogue, blocking};
use crate::imap::encode::push_mailbox;
use crate::imap::outcome::Outcome;
use crate::imap::pattern::Pattern;
use crate::imap::response::Done;
use crate::imap::session::Authenticated;
use crate::imap::sharing::{Foreign, Rights, foreign};

/// Mailboxes whose counters are looked up together: reading them may take the disk.
const BATCH: usize = 64;

/// What is known of a name.
#[derive(Clone, Copy, Default)]
pub(crate) struct Name<'a> {
    mailbox: Option<&'a MailboxEntry>,
    /// Whose it is, if it is not the user's own.
    foreign: Option<&'a Foreign>,
    has_children: bool,
    is_subscribed: bool,
    /// Whether it matches a pattern.
    is_match: bool,
    below: Below,
}

/// Which names below a name are chosen, where RECURSIVEMATCH asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Below {
    /// None.
    #[default]
    Nothing,
    /// Some, all of which are listed themselves.
    Listed,
    /// Some that match no pattern, so that only this name's line tells of them.
    Hidden,
}

/// Lists the names that match.
pub(crate) async fn list(
    session: &mut Authenticated,
    query: &ListQuery,
    dialogue: &mut Dialogue,
) -> Outcome {
    if !query.is_extended && query.patterns.iter().all(String::is_empty) {
        // Only the hierarchy separator is asked for.
        dialogue.untagged("LIST (\\Noselect) \"/\" \"\"");
        return Ok(Done::ok("LIST completed"));
    }
    session.notice_items(&query.status);
    let mailboxes = session.account.mailboxes();
    let foreign = foreign(dialogue).await?;
    let listed = listed((&mailboxes, &foreign), query);
    let append_limit = status::append_limit(dialogue);
    let wanted = Wanted::new(&query.metadata, Depth::Entry, None);
    for batch in listed.chunks(BATCH) {
        let look = |(_, known): &(&str, Name<'_>)| {
            let mailbox = known.mailbox.filter(|_| known.is_chosen(query.selection))?;
            // What fails is not told (RFC 5819, 2); nobody is refused the rest of the list.
            let account = known.foreign.map_or(&session.account, |foreign| &foreign.account);
            // Who may see a mailbox may not always read it.
            known.foreign.is_none_or(|foreign| foreign.rights.has(Rights::READ)).then_some(())?;
            let snapshot = account.peek(mailbox).ok()?;
            let deleted_kib = status::deleted_kib(&snapshot, &query.status).ok()?;
            Some((mailbox.id, snapshot, deleted_kib))
        };
        let counters: Vec<_> = match query.status.as_slice() {
            [] => Vec::new(),
            _ => blocking(|| batch.iter().map(look).collect()),
        };
        for (at, (name, known)) in batch.iter().enumerate() {
            let attributes = known.attributes(query, dialogue.dialect.rev2);
            push_name(dialogue, "LIST", &attributes, name);
            push_extended(dialogue.out(), known, query.selection);
            if let Some(Some((id, snapshot, deleted_kib))) = counters.get(at) {
                let (id, deleted_kib) = (*id, *deleted_kib);
                let counted = status::Counted { id, snapshot, append_limit, deleted_kib };
                status::push_line(dialogue, name, &counted, &query.status);
            }
            if let Some(foreign) = known.foreign.filter(|_| query.my_rights) {
                acl::push_my_rights(dialogue, name, foreign.rights);
            } else if known.mailbox.is_some() && query.my_rights {
                acl::push_my_rights(dialogue, name, Rights::ALL);
            }
            let own = known.mailbox.filter(|_| known.foreign.is_none());
            if let Some(mailbox) = own.filter(|_| !query.metadata.is_empty()) {
                let found = wanted.among(mailboxes.annotations(Some(mailbox)));
                metadata::push_line(dialogue, name, &found);
            }
            dialogue.breathe().await?;
        }
    }
    Ok(Done::ok("LIST completed"))
}

/// The names to tell of, in order.
fn listed<'a>(
    (mailboxes, foreign): (&'a MailboxList, &'a [Foreign]),
    query: &ListQuery,
) -> Vec<(&'a str, Name<'a>)> {
    let patterns: Vec<_> =
        query.patterns.iter().map(|pattern| Pattern::new(&query.reference, pattern)).collect();
    let mut names = names(mailboxes);
    add_foreign(&mut names, foreign);
    if query.selection.recursive {
        // Names above a subscription may be those of nothing else.
        for name in mailboxes.subscriptions().flat_map(|name| levels_above(name)) {
            names.entry(name).or_default();
        }
    }
    for (name, known) in &mut names {
        known.is_match = patterns.iter().any(|pattern| pattern.matches(name));
    }
    if query.selection.recursive {
        mark_above(&mut names, query.selection);
    }
    let is_listed = |known: &Name<'_>| {
        let is_wanted = known.is_chosen(query.selection) || known.below == Below::Hidden;
        known.is_match && is_wanted
    };
    names.into_iter().filter(|(_, known)| is_listed(known)).collect()
}

/// RECURSIVEMATCH: names above a chosen one are marked, whether or not that one matches a pattern
/// (RFC 5258, 3.1 and 3.5).
fn mark_above<'a>(names: &mut BTreeMap<&'a str, Name<'a>>, selection: ListSelection) {
    let chosen = names.iter().filter(|(_, known)| known.is_chosen(selection));
    let chosen: Vec<_> = chosen.map(|(name, known)| (*name, known.is_match)).collect();
    for (name, is_match) in chosen {
        for above in levels_above(name) {
            let Some(above) = names.get_mut(above) else { continue };
            above.below = above.below.max(if is_match { Below::Listed } else { Below::Hidden });
        }
    }
}

/// Every mailbox, every subscription, and the levels above mailboxes.
pub(crate) fn names(mailboxes: &MailboxList) -> BTreeMap<&str, Name<'_>> {
    let mut names: BTreeMap<&str, Name<'_>> = BTreeMap::new();
    for entry in mailboxes.iter() {
        names.entry(&*entry.name).or_default().mailbox = Some(entry);
        for above in levels_above(&entry.name) {
            names.entry(above).or_default().has_children = true;
        }
    }
    for subscribed in mailboxes.subscriptions() {
        names.entry(subscribed).or_default().is_subscribed = true;
    }
    names
}

/// Mailboxes of others; what they are for to their owners is nothing to the user.
fn add_foreign<'a>(names: &mut BTreeMap<&'a str, Name<'a>>, foreign: &'a [Foreign]) {
    for other in foreign {
        let known = names.entry(&other.name).or_default();
        (known.mailbox, known.foreign) = (Some(&other.entry), Some(other));
        for above in levels_above(&other.name) {
            names.entry(above).or_default().has_children = true;
        }
    }
}

fn levels_above(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').filter_map(|(end, _)| name.get(..end))
}

impl Name<'_> {
    /// Whether it is subscribed.
    pub(super) fn is_subscribed(&self) -> bool {
        self.is_subscribed
    }

    /// The attributes that LSUB tells too: some clients look for special uses only there.
    pub(super) fn lsub_attributes(&self) -> Vec<&'static str> {
        self.special_use().map(SpecialUse::attribute).into_iter().collect()
    }

    fn special_use(&self) -> Option<SpecialUse> {
        self.mailbox.filter(|_| self.foreign.is_none()).and_then(|mailbox| mailbox.special_use)
    }

    /// Whether it meets all that is asked for. A name that only a subscription holds is no
    /// mailbox, nor above one, and is listed only by SUBSCRIBED.
    fn is_chosen(&self, selection: ListSelection) -> bool {
        if selection.special_use && self.special_use().is_none() {
            return false;
        }
        if selection.subscribed {
            self.is_subscribed
        } else {
            self.mailbox.is_some() || self.has_children
        }
    }

    fn attributes(&self, query: &ListQuery, rev2: bool) -> Vec<&'static str> {
        let mut attributes = Vec::new();
        if self.mailbox.is_none() {
            // `\NonExistent` is of RFC 5258 and RFC 9051, and says `\Noselect` too.
            attributes.push(if query.is_extended || rev2 { "\\NonExistent" } else { "\\Noselect" });
        }
        // What is told of names below it by CHILDINFO is not denied here.
        match (self.has_children, self.below) {
            (true, _) => attributes.push("\\HasChildren"),
            (false, Below::Nothing) => attributes.push("\\HasNoChildren"),
            (false, _) => {}
        }
        attributes.extend(self.special_use().map(SpecialUse::attribute));
        if query.tell_subscribed && self.is_subscribed {
            attributes.push("\\Subscribed");
        }
        attributes
    }
}

/// A LIST response that nobody asked for, with the name before if there was another
/// (RFC 5465, 5.4 and 5.5).
pub(crate) fn push_notice(
    dialogue: &mut Dialogue,
    names: &BTreeMap<&str, Name<'_>>,
    name: &str,
    old: Option<&str>,
) {
    let query = ListQuery { is_extended: true, tell_subscribed: true, ..ListQuery::default() };
    let known = names.get(name).copied().unwrap_or_default();
    let attributes = known.attributes(&query, dialogue.dialect.rev2);
    match old {
        Some(old) => push_renamed(dialogue, &attributes, (old, name)),
        None => push_line(dialogue, "LIST", &attributes, name),
    }
}

/// `* LSUB (attributes) "/" name`, a whole line.
pub(super) fn push_line(dialogue: &mut Dialogue, verb: &str, attributes: &[&str], name: &str) {
    push_name(dialogue, verb, attributes, name);
    dialogue.out().extend_from_slice(b"\r\n");
}

/// `* LIST` of one mailbox with what it was called by the client, or before (RFC 9051, 6.3.9.7).
pub(super) fn push_renamed(dialogue: &mut Dialogue, attributes: &[&str], (old, new): (&str, &str)) {
    push_name(dialogue, "LIST", attributes, new);
    let dialect = dialogue.dialect;
    let out = dialogue.out();
    out.extend_from_slice(b" (\"OLDNAME\" (");
    push_mailbox(out, old, dialect);
    out.extend_from_slice(b"))\r\n");
}

/// The attributes of one mailbox, as LIST tells them.
pub(super) fn attributes_of(mailboxes: &MailboxList, name: &str) -> Vec<&'static str> {
    let is_below = |other: &str| other.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
    let mut known = Name::default();
    for entry in mailboxes.iter() {
        if &*entry.name == name {
            known.mailbox = Some(entry);
        }
        known.has_children |= is_below(&entry.name);
    }
    known.attributes(&ListQuery::default(), true)
}

/// The same without the line's end.
fn push_name(dialogue: &mut Dialogue, verb: &str, attributes: &[&str], name: &str) {
    let dialect = dialogue.dialect;
    let out = dialogue.out();
    out.extend_from_slice(b"* ");
    out.extend_from_slice(verb.as_bytes());
    out.extend_from_slice(b" (");
    for (at, attribute) in attributes.iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(attribute.as_bytes());
    }
    out.extend_from_slice(b") \"/\" ");
    push_mailbox(out, name, dialect);
}

/// The extended data item CHILDINFO (RFC 5258, 3.5), and the line's end.
fn push_extended(out: &mut Vec<u8>, known: &Name<'_>, selection: ListSelection) {
    if known.below == Below::Nothing {
        out.extend_from_slice(b"\r\n");
        return;
    }
    let criteria = match (selection.subscribed, selection.special_use) {
        (true, true) => "\"SUBSCRIBED\" \"SPECIAL-USE\"",
        (true, false) => "\"SUBSCRIBED\"",
        (false, _) => "\"SPECIAL-USE\"",
    };
    out.extend_from_slice(b" (\"CHILDINFO\" (");
    out.extend_from_slice(criteria.as_bytes());
    out.extend_from_slice(b"))\r\n");
}
