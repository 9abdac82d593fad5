//! CREATE (RFC 3501, 6.3.3; RFC 8474, 4.1).

use crate::imap::command::MailboxName;
use crate::imap::outcome::Outcome;
use crate::imap::response::Done;
use crate::imap::session::Authenticated;

/// Levels above that do not exist are not made: LIST shows them as `\Noselect`.
pub(crate) async fn create(session: &Authenticated, mailbox: &MailboxName) -> Outcome {
    session.account.create(mailbox.as_str(), None).await?;
    // Unless another session has been quick to delete it.
    match session.account.mailbox(mailbox.as_str()) {
        Ok(created) => Ok(Done::with(format!("MAILBOXID ({})", created.id()), "CREATE completed")),
        Err(_) => Ok(Done::ok("CREATE completed")),
    }
}
