//! RENAME (RFC 3501, 6.3.5).

use engine::UidSet;

use super::list::{attributes_of, push_renamed};
use crate::imap::command::MailboxName;
use crate::imap::dialogue::Dialogue;
use crate::imap::outcome::Outcome;
use crate::imap::response::Done;
use crate::imap::session::Authenticated;

/// Mailboxes below go with it (CLIENTS.md rule 21). Renaming the INBOX moves its messages to a
/// new mailbox; the INBOX, and what is below it, stays.
pub(crate) async fn rename(
    session: &Authenticated,
    from: &MailboxName,
    to: &MailboxName,
    dialogue: &mut Dialogue,
) -> Outcome {
    let account = &session.account;
    if from.is_inbox() {
        let inbox = account.mailbox(from.as_str())?;
        account.create(to.as_str(), None).await?;
        inbox.move_to(UidSet::all(), &account.mailbox(to.as_str())?).await?;
    } else {
        account.rename(from.as_str(), to.as_str()).await?;
    }
    let is_respelled = from.other_spelling().is_some() || to.other_spelling().is_some();
    if is_respelled && dialogue.dialect.rev2 {
        // RFC 9051, 6.3.6: under which name it is there.
        let attributes = attributes_of(&account.mailboxes(), to.as_str());
        let old = from.other_spelling().unwrap_or(from.as_str());
        push_renamed(dialogue, &attributes, (old, to.as_str()));
    }
    Ok(Done::ok("RENAME completed"))
}
