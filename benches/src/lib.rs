//! What the benches share: seeded messages, server processes and what they cost, small clients, the
//! rows of the table.

pub mod client;
pub mod corpus;
pub mod dovecot;
pub mod figure;
pub mod process;
pub mod profile;
pub mod rows;
pub mod segments;
pub mod subject;
pub mod wire;
