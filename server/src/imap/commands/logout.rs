//! LOGOUT (RFC 3501, 6.1.3).

use crate::imap::command::Tag;
use crate::imap::dialogue::Dialogue;
use crate::imap::response::Done;

/// BYE, then OK, in this order.
pub(crate) fn logout(tag: &Tag, dialogue: &mut Dialogue) {
    dialogue.untagged("BYE Until next time");
    dialogue.done(tag, &Done::ok("LOGOUT completed"));
}
