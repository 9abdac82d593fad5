//! STORE and UID STORE (RFC 3501, 6.4.6); UNCHANGEDSINCE (RFC 7162, 3.1.3).

use std::sync::Arc;

use engine::{
    Error, FlagAction, FlagBits, FlagEdit, FlagSet, FlagsEdited, Keyword, Snapshot, Uid, UidSet,
};

use crate::imap::command::{Echo, FetchAttribute, FlagChange, Numbering, Store};
use crate::imap::dialogue::Dialogue;
use crate::imap::message_limit;
use crate::imap::outcome::Outcome;
use crate::imap::response::Done;
use crate::imap::session::Selected;

/// One record for all messages: all of them change or none.
pub(crate) async fn store(
    selected: &mut Selected,
    store: Store,
    dialogue: &mut Dialogue,
) -> Outcome {
    selected.writable()?;
    let mut uids = selected.view.uids(&store.messages, store.numbering)?;
    let limit = message_limit::of_work(&dialogue.context);
    let reached = message_limit::cut(selected.view.snapshot(), &mut uids, limit)?;
    selected.authenticated.condstore |= store.unchanged_since.is_some();
    let before = Arc::clone(selected.view.snapshot());
    let edited = edit(selected, &uids, &store).await?;
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
