//! The IMAP sessions.

pub mod command;
pub mod parse;
mod utf7;

use std::sync::Arc;

use crate::config::Role;
use crate::context::Context;
use crate::stream::Stream;

/// Serves one connection until it ends.
pub async fn serve(context: Arc<Context>, stream: Stream, role: Role) {
    let _ = (context, stream, role);
}
