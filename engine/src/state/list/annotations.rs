//! Annotations of an account and of its mailboxes (RFC 5464): names and values, kept by mailbox, so
//! that a rename leaves them. What a mailbox is for is one of them, by name (RFC 6154, 4).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{MailboxEntry, MailboxList};
use crate::Error;
use crate::ids::MailboxId;
use crate::image::StoredAnnotations;
use crate::limits::{
    ANNOTATION_LEN_MAX, ANNOTATION_NAME_LEN_MAX, ANNOTATIONS_LEN_MAX, ANNOTATIONS_MAX,
};
use crate::record::{Annotation, ListChange, SpecialUse};

/// The entry that says what a mailbox is for; not stored as an annotation.
const SPECIAL_USE: &str = "/private/specialuse";

type Entries = BTreeMap<Arc<str>, Arc<[u8]>>;

/// Those of the account, under `None`, and of its mailboxes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Annotations(BTreeMap<Option<MailboxId>, Arc<Entries>>);

impl Annotations {
    /// Those of a mailbox that was deleted go with it.
    pub(super) fn forget(&mut self, mailbox: MailboxId) {
        self.0.remove(&Some(mailbox));
    }

    /// As a checkpoint has them.
    pub(crate) fn stored(&self) -> Vec<StoredAnnotations> {
        let stored = |entries: &Entries| {
            entries.iter().map(|(entry, value)| (Arc::clone(entry), Arc::clone(value))).collect()
        };
        self.0.iter().map(|(whose, entries)| (*whose, stored(entries))).collect()
    }

    fn set(&mut self, whose: Option<MailboxId>, entry: &Arc<str>, value: &Annotation) {
        if let Some(value) = value {
            let entries = Arc::make_mut(self.0.entry(whose).or_default());
            entries.insert(Arc::clone(entry), Arc::clone(value));
        } else if let Some(entries) = self.0.get_mut(&whose) {
            Arc::make_mut(entries).remove(entry);
            if entries.is_empty() {
                self.0.remove(&whose);
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<[u8]>)> {
        self.0.values().flat_map(|entries| entries.iter())
    }
}

impl FromIterator<StoredAnnotations> for Annotations {
    fn from_iter<T>(stored: T) -> Self
    where
        T: IntoIterator<Item = StoredAnnotations>,
    {
        let each = stored.into_iter().filter(|(_, all)| !all.is_empty());
        Self(each.map(|(whose, all)| (whose, Arc::new(all.into_iter().collect()))).collect())
    }
}

impl MailboxList {
    /// One annotation of a mailbox. Names without a slash in front are the server's own.
    pub fn annotation(&self, mailbox: &MailboxEntry, entry: &str) -> Option<&[u8]> {
        self.annotations.0.get(&Some(mailbox.id))?.get(entry).map(|value| &**value)
    }

    /// The annotations of a mailbox, or of the account, that clients can name, by name; what the
    /// mailbox is for comes first.
    pub fn annotations(
        &self,
        mailbox: Option<&MailboxEntry>,
    ) -> impl Iterator<Item = (&str, &[u8])> {
        let special_use = mailbox.and_then(|entry| entry.special_use);
        let special_use = special_use.map(|at| (SPECIAL_USE, at.attribute().as_bytes()));
        let entries = self.annotations.0.get(&mailbox.map(|entry| entry.id));
        let entries = entries.into_iter().flat_map(|all| all.iter());
        let entries = entries.filter(|(entry, _)| entry.starts_with('/'));
        special_use.into_iter().chain(entries.map(|(entry, value)| (&**entry, &**value)))
    }

    pub(super) fn annotate(
        &mut self,
        mailbox: Option<MailboxId>,
        entries: &[(Arc<str>, Annotation)],
    ) {
        for (entry, value) in entries {
            if **entry == *SPECIAL_USE && mailbox.is_some() {
                let special_use = value.as_ref().and_then(|value| special_use(value));
                let mut all = self.entries.values_mut();
                if let Some(of) = all.find(|entry| Some(entry.id) == mailbox) {
                    of.special_use = special_use;
                }
            } else {
                self.annotations.set(mailbox, entry, value);
            }
        }
    }
}

fn special_use(value: &[u8]) -> Option<SpecialUse> {
    let name = value.trim_ascii();
    let mut all = SpecialUse::ALL.into_iter();
    all.find(|known| known.attribute().as_bytes().eq_ignore_ascii_case(name))
}

/// SETMETADATA: nothing to do if all of it is so already.
pub(crate) fn annotate(
    list: &MailboxList,
    mailbox: Option<&str>,
    entries: Vec<(Arc<str>, Annotation)>,
) -> Result<Option<ListChange>, Error> {
    let whose = match mailbox {
        Some(name) => Some(list.find(name).ok_or(Error::NoSuchMailbox)?.id),
        None => None,
    };
    for (entry, value) in &entries {
        check(list, whose, entry, value)?;
    }
    let change = ListChange::Annotate { mailbox: whose, entries };
    let mut after = list.clone();
    after.apply(&change);
    if after == *list {
        return Ok(None);
    }
    let (mut count, mut len) = (0, 0);
    for (entry, value) in after.annotations.all() {
        count += 1;
        len += entry.len() + value.len();
    }
    if count > ANNOTATIONS_MAX || len > ANNOTATIONS_LEN_MAX {
        return Err(Error::TooManyAnnotations);
    }
    Ok(Some(change))
}

fn check(
    list: &MailboxList,
    whose: Option<MailboxId>,
    entry: &str,
    value: &Annotation,
) -> Result<(), Error> {
    let Some(value) = value else { return Ok(()) };
    if value.len() > ANNOTATION_LEN_MAX || entry.len() > ANNOTATION_NAME_LEN_MAX {
        return Err(Error::AnnotationTooLarge { limit: ANNOTATION_LEN_MAX });
    }
    if entry != SPECIAL_USE || whose.is_none() {
        return Ok(());
    }
    let wanted = special_use(value).ok_or(Error::BadSpecialUse("there is no such special use"))?;
    let mut others = list.iter().filter(|other| Some(other.id) != whose);
    if others.any(|other| other.special_use == Some(wanted)) {
        return Err(Error::BadSpecialUse("another mailbox has this special use"));
    }
    Ok(())
}
