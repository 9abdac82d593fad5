//! QUIT in the TRANSACTION state: the UPDATE state (RFC 1939, 6).

use super::super::maildrop::Maildrop;
use super::super::reply::Refusal;
use super::super::session::{Session, State};

/// Deletes what is marked, all of it or nothing, and says goodbye.
pub(in super::super) async fn quit(session: &mut Session, maildrop: Maildrop) -> State {
    match maildrop.remove_marked().await {
        Ok(left) => session.ok(&format!("Bye ({left} messages left)")),
        Err(error) => {
            tracing::error!(%error, "cannot delete from a maildrop");
            session.refuse(Refusal::NOT_DELETED);
        }
    }
    State::Closing
}
