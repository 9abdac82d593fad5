//! STORE and UID STORE (RFC 3501, 6.4.6); UNCHANGEDSINCE (RFC 7162, 3.1.3).

use std::sync::Arc;

use engine::{
    Error, FlagAction, FlagBits, FlagEdit, FlagSet, FlagsEdited, Keyword, Row, Snapshot, Uid,
    UidSet,
};

use crate::imap::command::{Echo, FetchAttribute, FlagChange, Numbering, Store};
use crate::imap::dialogue::Dialogue;
use crate::imap::encode::uid_set;
use crate::imap::outcome::{Outcome, Stop};
use crate::imap::response::Done;
use crate::imap::session::Selected;

/// One record for all messages: all of them change or none.
pub(crate) async fn store(
    selected: &mut Selected,
    store: Store,
    dialogue: &mut Dialogue,
) -> Outcome {
    selected.writable()?;
    let uids = selected.view.uids(&store.messages, store.numbering)?;
    selected.authenticated.condstore |= store.unchanged_since.is_some();
    let before = Arc::clone(selected.view.snapshot());
    let edited = edit(selected, &uids, &store).await?;
    selected.view.advance_flags(selected.mailbox.snapshot())?;
    selected.tell_keywords(dialogue);
    match store.echo {
        Echo::Told => tell(selected, (&uids, &edited), store.numbering, dialogue).await?,
        Echo::Silent => {
            let quiet = quiet(selected, &before, (&store, &edited))?;
            selected.view.told(|uid, _| quiet.contains(uid))?;
            if selected.authenticated.condstore {
                // A silent STORE still tells mod-sequences (RFC 7162, 3.1.3).
                let items = [FetchAttribute::Uid, FetchAttribute::ModSeq];
                selected.write_rows(&quiet, &items, dialogue).await?;
            }
        }
    }
    Ok(if edited.conflicts.is_empty() {
        Done::ok("STORE completed")
    } else {
        let set = numbers(selected.view.snapshot(), &edited.conflicts, store.numbering)?;
        Done::with(format!("MODIFIED {set}"), "Some messages changed since")
    })
}

async fn edit(selected: &Selected, uids: &UidSet, store: &Store) -> Result<FlagsEdited, Error> {
    let action = match store.change {
        FlagChange::Add => FlagAction::Add,
        FlagChange::Remove => FlagAction::Remove,
        FlagChange::Replace => FlagAction::Replace,
    };
    let (uids, flags, unchanged_since) = (uids.clone(), store.flags.clone(), store.unchanged_since);
    selected.mailbox.edit_flags(FlagEdit { uids, action, flags, unchanged_since }).await
}

/// The new flags of all that were named, changed or not, but for the conflicts.
async fn tell(
    selected: &mut Selected,
    (uids, edited): (&UidSet, &FlagsEdited),
    numbering: Numbering,
    dialogue: &mut Dialogue,
) -> Result<(), Stop> {
    let snapshot = selected.view.snapshot();
    let named = existing(snapshot, uids, |row| !edited.conflicts.contains(row.uid))?;
    selected.write_flags(&named, numbering, dialogue).await?;
    selected.view.told(|uid, _| named.contains(uid))?;
    Ok(())
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
    let mut quiet = UidSet::new();
    for (was, is) in before.rows(&edited.changed).zip(after.rows(&edited.changed)) {
        let (was, is) = (was?, is?);
        let expected = match store.change {
            FlagChange::Add => was.flags | bits,
            FlagChange::Remove => was.flags.without(bits),
            FlagChange::Replace => bits,
        };
        if is.flags == expected {
            quiet.insert(is.uid);
        }
    }
    Ok(quiet)
}

fn bits(flags: &FlagSet, keywords: &[Keyword]) -> FlagBits {
    let numbered = keywords.iter().enumerate().filter(|(_, word)| flags.keywords.contains(word));
    numbered.fold(flags.system, |bits, (number, _)| bits | FlagBits::keyword(number))
}

/// The UIDs of a set that have a message in the snapshot.
fn existing(
    snapshot: &Snapshot,
    uids: &UidSet,
    is_wanted: impl Fn(&Row) -> bool,
) -> Result<UidSet, Error> {
    let mut existing = UidSet::new();
    for row in snapshot.rows(uids) {
        let row = row?;
        if is_wanted(&row) {
            existing.insert(row.uid);
        }
    }
    Ok(existing)
}

/// A set of messages in the numbers that the client used.
fn numbers(snapshot: &Snapshot, uids: &UidSet, numbering: Numbering) -> Result<String, Error> {
    let mut numbers = UidSet::new();
    if numbering == Numbering::Sequence {
        for row in snapshot.rows(uids) {
            // Both kinds of number ascend together, and are written alike.
            if let Some(number) = Uid::new(row?.seq.get()) {
                numbers.insert(number);
            }
        }
    }
    Ok(match numbering {
        Numbering::Uid => uid_set(uids),
        Numbering::Sequence => uid_set(&numbers),
    })
}
