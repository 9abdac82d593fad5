//! DELETE (RFC 3501, 6.3.4).

use crate::imap::command::MailboxName;
use crate::imap::outcome::Outcome;
use crate::imap::response::Done;
use crate::imap::session::Authenticated;

/// Mailboxes below it stay; the name is then a `\Noselect` level. Sessions that have it selected
/// go on reading what they see.
pub(crate) async fn delete(session: &Authenticated, mailbox: &MailboxName) -> Outcome {
    session.account.delete(mailbox.as_str()).await?;
    Ok(Done::ok("DELETE completed"))
}
