//! What Fumikura's integration tests share: a server to test, clients to test it with, the
//! corpus of real messages, the player of transcripts, and the rules about the source itself.
//!
//! Tests run the real program as its own process, so that what they see is what a user sees.

pub mod binary;
pub mod client;
pub mod corpus;
pub mod mail_program;
pub mod name_server;
pub mod parsed;
pub mod peer;
pub mod random;
pub mod server;
pub mod swarm;
pub mod tidy;
pub mod transcript;
