//! AUTHENTICATE and LOGIN (RFC 3501, 6.2.2 and 6.2.3), initial responses (RFC 4959).

use super::capability::after_login;
use crate::accounts;
use crate::auth::Identity;
use crate::auth::sasl::{Credentials, Exchange, LINE_LEN_MAX, Mechanism, Step};
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
    let credentials = Credentials { login: user.to_owned(), password: password.to_owned() };
    let verified = verify(&credentials, dialogue).await;
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
        Ok(credentials) => verify(&credentials, dialogue).await,
        Err(stop) => Err(stop),
    };
    enter(state, tag, verified, dialogue).await
}

async fn exchange(
    mechanism: &str,
    initial: Option<&[u8]>,
    dialogue: &mut Dialogue,
) -> Result<Credentials, Stop> {
    let masks = dialogue.context.directory.masks().await;
    let shown = Mechanism::shown(&masks, &dialogue.viewer);
    let mechanism = Mechanism::parse(mechanism.as_bytes());
    let Some(mechanism) = mechanism.filter(|mechanism| shown.contains(mechanism)) else {
        return Err(Refusal::no("CANNOT", "That mechanism is not supported").into());
    };
    // Before the client is led to send its password.
    may_send_password(dialogue)?;
    let patience = dialogue.context.config.limits.log_in_time;
    let (mut exchange, mut step) = Exchange::start(mechanism, initial).map_err(Refusal::from)?;
    loop {
        match step {
            Step::Credentials(credentials) => return Ok(credentials),
            Step::Challenge(challenge) => {
                dialogue.out().extend_from_slice(b"+ ");
                dialogue.out().extend_from_slice(challenge.as_bytes());
                dialogue.out().extend_from_slice(b"\r\n");
            }
        }
        let line = dialogue.next_line(LINE_LEN_MAX + 2, patience).await?;
        let line = line.ok_or(Refusal::bad("The line is too long"))?;
        step = exchange.answer(&line).map_err(Refusal::from)?;
    }
}

fn may_send_password(dialogue: &Dialogue) -> Result<(), Refusal> {
    if dialogue.allows_password() {
        Ok(())
    } else {
        Err(Refusal::no("PRIVACYREQUIRED", "Start TLS before you log in"))
    }
}

async fn verify(credentials: &Credentials, dialogue: &mut Dialogue) -> Result<Authenticated, Stop> {
    may_send_password(dialogue)?;
    let context = &dialogue.context;
    let peer = dialogue.connection.peer().ip();
    let verified = context.auth.verify(&credentials.login, &credentials.password, peer).await;
    context.metrics.log_in(dialogue.role, verified.is_ok());
    let identity: Identity = verified.map_err(Refusal::from)?;
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
