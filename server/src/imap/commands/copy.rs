//! COPY and UID COPY (RFC 3501, 6.4.7) with COPYUID (RFC 4315, 3).

use engine::{Copied, Error, Mailbox};

use super::quota;
use crate::context::Context;
use crate::imap::command::{MailboxName, Transfer};
use crate::imap::message_limit;
use crate::imap::outcome::Outcome;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::{Authenticated, Selected};

/// One record for all messages: all of them are copied or none.
pub(crate) async fn copy(selected: &Selected, context: &Context, copy: &Transfer) -> Outcome {
    let uids = selected.view.uids(&copy.messages, copy.numbering)?;
    let to = destination(&selected.authenticated, &copy.mailbox)?;
    if uids.is_empty() {
        return Ok(Done::ok("There was nothing to copy"));
    }
    if let Some(limit) = message_limit::of_saving(context) {
        message_limit::refuse(message_limit::count(selected.view.snapshot(), &uids)?, Some(limit))?;
    }
    quota::check_copies(selected, context, &uids).await?;
    let copied = selected.mailbox.copy(uids, &to).await?;
    Ok(if copied.dest.is_empty() {
        Done::ok("There was nothing to copy")
    } else {
        with_copy_uid(copied, "COPY completed")
    })
}

/// The mailbox to copy to. TRYCREATE says that it may be made and the command tried again
/// (RFC 3501, 6.4.7).
pub(super) fn destination(
    session: &Authenticated,
    mailbox: &MailboxName,
) -> Result<Mailbox, Refusal> {
    session.account.mailbox(mailbox.as_str()).map_err(|error| match error {
        Error::NoSuchMailbox => Refusal::no("TRYCREATE", "No such mailbox"),
        error => error.into(),
    })
}

/// `COPYUID`: both sets have the same order.
pub(super) fn with_copy_uid(copied: Copied, text: &'static str) -> Done {
    let code = format!("COPYUID {}", copied.uid_validity.get());
    Done::with_sets(code, vec![copied.source, copied.dest], text)
}
