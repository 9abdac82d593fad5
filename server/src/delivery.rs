//! From an accepted message to its recipients' mailboxes; what SMTP and LMTP share.

use std::sync::Arc;

use engine::io::MessageSource;
use engine::{Account, Delivery, FlagSet, InternalDate, Mailbox, Prepared, SpecialUse};

use crate::accounts;
use crate::config::Role;
use crate::context::Context;
use crate::directory::Recipient;
use crate::quota::{self, NoRoom};
use crate::spool::Spooled;

/// Messages at least this long are prepared on a thread of their own, so that other sessions of
/// the core do not wait.
const LARGE: usize = 64 << 10;

/// Where in an account a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Where its address leads.
    Inbox,
    /// To the mailbox for junk.
    Junk,
}

/// Why a recipient did not get the message. Another try may succeed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The engine refused or failed.
    #[error(transparent)]
    Store(#[from] engine::Error),
    /// The recipient has no room for it, or nobody knows.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
}

impl DeliveryError {
    /// Whether it is for want of room that the recipient may have.
    pub fn is_over_quota(&self) -> bool {
        matches!(self, Self::NoRoom(NoRoom::OverQuota))
    }
}

/// Stores one message for all recipients; `message` has CRLF line ends and its trace fields.
/// Returns when it is on disk, with a result for each recipient, in their order. The bytes are
/// stored once, however many recipients there are.
pub async fn deliver(
    context: &Context,
    role: Role,
    recipients: &[Recipient],
    message: Arc<Spooled>,
    placement: Placement,
) -> Vec<Result<(), DeliveryError>> {
    let store = context.store.clone();
    // Until it is stored, what is made of it takes its place.
    let _share = message.share();
    let prepared = prepare(message, move |source| store.prepare_source(source)).await;
    let seconds = engine::clock::unix_seconds();
    let internal_date = InternalDate { seconds, zone_minutes: 0 };
    let mut results = Vec::with_capacity(recipients.len());
    let mut deliveries = Vec::with_capacity(recipients.len());
    for recipient in recipients {
        let mailbox = match room(context, role, recipient, prepared.size()).await {
            Ok(()) => mailbox(context, recipient, placement).await.map_err(DeliveryError::from),
            Err(refusal) => Err(refusal.into()),
        };
        results.push(mailbox.as_ref().map(drop).map_err(DeliveryError::clone));
        if let Ok(mailbox) = mailbox {
            deliveries.push(Delivery { mailbox, flags: FlagSet::default(), internal_date });
        }
    }
    let mut stored = context.store.deliver(&prepared, &deliveries).await.into_iter();
    for result in results.iter_mut().filter(|result| result.is_ok()) {
        *result = stored.next().unwrap_or(Err(engine::Error::Closed)).map(drop).map_err(Into::into);
    }
    for result in &results {
        context.metrics.delivery(role, result.is_ok());
    }
    results
}

/// Whether a recipient has room for the message. Only LMTP can say so of one recipient and not of
/// all: who had room when SMTP's RCPT asked gets the message.
async fn room(
    context: &Context,
    role: Role,
    recipient: &Recipient,
    size: u32,
) -> Result<(), NoRoom> {
    match role {
        Role::Lmtp => quota::check_delivery(context, recipient.account, size.into()).await,
        _ => Ok(()),
    }
}

/// Parses and compresses a message as its store does, off this thread if that takes long. What of
/// it is long stays where it is until it is stored.
pub(crate) async fn prepare(
    message: MessageSource,
    prepare: impl FnOnce(&MessageSource) -> Prepared + Send + 'static,
) -> Prepared {
    if (*message).as_ref().len() < LARGE {
        return prepare(&message);
    }
    let prepared = tokio::task::spawn_blocking(move || prepare(&message)).await;
    prepared.unwrap_or_else(|failure| std::panic::resume_unwind(failure.into_panic()))
}

/// The mailbox named by the address's detail if there is one, else INBOX; or for junk the mailbox of
/// that use, if there is one.
async fn mailbox(
    context: &Context,
    recipient: &Recipient,
    placement: Placement,
) -> Result<Mailbox, engine::Error> {
    let account: Account = accounts::ensure(context, recipient.account).await?;
    if placement == Placement::Junk {
        let list = account.mailboxes();
        let junk = list.iter().find(|entry| entry.special_use == Some(SpecialUse::Junk));
        match junk.map(|entry| account.mailbox(&entry.name)) {
            None | Some(Err(engine::Error::NoSuchMailbox)) => {}
            Some(found) => return found,
        }
    }
    if let Some(name) = recipient.detail.as_deref().and_then(|detail| named(&account, detail)) {
        match account.mailbox(&name) {
            Err(engine::Error::NoSuchMailbox) => {}
            found => return found,
        }
    }
    account.mailbox("INBOX")
}

/// The name that a detail means. Addresses have lost their case, so `+lists` means `Lists`, unless
/// there is also a `lists`.
fn named(account: &Account, detail: &str) -> Option<Arc<str>> {
    let list = account.mailboxes();
    let exact = list.find(detail);
    let entry = exact.or_else(|| list.iter().find(|entry| entry.name.to_lowercase() == detail))?;
    Some(Arc::clone(&entry.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Protocol;
    use crate::directory::{Address, Resolution};
    use crate::server::tests::world;

    async fn recipients(context: &Context, address: &str) -> Vec<Recipient> {
        let address = Address::parse(address).expect("address");
        match context.directory.resolve(&address).await.expect("resolves") {
            Resolution::Found(found) => found.users.clone(),
            other => panic!("{address}: {other:?}"),
        }
    }

    #[tokio::test]
    async fn a_detail_names_a_mailbox_in_any_case_and_else_counts_for_nothing() {
        let world = world(&[Protocol::Lmtp]).await;
        let server = world.start().await;
        let context = Arc::clone(server.context());
        context.directory.add_domain("example.test").await.expect("domain");
        let alice = Address::parse("alice@example.test").expect("address");
        let id = context.directory.add_user(&alice, "hash").await.expect("user");
        let account = accounts::ensure(&context, id).await.expect("account");
        account.create("Lists", None).await.expect("mailbox");
        for (address, name) in [
            ("alice+Lists@example.test", "Lists"),
            ("alice+other@example.test", "INBOX"),
            ("alice@example.test", "INBOX"),
        ] {
            let exists = || account.mailbox(name).expect("mailbox").snapshot().exists();
            let before = exists();
            let to = recipients(&context, address).await;
            let message = b"Subject: x\r\n\r\nx\r\n".to_vec();
            let results =
                deliver(&context, Role::Lmtp, &to, Arc::new(message.into()), Placement::Inbox)
                    .await;
            assert!(matches!(results[..], [Ok(())]), "{address}: {results:?}");
            assert_eq!(exists(), before + 1, "{address}");
        }
        drop((account, context));
        server.stop().await;
    }
}
