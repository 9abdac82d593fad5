//! NAMESPACE (RFC 2342): one personal namespace, without a prefix.

use crate::imap::dialogue::Dialogue;
use crate::imap::response::Done;

/// Personal, other users', shared.
pub(crate) fn namespace(dialogue: &mut Dialogue) -> Done {
    dialogue.untagged("NAMESPACE ((\"\" \"/\")) NIL NIL");
    Done::ok("NAMESPACE completed")
}
