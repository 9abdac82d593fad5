//! UNAUTHENTICATE (RFC 8437): the connection is as it was when it began, TLS aside.

use crate::imap::command::Tag;
use crate::imap::dialect::Dialect;
use crate::imap::dialogue::Dialogue;
use crate::imap::response::Done;
use crate::stream::StreamError;

/// A selected mailbox is left without an expunge; what was enabled is so no more, and compression
/// ends behind the answer (RFC 8437, 3 and 4). The session's state is dropped by the caller.
pub(crate) async fn unauthenticate(tag: &Tag, dialogue: &mut Dialogue) -> Result<(), StreamError> {
    dialogue.viewer.user = None;
    dialogue.dialect = Dialect::default();
    dialogue.done(tag, &Done::ok("You are nobody again"));
    dialogue.connection.stop_compression().await
}
