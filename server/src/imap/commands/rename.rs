//! RENAME (RFC 3501, 6.3.5).

use engine::UidSet;

use crate::imap::command::MailboxName;
use crate::imap::outcome::Outcome;
use crate::imap::response::Done;
use crate::imap::session::Authenticated;

/// Mailboxes below go with it (CLIENTS.md rule 21). Renaming the INBOX moves its messages to a
/// new mailbox; the INBOX, and what is below it, stays.
pub(crate) async fn rename(
    session: &Authenticated,
    from: &MailboxName,
    to: &MailboxName,
) -> Outcome {
    let account = &session.account;
    if from.is_inbox() {
        let inbox = account.mailbox(from.as_str())?;
        account.create(to.as_str(), None).await?;
        inbox.move_to(UidSet::all(), &account.mailbox(to.as_str())?).await?;
    } else {
        account.rename(from.as_str(), to.as_str()).await?;
    }
    Ok(Done::ok("RENAME completed"))
}
