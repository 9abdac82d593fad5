//! SMTP reception (RFC 5321), submission (RFC 6409) and LMTP (RFC 2033): one dialogue in three
//! roles.
//!
//! `parse` makes a `Command` of each line; `session` keeps the protocol's states as types and
//! hands the command to its file in `commands`; `data` and `line_ends` find a message's end and
//! judge its lines; `incoming` holds it in bounded memory; `acceptance` puts the trace fields on
//! it and answers once the store has acknowledged it.
//!
//! Nothing is relayed. Nothing is acknowledged before it is on disk. docs/PROTOCOLS.md has the
//! choices the RFCs leave open.

mod acceptance;
mod command;
mod commands;
mod data;
mod header;
mod hold;
mod incoming;
mod line_ends;
mod parse;
mod path;
mod reply;
mod session;
mod trace;
mod transaction;

use std::sync::Arc;

pub use command::{
    AddressText, Auth, Chunk, ChunkPlace, Command, CommandError, Greeting, HelloName, Mail,
};
pub use parse::parse_command;
pub use path::{ForwardPath, Path, ReversePath};

use crate::config::Role;
use crate::context::Context;
use crate::stream::Stream;

/// Serves one connection until it ends.
pub fn serve(context: Arc<Context>, stream: Stream, role: Role) -> impl Future<Output = ()> + Send {
    session::Session::new(context, stream, role).run()
}

/// For the fuzz target.
#[cfg(fuzzing)]
pub(crate) fn fuzz_command(line: &[u8]) {
    let _ = parse::parse_command(line);
}
