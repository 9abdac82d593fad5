//! DELETE (RFC 3501, 6.3.4).

use engine::Error;

use super::list::push_renamed;
use crate::imap::command::MailboxName;
use crate::imap::dialogue::Dialogue;
use crate::imap::outcome::Outcome;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::Authenticated;

/// Mailboxes below it stay; the name is then a `\Noselect` level, which cannot be deleted. Sessions
/// that have it selected go on reading what they see.
pub(crate) async fn delete(
    session: &Authenticated,
    mailbox: &MailboxName,
    dialogue: &mut Dialogue,
) -> Outcome {
    let name = mailbox.as_str();
    match session.account.delete(name).await {
        Err(Error::NoSuchMailbox) if is_level(session, name) => {
            return Err(Refusal::no("HASCHILDREN", "There are mailboxes below that name").into());
        }
        deleted => deleted?,
    }
    if let Some(given) = mailbox.other_spelling().filter(|_| dialogue.dialect.rev2) {
        // RFC 9051, 6.3.5: which mailbox is gone.
        push_renamed(dialogue, &["\\NonExistent"], (given, name));
    }
    Ok(Done::ok("DELETE completed"))
}

/// Whether there are mailboxes below a name.
fn is_level(session: &Authenticated, name: &str) -> bool {
    let mailboxes = session.account.mailboxes();
    let is_below = |other: &str| other.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
    mailboxes.iter().any(|entry| is_below(&entry.name))
}
