//! ESEARCH, a search in many mailboxes (RFC 7377).

use std::io::Write as _;
use std::sync::Arc;

use engine::{Account, Error, Mailbox, MailboxEntry, MailboxId, MailboxList, UidSet};

use super::search::{Results, find_in};
use crate::imap::command::{MailboxFilter, MultiSearch, Numbering, ReturnOptions, SearchKey, Tag};
use crate::imap::dialogue::Dialogue;
use crate::imap::encode::push_mailbox;
use crate::imap::outcome::{Outcome, Stop};
use crate::imap::response::{Done, Refusal};
use crate::imap::session::Selected;
use crate::imap::sources;
use crate::imap::view::SelectedView;

/// Searches mailbox after mailbox, and tells of each that has something, by UID.
pub(crate) async fn multi_search(
    account: &Account,
    mut selected: Option<&mut Selected>,
    (tag, search): (&Tag, &MultiSearch),
    dialogue: &mut Dialogue,
) -> Outcome {
    let needs_selected = search.sources.contains(&MailboxFilter::Selected) || search.returns.update;
    if needs_selected && selected.is_none() {
        return Err(Refusal::bad("Select a mailbox first").into());
    }
    if search.returns.update {
        let text = "Only results of SEARCH are followed";
        dialogue.untagged(format_args!("NO [NOUPDATE \"{tag}\"] {text}"));
    }
    let list = account.mailboxes();
    let selected_id = selected.as_ref().map(|selected| selected.mailbox.id());
    for entry in list.iter().filter(|entry| is_meant(entry, &list, (search, selected_id))) {
        let place = match selected.as_deref() {
            Some(selected) if selected.mailbox.id() == entry.id => Some(place_selected(selected)),
            _ => place(account, entry)?,
        };
        let Some((mailbox, view)) = place else { continue };
        let saved = search_one((tag, search), entry, (&mailbox, &view), dialogue).await?;
        if let (Some(saved), Some(selected)) = (saved, selected.as_deref_mut()) {
            selected.view.saved = saved;
        }
    }
    Ok(Done::ok("ESEARCH completed"))
}

/// Tells what one mailbox has; what is to be kept of it.
async fn search_one(
    (tag, search): (&Tag, &MultiSearch),
    entry: &MailboxEntry,
    (mailbox, view): (&Mailbox, &SelectedView),
    dialogue: &mut Dialogue,
) -> Result<Option<UidSet>, Stop> {
    let MultiSearch { returns, keys, .. } = search;
    let found = find_in((mailbox, view), (Numbering::Uid, keys), dialogue).await?;
    let with_modseq = keys.iter().any(SearchKey::asks_modseq);
    let results = Results { found: &found, sorted: None, with_modseq };
    if found.count() > 0 && returns.tells() {
        let dialect = dialogue.dialect;
        let out = dialogue.out();
        // Writing to a `Vec` does not fail.
        let _ = write!(out, "* ESEARCH (TAG \"{tag}\" MAILBOX ");
        push_mailbox(out, &entry.name, dialect);
        let _ = write!(out, " UIDVALIDITY {})", entry.uid_validity.get());
        results.write_items(returns, dialogue).await?;
    }
    let ReturnOptions { save, .. } = returns;
    Ok(if *save { Some(results.saved(returns)?) } else { None })
}

/// The selected mailbox as its session knows it.
fn place_selected(selected: &Selected) -> (Mailbox, SelectedView) {
    let snapshot = Arc::clone(selected.view.snapshot());
    let view = SelectedView::for_search(snapshot, selected.view.saved.clone());
    (selected.mailbox.clone(), view)
}

/// Another mailbox as it is; nothing if it was deleted meanwhile.
fn place(
    account: &Account,
    entry: &MailboxEntry,
) -> Result<Option<(Mailbox, SelectedView)>, Error> {
    let mailbox = match account.mailbox(&entry.name) {
        Err(Error::NoSuchMailbox) => return Ok(None),
        mailbox => mailbox?,
    };
    let view = SelectedView::for_search(mailbox.snapshot(), UidSet::new());
    Ok((mailbox.id() == entry.id).then_some((mailbox, view)))
}

fn is_meant(
    entry: &MailboxEntry,
    list: &MailboxList,
    (search, selected): (&MultiSearch, Option<MailboxId>),
) -> bool {
    search.sources.iter().any(|source| match source {
        MailboxFilter::Selected => selected == Some(entry.id),
        source => sources::is_meant(source, &entry.name, list),
    })
}
