//! GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208). Every user has one quota root, named by its
//! address, for all mailboxes together; who has no limits has none.

use engine::{Account, UidSet};

use super::copy::Destination;
use crate::context::Context;
use crate::directory::{Address, Quota, QuotaLimits, QuotaTarget, Usage};
use crate::imap::command::{MailboxName, SetQuota};
use crate::imap::dialogue::{Dialogue, blocking};
use crate::imap::encode::{push_mailbox, push_string};
use crate::imap::outcome::{Outcome, Stop};
use crate::imap::response::{Done, Refusal};
use crate::imap::session::{Authenticated, Selected};
use crate::quota::{self, NoRoom};

/// Octets of one unit of STORAGE.
const UNIT: u64 = 1024;

/// Limits and usage of a quota root.
pub(crate) async fn get(session: &Authenticated, root: &str, dialogue: &mut Dialogue) -> Outcome {
    let found = find(session, root, &dialogue.context).await?;
    push_quota(session, &found, dialogue).await?;
    Ok(Done::ok("GETQUOTA completed"))
}

/// The quota root of a mailbox, whether or not there is a mailbox of that name (RFC 9208, 4.1.3).
pub(crate) async fn get_root(
    session: &Authenticated,
    mailbox: &MailboxName,
    dialogue: &mut Dialogue,
) -> Outcome {
    // What is in the mailboxes of others is counted as theirs.
    let is_own = session.place(mailbox, dialogue).await.is_ok_and(|place| place.is_own);
    let own = own(session, &dialogue.context).await?;
    let own = own.filter(|own| is_own && !own.limits.is_empty());
    let dialect = dialogue.dialect;
    let out = dialogue.out();
    out.extend_from_slice(b"* QUOTAROOT ");
    push_mailbox(out, mailbox.as_str(), dialect);
    if let Some(own) = &own {
        out.push(b' ');
        push_string(out, own.address.to_string().as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    if let Some(own) = &own {
        push_quota(session, own, dialogue).await?;
    }
    Ok(Done::ok("GETQUOTAROOT completed"))
}

/// Sets limits, of users of one's own domain and by who may.
pub(crate) async fn set(
    session: &Authenticated,
    set: &SetQuota,
    dialogue: &mut Dialogue,
) -> Outcome {
    let own = own(session, &dialogue.context).await?;
    if !own.is_some_and(|own| own.is_admin) {
        return Err(Refusal::no("NOPERM", "Limits are set by an administrator").into());
    }
    let mut found = find(session, &set.root, &dialogue.context).await?;
    found.limits = QuotaLimits::default();
    for (resource, limit) in &set.limits {
        match resource.as_str() {
            "STORAGE" => found.limits.kib = Some(*limit),
            "MESSAGE" => found.limits.messages = Some(*limit),
            _ => return Err(Refusal::no("CANNOT", "There is no such resource").into()),
        }
    }
    let target = QuotaTarget::User(found.address.clone());
    let directory = &dialogue.context.directory;
    directory.set_quota(&target, Some(found.limits)).await.map_err(NoRoom::from)?;
    push_quota(session, &found, dialogue).await?;
    Ok(Done::ok("SETQUOTA completed"))
}

/// Refuses what the account has no room for.
pub(super) async fn check(
    account: &Account,
    context: &Context,
    more: Usage,
) -> Result<(), Refusal> {
    let limits = quota::limits(context, account.id()).await?;
    Ok(quota::check(limits, account, more).await?)
}

/// Refuses copies that the account has no room for. Sizes are added up only if there is a limit.
pub(super) async fn check_copies(
    (selected, to): (&Selected, &Destination),
    context: &Context,
    uids: &UidSet,
) -> Result<(), Refusal> {
    let account = to.mailbox.account();
    let limits = quota::limits(context, account.id()).await?;
    if limits.is_empty() {
        return Ok(());
    }
    let snapshot = selected.view.snapshot();
    let more = blocking(|| {
        let mut more = Usage::default();
        for row in snapshot.rows(uids) {
            more.octets += u64::from(row?.size);
            more.messages += 1;
        }
        Ok::<_, engine::Error>(more)
    })?;
    Ok(quota::check(limits, account, more).await?)
}

async fn own(session: &Authenticated, context: &Context) -> Result<Option<Quota>, Stop> {
    let found = context.directory.quota(session.account.id()).await;
    Ok(found.map_err(NoRoom::from)?)
}

/// One's own quota root, or for an administrator that of a user of the same domain.
async fn find(session: &Authenticated, root: &str, context: &Context) -> Result<Quota, Stop> {
    let own = own(session, context).await?;
    let own = own.ok_or(Refusal::no("NONEXISTENT", "There is no such quota root"))?;
    if own.address.to_string() == root {
        return Ok(own);
    }
    let is_below = |address: &Address| own.is_admin && address.domain() == own.address.domain();
    let Some(address) = Address::parse(root).ok().filter(is_below) else {
        return Err(Refusal::no("NOPERM", "That is not your quota root").into());
    };
    let found = context.directory.quota_of(&address).await.map_err(NoRoom::from)?;
    Ok(found.ok_or(Refusal::no("NONEXISTENT", "There is no such quota root"))?)
}

/// `* QUOTA root (resource usage limit …)`; nothing for a root without limits.
async fn push_quota(
    session: &Authenticated,
    found: &Quota,
    dialogue: &mut Dialogue,
) -> Result<(), Stop> {
    if found.limits.is_empty() {
        return Ok(());
    }
    let account: Option<Account> = if session.account.id() == found.account {
        Some(session.account.clone())
    } else {
        dialogue.context.store.account(found.account)?
    };
    let used = match account {
        Some(account) => quota::usage(&account).await?,
        None => Usage::default(),
    };
    let storage = found.limits.kib.map(|kib| ("STORAGE", used.octets.div_ceil(UNIT), kib));
    let messages = found.limits.messages.map(|messages| ("MESSAGE", used.messages, messages));
    let resources: Vec<_> = storage
        .into_iter()
        .chain(messages)
        .map(|(resource, used, limit)| format!("{resource} {used} {limit}"))
        .collect();
    let out = dialogue.out();
    out.extend_from_slice(b"* QUOTA ");
    push_string(out, found.address.to_string().as_bytes());
    out.extend_from_slice(format!(" ({})\r\n", resources.join(" ")).as_bytes());
    Ok(())
}

impl From<NoRoom> for Refusal {
    fn from(reason: NoRoom) -> Self {
        match reason {
            NoRoom::OverQuota => {
                Self::no("OVERQUOTA", "Your messages would take more than they may")
            }
            NoRoom::Directory => Self::no("UNAVAILABLE", "The server cannot do this at the moment"),
            NoRoom::Store(error) => error.into(),
        }
    }
}

impl From<NoRoom> for Stop {
    fn from(reason: NoRoom) -> Self {
        Self::Refused(reason.into())
    }
}
