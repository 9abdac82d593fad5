//! One file for each command that does more than answer.

pub(super) mod auth;
pub(super) mod bdat;
pub(super) mod data;
pub(super) mod hello;
pub(super) mod mail;
pub(super) mod rcpt;
pub(super) mod starttls;
