//! CANCELUPDATE (RFC 5267, 4.3.5).

use crate::imap::command::Tag;
use crate::imap::outcome::Outcome;
use crate::imap::response::Done;
use crate::imap::session::Selected;

/// The results of these searches are followed no more.
pub(crate) fn cancel_update(selected: &mut Selected, tags: &[Tag]) -> Outcome {
    selected.contexts.cancel(tags)?;
    Ok(Done::ok("CANCELUPDATE completed"))
}
