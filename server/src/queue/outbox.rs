//! Mail that its sender may still take back: it waits with a copy in the sender's mailbox `Outbox`,
//! which any mail program shows.
//!
//! What happens to the copy decides. The entries of the message say how far it is, and change together,
//! so a crash leaves one of three stages:
//!
//! | stage | the copy | after a crash |
//! |---|---|---|
//! | arriving | may be there | nobody was told 250: entries and copy go |
//! | waiting | is there, or the sender took it | looked at again |
//! | releasing | may be there | it was decided: the copy goes, the message is sent |
//!
//! [Why so](../../../docs/decisions/0024-the-outbox-decides.md)

mod copy;
mod decision;
mod keeper;
mod registry;

use std::sync::{MutexGuard, PoisonError};

use engine::{Account, AccountId, Error, Prepared, clock};
use serde::{Deserialize, Serialize};

use super::entries::{Entry, EntryError, EntryId, Parcel, Timed};
use super::envelope::Envelope;
use super::intervention::{self, Change, NEVER};
use super::schedule::Turn;
use super::{Queue, QueueError, Submission, report};
use crate::directory::{Event, HistoryRow};
use decision::By;

pub(crate) use keeper::run;
pub(super) use registry::Registry;
use registry::{Held, Key};

/// How far a message is that its sender may take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outbox {
    /// Its copy is being put into the Outbox; it is not accepted yet.
    Arriving,
    /// The sender may take it back.
    Waiting(Place),
    /// It will be sent; its copy is being removed.
    Releasing(Place),
}

/// Where the copy of a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The id of the mailbox, which keeps it under another name.
    pub mailbox: u64,
    /// The UID there.
    pub uid: u32,
    /// The id of its bytes, by which a copy in `Outbox/Now` is known.
    pub email: u64,
}

impl Queue {
    /// Accepts a message that waits in the Outbox of its sender: when this returns both are on
    /// disk. It is sent after so many seconds, or when its time is that the sender gave, if that is
    /// later.
    pub async fn hold(
        &self,
        submission: Submission,
        message: Prepared,
        account: &Account,
        seconds: u32,
    ) -> Result<(), QueueError> {
        let now = clock::unix_seconds();
        let mut envelopes = self.envelopes(&submission, message.size(), now)?;
        self.check_room(envelopes.len())?;
        for timed in &mut envelopes {
            timed.due = NEVER;
            timed.envelope.outbox = Some(Outbox::Arriving);
        }
        let parcel = Parcel { message: message.clone(), envelopes };
        let ids = ids(self.0.entries.add(vec![parcel]).await?);
        let place = match copy::put(account, message, now).await {
            Ok(place) => place,
            Err(error) => {
                self.restage(&ids, |_| None).await?;
                return Err(error.into());
            }
        };
        let until = clock::unix_seconds() + i64::from(seconds);
        let until = until.max(submission.due.unwrap_or(0));
        let waiting = Outbox::Waiting(place);
        let ids = match self.restage(&ids, |of| Some(staged(of, Some(waiting), until))).await {
            Ok(added) => self::ids(added),
            Err(error) => {
                // It is not accepted, so nobody shall see it. The entry goes with the next start.
                copy::remove(account, place).await?;
                return Err(error.into());
            }
        };
        let key = Key { account: account.id(), id: submission.id };
        let held = Held { ids, until, place, releasing: false, sender: submission.reverse_path };
        let note = format!("for {} seconds", until - now);
        self.note(&key, &held, (Event::Held, "the settings", &note)).await;
        self.outbox().insert(key, held);
        self.0.outbox_wake.notify_one();
        Ok(())
    }

    /// Sends a message that waits, unless its sender was faster; `false` if it does not wait any
    /// more.
    async fn release(&self, key: &Key, by: By) -> Result<bool, EntryError> {
        self.with_held(key, async |held| self.release_held(key, held, by).await).await
    }

    async fn release_held(&self, key: &Key, held: &mut Held, by: By) -> Result<After, EntryError> {
        let was_decided = held.releasing;
        if !was_decided {
            let releasing = Some(Outbox::Releasing(held.place));
            let added = self.restage(&held.ids, |of| Some(staged(of, releasing, NEVER))).await?;
            (held.ids, held.releasing) = (ids(added), true);
        }
        let found = match self.0.store.account(key.account)? {
            Some(account) => copy::remove(&account, held.place).await?,
            None => false,
        };
        if !found && !was_decided {
            return self.drop_held(key, held, (By::Sender.name(), "just before it was sent")).await;
        }
        let now = clock::unix_seconds();
        let expires = now + self.0.config.expire.as_secs().cast_signed();
        let sent = |of: &Entry| {
            let timed = staged(of, None, now);
            let envelope = Envelope { expires, held: false, ..timed.envelope };
            Some(Timed { envelope, ..timed })
        };
        let added = self.restage(&held.ids, sent).await?;
        self.schedule(added);
        self.note(key, held, (Event::Released, by.name(), "")).await;
        Ok(After::IsDone)
    }

    /// Does not send a message that waits; `false` if it does not wait any more.
    async fn cancel(&self, key: &Key, why: (&str, &str)) -> Result<bool, EntryError> {
        self.with_held(key, async |held| self.drop_held(key, held, why).await).await
    }

    async fn drop_held(
        &self,
        key: &Key,
        held: &Held,
        (actor, note): (&str, &str),
    ) -> Result<After, EntryError> {
        self.restage(&held.ids, |_| None).await?;
        self.note(key, held, (Event::Cancelled, actor, note)).await;
        Ok(After::IsDone)
    }

    /// What an operator does to a message that waits; `false` if it is as it should be, or waits no
    /// more.
    pub(super) async fn change_held(
        &self,
        envelope: &Envelope,
        change: Change,
    ) -> Result<bool, EntryError> {
        let Some(account) = envelope.account.map(AccountId) else { return Ok(false) };
        let key = Key { account, id: envelope.id.clone() };
        match change {
            Change::Retry => Ok(false),
            Change::Release => self.release(&key, By::Administrator).await,
            Change::Hold => {
                self.with_held(&key, async |held| self.keep_held(&key, held).await).await
            }
            Change::Remove { tell } => {
                self.with_held(&key, async |held| self.remove_held(&key, held, tell).await).await
            }
        }
    }

    async fn keep_held(&self, key: &Key, held: &mut Held) -> Result<After, EntryError> {
        if !held.releasing {
            let stage = Some(Outbox::Waiting(held.place));
            let added = self.restage(&held.ids, |of| Some(staged(of, stage, NEVER))).await?;
            (held.ids, held.until) = (ids(added), NEVER);
            self.note(key, held, (Event::Kept, By::Administrator.name(), "")).await;
        }
        Ok(After::Waits)
    }

    /// Takes a message out of the queue; its copy goes back to the drafts, since it may be the only
    /// one.
    async fn remove_held(&self, key: &Key, held: &Held, tell: bool) -> Result<After, EntryError> {
        let now = clock::unix_seconds();
        let report = |entry: &Entry| {
            let removed = if tell { intervention::removed(&entry.envelope) } else { Vec::new() };
            report::parcels(self, entry, &removed, now)
        };
        let reports = self.entries_of(&held.ids)?.iter().flat_map(report).collect();
        let added = self.restage_with(&held.ids, |_| None, reports).await?;
        self.schedule(added);
        let actor = By::Administrator.name();
        self.note(key, held, (Event::Cancelled, actor, "taken out of the queue")).await;
        if let Some(account) = self.0.store.account(key.account)? {
            copy::to_drafts(&account, held.place).await?;
        }
        Ok(After::IsDone)
    }

    /// Does something to a message that waits and is in nobody else's hand; `false` if there is none.
    async fn with_held(
        &self,
        key: &Key,
        work: impl AsyncFnOnce(&mut Held) -> Result<After, EntryError>,
    ) -> Result<bool, EntryError> {
        let Some(mut held) = self.outbox().take(key) else { return Ok(false) };
        let worked = work(&mut held).await;
        if !matches!(worked, Ok(After::IsDone)) {
            // Whoever looked meanwhile found nothing that waits.
            self.0.outbox_wake.notify_one();
        }
        match worked {
            Ok(After::IsDone) => self.outbox().let_go(&held),
            Ok(After::Waits) => self.outbox().put_back(key.clone(), held),
            Err(EntryError::Store(Error::NoSuchMessage)) => {
                tracing::error!(id = %key.id, "the entries of a message in the Outbox vanished");
                self.outbox().let_go(&held);
            }
            Err(error) => {
                self.outbox().put_back(key.clone(), held);
                return Err(error);
            }
        }
        Ok(true)
    }

    /// Changes the entries of one message with one record, or ends them.
    async fn restage(
        &self,
        ids: &[EntryId],
        change: impl Fn(&Entry) -> Option<Timed>,
    ) -> Result<Vec<(Turn, EntryId)>, EntryError> {
        self.restage_with(ids, change, Vec::new()).await
    }

    async fn restage_with(
        &self,
        ids: &[EntryId],
        change: impl Fn(&Entry) -> Option<Timed>,
        more: Vec<Parcel>,
    ) -> Result<Vec<(Turn, EntryId)>, EntryError> {
        let changed = self.entries_of(ids)?.into_iter().map(|entry| {
            let rest = change(&entry);
            (entry, rest)
        });
        self.0.entries.settle_all(changed.collect(), more).await
    }

    fn entries_of(&self, ids: &[EntryId]) -> Result<Vec<Entry>, EntryError> {
        let entry = |id: &EntryId| self.read(*id)?.ok_or(EntryError::Store(Error::NoSuchMessage));
        ids.iter().map(entry).collect()
    }

    /// Puts a decision on record. It was carried out, so it stays if that fails.
    async fn note(&self, key: &Key, held: &Held, (event, actor, note): (Event, &str, &str)) {
        let row = HistoryRow {
            at: clock::unix_seconds(),
            message: key.id.clone(),
            sender: held.sender.clone(),
            event,
            actor: actor.to_owned(),
            note: note.to_owned(),
        };
        tracing::info!(id = %row.message, from = %row.sender, actor, note, "{}", event.word());
        if let Err(error) = self.0.directory.note(&row).await {
            tracing::error!(id = %row.message, %error, "cannot put a decision on record");
        }
    }

    pub(super) fn outbox(&self) -> MutexGuard<'_, Registry> {
        self.0.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of a message that was in hand.
enum After {
    Waits,
    IsDone,
}

/// An entry at another stage, and when it is due.
fn staged(of: &Entry, outbox: Option<Outbox>, due: i64) -> Timed {
    Timed { envelope: Envelope { outbox, ..of.envelope.clone() }, due }
}

fn ids(added: Vec<(Turn, EntryId)>) -> Vec<EntryId> {
    added.into_iter().map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests;
