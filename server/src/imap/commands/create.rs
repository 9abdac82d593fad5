//! CREATE (RFC 3501, 6.3.3; RFC 6154, 3; RFC 8474, 4.1).

use engine::{MailboxEntry, SpecialUse};

use super::acl;
use super::list::{attributes_of, push_renamed};
use crate::imap::command::MailboxName;
use crate::imap::dialogue::Dialogue;
use crate::imap::outcome::Outcome;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::Authenticated;
use crate::imap::sharing::Place;

/// Levels above that do not exist are made too.
pub(crate) async fn create(
    session: &Authenticated,
    mailbox: &MailboxName,
    uses: &[Option<SpecialUse>],
    dialogue: &mut Dialogue,
) -> Outcome {
    let place = session.place(mailbox, dialogue).await?;
    place.require_creation()?;
    let special_use = special_use(&place, uses)?;
    place.account.create(&place.name, special_use).await?;
    acl::inherit(&place).await?;
    if let Some(given) = mailbox.other_spelling().filter(|_| dialogue.dialect.rev2) {
        // RFC 9051, 6.3.4: under which name it is there.
        let attributes = attributes_of(&place.account.mailboxes(), &place.name);
        push_renamed(dialogue, &attributes, (given, mailbox.as_str()));
    }
    // Unless another session has been quick to delete it.
    match place.open() {
        Ok(created) => Ok(Done::with(format!("MAILBOXID ({})", created.id()), "CREATE completed")),
        Err(_) => Ok(Done::ok("CREATE completed")),
    }
}

/// The use, unless it is another mailbox's.
fn special_use(place: &Place, uses: &[Option<SpecialUse>]) -> Result<Option<SpecialUse>, Refusal> {
    let special_use = check_special_uses(uses)?;
    if special_use.is_some() && !place.is_own {
        return Err(Refusal::no("USEATTR", "What a mailbox is for is for its owner to say"));
    }
    let mailboxes = place.account.mailboxes();
    let has_it = |entry: &MailboxEntry| entry.special_use == special_use;
    if special_use.is_some() && mailboxes.iter().any(has_it) {
        return Err(Refusal::no("USEATTR", "Another mailbox has this special use"));
    }
    Ok(special_use)
}

/// The one use a mailbox can have, unless it is of a kind that would show messages of other
/// mailboxes, which nothing here does.
pub(super) fn check_special_uses(
    uses: &[Option<SpecialUse>],
) -> Result<Option<SpecialUse>, Refusal> {
    let refusal = |text| Err(Refusal::no("USEATTR", text));
    match uses {
        [] => Ok(None),
        [Some(SpecialUse::All | SpecialUse::Flagged)] => {
            refusal("No mailbox shows the messages of others here")
        }
        [Some(special_use)] => Ok(Some(*special_use)),
        [None] => refusal("There is no such special use"),
        _ => refusal("A mailbox has one special use at most"),
    }
}
