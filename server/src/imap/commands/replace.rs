//! REPLACE and UID REPLACE (RFC 8508).

use engine::Uid;

use super::append::{Library, items, with_append_uid};
use super::copy::{Destination, destination};
use super::quota;
use crate::context::Context;
use crate::directory::Usage;
use crate::imap::command::{Replace, SequenceSet};
use crate::imap::dialogue::Dialogue;
use crate::imap::outcome::{Outcome, Stop};
use crate::imap::progress::Progress;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::Selected;
use crate::imap::sharing::Rights;
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
    selected.require(Rights::DELETE_MESSAGES.and(Rights::EXPUNGE))?;
    let to = destination(&selected.authenticated, &replace.append.mailbox, dialogue).await?;
    let messages = replace.append.messages;
    let texts = Library::of_selected(selected).texts(&dialogue.context, &messages, bytes).await?;
    check_room((selected, &to), old, texts.len(), &dialogue.context).await?;
    let items = items(&to, messages, &texts).await?;
    let item = items.into_iter().next().ok_or_else(|| Refusal::bad("Expected a message"))?;
    let progress = Progress::new(dialogue);
    let replaced = selected.mailbox.replace(old, &to.mailbox, item);
    let appended = progress.waiting(replaced, dialogue).await??;
    dialogue.ok("*", &with_append_uid(appended, "The replacement is stored")).await?;
    Ok(Done::ok("REPLACE completed"))
}

/// Only what the new message has more than the old one takes room (RFC 9208).
async fn check_room(
    (selected, to): (&Selected, &Destination),
    old: Uid,
    new_len: u64,
    context: &Context,
) -> Result<(), Stop> {
    let old_len = selected.view.snapshot().row(old)?.map_or(0, |row| u64::from(row.size));
    let account = to.mailbox.account();
    let more = if account.id() == selected.mailbox.account().id() {
        Usage { octets: new_len.saturating_sub(old_len), messages: 0 }
    } else {
        Usage { octets: new_len, messages: 1 }
    };
    Ok(quota::check(account, context, more).await?)
}
