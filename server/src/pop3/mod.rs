//! POP3 (RFC 1939): the INBOX as it was at log-in, by numbers that do not change.
//!
//! The maildrop is a snapshot, so nothing is locked and any number of sessions may read it. What
//! a session marks is removed at QUIT, by UID.

mod command;
mod commands;
mod dot_encoder;
mod maildrop;
mod marks;
mod parse;
mod reply;
mod session;

use std::sync::Arc;

pub use command::{Auth, Command, CommandError, MessageNumber, Secret};
pub use parse::parse_command;

use crate::context::Context;
use crate::stream::Stream;

/// Serves one connection until it ends.
pub fn serve(context: Arc<Context>, stream: Stream) -> impl Future<Output = ()> + Send {
    session::Session::new(context, stream).run()
}
