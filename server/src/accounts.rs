//! The engine's account of a user, made with its first mailboxes when it is first needed.

use engine::{Account, AccountId, Error, SpecialUse};

use crate::context::Context;

/// The mailboxes of a new account besides INBOX (RFC 6154).
const FIRST_MAILBOXES: [(&str, Option<SpecialUse>); 5] = [
    ("Archive", Some(SpecialUse::Archive)),
    ("Drafts", Some(SpecialUse::Drafts)),
    ("Junk", Some(SpecialUse::Junk)),
    ("Sent", Some(SpecialUse::Sent)),
    ("Trash", Some(SpecialUse::Trash)),
];

/// Opens the account, which is made if nobody has used it before. Its first mailboxes are
/// subscribed to, since many programs show no others.
pub(crate) async fn ensure(context: &Context, id: AccountId) -> Result<Account, Error> {
    if let Some(account) = context.store.account(id)? {
        return Ok(account);
    }
    let account = context.store.ensure_account(id, &FIRST_MAILBOXES).await?;
    let names = FIRST_MAILBOXES.iter().map(|(name, _)| *name).chain(["INBOX"]);
    // Handed over together, they become durable together.
    let receipts: Vec<_> = names.map(|name| account.subscribe(name)).collect();
    for receipt in receipts {
        receipt.await?;
    }
    Ok(account)
}
