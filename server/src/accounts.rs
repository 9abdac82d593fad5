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

/// Opens the account, which is made if nobody has used it before.
pub(crate) async fn ensure(context: &Context, id: AccountId) -> Result<Account, Error> {
    context.store.ensure_account(id, &FIRST_MAILBOXES).await
}
