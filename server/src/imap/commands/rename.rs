//! RENAME (RFC 3501, 6.3.5).

use engine::UidSet;

use super::list::{attributes_of, push_renamed};
use crate::imap::command::MailboxName;
use crate::imap::dialogue::Dialogue;
use crate::imap::outcome::Outcome;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::Authenticated;
use crate::imap::sharing::Rights;

/// Mailboxes below go with it (CLIENTS.md rule 21). Renaming the INBOX moves its messages to a
/// new mailbox; the INBOX, and what is below it, stays.
pub(crate) async fn rename(
    session: &Authenticated,
    from: &MailboxName,
    to: &MailboxName,
    dialogue: &mut Dialogue,
) -> Outcome {
    let (old, new) = (session.place(from, dialogue).await?, session.place(to, dialogue).await?);
    old.require(Rights::DELETE_MAILBOX)?;
    new.require_creation()?;
    if old.account.id() != new.account.id() {
        return Err(Refusal::no("CANNOT", "A mailbox stays with its owner").into());
    }
    let account = &old.account;
    if old.name == "INBOX" {
        let inbox = old.open()?;
        account.create(&new.name, None).await?;
        inbox.move_to(UidSet::all(), &new.open()?).await?;
    } else {
        account.rename(&old.name, &new.name).await?;
    }
    let is_respelled = from.other_spelling().is_some() || to.other_spelling().is_some();
    if is_respelled && dialogue.dialect.rev2 {
        // RFC 9051, 6.3.6: under which name it is there.
        let attributes = attributes_of(&account.mailboxes(), &new.name);
        let old = from.other_spelling().unwrap_or(from.as_str());
        push_renamed(dialogue, &attributes, (old, to.as_str()));
    }
    Ok(Done::ok("RENAME completed"))
}
