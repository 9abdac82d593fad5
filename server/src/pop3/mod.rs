//! POP3 (RFC 1939).
#![allow(dead_code)]

mod command;
mod dot_encoder;
mod marks;
mod parse;
mod reply;

use std::sync::Arc;

pub use command::{Auth, Command, CommandError, MessageNumber, Secret};
pub use parse::parse_command;

use crate::config::Role;
use crate::context::Context;
use crate::stream::Stream;

/// Serves one connection until it ends.
pub async fn serve(context: Arc<Context>, stream: Stream, role: Role) {
    let _ = (context, stream, role);
}
