//! Whether a user has room for more messages: the directory's limits against the engine's counts.
//!
//! Looked at before a change, so what comes in at the same time may together pass a limit by as
//! much as is under way.

use engine::{Account, AccountId, Error};

use crate::context::Context;
use crate::directory::{DirectoryError, QuotaLimits, Usage};

/// Why there is no room, or why nobody knows.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoRoom {
    /// The messages would be more than the user may have.
    #[error("the user's messages would take more than they may")]
    OverQuota,
    /// The engine's counters cannot be read.
    #[error(transparent)]
    Store(#[from] Error),
    /// The directory failed.
    #[error("the limits cannot be looked up")]
    Directory,
}

impl From<DirectoryError> for NoRoom {
    fn from(error: DirectoryError) -> Self {
        tracing::error!(%error, "cannot look up the limits of a user");
        Self::Directory
    }
}

/// The limits of an account; none for one without a user.
pub(crate) async fn limits(context: &Context, account: AccountId) -> Result<QuotaLimits, NoRoom> {
    let quota = context.directory.quota(account).await?;
    Ok(quota.map(|quota| quota.limits).unwrap_or_default())
}

/// What the messages of an account take. Adding up for the first time reads from disk.
pub(crate) async fn usage(account: &Account) -> Result<Usage, Error> {
    let account = account.clone();
    let added_up = tokio::task::spawn_blocking(move || account.usage()).await;
    let added_up =
        added_up.unwrap_or_else(|failure| std::panic::resume_unwind(failure.into_panic()));
    added_up.map(|(octets, messages)| Usage { octets, messages })
}

/// Whether these limits let more messages come.
pub(crate) async fn check(
    limits: QuotaLimits,
    account: &Account,
    more: Usage,
) -> Result<(), NoRoom> {
    if limits.is_empty() || limits.has_room(usage(account).await?, more) {
        Ok(())
    } else {
        Err(NoRoom::OverQuota)
    }
}

/// The same for an account that nobody may have used yet: one more message of so many octets.
pub(crate) async fn check_delivery(
    context: &Context,
    account: AccountId,
    octets: u64,
) -> Result<(), NoRoom> {
    let limits = limits(context, account).await?;
    if limits.is_empty() {
        return Ok(());
    }
    let more = Usage { octets, messages: 1 };
    match context.store.account(account)? {
        Some(account) => check(limits, &account, more).await,
        None if limits.has_room(Usage::default(), more) => Ok(()),
        None => Err(NoRoom::OverQuota),
    }
}
