//! MOVE and UID MOVE (RFC 6851).

use super::copy::{destination, with_copy_uid};
use crate::imap::command::Transfer;
use crate::imap::dialogue::Dialogue;
use crate::imap::message_limit;
use crate::imap::outcome::Outcome;
use crate::imap::progress::Progress;
use crate::imap::response::Done;
use crate::imap::session::Selected;

/// One record takes the messages here and puts them there. COPYUID goes untagged before the
/// EXPUNGE responses (RFC 6851, 4.3), which the session gets like every other.
pub(crate) async fn r#move(
    selected: &Selected,
    transfer: &Transfer,
    dialogue: &mut Dialogue,
) -> Outcome {
    selected.writable()?;
    let mut uids = selected.view.uids(&transfer.messages, transfer.numbering)?;
    let limit = message_limit::of_work(&dialogue.context);
    let reached = message_limit::cut(selected.view.snapshot(), &mut uids, limit)?;
    let to = destination(&selected.authenticated, &transfer.mailbox)?;
    if uids.is_empty() {
        return Ok(Done::ok("There was nothing to move"));
    }
    let progress = Progress::new(dialogue);
    let moved = progress.waiting(selected.mailbox.move_to(uids, &to), dialogue).await??;
    if !moved.dest.is_empty() {
        dialogue.ok("*", &with_copy_uid(moved, "Moved")).await?;
    }
    Ok(message_limit::done(Done::ok("MOVE completed"), reached, dialogue))
}
