//! From a message that came whole to its reply: once the store has acknowledged it.
//!
//! SMTP has one reply for all recipients, so the message is taken for all or, as the client must
//! understand it, for none: if one of several could not be stored, the client is told to try
//! again, and those who have it already may get it twice. Nothing is lost that way. LMTP has a
//! reply for each (RFC 2033, 4.2).

use std::sync::Arc;

use engine::Prepared;

use super::command::AddressText;
use super::hold::{self, Hold};
use super::incoming::{Arrived, Incoming, MessageFault};
use super::path::ReversePath;
use super::reply::Reply;
use super::session::{Client, LogIn, Session};
use super::trace::missing_fields;
use super::transaction::{Plan, Transaction};
use crate::authenticity::{self, Disposition, Origin, Whole};
use crate::config::Role;
use crate::delivery::{DeliveryError, Placement, deliver, prepare};
use crate::queue::{DeliverBy, MailOptions, QueueError, Submission};
use crate::quota::NoRoom;
use crate::spool::{Spooled, Stretch};

/// More `Received` fields than this are taken for a loop (RFC 5321, 6.3: at least 100).
const RECEIVED_COUNT_MAX: usize = 100;

/// Stores a message and answers, or answers why not.
pub(super) async fn accept(
    session: &mut Session,
    client: &Client,
    transaction: &Transaction,
    incoming: Incoming,
) {
    let len = incoming.received();
    let refusal = match finished(session, client, transaction, incoming).await {
        Ok(message) => return store(session, transaction, message).await,
        Err(fault) => fault,
    };
    tracing::info!(
        id = %transaction.id, role = session.role.name(), from = %transaction.mail.reverse_path,
        len, "message refused: {refusal}"
    );
    let reply = Reply::from(refusal);
    match session.role {
        Role::Lmtp => (0..transaction.recipient_count()).for_each(|_| session.reply(&reply)),
        _ => session.refuse(&reply),
    }
}

/// A message as it will be stored.
struct Finished {
    message: Spooled,
    placement: Placement,
    /// Whether it says that it may go without TLS.
    tls_is_optional: bool,
}

async fn finished(
    session: &Session,
    client: &Client,
    transaction: &Transaction,
    incoming: Incoming,
) -> Result<Finished, MessageFault> {
    let mut arrived = incoming.end()?;
    let tls_is_optional = arrived.survey.tls_is_optional;
    if arrived.survey.received_count > RECEIVED_COUNT_MAX {
        return Err(MessageFault::Loop);
    }
    if let Some(whole) = &arrived.whole {
        let forged = authenticity::forged_fields(&session.context, whole);
        arrived.rename(&forged, authenticity::FORMER_NAME).await?;
    }
    let (fields, placement) = match (session.role, &arrived.whole) {
        (Role::Submission, _) => {
            (submission_fields(session, transaction, &arrived).await, Placement::Inbox)
        }
        (_, Some(whole)) => checked(session, client, transaction, whole).await?,
        (_, None) => (String::new(), Placement::Inbox),
    };
    let message = arrived.finish(&fields).await?;
    Ok(Finished { message, placement, tls_is_optional })
}

/// What was found about where a message comes from, as a field, and where it goes.
async fn checked(
    session: &Session,
    client: &Client,
    transaction: &Transaction,
    message: &Whole,
) -> Result<(String, Placement), MessageFault> {
    let origin = Origin {
        ip: session.lines.peek().peer().ip(),
        helo: client.name.as_str(),
        mail_from: match &transaction.mail.reverse_path {
            ReversePath::Null => None,
            ReversePath::Path(path) => Some((path.local_part(), path.domain())),
        },
    };
    let context = &session.context;
    let verified = Box::pin(authenticity::verify(context, origin, message)).await;
    let verdicts = &verified.verdicts;
    let disposition = verdicts.disposition(&context.config.authenticity);
    tracing::info!(
        id = %transaction.id, spf = verdicts.mail_from.outcome.word(),
        dmarc = verdicts.dmarc.outcome.word(), arc = verdicts.arc.outcome.word(),
        ?disposition, "message checked"
    );
    let placement = match disposition {
        Disposition::Deliver => Placement::Inbox,
        Disposition::Junk => Placement::Junk,
        Disposition::RefuseSpf => return Err(MessageFault::SpfFailed),
        Disposition::RefuseDmarc => return Err(MessageFault::DmarcFailed),
    };
    let mut fields = String::new();
    if let Some(domain) = transaction.forwarding_domain() {
        fields = Box::pin(authenticity::seal(context, domain, message, &verified)).await;
    }
    fields.push_str(&verified.field);
    Ok((fields, placement))
}

/// What a submitted message lacks (RFC 6409, 8), and above it the signatures of our domain.
async fn submission_fields(
    session: &Session,
    transaction: &Transaction,
    arrived: &Arrived,
) -> String {
    let context = &session.context;
    let now = engine::clock::unix_seconds();
    let missing = missing_fields(&arrived.survey, transaction.id, &context.config.hostname, now);
    let Some(whole) = &arrived.whole else { return missing };
    let mut domains = Vec::new();
    if let ReversePath::Path(path) = &transaction.mail.reverse_path {
        domains.push(path.domain());
    }
    if let LogIn::User(identity) = &session.log_in {
        domains.push(identity.address.domain());
    }
    let signatures = authenticity::sign(context, &domains, &missing, whole).await;
    signatures + &missing
}

async fn store(session: &mut Session, transaction: &Transaction, finished: Finished) {
    let Finished { message, placement, tls_is_optional } = finished;
    let hold = match hold::of(session).await {
        Ok(hold) => hold,
        Err(error) => {
            tracing::error!(id = %transaction.id, %error, "cannot look up whether mail waits");
            return session.reply(&Reply::DIRECTORY_FAILED);
        }
    };
    let plan = match (transaction.mail.release, &hold) {
        (None, None) => transaction.plan(),
        _ => transaction.plan_for_later(),
    };
    let (len, message) = (message.len(), Arc::new(message));
    let submission = submission(session, transaction, &plan, tls_is_optional);
    let (outcomes, mut queued) = tokio::join!(
        deliver(&session.context, session.role, &plan.users, Arc::clone(&message), placement),
        send_on(session, &submission, &message, hold.as_ref()),
    );
    if queued.is_ok() && outcomes.iter().all(Result::is_ok) && !plan.told.is_empty() {
        let queue = &session.context.queue;
        let original = message.get(on_its_way(&message)..).unwrap_or_default();
        queued = queue.tell_delivered(&submission, plan.told.clone(), original).await;
    }
    report(session, transaction, &outcomes, &queued, len);
    let is_stored = |place: &usize| matches!(outcomes.get(*place), Some(Ok(())));
    match session.role {
        Role::Lmtp => {
            for (places, leads_elsewhere) in plan.by_recipient.iter().zip(&plan.leads_elsewhere) {
                let is_full = |place: &usize| {
                    let outcome = outcomes.get(*place);
                    matches!(outcome, Some(Err(error)) if error.is_over_quota())
                };
                let reply = match &queued {
                    Err(error) if *leads_elsewhere => queue_reply(error),
                    _ if places.iter().all(is_stored) => Reply::STORED,
                    _ if places.iter().any(is_full) => Reply::MAILBOX_FULL,
                    _ => Reply::STORE_FAILED,
                };
                session.reply(&reply);
            }
        }
        _ if !(0..plan.users.len()).all(|place| is_stored(&place)) => {
            session.reply(&Reply::STORE_FAILED);
        }
        _ => match queued {
            Err(error) => session.reply(&queue_reply(&error)),
            Ok(()) if plan.elsewhere.is_empty() => session.reply(&Reply::STORED),
            Ok(()) if let Some(hold) = hold => {
                session.reply(&Reply::held(transaction.id, hold.wait(&submission)));
            }
            Ok(()) => session.reply(&Reply::queued(transaction.id)),
        },
    }
}

/// What the queue is told of the message.
fn submission(
    session: &Session,
    transaction: &Transaction,
    plan: &Plan,
    tls_is_optional: bool,
) -> Submission {
    let (mail, now) = (&transaction.mail, engine::clock::unix_seconds());
    let deliver_by = mail.deliver_by.map(|by| DeliverBy {
        at: now.saturating_add(by.seconds),
        late: by.late,
        traced: by.is_traced,
    });
    let account = match &session.log_in {
        LogIn::User(identity) => Some(identity.account),
        LogIn::Anonymous { .. } => None,
    };
    // Strangers do not come before others (RFC 6710, 5).
    let priority_max = if account.is_some() { i8::MAX } else { 0 };
    Submission {
        id: transaction.id.to_string(),
        reverse_path: match &mail.reverse_path {
            ReversePath::Null => String::new(),
            ReversePath::Path(path) => path.to_string(),
        },
        options: MailOptions {
            smtputf8: mail.text == AddressText::Utf8,
            require_tls: mail.require_tls,
            tls_optional: tls_is_optional && !mail.require_tls,
            envelope_id: mail.envelope_id.clone(),
            ret: mail.ret,
            priority: mail.priority.unwrap_or(0).min(priority_max),
            deliver_by,
        },
        account,
        recipients: plan.elsewhere.clone(),
        due: mail.release.map(|release| release.at(now)),
    }
}

/// Puts the message into the queue for those who are elsewhere, if there are any.
async fn send_on(
    session: &Session,
    submission: &Submission,
    message: &Arc<Spooled>,
    hold: Option<&Hold>,
) -> Result<(), QueueError> {
    if submission.recipients.is_empty() {
        return Ok(());
    }
    if let Some(hold) = hold {
        return hold.keep(session, submission, message).await;
    }
    let prepared = prepared(session, message).await;
    session.context.queue.submit(submission.clone(), prepared).await
}

/// The message as other servers get it, ready to be stored.
pub(super) async fn prepared(session: &Session, message: &Arc<Spooled>) -> Prepared {
    let range = on_its_way(message)..message.len();
    let source = Arc::new(Stretch::new(Arc::clone(message), range));
    let store = session.context.store.clone();
    prepare(source, move |source| store.prepare_source(source)).await
}

/// Where a message begins for other servers: Return-Path is for mailboxes (RFC 5321, 4.4).
fn on_its_way(message: &[u8]) -> usize {
    match message.strip_prefix(b"Return-Path:") {
        Some(_) => memchr::memchr(b'\n', message).map_or(0, |end| end + 1),
        None => 0,
    }
}

fn queue_reply(error: &QueueError) -> Reply {
    match error {
        QueueError::Full => Reply::QUEUE_FULL,
        QueueError::NoRoom(NoRoom::OverQuota) => Reply::MAILBOX_FULL,
        QueueError::NoRoom(NoRoom::Directory) => Reply::DIRECTORY_FAILED,
        QueueError::Address(_) => Reply::NO_SUCH_DOMAIN,
        QueueError::NoRoom(NoRoom::Store(_)) | QueueError::Store(_) | QueueError::NotThere(_) => {
            Reply::STORE_FAILED
        }
    }
}

fn report(
    session: &Session,
    transaction: &Transaction,
    outcomes: &[Result<(), DeliveryError>],
    queued: &Result<(), QueueError>,
    len: usize,
) {
    if let Err(error) = queued {
        tracing::error!(id = %transaction.id, %error, "cannot put a message into the queue");
    }
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        if error.is_over_quota() {
            tracing::info!(id = %transaction.id, %error, "a message was not taken");
        } else {
            tracing::error!(id = %transaction.id, %error, "cannot store a message");
        }
    }
    let stored = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    tracing::info!(
        id = %transaction.id, role = session.role.name(), from = %transaction.mail.reverse_path,
        len, stored, "message received"
    );
}
