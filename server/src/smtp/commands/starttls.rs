//! STARTTLS (RFC 3207).

use super::super::reply::Reply;
use super::super::session::{LogIn, Session, State};
use crate::stream::Ending;

/// Does the handshake; afterwards nothing is known that was said before it (RFC 3207, 4.2).
pub(in super::super) async fn start_tls(
    session: &mut Session,
    state: State,
) -> Result<State, Ending> {
    if session.lines.peek().is_tls() {
        session.refuse(&Reply::TLS_ALREADY);
        return Ok(state);
    }
    if session.context.directory.masks().await.hide("STARTTLS", &session.viewer) {
        session.refuse(&Reply::NOT_OFFERED);
        return Ok(state);
    }
    session.reply(&Reply::READY_FOR_TLS);
    let within = session.context.config.limits.tls_handshake_time;
    // Drops what was pipelined behind the command: it came in plain text.
    session.lines.connection().start_tls(&session.context.tls, within).await?;
    session.log_in = LogIn::Anonymous { failures: 0 };
    Ok(State::Connected)
}
