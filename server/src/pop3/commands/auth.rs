//! AUTH (RFC 5034).

use super::super::command::Auth;
use super::super::reply::Refusal;
use super::super::session::{Authorization, Session, State};
use super::user::log_in;
use crate::auth::sasl::{Credentials, Exchange, Mechanism, Step};
use crate::stream::{Ending, Line};

/// AUTH alone: Outlook asks so which mechanisms there are.
pub(in super::super) async fn list(session: &mut Session) {
    let offered = offered(session).await;
    session.ok("Mechanisms");
    let out = session.lines.connection().output();
    for mechanism in offered {
        out.extend_from_slice(mechanism.name().as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
}

/// The mechanisms that the client may use now.
pub(super) async fn offered(session: &Session) -> Vec<Mechanism> {
    if !session.allows_password() {
        return Vec::new();
    }
    let masks = session.context.directory.masks().await;
    Mechanism::shown(&masks, &session.viewer)
}

/// Logs a user in.
pub(in super::super) async fn auth(session: &mut Session, auth: &Auth) -> Result<State, Ending> {
    Ok(match exchange(session, auth).await? {
        Ok(credentials) => log_in(session, &credentials.login, &credentials.password).await,
        Err(refusal) => {
            session.refuse(refusal);
            State::Authorization(Authorization::Unknown)
        }
    })
}

/// The dialogue up to the credentials, or the refusal that ends it.
async fn exchange(
    session: &mut Session,
    auth: &Auth,
) -> Result<Result<Credentials, Refusal>, Ending> {
    if !session.allows_password() {
        return Ok(Err(Refusal::TLS_FIRST));
    }
    let mechanism = Mechanism::parse(auth.mechanism.as_bytes());
    let offered = offered(session).await;
    let Some(mechanism) = mechanism.filter(|mechanism| offered.contains(mechanism)) else {
        return Ok(Err(Refusal::NO_SUCH_MECHANISM));
    };
    let initial = auth.initial.as_deref().map(str::as_bytes);
    let (mut exchange, mut step) = match Exchange::start(mechanism, initial) {
        Ok(started) => started,
        Err(error) => return Ok(Err(error.into())),
    };
    loop {
        let challenge = match step {
            Step::Credentials(credentials) => return Ok(Ok(credentials)),
            Step::Challenge(challenge) => challenge,
        };
        let out = session.lines.connection().output();
        out.extend_from_slice(format!("+ {challenge}\r\n").as_bytes());
        let line = match session.next_line().await? {
            Line::Text(line) | Line::Bare(line) => line,
            Line::TooLong => return Ok(Err(Refusal::LINE_TOO_LONG)),
        };
        step = match exchange.answer(&line) {
            Ok(step) => step,
            Err(error) => return Ok(Err(error.into())),
        };
    }
}
