//! STORE and UID STORE (RFC 3501, 6.4.6); UNCHANGEDSINCE (RFC 7162, 3.1.3).

use std::sync::Arc;

use engine::{
    Error, FlagAction, FlagBits, FlagEdit, FlagSet, FlagsEdited, Keyword, ModSeq, Snapshot,
    SystemFlag, Uid, UidSet,
};

use crate::imap::command::{Echo, FetchAttribute, FlagChange, Numbering, Store};
use crate::imap::dialogue::Dialogue;
use crate::imap::message_limit;
use crate::imap::outcome::Outcome;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::Selected;
use crate::imap::sharing::Rights;

/// One record for all messages: all of them change or none.
pub(crate) async fn store(
    selected: &mut Selected,
    mut store: Store,
    dialogue: &mut Dialogue,
) -> Outcome {
    selected.writable()?;
    let removed = restrict(selected, &mut store)?;
    let mut uids = selected.view.uids(&store.messages, store.numbering)?;
    let limit = message_limit::of_work(&dialogue.context);
    let reached = message_limit::cut(selected.view.snapshot(), &mut uids, limit)?;
    selected.authenticated.condstore |= store.unchanged_since.is_some();
    let before = Arc::clone(selected.view.snapshot());
    let mut conflicts = UidSet::new();
    if let Some(flags) = removed {
        let first = Store { change: FlagChange::Remove, flags, ..store.clone() };
        let removed = edit(selected, &uids, &first).await?;
        // What it changed itself has not changed since.
        let since = store.unchanged_since;
        store.unchanged_since = since.map(|since| since.max(removed.modseq.map_or(0, ModSeq::get)));
        conflicts = removed.conflicts;
    }
    let mut edited = edit(selected, &uids.without(&conflicts), &store).await?;
    edited.conflicts.extend(&conflicts);
    selected.view.advance_flags(&selected.mailbox)?;
    selected.tell_keywords(dialogue);
    match store.echo {
        Echo::Told => {
            // The new flags of all that were named, changed or not, but for the conflicts.
            let named = uids.without(&edited.conflicts);
            selected.write_flags(&named, store.numbering, dialogue).await?;
            selected.view.told(&named);
        }
        Echo::Silent => {
            let quiet = quiet(selected, &before, (&store, &edited))?;
            selected.view.told(&quiet);
            if selected.authenticated.condstore {
                // A silent STORE still tells mod-sequences (RFC 7162, 3.1.3).
                let items = [FetchAttribute::Uid, FetchAttribute::ModSeq];
                selected.write_rows(&quiet, &items, dialogue).await?;
            }
        }
    }
    let done = if edited.conflicts.is_empty() {
        Done::ok("STORE completed")
    } else {
        let set = numbers(selected.view.snapshot(), &edited.conflicts, store.numbering)?;
        Done::with_sets("MODIFIED".to_owned(), vec![set], "Some messages changed since")
    };
    Ok(message_limit::done(done, reached, dialogue))
}

/// Leaves out flags that the user may not change; refuses where none is left (RFC 4314, 4). To replace
/// only some is to take others of them away first: those are the answer.
fn restrict(selected: &Selected, store: &mut Store) -> Result<Option<FlagSet>, Refusal> {
    const FLAGS: Rights = Rights::SEEN.and(Rights::WRITE).and(Rights::DELETE_MESSAGES);
    if selected.rights.has(FLAGS) {
        return Ok(None);
    }
    let asked = std::mem::take(&mut store.flags);
    store.flags = selected.rights.allowed(asked.clone());
    let is_left = store.flags != FlagSet::default() || asked == FlagSet::default();
    if !is_left || !selected.rights.has_any(FLAGS) {
        return Err(Refusal::no("NOPERM", "You may not change these flags"));
    }
    if store.change != FlagChange::Replace {
        return Ok(None);
    }
    store.change = FlagChange::Add;
    let mut others = FlagSet::system(&SystemFlag::ALL);
    others.keywords = selected.view.snapshot().keywords().to_vec();
    let mut others = selected.rights.allowed(others);
    let system = SystemFlag::ALL.into_iter();
    let kept = system.filter(|flag| others.system.has(*flag) && !store.flags.system.has(*flag));
    others.system = FlagSet::system(&kept.collect::<Vec<_>>()).system;
    others.keywords.retain(|keyword| !store.flags.keywords.contains(keyword));
    Ok(Some(others))
}

async fn edit(selected: &Selected, uids: &UidSet, store: &Store) -> Result<FlagsEdited, Error> {
    let (uids, flags, unchanged_since) = (uids.clone(), store.flags.clone(), store.unchanged_since);
    let edit = FlagEdit { uids, action: action(store.change), flags, unchanged_since };
    selected.mailbox.edit_flags(edit).await
}

fn action(change: FlagChange) -> FlagAction {
    match change {
        FlagChange::Add => FlagAction::Add,
        FlagChange::Remove => FlagAction::Remove,
        FlagChange::Replace => FlagAction::Replace,
    }
}

/// The messages of which a silent STORE need not tell: their flags are what the client can work
/// out by itself. Where someone else changed them too, it cannot (RFC 3501, 6.4.6).
fn quiet(
    selected: &Selected,
    before: &Snapshot,
    (store, edited): (&Store, &FlagsEdited),
) -> Result<UidSet, Error> {
    let after = selected.view.snapshot();
    let bits = bits(&store.flags, after.keywords());
    let unlike = after.unlike(before, &edited.changed, (action(store.change), bits))?;
    Ok(edited.changed.without(&unlike))
}

fn bits(flags: &FlagSet, keywords: &[Keyword]) -> FlagBits {
    let numbered = keywords.iter().enumerate().filter(|(_, word)| flags.keywords.contains(word));
    numbered.fold(flags.system, |bits, (number, _)| bits | FlagBits::keyword(number))
}

/// A set of messages in the numbers that the client used.
pub(super) fn numbers(
    snapshot: &Snapshot,
    uids: &UidSet,
    numbering: Numbering,
) -> Result<UidSet, Error> {
    if numbering == Numbering::Uid {
        return Ok(uids.clone());
    }
    let mut numbers = UidSet::new();
    for run in snapshot.runs(uids) {
        let run = run?;
        let first = run.first().get();
        let last = u32::try_from(run.len()).map_or(first, |len| first + len - 1);
        // Both kinds of number ascend together, and are written alike.
        if let (Some(first), Some(last)) = (Uid::new(first), Uid::new(last)) {
            numbers.insert_range(first, last);
        }
    }
    Ok(numbers)
}
