//! STARTTLS (RFC 3501, 6.2.1).

use std::sync::Arc;

use crate::imap::command::Tag;
use crate::imap::dialogue::Dialogue;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::{NotAuthenticated, Session};
use crate::stream::StreamError;

/// Does the handshake. What was sent in plain text behind the command is thrown away by
/// [`crate::stream::Connection::start_tls`], so that nobody can put commands in front.
pub(crate) async fn start_tls(
    state: NotAuthenticated,
    tag: &Tag,
    dialogue: &mut Dialogue,
) -> Result<Session, StreamError> {
    if dialogue.connection.is_tls() {
        dialogue.refused(Some(tag), &Refusal::bad("TLS is active already"));
        return Ok(Session::NotAuthenticated(state));
    }
    dialogue.done(tag, &Done::ok("Begin TLS now"));
    let within = dialogue.context.config.limits.tls_handshake_time;
    let context = Arc::clone(&dialogue.context);
    dialogue.connection.start_tls(&context.tls, within).await?;
    Ok(Session::NotAuthenticated(state))
}
