//! EXPUNGE (RFC 3501, 6.4.3) and UID EXPUNGE (RFC 4315, 2.1).

use engine::{Expunge, UidSet};

use crate::imap::command::{Numbering, SequenceSet};
use crate::imap::dialogue::Dialogue;
use crate::imap::message_limit;
use crate::imap::outcome::Outcome;
use crate::imap::progress::Progress;
use crate::imap::response::Done;
use crate::imap::session::Selected;
use crate::imap::sharing::Rights;

/// Removes what is marked `\Deleted`; with a set, only what is also in it. The session is told
/// like every other, by the difference between snapshots.
pub(crate) async fn expunge(
    selected: &Selected,
    set: Option<&SequenceSet>,
    dialogue: &mut Dialogue,
) -> Outcome {
    selected.writable()?;
    selected.require(Rights::EXPUNGE)?;
    let (mut uids, mut reached) = (UidSet::all(), None);
    if let Some(set) = set {
        uids = selected.view.uids(set, Numbering::Uid)?;
        let limit = message_limit::of_work(&dialogue.context);
        reached = message_limit::cut_deleted(selected.view.snapshot(), &mut uids, limit)?;
    }
    let progress = Progress::new(dialogue);
    let expunged = selected.mailbox.expunge(uids, Expunge::Deleted);
    let expunged = progress.waiting(expunged, dialogue).await??;
    let done = match expunged.modseq.filter(|_| selected.authenticated.condstore) {
        // RFC 7162, 3.2.7.
        Some(modseq) => Done::with(format!("HIGHESTMODSEQ {}", modseq.get()), "EXPUNGE completed"),
        None => Done::ok("EXPUNGE completed"),
    };
    Ok(message_limit::done(done, reached, dialogue))
}
