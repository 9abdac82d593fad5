//! CREATE (RFC 3501, 6.3.3).

use crate::imap::command::MailboxName;
use crate::imap::outcome::Outcome;
use crate::imap::response::Done;
use crate::imap::session::Authenticated;

/// Levels above that do not exist are not made: LIST shows them as `\Noselect`.
pub(crate) async fn create(session: &Authenticated, mailbox: &MailboxName) -> Outcome {
    session.account.create(mailbox.as_str(), None).await?;
    Ok(Done::ok("CREATE completed"))
}
