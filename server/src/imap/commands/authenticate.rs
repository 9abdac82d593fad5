//! AUTHENTICATE and LOGIN (RFC 3501, 6.2.2 and 6.2.3), initial responses (RFC 4959).

use std::sync::Arc;

use super::capability::after_login;
use crate::accounts;
use crate::auth::sasl::{LINE_LEN_MAX, Mechanism};
use crate::auth::{Exchange, Identity, LogInError, Step};
use crate::imap::command::Tag;
use crate::imap::dialogue::Dialogue;
use crate::imap::outcome::Stop;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::{Authenticated, NotAuthenticated, Session};
use crate::stream::StreamError;

/// LOGIN.
pub(crate) async fn login(
    state: NotAuthenticated,
    tag: &Tag,
    (user, password): (&str, &str),
    dialogue: &mut Dialogue,
) -> Result<Session, StreamError> {
    let verified = match may_send_password(dialogue) {
        Ok(()) => {
            let peer = dialogue.connection.peer().ip();
            let verified = dialogue.context.auth.verify(user, password, peer).await;
            opened(verified.map_err(LogInError::from), dialogue).await
        }
        Err(refusal) => Err(refusal.into()),
    };
    enter(state, tag, verified, dialogue).await
}

/// AUTHENTICATE.
pub(crate) async fn authenticate(
    state: NotAuthenticated,
    tag: &Tag,
    (mechanism, initial): (&str, Option<Vec<u8>>),
    dialogue: &mut Dialogue,
) -> Result<Session, StreamError> {
    let verified = match exchange(mechanism, initial.as_deref(), dialogue).await {
        Ok(verified) => opened(verified, dialogue).await,
        Err(stop) => Err(stop),
    };
    enter(state, tag, verified, dialogue).await
}

async fn exchange(
    mechanism: &str,
    initial: Option<&[u8]>,
    dialogue: &mut Dialogue,
) -> Result<Result<Identity, LogInError>, Stop> {
    // Before the client is led to send its password.
    may_send_password(dialogue)?;
    let (channel, offered) = dialogue.mechanisms().await;
    let Some(mechanism) = Mechanism::find(mechanism.as_bytes(), &offered) else {
        return Err(Refusal::no("CANNOT", "That mechanism is not supported").into());
    };
    let patience = dialogue.context.config.limits.log_in_time;
    let context = Arc::clone(&dialogue.context);
    let chosen = (mechanism, offered.as_slice());
    let started = Exchange::start(&context.auth, channel, chosen, initial).await;
    let (mut exchange, mut step) = match started {
        Ok(started) => started,
        Err(error) => return Ok(Err(error)),
    };
    loop {
        match step {
            Step::Done(identity) => return Ok(Ok(identity)),
            Step::Challenge(challenge) => {
                dialogue.out().extend_from_slice(b"+ ");
                dialogue.out().extend_from_slice(challenge.as_bytes());
                dialogue.out().extend_from_slice(b"\r\n");
            }
        }
        let line = dialogue.next_line(LINE_LEN_MAX + 2, patience).await?;
        let line = line.ok_or(Refusal::bad("The line is too long"))?;
        step = match exchange.answer(&line).await {
            Ok(step) => step,
            Err(error) => return Ok(Err(error)),
        };
    }
}

fn may_send_password(dialogue: &Dialogue) -> Result<(), Refusal> {
    if dialogue.allows_password() {
        Ok(())
    } else {
        Err(Refusal::no("PRIVACYREQUIRED", "Start TLS before you log in"))
    }
}

/// The session of who logged in.
async fn opened(
    verified: Result<Identity, LogInError>,
    dialogue: &mut Dialogue,
) -> Result<Authenticated, Stop> {
    let context = &dialogue.context;
    if let Ok(_) | Err(LogInError::Failed(_)) = &verified {
        context.metrics.log_in(dialogue.role, verified.is_ok());
    }
    let identity = verified.map_err(Refusal::from)?;
    let account = accounts::ensure(context, identity.account).await?;
    dialogue.viewer.user = Some(identity.address);
    Ok(Authenticated { account, condstore: false, qresync: false, watch: None })
}

/// The state after a log-in, and the last line of its answer.
async fn enter(
    mut state: NotAuthenticated,
    tag: &Tag,
    verified: Result<Authenticated, Stop>,
    dialogue: &mut Dialogue,
) -> Result<Session, StreamError> {
    match verified {
        Ok(authenticated) => {
            dialogue.done(tag, &Done::with(after_login(dialogue).await, "Logged in"));
            Ok(Session::Authenticated(authenticated))
        }
        Err(Stop::Broken(error)) => Err(error),
        Err(Stop::Refused(refusal)) => {
            dialogue.refused(Some(tag), &refusal);
            state.failures += 1;
            if state.failures < dialogue.context.config.limits.log_in_failures_max {
                return Ok(Session::NotAuthenticated(state));
            }
            dialogue.untagged("BYE Too many failed log-ins");
            Ok(Session::LoggedOut)
        }
    }
}
