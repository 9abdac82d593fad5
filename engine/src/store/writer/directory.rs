//! Accounts and their lists of mailboxes.

use std::sync::Arc;

use crate::ids::AccountId;
use crate::limits::MAILBOXES_MAX;
use crate::record::{Annotation, ListChange, NewMailbox, Record, SpecialUse};
use crate::state::{MailboxList, MailboxState, plan_list};
use crate::store::cells::{AccountCell, MailboxCell};
use crate::store::writer::{Open, Writer};
use crate::store::{graves, heal};
use crate::{Error, clock};

impl Writer {
    /// The account, made with INBOX and these mailboxes if it does not exist.
    pub(crate) fn ensure_account(
        &mut self,
        id: AccountId,
        defaults: &[(String, Option<SpecialUse>)],
    ) -> Result<Arc<AccountCell>, Error> {
        if let Some(account) = self.new_accounts.get(&id) {
            return Ok(Arc::clone(account));
        }
        if let Some(account) = self.accounts.find(id, &self.reader)? {
            return Ok(account);
        }
        let change = self.plan(|numbers| plan_list::account(defaults, numbers))?;
        let list = Arc::new(MailboxList::default());
        let account = Arc::new(AccountCell::new(id, list));
        self.change_list(&account, change)?;
        self.new_accounts.insert(id, Arc::clone(&account));
        Ok(account)
    }

    /// CREATE.
    pub(crate) fn create_mailbox(
        &mut self,
        account: &Arc<AccountCell>,
        name: &str,
        special_use: Option<SpecialUse>,
    ) -> Result<(), Error> {
        let list = self.list(account);
        let change = self.plan(|numbers| plan_list::create(&list, name, special_use, numbers))?;
        self.change_list(account, change)
    }

    /// DELETE.
    pub(crate) fn delete_mailbox(
        &mut self,
        account: &Arc<AccountCell>,
        name: &str,
    ) -> Result<(), Error> {
        let at = clock::unix_seconds();
        let change = plan_list::delete(&self.list(account), name, at)?;
        let mut grave = None;
        if let ListChange::Delete(mailbox, _) = &change {
            let cell = account.mailbox(*mailbox);
            grave = Some(graves::of(account.id, at, self.state(&cell)?)?);
        }
        self.change_list(account, change)?;
        self.graves.extend(grave);
        Ok(())
    }

    /// RENAME.
    pub(crate) fn rename_mailbox(
        &mut self,
        account: &Arc<AccountCell>,
        from: &str,
        to: &str,
    ) -> Result<(), Error> {
        let list = self.list(account);
        let change = plan_list::rename(&list, from, to)?;
        // Mailboxes above the new name are made first. A crash between the two records leaves
        // them, empty, and the old name: as if the client had made them and gone.
        if let Some(parents) = self.plan(|numbers| plan_list::parents(&list, to, numbers))? {
            self.change_list(account, parents)?;
        }
        self.change_list(account, change)
    }

    /// SUBSCRIBE.
    pub(crate) fn subscribe(
        &mut self,
        account: &Arc<AccountCell>,
        name: &str,
    ) -> Result<(), Error> {
        let list = self.list(account);
        if list.is_subscribed(name) {
            return Ok(());
        }
        let count = list.subscriptions().count();
        if count >= MAILBOXES_MAX {
            return Err(Error::TooManyMailboxes(count));
        }
        let change = plan_list::subscribe(name)?;
        self.change_list(account, change)
    }

    /// UNSUBSCRIBE.
    pub(crate) fn unsubscribe(
        &mut self,
        account: &Arc<AccountCell>,
        name: &str,
    ) -> Result<(), Error> {
        if !self.list(account).is_subscribed(name) {
            return Ok(());
        }
        self.change_list(account, plan_list::unsubscribe(name))
    }

    /// SETMETADATA: all of it or nothing (RFC 5464, 4.3).
    pub(crate) fn annotate(
        &mut self,
        account: &Arc<AccountCell>,
        mailbox: Option<&str>,
        entries: Vec<(Arc<str>, Annotation)>,
    ) -> Result<(), Error> {
        match plan_list::annotate(&self.list(account), mailbox, entries)? {
            Some(change) => self.change_list(account, change),
            None => Ok(()),
        }
    }

    fn plan<T>(
        &mut self,
        plan: impl FnOnce(&mut plan_list::Numbers<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let now = clock::unix_seconds();
        plan(&mut plan_list::Numbers { next_mailbox: &mut self.ids.mailbox, now })
    }

    /// The list as the batch in hand leaves it.
    fn list(&self, account: &AccountCell) -> Arc<MailboxList> {
        let changed = self.lists.get(&account.id);
        changed.map_or_else(|| account.list(), |(_, list)| Arc::clone(list))
    }

    fn change_list(&mut self, account: &Arc<AccountCell>, change: ListChange) -> Result<(), Error> {
        let mut list = MailboxList::clone(&self.list(account));
        list.apply(&change);
        let record = Record::Listed { account: account.id, change };
        self.write(&record)?;
        if let Record::Listed { change, .. } = record {
            self.follow(account, &change);
        }
        self.listed.insert(account.id, Arc::clone(account));
        self.lists.insert(account.id, (Arc::clone(account), Arc::new(list)));
        Ok(())
    }

    /// Makes and takes away what the list's change names.
    fn follow(&mut self, account: &Arc<AccountCell>, change: &ListChange) {
        match change {
            ListChange::Account(made) | ListChange::Create(made) => {
                for mailbox in made {
                    let open = self.new_mailbox(account.id, mailbox);
                    self.made.push((Arc::clone(account), Arc::clone(&open.cell)));
                    self.open.insert(mailbox.id, open);
                }
            }
            ListChange::Delete(mailbox, _) => {
                self.deleted.push((Arc::clone(account), *mailbox));
            }
            ListChange::Rename(_)
            | ListChange::Subscribe(_)
            | ListChange::Unsubscribe(_)
            | ListChange::Annotate { .. } => {}
        }
    }

    fn new_mailbox(&self, account: AccountId, mailbox: &NewMailbox) -> Open {
        let source = heal::source(&self.reader, mailbox.id);
        let state = MailboxState::new(mailbox.uid_validity, source);
        let cell = Arc::new(MailboxCell::resident(mailbox.id, account, state.snapshot()));
        Open::new(state, cell, true)
    }
}
