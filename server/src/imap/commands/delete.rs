//! DELETE (RFC 3501, 6.3.4).

use super::list::push_renamed;
use crate::imap::command::MailboxName;
use crate::imap::dialogue::Dialogue;
use crate::imap::outcome::Outcome;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::Authenticated;
use crate::imap::sharing::{Place, Rights};

/// Mailboxes below it stay; the name is then a `\Noselect` level, which cannot be deleted. Sessions
/// that have it selected go on reading what they see.
pub(crate) async fn delete(
    session: &Authenticated,
    mailbox: &MailboxName,
    dialogue: &mut Dialogue,
) -> Outcome {
    let place = session.place(mailbox, dialogue).await?;
    let exists = place.account.mailboxes().find(&place.name).is_some();
    if !exists && place.is_own && is_level(&place) {
        return Err(Refusal::no("HASCHILDREN", "There are mailboxes below that name").into());
    }
    place.require(Rights::DELETE_MAILBOX)?;
    place.account.delete(&place.name).await?;
    if let Some(given) = mailbox.other_spelling().filter(|_| dialogue.dialect.rev2) {
        // RFC 9051, 6.3.5: which mailbox is gone.
        push_renamed(dialogue, &["\\NonExistent"], (given, mailbox.as_str()));
    }
    Ok(Done::ok("DELETE completed"))
}

/// Whether there are mailboxes below a name.
fn is_level(place: &Place) -> bool {
    let (mailboxes, name) = (place.account.mailboxes(), place.name.as_str());
    let is_below = |other: &str| other.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
    mailboxes.iter().any(|entry| is_below(&entry.name))
}
