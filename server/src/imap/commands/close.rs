//! CLOSE (RFC 3501, 6.4.2).

use engine::{Expunge, UidSet};

use crate::imap::command::{Access, Tag};
use crate::imap::dialogue::Dialogue;
use crate::imap::response::Done;
use crate::imap::session::{Selected, Session};
use crate::imap::sharing::Rights;
use crate::stream::StreamError;

/// Expunges what is marked `\Deleted`, unless the mailbox is open read-only, and tells nothing
/// of it.
pub(crate) async fn close(
    selected: Selected,
    tag: &Tag,
    dialogue: &mut Dialogue,
) -> Result<Session, StreamError> {
    let expunged = match selected.access {
        // Who may not expunge is not refused (RFC 4314, 4).
        Access::ReadWrite if selected.rights.has(Rights::EXPUNGE) => {
            selected.mailbox.expunge(UidSet::all(), Expunge::Deleted).await.map(drop)
        }
        Access::ReadWrite | Access::ReadOnly => Ok(()),
    };
    match expunged {
        // In a mailbox that is gone there is nothing left to expunge.
        Ok(()) | Err(engine::Error::NoSuchMailbox) => {
            dialogue.done(tag, &Done::ok("CLOSE completed"));
        }
        Err(error) => dialogue.refused(Some(tag), &error.into()),
    }
    Ok(Session::Authenticated(selected.authenticated))
}
