//! COPY and UID COPY (RFC 3501, 6.4.7) with COPYUID (RFC 4315, 3).

mod carry;

use engine::{Copied, Error, Mailbox, UidSet};

use super::quota;
use crate::context::Context;
use crate::directory::Address;
use crate::imap::command::{MailboxName, Transfer};
use crate::imap::dialogue::Dialogue;
use crate::imap::message_limit;
use crate::imap::outcome::Outcome;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::{Authenticated, Selected};
use crate::imap::sharing::{Place, Rights};

/// A mailbox that messages are put into, and what the user may do there.
pub(crate) struct Destination {
    /// The mailbox.
    pub(super) mailbox: Mailbox,
    /// Flags that these do not allow are not stored (RFC 4314, 4).
    pub(super) rights: Rights,
}

impl Destination {
    /// Whether copies have the flags that the originals have.
    pub(super) fn takes_all_flags(&self) -> bool {
        self.rights.has(Rights::SEEN.and(Rights::WRITE).and(Rights::DELETE_MESSAGES))
    }
}

/// One record for all messages: all of them are copied or none.
pub(crate) async fn copy(
    selected: &Selected,
    context: &Context,
    (copy, to): (&Transfer, &Destination),
) -> Outcome {
    let uids = selected.view.uids(&copy.messages, copy.numbering)?;
    if uids.is_empty() {
        return Ok(Done::ok("There was nothing to copy"));
    }
    if let Some(limit) = message_limit::of_saving(context) {
        message_limit::refuse(message_limit::count(selected.view.snapshot(), &uids)?, Some(limit))?;
    }
    quota::check_copies((selected, to), context, &uids).await?;
    let copied = copied(selected, uids, to).await?;
    Ok(if copied.dest.is_empty() {
        Done::ok("There was nothing to copy")
    } else {
        with_copy_uid(copied, "COPY completed")
    })
}

/// Copies without storing anything again, where that can be.
pub(super) async fn copied(
    selected: &Selected,
    uids: UidSet,
    to: &Destination,
) -> Result<Copied, Refusal> {
    if !to.takes_all_flags() {
        return carry::carry(selected, &uids, to).await;
    }
    match selected.mailbox.copy(uids.clone(), &to.mailbox).await {
        Err(Error::OtherShard) => carry::carry(selected, &uids, to).await,
        copied => Ok(copied?),
    }
}

/// The mailbox to copy to.
pub(crate) async fn destination(
    session: &Authenticated,
    mailbox: &MailboxName,
    dialogue: &Dialogue,
) -> Result<Destination, Refusal> {
    destination_for(session, mailbox, dialogue.viewer.user.as_ref(), &dialogue.context).await
}

/// The same where the dialogue is in use. TRYCREATE says that it may be made and the command tried
/// again (RFC 3501, 6.4.7).
pub(super) async fn destination_for(
    session: &Authenticated,
    mailbox: &MailboxName,
    user: Option<&Address>,
    context: &Context,
) -> Result<Destination, Refusal> {
    let place = session.place_for(mailbox, user, context).await?;
    match place.open() {
        Ok(mailbox) => {
            place.require(Rights::INSERT)?;
            Ok(Destination { mailbox, rights: place.rights })
        }
        Err(Error::NoSuchMailbox) => Err(missing(&place)),
        Err(error) => Err(error.into()),
    }
}

fn missing(place: &Place) -> Refusal {
    match place.require_creation() {
        Ok(()) => Refusal::no("TRYCREATE", "No such mailbox"),
        Err(_) => Error::NoSuchMailbox.into(),
    }
}

/// `COPYUID`: both sets have the same order.
pub(super) fn with_copy_uid(copied: Copied, text: &'static str) -> Done {
    let code = format!("COPYUID {}", copied.uid_validity.get());
    Done::with_sets(code, vec![copied.source, copied.dest], text)
}
