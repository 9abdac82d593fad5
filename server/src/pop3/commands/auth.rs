//! AUTH (RFC 5034).

use std::sync::Arc;

use super::super::command::Auth;
use super::super::reply::Refusal;
use super::super::session::{Authorization, Session, State};
use super::user::enter;
use crate::auth::sasl::Mechanism;
use crate::auth::{AuthFailure, Channel, Exchange, Identity, Step};
use crate::stream::{Ending, Line};

/// AUTH alone: Outlook asks so which mechanisms there are.
pub(in super::super) async fn list(session: &mut Session) {
    let (_, offered) = mechanisms(session).await;
    session.ok("Mechanisms");
    let out = session.lines.connection().output();
    for mechanism in offered {
        out.extend_from_slice(mechanism.name().as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
}

/// The connection as a way to log in, and the mechanisms that the client may use over it.
pub(super) async fn mechanisms(session: &Session) -> (Channel, Vec<Mechanism>) {
    let channel = Channel::of(session.lines.peek());
    let masks = session.context.directory.masks().await;
    let offered = session.context.auth.offered(&channel, &masks, &session.viewer);
    (channel, offered)
}

/// Logs a user in.
pub(in super::super) async fn auth(session: &mut Session, auth: &Auth) -> Result<State, Ending> {
    Ok(match exchange(session, auth).await? {
        Ok(verified) => enter(session, verified).await,
        Err(refusal) => {
            session.refuse(refusal);
            State::Authorization(Authorization::Unknown)
        }
    })
}

/// The dialogue up to its verdict, or the refusal that ends it before.
async fn exchange(
    session: &mut Session,
    auth: &Auth,
) -> Result<Result<Result<Identity, AuthFailure>, Refusal>, Ending> {
    if !session.allows_password() {
        return Ok(Err(Refusal::TLS_FIRST));
    }
    let (channel, offered) = mechanisms(session).await;
    let Some(mechanism) = Mechanism::find(auth.mechanism.as_bytes(), &offered) else {
        return Ok(Err(Refusal::NO_SUCH_MECHANISM));
    };
    let initial = auth.initial.as_deref().map(str::as_bytes);
    let context = Arc::clone(&session.context);
    let chosen = (mechanism, offered.as_slice());
    let (mut exchange, mut step) =
        match Exchange::start(&context.auth, channel, chosen, initial).await {
            Ok(started) => started,
            Err(error) => return Ok(error.verdict()),
        };
    loop {
        let challenge = match step {
            Step::Done(identity) => return Ok(Ok(Ok(identity))),
            Step::Challenge(challenge) => challenge,
        };
        let out = session.lines.connection().output();
        out.extend_from_slice(format!("+ {challenge}\r\n").as_bytes());
        let line = match session.next_line().await? {
            Line::Text(line) | Line::Bare(line) => line,
            Line::TooLong => return Ok(Err(Refusal::LINE_TOO_LONG)),
        };
        step = match exchange.answer(&line).await {
            Ok(step) => step,
            Err(error) => return Ok(error.verdict()),
        };
    }
}
