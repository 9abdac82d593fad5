//! USER and PASS (RFC 1939, 7), and what every log-in leads to.

use super::super::command::Secret;
use super::super::maildrop::Maildrop;
use super::super::reply::Refusal;
use super::super::session::{Authorization, Session, State};
use crate::accounts;
use crate::auth::{AuthFailure, Identity};
use crate::config::Role;

/// Whose password follows. Whether there is such a user, only PASS tells, and not even PASS
/// tells it apart from a wrong password.
pub(in super::super) fn user(session: &mut Session, name: String) -> State {
    if !session.allows_password() {
        session.refuse(Refusal::TLS_FIRST);
        return State::Authorization(Authorization::Unknown);
    }
    session.ok("Send PASS");
    State::Authorization(Authorization::Named(name))
}

/// Logs the named user in.
pub(in super::super) async fn pass(
    session: &mut Session,
    authorization: Authorization,
    password: &Secret,
) -> State {
    match authorization {
        Authorization::Named(name) => log_in(session, &name, &password.0).await,
        Authorization::Unknown => {
            session.refuse(Refusal::BARE_OF_USER);
            State::Authorization(Authorization::Unknown)
        }
    }
}

async fn log_in(session: &mut Session, login: &str, password: &str) -> State {
    let peer = session.lines.peek().peer().ip();
    let outcome = session.context.auth.verify(login, password, peer).await;
    enter(session, outcome).await
}

/// Opens the maildrop of who logged in.
pub(super) async fn enter(session: &mut Session, outcome: Result<Identity, AuthFailure>) -> State {
    session.context.metrics.log_in(Role::Pop3, outcome.is_ok());
    let identity = match outcome {
        Ok(identity) => identity,
        Err(failure) => return failed(session, &failure),
    };
    session.viewer.user = Some(identity.address);
    let account = accounts::ensure(&session.context, identity.account).await;
    match account.and_then(|account| account.mailbox("INBOX")) {
        Ok(mailbox) => {
            let maildrop = Maildrop::open(mailbox);
            session.ok(&format!("{} messages ({} octets)", maildrop.count(), maildrop.octets()));
            State::Transaction(maildrop)
        }
        Err(error) => {
            tracing::error!(%error, "cannot open a maildrop");
            session.refuse(Refusal::UNREADABLE);
            State::Authorization(Authorization::Unknown)
        }
    }
}

fn failed(session: &mut Session, failure: &AuthFailure) -> State {
    session.refuse(failure.into());
    session.log_in_failures += 1;
    if session.log_in_failures >= session.context.config.limits.log_in_failures_max {
        session.refuse(Refusal::TOO_MANY_LOG_INS);
        return State::Closing;
    }
    State::Authorization(Authorization::Unknown)
}
