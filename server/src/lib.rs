//! Fumikura's server: SMTP, LMTP, POP3 and IMAP over the mailbox engine.

mod accounts;
mod admin;
pub mod auth;
pub mod authenticity;
mod calendar;
pub mod cli;
pub mod config;
pub mod context;
pub mod control;
mod counts;
pub mod delivery;
pub mod directory;
mod dns;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod helpers;
pub mod imap;
pub mod limits;
mod listen;
pub mod metrics;
pub mod orders;
pub mod pop3;
mod private_file;
pub mod queue;
pub mod quota;
pub mod rates;
pub mod relay;
mod server;
mod set_up;
pub mod shutdown;
pub mod smtp;
pub mod spool;
mod store_metrics;
pub mod stream;
pub mod tls;

pub use listen::BindError;
pub use server::{Server, StartError};
pub use set_up::{SetUpError, set_up};
