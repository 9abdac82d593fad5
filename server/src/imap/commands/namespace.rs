//! NAMESPACE (RFC 2342): one's own mailboxes without a prefix, those of other users and of shared
//! accounts below an address.

use crate::imap::dialogue::Dialogue;
use crate::imap::response::Done;
use crate::imap::sharing::{OTHER_USERS, SHARED};

/// Personal, other users', shared.
pub(crate) fn namespace(dialogue: &mut Dialogue) -> Done {
    dialogue.untagged(format_args!(
        "NAMESPACE ((\"\" \"/\")) ((\"{OTHER_USERS}\" \"/\")) ((\"{SHARED}\" \"/\"))"
    ));
    Done::ok("NAMESPACE completed")
}
