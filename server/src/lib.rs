//! Fumikura's server: SMTP, LMTP, POP3 and IMAP over the mailbox engine.

pub mod auth;
pub mod config;
pub mod context;
pub mod delivery;
pub mod directory;
pub mod imap;
pub mod limits;
pub mod metrics;
pub mod pop3;
mod private_file;
pub mod shutdown;
pub mod smtp;
pub mod stream;
pub mod tls;
