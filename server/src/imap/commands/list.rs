//! LIST (RFC 3501, 6.3.8) with child and special-use attributes, always (RFC 3348, RFC 6154;
//! CLIENTS.md rule 13).

use std::collections::BTreeMap;

use engine::{MailboxList, SpecialUse};

use crate::imap::command::ListQuery;
use crate::imap::dialogue::Dialogue;
use crate::imap::encode::push_mailbox;
use crate::imap::outcome::Outcome;
use crate::imap::pattern::Pattern;
use crate::imap::response::Done;
use crate::imap::session::Authenticated;

/// What is known of a name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Name {
    exists: bool,
    has_children: bool,
    is_subscribed: bool,
    special_use: Option<SpecialUse>,
}

/// Lists the names that match.
pub(crate) async fn list(
    session: &Authenticated,
    query: &ListQuery,
    dialogue: &mut Dialogue,
) -> Outcome {
    if query.patterns.iter().all(String::is_empty) {
        // Only the hierarchy separator is asked for.
        dialogue.untagged("LIST (\\Noselect) \"/\" \"\"");
        return Ok(Done::ok("LIST completed"));
    }
    let mailboxes = session.account.mailboxes();
    let patterns: Vec<_> =
        query.patterns.iter().map(|pattern| Pattern::new(&query.reference, pattern)).collect();
    for (name, known) in names(&mailboxes) {
        // A name that only a subscription holds is no mailbox, nor above one.
        let is_listed = known.exists || known.has_children;
        let is_wanted = match (query.only_subscribed, query.only_special_use) {
            (true, _) => known.is_subscribed,
            (false, true) => known.special_use.is_some(),
            (false, false) => is_listed,
        };
        if is_wanted && patterns.iter().any(|pattern| pattern.matches(name)) {
            push_line(dialogue.out(), "LIST", &attributes(known, query.tell_subscribed), name);
            dialogue.connection.flush_if_full().await?;
        }
    }
    Ok(Done::ok("LIST completed"))
}

/// Every mailbox, every subscription, and the levels above mailboxes.
pub(super) fn names(mailboxes: &MailboxList) -> BTreeMap<&str, Name> {
    let mut names: BTreeMap<&str, Name> = BTreeMap::new();
    for entry in mailboxes.iter() {
        let name = names.entry(&*entry.name).or_default();
        name.exists = true;
        name.special_use = entry.special_use;
        for (end, _) in entry.name.match_indices('/') {
            let above = entry.name.get(..end).unwrap_or_default();
            names.entry(above).or_default().has_children = true;
        }
    }
    for subscribed in mailboxes.subscriptions() {
        names.entry(subscribed).or_default().is_subscribed = true;
    }
    names
}

fn attributes(name: Name, tell_subscribed: bool) -> Vec<&'static str> {
    let mut attributes = Vec::new();
    match (name.exists, name.has_children) {
        (true, true) => attributes.push("\\HasChildren"),
        (true, false) => attributes.push("\\HasNoChildren"),
        (false, true) => attributes.extend(["\\Noselect", "\\HasChildren"]),
        (false, false) => attributes.extend(["\\NonExistent", "\\HasNoChildren"]),
    }
    attributes.extend(name.special_use.map(SpecialUse::attribute));
    if tell_subscribed && name.is_subscribed {
        attributes.push("\\Subscribed");
    }
    attributes
}

impl Name {
    /// Whether it is subscribed.
    pub(super) fn is_subscribed(self) -> bool {
        self.is_subscribed
    }

    /// The attributes that LSUB tells too: some clients look for special uses only there.
    pub(super) fn lsub_attributes(self) -> Vec<&'static str> {
        self.special_use.map(SpecialUse::attribute).into_iter().collect()
    }
}

/// `* LIST (attributes) "/" name`.
pub(super) fn push_line(out: &mut Vec<u8>, verb: &str, attributes: &[&str], name: &str) {
    out.extend_from_slice(b"* ");
    out.extend_from_slice(verb.as_bytes());
    out.extend_from_slice(b" (");
    out.extend_from_slice(attributes.join(" ").as_bytes());
    out.extend_from_slice(b") \"/\" ");
    push_mailbox(out, name);
    out.extend_from_slice(b"\r\n");
}
