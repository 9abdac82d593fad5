//! AUTH (RFC 4954).

use std::sync::Arc;

use tokio::time::Instant;

use super::super::command::Auth;
use super::super::reply::Reply;
use super::super::session::{Client, LogIn, Session, State};
use crate::auth::sasl::{LINE_LEN_MAX, Mechanism};
use crate::auth::{AuthFailure, Channel, Exchange, Identity, Step};
use crate::config::Role;
use crate::stream::{Ending, Line};

/// Logs a user in.
pub(in super::super) async fn auth(
    session: &mut Session,
    client: Client,
    auth: &Auth,
) -> Result<State, Ending> {
    let outcome = match exchange(session, auth).await? {
        Ok(outcome) => outcome,
        Err(refusal) => {
            session.refuse(&refusal);
            return Ok(State::Ready(client));
        }
    };
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

/// The dialogue up to its verdict, or the reply that ends it before.
async fn exchange(
    session: &mut Session,
    auth: &Auth,
) -> Result<Result<Result<Identity, AuthFailure>, Reply>, Ending> {
    if let Err(refusal) = permitted(session) {
        return Ok(Err(refusal));
    }
    let (channel, offered) = mechanisms(session).await;
    let Some(mechanism) = Mechanism::find(auth.mechanism.as_bytes(), &offered) else {
        return Ok(Err(Reply::NO_SUCH_MECHANISM));
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
        session.reply(&Reply::challenge(&challenge));
        let deadline = Instant::now() + session.context.config.limits.smtp_idle_time;
        let line = match session.lines.next(LINE_LEN_MAX, deadline).await? {
            Line::Text(line) => line,
            Line::Bare(_) => return Ok(Err(Reply::AUTH_MALFORMED)),
            Line::TooLong => return Ok(Err(Reply::AUTH_LINE_TOO_LONG)),
        };
        step = match exchange.answer(&line).await {
            Ok(step) => step,
            Err(error) => return Ok(error.verdict()),
        };
    }
}

/// The connection as a way to log in, and the mechanisms that the client may use over it.
pub(super) async fn mechanisms(session: &Session) -> (Channel, Vec<Mechanism>) {
    let channel = Channel::of(session.lines.peek());
    if session.role != Role::Submission {
        return (channel, Vec::new());
    }
    let masks = session.context.directory.masks().await;
    let offered = session.context.auth.offered(&channel, &masks, &session.viewer);
    (channel, offered)
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
