//! REPLACE and UID REPLACE (RFC 8508).

use super::append::{items, with_append_uid};
use super::copy::destination;
use crate::imap::command::{Replace, SequenceSet};
use crate::imap::dialogue::Dialogue;
use crate::imap::outcome::Outcome;
use crate::imap::progress::Progress;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::Selected;
use crate::spool::Spooled;

/// One frame takes the old message away and puts the new one there. APPENDUID goes untagged before
/// the EXPUNGE response (RFC 8508, 4.3), which the session gets like every other.
pub(crate) async fn replace(
    selected: &Selected,
    replace: Replace,
    bytes: Spooled,
    dialogue: &mut Dialogue,
) -> Outcome {
    selected.writable()?;
    let mut set = SequenceSet::default();
    set.push(replace.message, replace.message);
    let uids = selected.view.uids(&set, replace.numbering)?;
    let old = uids.first().filter(|_| uids.count() == 1);
    let old = old.ok_or_else(|| Refusal::no("NONEXISTENT", "There is no such message"))?;
    let to = destination(&selected.authenticated, &replace.append.mailbox)?;
    let _share = bytes.share();
    let items = items(&selected.authenticated, replace.append.messages, bytes).await?;
    let item = items.into_iter().next().ok_or_else(|| Refusal::bad("Expected a message"))?;
    let progress = Progress::new(dialogue);
    let replaced = selected.mailbox.replace(old, &to, item);
    let appended = progress.waiting(replaced, dialogue).await??;
    dialogue.ok("*", &with_append_uid(appended, "The replacement is stored")).await?;
    Ok(Done::ok("REPLACE completed"))
}
