//! NOTIFY (RFC 5465).

use crate::imap::command::{Events, Notify};
use crate::imap::dialogue::Dialogue;
use crate::imap::outcome::Outcome;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::{Authenticated, Selected};
use crate::imap::view::Telling;
use crate::imap::watch::{Known, Watch};

/// The same with a mailbox: all that was not told of it yet comes first, wanted or not
/// (RFC 5465, 3.1).
pub(crate) async fn notify_selected(
    selected: &mut Selected,
    what: Notify,
    dialogue: &mut Dialogue,
) -> Outcome {
    selected.tell_changes(Telling::EVERYTHING, dialogue).await?;
    let Selected { authenticated, mailbox, view, .. } = selected;
    let known = Known::among_own(authenticated.account.id(), mailbox, view);
    notify(authenticated, known, what, dialogue).await
}

/// Takes another list of events in place of the one before; an error leaves that as it is.
pub(crate) async fn notify(
    session: &mut Authenticated,
    known: Option<Known<'_>>,
    notify: Notify,
    dialogue: &mut Dialogue,
) -> Outcome {
    let watch = match notify {
        Notify::UnknownEvent => {
            let code = format!("BADEVENT ({})", Events::NAMES_OF_ALL);
            return Err(Refusal::no(code, "An event is not known here").into());
        }
        Notify::None => Watch::of_nothing(&session.account),
        Notify::Set(set) => {
            let status = set.status;
            let mut watch = Watch::of(&session.account, set);
            if watch.look(&session.account, (known, status), dialogue).await?.is_err() {
                let text = "That is more mailboxes than one session may watch";
                return Err(Refusal::no("NOTIFICATIONOVERFLOW", text).into());
            }
            watch
        }
    };
    session.watch = Some(Box::new(watch));
    Ok(Done::ok("NOTIFY completed"))
}
