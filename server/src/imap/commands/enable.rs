//! ENABLE (RFC 5161).

use crate::imap::dialogue::Dialogue;
use crate::imap::response::Done;
use crate::imap::session::Authenticated;

/// CONDSTORE is all there is to enable; other names are ignored, and the answer is sent even if
/// nothing was enabled (CLIENTS.md rule 14).
pub(crate) fn enable(
    session: &mut Authenticated,
    names: &[String],
    dialogue: &mut Dialogue,
) -> Done {
    let enables = names.iter().any(|name| name == "CONDSTORE");
    session.condstore |= enables;
    dialogue.untagged(if enables { "ENABLED CONDSTORE" } else { "ENABLED" });
    Done::ok("ENABLE completed")
}
