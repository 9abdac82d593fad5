//! `IMAP4rev1` (RFC 3501), `IMAP4rev2` (RFC 9051) and their extensions; `docs/PROTOCOLS.md` says which, and how.
//!
//! A session is: read (`dialogue`, `parse`) → value (`command`) → handler (`session`,
//! `commands`) → bytes (`encode`). What the session knows of its mailbox is in `view`; errors
//! become `NO` and `BAD` in `refusal`.

mod attend;
pub mod command;
mod commands;
pub mod dialect;
mod dialogue;
mod encode;
mod mailbox_text;
mod masking;
mod message_limit;
mod outcome;
pub mod parse;
mod pattern;
mod progress;
mod reading;
mod refusal;
mod response;
mod session;
mod sharing;
mod sources;
mod tell;
mod uid_only;
mod utf7;
mod view;
mod walk;
mod watch;

use std::sync::Arc;

use crate::config::Role;
use crate::context::Context;
use crate::stream::Stream;
pub use commands::fetch_answers;
use dialogue::Dialogue;
use session::Session;

/// Serves one connection until it ends.
///
/// No `async fn`, because what that is called with it holds beside what it makes of it: this
/// future holds the dialogue alone.
pub fn serve(
    context: Arc<Context>,
    stream: Stream,
    role: Role,
) -> impl Future<Output = ()> + Send + use<> {
    let mut dialogue = Dialogue::new(context, stream, role);
    async move {
        Box::pin(greet(&mut dialogue)).await;
        if let Err(error) = Session::converse(&mut dialogue).await {
            tracing::debug!(peer = %dialogue.connection.peer(), %error, "connection ended");
        }
        Box::pin(dialogue.connection.close()).await;
    }
}

async fn greet(dialogue: &mut Dialogue) {
    let capabilities = commands::before_login(dialogue).await;
    let hostname = dialogue.context.config.hostname.clone();
    dialogue.untagged(format_args!("OK [{capabilities}] {hostname} Fumikura is ready"));
}
