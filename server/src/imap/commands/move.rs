//! MOVE and UID MOVE (RFC 6851).

use engine::{Copied, Error, Expunge, UidSet};

use super::copy::{Destination, copied, destination, with_copy_uid};
use crate::imap::command::Transfer;
use crate::imap::dialogue::Dialogue;
use crate::imap::message_limit;
use crate::imap::outcome::Outcome;
use crate::imap::progress::Progress;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::Selected;
use crate::imap::sharing::Rights;

/// One record takes the messages here and puts them there. COPYUID goes untagged before the
/// EXPUNGE responses (RFC 6851, 4.3), which the session gets like every other.
pub(crate) async fn r#move(
    selected: &Selected,
    transfer: &Transfer,
    dialogue: &mut Dialogue,
) -> Outcome {
    selected.writable()?;
    selected.require(Rights::DELETE_MESSAGES.and(Rights::EXPUNGE))?;
    let mut uids = selected.view.uids(&transfer.messages, transfer.numbering)?;
    let limit = message_limit::of_work(&dialogue.context);
    let reached = message_limit::cut(selected.view.snapshot(), &mut uids, limit)?;
    let to = destination(&selected.authenticated, &transfer.mailbox, dialogue).await?;
    if uids.is_empty() {
        return Ok(Done::ok("There was nothing to move"));
    }
    let progress = Progress::new(dialogue);
    let moved = progress.waiting(moved(selected, uids, &to), dialogue).await??;
    if !moved.dest.is_empty() {
        dialogue.ok("*", &with_copy_uid(moved, "Moved")).await?;
    }
    Ok(message_limit::done(Done::ok("MOVE completed"), reached, dialogue))
}

/// Where the engine cannot move, the copies are there before the originals go: who is interrupted
/// has both (RFC 6851, 3.3).
async fn moved(selected: &Selected, uids: UidSet, to: &Destination) -> Result<Copied, Refusal> {
    if to.takes_all_flags() {
        match selected.mailbox.move_to(uids.clone(), &to.mailbox).await {
            Err(Error::OtherShard) => {}
            moved => return Ok(moved?),
        }
    }
    let copied = copied(selected, uids, to).await?;
    selected.mailbox.expunge(copied.source.clone(), Expunge::Any).await?;
    Ok(copied)
}
