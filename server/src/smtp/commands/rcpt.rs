//! RCPT (RFC 5321, 4.1.1.3): the one place that decides whose mail is taken.

use std::sync::Arc;

use tokio::time::Instant;

use super::super::command::{AddressText, CommandError, Rcpt};
use super::super::path::{ForwardPath, Path};
use super::super::reply::Reply;
use super::super::session::{Client, LogIn, Session, State};
use super::super::transaction::Transaction;
use crate::config::Role;
use crate::directory::{Address, DirectoryError, Resolution, Targets};
use crate::quota::{self, NoRoom};
use crate::relay::Destination;

/// Domains that are asked for a postmaster when none of the host's own has one.
const POSTMASTER_DOMAINS_MAX: usize = 16;

/// Adds a recipient to the mail transaction.
pub(in super::super) async fn rcpt(
    session: &mut Session,
    client: Client,
    mut transaction: Transaction,
    rcpt: Rcpt,
) -> State {
    let judged = match judge(session, &transaction, &rcpt).await {
        Ok(targets) => room(session, &transaction, &targets).await.map(|()| targets),
        Err(refusal) => Err(refusal),
    };
    let reply = match judged {
        Ok(targets) => {
            if transaction.accept(rcpt, targets) {
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
    rcpt: &Rcpt,
) -> Result<Arc<Targets>, Reply> {
    if (rcpt.notify.is_some() || rcpt.original.is_some()) && session.role == Role::Lmtp {
        return Err(CommandError::Parameter.into());
    }
    // RFC 5321, 4.5.3.1.10: the rest is tried again, so nobody is lost.
    if transaction.recipient_count() >= session.context.config.limits.recipients_max {
        return Err(Reply::TOO_MANY_RECIPIENTS);
    }
    if let LogIn::User(identity) = &session.log_in
        && !session.context.rates.admits_recipient(identity.account, Instant::now())
    {
        return Err(Reply::USER_TOO_FAST);
    }
    match &rcpt.path {
        ForwardPath::Postmaster => postmaster(session).await,
        ForwardPath::Path(path) => {
            if transaction.mail.text == AddressText::Ascii && !path.is_ascii() {
                return Err(Reply::UTF8_NOT_ASKED_FOR);
            }
            match Address::new(path.local_part(), path.domain()) {
                Err(_) => no_address(session, path).await,
                Ok(address) => look_up(session, path, &address).await,
            }
        }
    }
}

/// Every user that the recipient leads to must have room for the message, as large as it was said
/// to be: else those who have would get it again and again, as often as it is tried.
async fn room(
    session: &Session,
    transaction: &Transaction,
    targets: &Targets,
) -> Result<(), Reply> {
    let size = transaction.mail.size.unwrap_or(1);
    for target in &targets.users {
        match quota::check_delivery(&session.context, target.account, size).await {
            Ok(()) => {}
            Err(NoRoom::OverQuota) => return Err(Reply::MAILBOX_FULL),
            Err(NoRoom::Directory) => return Err(Reply::DIRECTORY_FAILED),
            Err(NoRoom::Store(error)) => {
                tracing::error!(%error, "cannot add up what a user's messages take");
                return Err(Reply::STORE_FAILED);
            }
        }
    }
    Ok(())
}

async fn look_up(session: &Session, path: &Path, address: &Address) -> Result<Arc<Targets>, Reply> {
    match session.context.directory.resolve(address).await {
        Ok(Resolution::Found(targets)) => Ok(targets),
        Ok(Resolution::UnknownUser) => Err(Reply::NO_SUCH_USER),
        Ok(Resolution::NotLocal) => elsewhere(session, path),
        Err(error) => Err(failed(&error)),
    }
}

/// Without a domain it is the postmaster of this server (RFC 5321, 4.5.1): of the first domain
/// served here among the host's own name, the domains above it, and then all others.
async fn postmaster(session: &Session) -> Result<Arc<Targets>, Reply> {
    let hostname = session.context.config.hostname.as_str();
    let above = std::iter::successors(Some(hostname), |name| Some(name.split_once('.')?.1));
    for domain in above {
        if let Some(found) = postmaster_of(session, domain).await? {
            return Ok(found);
        }
    }
    let domains = session.context.directory.domains().await.map_err(|error| failed(&error))?;
    for domain in domains.iter().take(POSTMASTER_DOMAINS_MAX) {
        if let Some(found) = postmaster_of(session, domain).await? {
            return Ok(found);
        }
    }
    Err(Reply::NO_SUCH_USER)
}

async fn postmaster_of(session: &Session, domain: &str) -> Result<Option<Arc<Targets>>, Reply> {
    let Ok(address) = Address::new("postmaster", domain) else { return Ok(None) };
    match session.context.directory.resolve(&address).await {
        Ok(Resolution::Found(targets)) => Ok(Some(targets)),
        Ok(_) => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

fn failed(error: &DirectoryError) -> Reply {
    tracing::error!(%error, "cannot look up a recipient");
    Reply::DIRECTORY_FAILED
}

/// What becomes of an address that no user of ours can have depends on whose it would be.
async fn no_address(session: &Session, path: &Path) -> Result<Arc<Targets>, Reply> {
    match session.context.directory.is_local(path.domain()).await {
        Ok(true) => Err(Reply::NO_SUCH_USER),
        Ok(false) => elsewhere(session, path),
        Err(error) => Err(failed(&error)),
    }
}

/// Who logged in may write to everybody; nobody else may to others than ours.
fn elsewhere(session: &Session, path: &Path) -> Result<Arc<Targets>, Reply> {
    match session.log_in {
        LogIn::User(_) if session.role == Role::Submission => {
            if Destination::parse(path.domain()).is_none() {
                return Err(Reply::NO_SUCH_DOMAIN);
            }
            let elsewhere = vec![path.to_string()];
            Ok(Arc::new(Targets { users: Vec::new(), elsewhere }))
        }
        _ => Err(Reply::NO_RELAYING),
    }
}
