//! MAIL (RFC 5321, 4.1.1.2).

use tokio::time::Instant;

use super::super::command::{AddressText, CommandError, Mail};
use super::super::path::{Path, ReversePath};
use super::super::reply::Reply;
use super::super::session::{Client, LogIn, Session, State};
use super::super::transaction::Transaction;
use crate::auth::Identity;
use crate::config::Role;
use crate::directory::{Address, Resolution};

/// Begins a mail transaction.
pub(in super::super) async fn mail(session: &mut Session, client: Client, mail: Mail) -> State {
    match judge(session, &mail).await {
        Ok(()) => {
            session.reply(&Reply::SENDER_OK);
            State::Mail(client, Transaction::new(mail))
        }
        Err(refusal) => {
            session.refuse(&refusal);
            State::Ready(client)
        }
    }
}

async fn judge(session: &Session, mail: &Mail) -> Result<(), Reply> {
    // RFC 1870, 6.1: known to be too large, so not worth sending.
    let size_max = session.context.config.limits.message_bytes_max as u64;
    if mail.size.is_some_and(|size| size > size_max) {
        return Err(Reply::MESSAGE_TOO_LARGE);
    }
    if mail.text == AddressText::Ascii && !mail.reverse_path.is_ascii() {
        return Err(Reply::UTF8_NOT_ASKED_FOR);
    }
    parameters(session, mail)?;
    let peer = session.lines.peek().peer().ip();
    if session.role == Role::Smtp && !session.context.rates.admits_message(peer, Instant::now()) {
        return Err(Reply::ADDRESS_TOO_FAST);
    }
    match (&session.log_in, &mail.reverse_path) {
        (LogIn::Anonymous { .. }, _) if session.role == Role::Submission => {
            Err(Reply::LOG_IN_FIRST)
        }
        (LogIn::User(identity), ReversePath::Path(path)) => {
            belongs_to(session, path, identity).await
        }
        _ => Ok(()),
    }
}

/// Whether what was asked is offered here and can be kept.
fn parameters(session: &Session, mail: &Mail) -> Result<(), Reply> {
    let asks_of_queue = mail.envelope_id.is_some() || mail.ret.is_some() || mail.priority.is_some();
    let is_offered = match session.role {
        Role::Lmtp => {
            !asks_of_queue
                && !mail.require_tls
                && mail.deliver_by.is_none()
                && mail.release.is_none()
        }
        Role::Submission => true,
        _ => mail.release.is_none(),
    };
    if !is_offered || (mail.require_tls && !session.lines.peek().is_tls()) {
        return Err(CommandError::Parameter.into());
    }
    let now = engine::clock::unix_seconds();
    let latest = now.saturating_add(session.release_max());
    match mail.release {
        Some(release) if release.at(now) > latest => Err(Reply::RELEASE_TOO_LATE),
        _ => Ok(()),
    }
}

impl Session {
    /// How many seconds a user may have a message kept back.
    pub(in super::super) fn release_max(&self) -> i64 {
        self.context.config.queue.release.as_secs().cast_signed()
    }
}

/// A user sends as itself: from every address that leads to it.
async fn belongs_to(session: &Session, path: &Path, identity: &Identity) -> Result<(), Reply> {
    let address = Address::new(path.local_part(), path.domain());
    let address = address.map_err(|_| Reply::NOT_YOUR_ADDRESS)?;
    match session.context.directory.resolve(&address).await {
        Ok(Resolution::Found(found))
            if found.users.iter().any(|user| user.account == identity.account) =>
        {
            Ok(())
        }
        Ok(_) => Err(Reply::NOT_YOUR_ADDRESS),
        Err(error) => {
            tracing::error!(%error, "cannot look up a sender");
            Err(Reply::DIRECTORY_FAILED)
        }
    }
}
