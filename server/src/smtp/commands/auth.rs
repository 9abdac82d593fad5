//! AUTH (RFC 4954).

use tokio::time::Instant;

use super::super::command::Auth;
use super::super::reply::Reply;
use super::super::session::{Client, LogIn, Session, State};
use crate::auth::sasl::{Credentials, Exchange, LINE_LEN_MAX, Mechanism, Step};
use crate::auth::{AuthFailure, Identity};
use crate::config::Role;
use crate::stream::{Ending, Line};

/// Logs a user in.
pub(in super::super) async fn auth(
    session: &mut Session,
    client: Client,
    auth: &Auth,
) -> Result<State, Ending> {
    let credentials = match exchange(session, auth).await? {
        Ok(credentials) => credentials,
        Err(refusal) => {
            session.refuse(&refusal);
            return Ok(State::Ready(client));
        }
    };
    let outcome = verify(session, &credentials).await;
    session.context.metrics.log_in(session.role, outcome.is_ok());
    match outcome {
        Ok(identity) => {
            session.log_in = LogIn::User(identity);
            session.reply(&Reply::LOGGED_IN);
            Ok(State::Ready(client))
        }
        Err(failure) => Ok(failed(session, client, failure)),
    }
}

async fn verify(session: &Session, credentials: &Credentials) -> Result<Identity, AuthFailure> {
    let peer = session.lines.peek().peer().ip();
    session.context.auth.verify(&credentials.login, &credentials.password, peer).await
}

fn failed(session: &mut Session, client: Client, failure: AuthFailure) -> State {
    session.refuse(&failure.into());
    if let LogIn::Anonymous { failures } = &mut session.log_in {
        *failures += 1;
        if *failures >= session.context.config.limits.log_in_failures_max {
            session.reply(&Reply::TOO_MANY_LOG_INS);
            return State::Closing;
        }
    }
    State::Ready(client)
}

/// The dialogue up to the credentials, or the reply that ends it.
async fn exchange(
    session: &mut Session,
    auth: &Auth,
) -> Result<Result<Credentials, Reply>, Ending> {
    if let Err(refusal) = permitted(session) {
        return Ok(Err(refusal));
    }
    let mechanism = Mechanism::parse(auth.mechanism.as_bytes());
    let offered = offered(session).await;
    let Some(mechanism) = mechanism.filter(|mechanism| offered.contains(mechanism)) else {
        return Ok(Err(Reply::NO_SUCH_MECHANISM));
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
        session.reply(&Reply::challenge(challenge));
        let deadline = Instant::now() + session.context.config.limits.smtp_idle_time;
        let line = match session.lines.next(LINE_LEN_MAX, deadline).await? {
            Line::Text(line) => line,
            Line::Bare(_) => return Ok(Err(Reply::AUTH_MALFORMED)),
            Line::TooLong => return Ok(Err(Reply::AUTH_LINE_TOO_LONG)),
        };
        step = match exchange.answer(&line) {
            Ok(step) => step,
            Err(error) => return Ok(Err(error.into())),
        };
    }
}

/// The mechanisms that the client may use now.
pub(super) async fn offered(session: &Session) -> Vec<Mechanism> {
    if session.role != Role::Submission || !session.allows_password() {
        return Vec::new();
    }
    let masks = session.context.directory.masks().await;
    Mechanism::shown(&masks, &session.viewer)
}

fn permitted(session: &Session) -> Result<(), Reply> {
    if session.role != Role::Submission {
        return Err(Reply::NOT_OFFERED);
    }
    if matches!(session.log_in, LogIn::User(_)) {
        return Err(Reply::AUTH_ALREADY);
    }
    // RFC 4954, 4: no password in clear text.
    if session.allows_password() { Ok(()) } else { Err(Reply::TLS_FIRST) }
}
