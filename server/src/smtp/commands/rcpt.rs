//! RCPT (RFC 5321, 4.1.1.3): the one place that decides whose mail is taken.

use std::sync::Arc;

use super::super::command::AddressText;
use super::super::path::{ForwardPath, Path};
use super::super::reply::Reply;
use super::super::session::{Client, Session, State};
use super::super::transaction::Transaction;
use crate::config::Role;
use crate::directory::{Address, Recipient, Resolution};

/// Adds a recipient to the mail transaction.
pub(in super::super) async fn rcpt(
    session: &mut Session,
    client: Client,
    mut transaction: Transaction,
    path: ForwardPath,
) -> State {
    let reply = match judge(session, &transaction, &path).await {
        Ok(targets) => {
            if transaction.accept(path, targets) {
                session.forgive();
                Reply::RECIPIENT_OK
            } else {
                Reply::TOO_MANY_RECIPIENTS
            }
        }
        Err(refusal) => refusal,
    };
    match session.role {
        // A mail transfer agent passes on what it accepted, dead addresses included.
        Role::Lmtp => session.reply(&reply),
        _ => session.refuse(&reply),
    }
    State::Mail(client, transaction)
}

async fn judge(
    session: &Session,
    transaction: &Transaction,
    path: &ForwardPath,
) -> Result<Arc<[Recipient]>, Reply> {
    // RFC 5321, 4.5.3.1.10: the rest is tried again, so nobody is lost.
    if transaction.recipient_count() >= session.context.config.limits.recipients_max {
        return Err(Reply::TOO_MANY_RECIPIENTS);
    }
    let address = match path {
        ForwardPath::Postmaster => Address::new("postmaster", &session.context.config.hostname),
        ForwardPath::Path(path) => {
            if transaction.text == AddressText::Ascii && !path.is_ascii() {
                return Err(Reply::UTF8_NOT_ASKED_FOR);
            }
            match Address::new(path.local_part(), path.domain()) {
                Err(_) => return Err(no_address(session, path).await),
                address => address,
            }
        }
    };
    // The configured host name may be none that mail can go to.
    let address = address.map_err(|_| Reply::NO_SUCH_USER)?;
    match session.context.directory.resolve(&address).await {
        Ok(Resolution::Local(users)) => Ok(users),
        Ok(Resolution::UnknownUser) => Err(Reply::NO_SUCH_USER),
        Ok(Resolution::NotLocal) => Err(not_local(session)),
        Err(error) => {
            tracing::error!(%error, "cannot look up a recipient");
            Err(Reply::DIRECTORY_FAILED)
        }
    }
}

/// The reply to an address that no user of ours can have: which, depends on whose it would be.
async fn no_address(session: &Session, path: &Path) -> Reply {
    match session.context.directory.is_local(path.domain()).await {
        Ok(true) => Reply::NO_SUCH_USER,
        Ok(false) => not_local(session),
        Err(_) => Reply::DIRECTORY_FAILED,
    }
}

fn not_local(session: &Session) -> Reply {
    if session.role == Role::Submission { Reply::NO_QUEUE } else { Reply::NO_RELAYING }
}
