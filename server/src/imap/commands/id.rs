//! ID (RFC 2971): who the two programs are; for statistics and for finding faults, nothing else.

use crate::imap::command::Tag;
use crate::imap::dialogue::Dialogue;
use crate::imap::response::Done;

/// Answers with our name and version.
pub(crate) fn id(tag: &Tag, fields: &[(String, String)], dialogue: &mut Dialogue) {
    tracing::debug!(client = ?fields, "client told its name");
    let version = env!("CARGO_PKG_VERSION");
    dialogue.untagged(format_args!("ID (\"name\" \"Fumikura\" \"version\" \"{version}\")"));
    dialogue.done(tag, &Done::ok("ID completed"));
}
