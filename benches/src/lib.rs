//! What the benches share: seeded messages, server processes and their CPU time, small clients.

pub mod client;
pub mod corpus;
pub mod dovecot;
pub mod message;
pub mod process;
pub mod wire;
