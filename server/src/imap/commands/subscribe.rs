//! SUBSCRIBE and UNSUBSCRIBE (RFC 3501, 6.3.6 and 6.3.7).

use crate::imap::command::MailboxName;
use crate::imap::outcome::Outcome;
use crate::imap::response::Done;
use crate::imap::session::Authenticated;

/// Subscribes to a name, whether or not a mailbox has it now.
pub(crate) async fn subscribe(session: &Authenticated, mailbox: &MailboxName) -> Outcome {
    session.account.subscribe(mailbox.as_str()).await?;
    Ok(Done::ok("SUBSCRIBE completed"))
}

/// Forgets a subscription.
pub(crate) async fn unsubscribe(session: &Authenticated, mailbox: &MailboxName) -> Outcome {
    session.account.unsubscribe(mailbox.as_str()).await?;
    Ok(Done::ok("UNSUBSCRIBE completed"))
}
