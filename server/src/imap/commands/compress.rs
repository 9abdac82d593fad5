//! COMPRESS (RFC 4978).

use crate::imap::command::Tag;
use crate::imap::dialogue::Dialogue;
use crate::imap::response::{Done, Refusal};
use crate::stream::StreamError;

/// What is offered, as a capability and as the command's argument.
pub(crate) const MECHANISM: &str = "DEFLATE";

/// Compresses both ways from behind the answer on.
pub(crate) async fn compress(
    tag: &Tag,
    mechanism: &str,
    dialogue: &mut Dialogue,
) -> Result<(), StreamError> {
    let refusal = if dialogue.connection.is_compressed() {
        Some(Refusal::no("COMPRESSIONACTIVE", "DEFLATE is active already"))
    } else if mechanism != MECHANISM {
        Some(Refusal::bad("The one mechanism is DEFLATE"))
    } else if !offers(dialogue) {
        Some(Refusal::no("CANNOT", "Compression is turned off"))
    } else {
        None
    };
    if let Some(refusal) = refusal {
        dialogue.refused(Some(tag), &refusal);
        return Ok(());
    }
    dialogue.done(tag, &Done::ok("DEFLATE active"));
    dialogue.connection.start_compression().await
}

/// Whether a client may ask for it now.
pub(crate) fn offers(dialogue: &Dialogue) -> bool {
    dialogue.context.config.imap.compress && !dialogue.connection.is_compressed()
}
