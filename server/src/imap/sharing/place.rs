//! Whose mailbox a name is, and what the user may do there.

use std::sync::Arc;

use engine::{Account, Error, Mailbox, MailboxEntry, MailboxList};

use super::{Acl, Rights};
use crate::context::Context;
use crate::directory::{Address, DirectoryError, Share};
use crate::imap::command::MailboxName;
use crate::imap::dialogue::Dialogue;
use crate::imap::response::Refusal;
use crate::imap::session::Authenticated;

/// What stands before an address in the names of other users' mailboxes (RFC 2342).
pub(crate) const OTHER_USERS: &str = "Other Users/";
/// The same of shared accounts.
pub(crate) const SHARED: &str = "Shared Folders/";

/// A mailbox, or where one may be made.
pub(crate) struct Place {
    /// Whose it is.
    pub(crate) account: Account,
    /// What its owner calls it.
    pub(crate) name: String,
    /// What the user may do with it; with one that is not there, nothing.
    pub(crate) rights: Rights,
    /// Whether it is the user's own.
    pub(crate) is_own: bool,
    /// What of the nearest mailbox above holds, if there is one.
    above: Rights,
}

impl Place {
    /// Refuses what the user has no right to; who may not even see the mailbox is not told that it
    /// is there.
    pub(crate) fn require(&self, wanted: Rights) -> Result<(), Refusal> {
        if self.rights.has(wanted) {
            Ok(())
        } else if self.rights.has_any(Rights::LOOKUP.and(Rights::READ)) {
            Err(Refusal::no("NOPERM", format!("That takes the rights {wanted}")))
        } else {
            Err(Error::NoSuchMailbox.into())
        }
    }

    /// Refuses to make a mailbox where the user must not (RFC 4314, 4: `k` of the nearest above).
    pub(crate) fn require_creation(&self) -> Result<(), Refusal> {
        if self.is_own || self.above.has(Rights::CREATE) {
            Ok(())
        } else {
            Err(Refusal::no("NOPERM", "That takes the right k of the mailbox above"))
        }
    }

    /// The mailbox.
    pub(crate) fn open(&self) -> Result<Mailbox, Error> {
        self.account.mailbox(&self.name)
    }
}

impl Authenticated {
    /// Whose mailbox a name is.
    pub(crate) async fn place(
        &self,
        name: &MailboxName,
        dialogue: &Dialogue,
    ) -> Result<Place, Refusal> {
        self.place_for(name, dialogue.viewer.user.as_ref(), &dialogue.context).await
    }

    /// The same where the dialogue is in use.
    pub(crate) async fn place_for(
        &self,
        name: &MailboxName,
        user: Option<&Address>,
        context: &Context,
    ) -> Result<Place, Refusal> {
        let Some((owner, inner, is_shared)) = split(name.as_str()) else {
            return Ok(Place {
                account: self.account.clone(),
                name: name.as_str().to_owned(),
                rights: Rights::ALL,
                is_own: true,
                above: Rights::ALL,
            });
        };
        let no_such = || Refusal::from(Error::NoSuchMailbox);
        let (Some(user), Ok(owner)) = (user, Address::parse(owner)) else {
            return Err(no_such());
        };
        let share = context.directory.share(user, &owner).await?;
        let share = share.filter(|share| share.is_shared == is_shared).ok_or_else(no_such)?;
        let account = account(&share, context).await?.ok_or_else(no_such)?;
        let list = account.mailboxes();
        let inner = MailboxName::new(inner);
        let rights = |name| list.find(name).map(|entry| rights(&share, &list, entry, user));
        let mut levels = inner.as_str();
        let above = loop {
            match levels.rsplit_once('/') {
                Some((above, _)) if list.find(above).is_some() => break rights(above),
                Some((above, _)) => levels = above,
                None => break share.is_owner.then_some(Rights::ALL),
            }
        };
        let (rights, above) = (rights(inner.as_str()), above.unwrap_or_default());
        let name = inner.as_str().to_owned();
        Ok(Place { account, name, rights: rights.unwrap_or_default(), is_own: false, above })
    }
}

/// Address, name and whether it is a shared account's; `None` of what is the user's own.
fn split(name: &str) -> Option<(&str, &str, bool)> {
    let (rest, is_shared) = match name.strip_prefix(OTHER_USERS) {
        Some(rest) => (rest, false),
        None => (name.strip_prefix(SHARED)?, true),
    };
    let (owner, inner) = rest.split_once('/').unwrap_or((rest, ""));
    Some((owner, inner, is_shared))
}

/// A shared account has mailboxes from the moment somebody looks; a user's are made at log-in.
async fn account(share: &Share, context: &Context) -> Result<Option<Account>, Error> {
    if share.is_shared {
        return crate::accounts::ensure(context, share.account).await.map(Some);
    }
    context.store.account(share.account)
}

fn rights(share: &Share, list: &MailboxList, entry: &MailboxEntry, user: &Address) -> Rights {
    if share.is_owner {
        return Rights::ALL;
    }
    Acl::of(list, entry).rights_of(user, &share.address)
}

/// A mailbox of somebody else that the user may see.
pub(crate) struct Foreign {
    /// What the user calls it.
    pub(crate) name: String,
    /// Whose it is.
    pub(crate) account: Account,
    /// What its owner knows of it.
    pub(crate) entry: MailboxEntry,
    /// What the user may do with it.
    pub(crate) rights: Rights,
}

/// All mailboxes of others that a user may see.
pub(crate) async fn foreign(dialogue: &Dialogue) -> Result<Vec<Foreign>, Refusal> {
    let Some(user) = &dialogue.viewer.user else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for share in dialogue.context.directory.shares_with(user).await? {
        let Some(account) = account(&share, &dialogue.context).await? else { continue };
        let prefix = if share.is_shared { SHARED } else { OTHER_USERS };
        let list: Arc<MailboxList> = account.mailboxes();
        for entry in list.iter() {
            let rights = rights(&share, &list, entry, user);
            if rights.has(Rights::LOOKUP) {
                let name = format!("{prefix}{}/{}", share.address, entry.name);
                let (account, entry) = (account.clone(), entry.clone());
                found.push(Foreign { name, account, entry, rights });
            }
        }
    }
    Ok(found)
}

impl From<DirectoryError> for Refusal {
    fn from(error: DirectoryError) -> Self {
        tracing::error!(%error, "the directory cannot say who shares with whom");
        Self::no("UNAVAILABLE", "The server cannot do this at the moment")
    }
}
