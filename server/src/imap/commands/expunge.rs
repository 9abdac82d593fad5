//! EXPUNGE (RFC 3501, 6.4.3) and UID EXPUNGE (RFC 4315, 2.1).

use engine::{Expunge, UidSet};

use crate::imap::command::{Numbering, SequenceSet};
use crate::imap::outcome::Outcome;
use crate::imap::response::Done;
use crate::imap::session::Selected;

/// Removes what is marked `\Deleted`; with a set, only what is also in it. The session is told
/// like every other, by the difference between snapshots.
pub(crate) async fn expunge(selected: &Selected, set: Option<&SequenceSet>) -> Outcome {
    selected.writable()?;
    let uids = match set {
        Some(set) => selected.view.uids(set, Numbering::Uid)?,
        None => UidSet::all(),
    };
    let expunged = selected.mailbox.expunge(uids, Expunge::Deleted).await?;
    Ok(match expunged.modseq.filter(|_| selected.authenticated.condstore) {
        // RFC 7162, 3.2.7.
        Some(modseq) => Done::with(format!("HIGHESTMODSEQ {}", modseq.get()), "EXPUNGE completed"),
        None => Done::ok("EXPUNGE completed"),
    })
}
