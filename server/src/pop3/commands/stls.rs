//! STLS (RFC 2595, 4).

use super::super::reply::Refusal;
use super::super::session::{Authorization, Session, State};
use crate::stream::Ending;

/// Does the handshake; afterwards nothing is known that was said before it.
pub(in super::super) async fn stls(
    session: &mut Session,
    authorization: Authorization,
) -> Result<State, Ending> {
    if session.lines.peek().is_tls() {
        session.refuse(Refusal::TLS_ALREADY);
        return Ok(State::Authorization(authorization));
    }
    session.ok("Begin TLS");
    let within = session.context.config.limits.tls_handshake_time;
    // Drops what was pipelined behind the command: it came in plain text.
    session.lines.connection().start_tls(&session.context.tls, within).await?;
    Ok(State::Authorization(Authorization::Unknown))
}
