//! GETMETADATA and SETMETADATA (RFC 5464), and annotations within LIST (RFC 9590).
//!
//! What is shared on the server as a whole is the operator's, and read only (RFC 5464, 6.2.1);
//! everything else is the user's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{MailboxEntry, MailboxList, SpecialUse};

use super::create;
use crate::config::ImapConfig;
use crate::imap::command::{Depth, EntryName, GetMetadata, MailboxName, SetMetadata};
use crate::imap::dialogue::Dialogue;
use crate::imap::encode::{push_binary, push_entry_name, push_mailbox};
use crate::imap::outcome::Outcome;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::Authenticated;

/// What a mailbox is for, as an annotation (RFC 6154, 4).
const SPECIAL_USE: &str = "/private/specialuse";

/// Tells of annotations. Those that are not set are told as NIL where they were asked for by name.
pub(crate) fn get(session: &Authenticated, get: &GetMetadata, dialogue: &mut Dialogue) -> Outcome {
    let list = session.account.mailboxes();
    let entry = find(&list, get.mailbox.as_ref())?;
    let wanted = Wanted::new(&get.entries, get.depth, get.size_max);
    let context = Arc::clone(&dialogue.context);
    let operators = server_annotations(&context.config.imap).filter(|_| entry.is_none());
    let all: Vec<_> = list.annotations(entry).chain(operators).collect();
    let name = get.mailbox.as_ref().map_or("", MailboxName::as_str);
    push_line(dialogue, name, &wanted.among(all.iter().copied()));
    Ok(match wanted.longest(all.iter().copied()) {
        Some(len) => Done::with(format!("METADATA LONGENTRIES {len}"), "GETMETADATA completed"),
        None => Done::ok("GETMETADATA completed"),
    })
}

/// Sets annotations and takes them away, all of them or none.
pub(crate) async fn set(session: &Authenticated, set: SetMetadata) -> Outcome {
    let SetMetadata { mailbox, entries } = set;
    let mut changes = Vec::with_capacity(entries.len());
    for (entry, value) in entries {
        let key = entry.key();
        let mut value = value;
        if mailbox.is_none() && key.starts_with("/shared/") {
            return Err(Refusal::no("NOPERM", "That is for the operator of the server").into());
        }
        if mailbox.is_some() && key == SPECIAL_USE {
            value = value.filter(|value| !value.trim_ascii().is_empty());
            create::check_special_uses(&special_uses(value.as_deref()))?;
        }
        changes.push((Arc::from(key), value.map(Arc::from)));
    }
    session.account.annotate(mailbox.as_ref().map(MailboxName::as_str), changes).await?;
    Ok(Done::ok("SETMETADATA completed"))
}

/// The uses a value names.
fn special_uses(value: Option<&[u8]>) -> Vec<Option<SpecialUse>> {
    let names = value.unwrap_or_default().split(u8::is_ascii_whitespace);
    let find = |name: &[u8]| {
        let mut all = SpecialUse::ALL.into_iter();
        all.find(|known| known.attribute().as_bytes().eq_ignore_ascii_case(name))
    };
    names.filter(|name| !name.is_empty()).map(find).collect()
}

/// The mailbox; none for the server.
fn find<'l>(
    list: &'l MailboxList,
    mailbox: Option<&MailboxName>,
) -> Result<Option<&'l MailboxEntry>, engine::Error> {
    let Some(mailbox) = mailbox else { return Ok(None) };
    list.find(mailbox.as_str()).map(Some).ok_or(engine::Error::NoSuchMailbox)
}

/// What the operator says about the server (RFC 5464, 6.2.1).
fn server_annotations(config: &ImapConfig) -> impl Iterator<Item = (&str, &[u8])> {
    let all = [("/shared/admin", &config.admin), ("/shared/comment", &config.comment)];
    let set = all.into_iter().filter(|(_, value)| !value.is_empty());
    set.map(|(entry, value)| (entry, value.as_bytes()))
}

/// Annotations that are asked for.
pub(super) struct Wanted<'w> {
    /// As they are stored, and as the client spells them.
    entries: BTreeMap<String, &'w str>,
    depth: Depth,
    size_max: Option<u32>,
}

/// What is told of each, by its name.
type Found<'f> = BTreeMap<&'f str, Option<&'f [u8]>>;

impl<'w> Wanted<'w> {
    pub(super) fn new(entries: &'w [EntryName], depth: Depth, size_max: Option<u32>) -> Self {
        let entries = entries.iter().map(|entry| (entry.key(), entry.spelled())).collect();
        Self { entries, depth, size_max }
    }

    /// What is to be told of these.
    pub(super) fn among<'f>(
        &'f self,
        annotations: impl Iterator<Item = (&'f str, &'f [u8])>,
    ) -> Found<'f> {
        let mut found = Found::new();
        if self.depth == Depth::Entry {
            found.extend(self.entries.values().map(|spelled| (*spelled, None)));
        }
        for (entry, value) in annotations.filter(|(entry, _)| self.means(entry)) {
            let spelled = self.entries.get(entry).copied().unwrap_or(entry);
            if self.is_too_long(value) {
                found.remove(spelled);
            } else {
                found.insert(spelled, Some(value));
            }
        }
        found
    }

    /// Octets of the longest value that is too long to be told.
    fn longest<'f>(&self, annotations: impl Iterator<Item = (&'f str, &'f [u8])>) -> Option<usize> {
        let meant = annotations.filter(|(entry, _)| self.means(entry));
        meant.filter(|(_, value)| self.is_too_long(value)).map(|(_, value)| value.len()).max()
    }

    fn is_too_long(&self, value: &[u8]) -> bool {
        self.size_max.is_some_and(|max| value.len() as u64 > u64::from(max))
    }

    /// Whether the entry is asked for, or one above it that is near enough.
    fn means(&self, entry: &str) -> bool {
        let levels = match self.depth {
            Depth::Entry => 0,
            Depth::Children => 1,
            Depth::All => usize::MAX,
        };
        let above = entry.rmatch_indices('/').filter_map(|(end, _)| entry.get(..end));
        let mut near = std::iter::once(entry).chain(above.take(levels));
        near.any(|name| self.entries.contains_key(name))
    }
}

/// `* METADATA name (entry value …)` (RFC 5464, 4.4.1); nothing where there is nothing to tell.
pub(super) fn push_line(dialogue: &mut Dialogue, name: &str, found: &Found<'_>) {
    if found.is_empty() {
        return;
    }
    let dialect = dialogue.dialect;
    let out = dialogue.out();
    out.extend_from_slice(b"* METADATA ");
    push_mailbox(out, name, dialect);
    out.extend_from_slice(b" (");
    for (at, (entry, value)) in found.iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        push_entry_name(out, entry);
        out.push(b' ');
        match value {
            Some(value) => push_binary(out, value),
            None => out.extend_from_slice(b"NIL"),
        }
    }
    out.extend_from_slice(b")\r\n");
}
