//! The commands that do more than answer.

pub(super) mod auth;
pub(super) mod capa;
pub(super) mod listing;
pub(super) mod quit;
pub(super) mod retr;
pub(super) mod stls;
pub(super) mod user;
