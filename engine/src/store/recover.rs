//! Bringing a shard up: the newest checkpoint and the tail of the log after it, or, without a
//! usable checkpoint, the whole log. Both give the same state.

mod blobs;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::format;
use crate::format::blob::Blob;
use crate::format::dictionary::Dictionary;
use crate::format::list_part::ListPartTable;
use crate::ids::{AccountId, LogPos, MailboxId, RecordAddr};
use crate::image::{Checkpoint, Grave, PartRef};
use crate::log::{Damage, Log, LogReader};
use crate::record::{Change, Kind, ListChange, NewMailbox, Record, Transfer};
use crate::state::{MailboxList, MailboxState, arrivals, departure};
use crate::store::accounts::{self, AccountTable};
use crate::store::cells::{AccountCell, MailboxCell};
use crate::store::checkpoint::Checkpoints;
use crate::store::directory::Directory;
use crate::store::image;
use crate::store::places::{self, Places};
use crate::store::reader::{ShardReader, Shared, Tables};
use crate::store::writer::{NextIds, Open, Writer};
use crate::store::{graves, heal};
use crate::{Error, Fault};
use blobs::ReplayedBlobs;

/// A shard as replay has it.
pub(crate) struct Replay {
    pub(crate) reader: ShardReader,
    /// Records of others are passed over.
    only: Option<MailboxId>,
    pub(crate) accounts: HashMap<AccountId, Listed>,
    mailboxes: HashMap<MailboxId, Replayed>,
    directory: Directory,
    pub(crate) ids: NextIds,
    graves: Vec<Grave>,
    dictionaries: BTreeMap<u32, RecordAddr>,
    pub(crate) blobs: ReplayedBlobs,
    from: LogPos,
    /// Where the checkpoint stands: what was deleted before it may be unknown.
    listed_until: LogPos,
    /// Whether a record was applied that the checkpoint lacks.
    is_ahead: bool,
    /// Records after this one are not looked at; set by `verify` on a store in use.
    pub(crate) until: Option<LogPos>,
    /// Records that fit nothing, as after damage that swallowed what came before them.
    pub(crate) stray: Vec<Damage>,
}

/// An account that a record named, as replay has it.
#[derive(Default)]
pub(crate) struct Listed {
    pub(crate) list: MailboxList,
    /// The bucket it was read from: changes before it are in the list already.
    at: LogPos,
    /// Whether the bucket lacks a change.
    is_ahead: bool,
}

/// A mailbox that a record changed, as replay has it.
struct Replayed {
    account: AccountId,
    state: MailboxState,
}

impl Replay {
    /// From the beginning of the log.
    pub(crate) fn from_nothing(log: LogReader, shared: Shared) -> Self {
        let blobs = ReplayedBlobs::from_nothing();
        Self { blobs, ..Self::empty(ShardReader::new(log, Tables::default(), shared)) }
    }

    /// One mailbox, from the beginning of the log.
    pub(crate) fn of_mailbox(log: LogReader, mailbox: MailboxId) -> Self {
        Self { only: Some(mailbox), ..Self::from_nothing(log, Shared::default()) }
    }

    /// The mailbox as the log has it, and whose it is.
    pub(crate) fn take(&mut self, mailbox: MailboxId) -> Option<(AccountId, MailboxState)> {
        self.mailboxes.remove(&mailbox).map(|replayed| (replayed.account, replayed.state))
    }

    fn empty(reader: ShardReader) -> Self {
        Self {
            reader,
            only: None,
            accounts: HashMap::new(),
            mailboxes: HashMap::new(),
            directory: Directory::default(),
            ids: NextIds::default(),
            graves: Vec::new(),
            dictionaries: BTreeMap::new(),
            blobs: ReplayedBlobs::default(),
            from: LogPos::default(),
            listed_until: LogPos::default(),
            is_ahead: false,
            until: None,
            stray: Vec::new(),
        }
    }

    /// From a checkpoint.
    pub(crate) fn from_checkpoint(
        log: LogReader,
        known: Shared,
        addr: RecordAddr,
    ) -> Result<Self, Error> {
        let reader = ShardReader::new(log.clone(), Tables::default(), known.clone());
        let checkpoint = reader.checkpoint(addr)?;
        let Checkpoint { replay_from, next_mailbox, next_email, .. } = checkpoint;
        let places = Places::stored(&checkpoint.places, next_email.saturating_sub(1));
        let images = Places::stored(&checkpoint.images, next_mailbox.saturating_sub(1));
        let mut replay = Self::empty(ShardReader::new(log, Tables { places, images }, known));
        replay.directory = Directory::stored(checkpoint.buckets, checkpoint.account_count);
        for (_, addr) in checkpoint.dictionaries {
            replay.learn(reader.dictionary(addr)?, addr);
        }
        for addr in checkpoint.blobs {
            replay.blobs.all.load(addr, &reader.blob_table(addr)?);
        }
        replay.blobs.counted_until = next_email;
        replay.from = replay_from;
        replay.listed_until = addr;
        replay.graves = checkpoint.graves;
        replay.ids = NextIds { mailbox: next_mailbox, email: next_email };
        Ok(replay)
    }

    /// Applies the log from where this starts; damage is reported and passed over.
    pub(crate) fn run(&mut self) -> Result<Vec<Damage>, Error> {
        let reader = self.reader.clone();
        let from = self.from;
        let mut damages =
            reader.log().scan(from, &mut |addr, kind, payload| self.visit(addr, kind, payload))?;
        damages.append(&mut self.stray);
        self.blobs.forget_incomplete();
        Ok(damages)
    }

    /// Applies one record.
    pub(crate) fn visit(
        &mut self,
        addr: RecordAddr,
        kind: u8,
        payload: &[u8],
    ) -> Result<(), Error> {
        if self.until.is_some_and(|until| addr > until) {
            return Ok(());
        }
        let Some(kind) = Kind::from_byte(kind) else {
            let fault = Fault::Unknown { field: "record kind", value: kind.into() };
            return Err(self.reader.damaged(addr, fault));
        };
        let is_shared = matches!(
            kind,
            Kind::Message | Kind::MessageBlock | Kind::Blob | Kind::BlobChunk | Kind::Dictionary
        );
        if self.only.is_some() && is_shared {
            return Ok(());
        }
        if kind == Kind::Message {
            let table = format::message::MessageTable::decode(payload);
            let (table, _) = table.map_err(|fault| self.reader.damaged(addr, fault))?;
            self.blobs.count(table.number, &table.attachments);
            return self.place(table.number, addr);
        }
        if kind == Kind::Blob {
            let blob = Blob::decode(payload).map_err(|fault| self.reader.damaged(addr, fault))?;
            self.blobs.blob(&blob, addr >= self.listed_until);
            return self.place(blob.number, addr);
        }
        if kind == Kind::BlobChunk {
            self.blobs.chunk(addr);
            return Ok(());
        }
        if kind == Kind::MessageBlock {
            let table = format::block::BlockTable::decode(payload);
            let (table, _) = table.map_err(|fault| self.reader.damaged(addr, fault))?;
            for moved in &table.messages {
                self.blobs.count(moved.number, &moved.attachments);
                self.place(moved.number, addr)?;
            }
            return Ok(());
        }
        if kind == Kind::Dictionary {
            let dictionary = Dictionary::decode(payload);
            let dictionary = dictionary.map_err(|fault| self.reader.damaged(addr, fault))?;
            self.learn(dictionary, addr);
            return Ok(());
        }
        if kind == Kind::ListPart {
            return self.list(addr, payload);
        }
        let record = format::record::decode(kind, payload);
        match record.map_err(|fault| self.reader.damaged(addr, fault))? {
            Some(Record::Changed { mailbox, change }) => self.change(addr, mailbox, &change),
            Some(Record::Transferred(transfer)) => self.transfer(addr, &transfer),
            Some(Record::Listed { account, change }) => self.change_list(addr, account, &change),
            None => Ok(()),
        }
    }

    fn place(&mut self, number: u64, addr: RecordAddr) -> Result<(), Error> {
        self.ids.email = self.ids.email.max(number + 1);
        self.reader.set_place(places::email_id(self.reader.shard().0, number), addr)
    }

    /// A part written after the mailbox's image is known to nobody else.
    fn list(&mut self, addr: RecordAddr, payload: &[u8]) -> Result<(), Error> {
        let table = ListPartTable::decode(payload);
        let (table, _) = table.map_err(|fault| self.reader.damaged(addr, fault))?;
        if let Some(state) = self.state(addr, table.mailbox)? {
            let part = PartRef::of(&table.uids, payload.len(), addr);
            state.lists = Arc::new(state.lists.with(&[part]));
        }
        Ok(())
    }

    fn learn(&mut self, dictionary: Dictionary, addr: RecordAddr) {
        self.dictionaries.insert(dictionary.number, addr);
        self.reader.dictionaries().add(Arc::new(dictionary));
    }

    /// The state of a mailbox that a record at `addr` changes; `None` if its image has the
    /// change, or the mailbox is gone.
    fn state(
        &mut self,
        addr: RecordAddr,
        mailbox: MailboxId,
    ) -> Result<Option<&mut MailboxState>, Error> {
        if self.only.is_some_and(|only| only != mailbox) {
            return Ok(None);
        }
        let image = self.reader.image(mailbox)?;
        if image.is_some_and(|image| addr < image) {
            return Ok(None);
        }
        let replayed = match (self.mailboxes.entry(mailbox), image) {
            (Entry::Occupied(replayed), _) => replayed.into_mut(),
            (Entry::Vacant(place), Some(image)) => {
                let (account, state) = image::load(image, &self.reader)?;
                place.insert(Replayed { account, state })
            }
            (Entry::Vacant(_), None) => {
                if addr >= self.listed_until {
                    self.stray.push(Damage { at: addr, fault: Fault::OutOfOrder });
                }
                return Ok(None);
            }
        };
        Ok(Some(&mut replayed.state))
    }

    fn change(
        &mut self,
        addr: RecordAddr,
        mailbox: MailboxId,
        change: &Change,
    ) -> Result<(), Error> {
        if let Change::Append { rows, .. } = change {
            // A message may be gone for good, and its number is not given again.
            let numbers = rows.iter().map(|row| places::number(row.email_id));
            self.ids.email = numbers.fold(self.ids.email, |next, number| next.max(number + 1));
        }
        if let Some(state) = self.state(addr, mailbox)? {
            state.apply(change)?;
            self.is_ahead = true;
        }
        Ok(())
    }

    /// The target first, as the live path does it: within one mailbox the order matters.
    fn transfer(&mut self, addr: RecordAddr, transfer: &Transfer) -> Result<(), Error> {
        self.change(addr, transfer.to, &arrivals(transfer))?;
        match departure(transfer) {
            Some(departure) => self.change(addr, transfer.from, &departure),
            None => Ok(()),
        }
    }

    fn change_list(
        &mut self,
        addr: RecordAddr,
        account: AccountId,
        change: &ListChange,
    ) -> Result<(), Error> {
        match change {
            ListChange::Account(made) | ListChange::Create(made) => {
                made.iter().try_for_each(|mailbox| self.make(account, mailbox))?;
            }
            ListChange::Delete(mailbox, at) => {
                self.bury(addr, (account, *mailbox), *at);
                self.mailboxes.remove(mailbox);
                self.reader.set_image(*mailbox, None)?;
            }
            ListChange::Rename(_)
            | ListChange::Subscribe(_)
            | ListChange::Unsubscribe(_)
            | ListChange::Annotate { .. } => {}
        }
        if self.only.is_some() {
            return Ok(());
        }
        let listed = self.listed(account)?;
        if addr < listed.at {
            return Ok(());
        }
        listed.list.apply(change);
        listed.is_ahead = true;
        self.is_ahead = true;
        Ok(())
    }

    /// Remembers what a mailbox had that is deleted here.
    fn bury(&mut self, addr: RecordAddr, (account, mailbox): (AccountId, MailboxId), at: i64) {
        if self.only.is_none() && addr >= self.listed_until {
            let state = self.final_state(mailbox);
            // What cannot be read is not held; the mailbox is gone all the same.
            let grave = state.and_then(|state| graves::of(account, at, &state));
            self.graves.extend(grave.ok());
        }
    }

    fn listed(&mut self, account: AccountId) -> Result<&mut Listed, Error> {
        let place = match self.accounts.entry(account) {
            Entry::Occupied(listed) => return Ok(listed.into_mut()),
            Entry::Vacant(place) => place,
        };
        let found = self.directory.find(account, &self.reader)?;
        let listed = if let Some((stored, at)) = found {
            Listed { list: accounts::list_of(stored), at, is_ahead: false }
        } else {
            self.directory.count_account();
            Listed::default()
        };
        Ok(place.insert(listed))
    }

    /// A mailbox that has no image yet starts empty.
    fn make(&mut self, account: AccountId, mailbox: &NewMailbox) -> Result<(), Error> {
        self.ids.mailbox = self.ids.mailbox.max(mailbox.id.0 + 1);
        let is_wanted = self.only.is_none_or(|only| only == mailbox.id);
        if is_wanted && self.reader.image(mailbox.id)?.is_none() {
            let source = heal::source(&self.reader, mailbox.id);
            let state = MailboxState::new(mailbox.uid_validity, source);
            self.mailboxes.insert(mailbox.id, Replayed { account, state });
        }
        Ok(())
    }

    /// The list of an account, read from its bucket if no record changed it.
    pub(crate) fn final_list(&self, account: AccountId) -> Result<Option<MailboxList>, Error> {
        if let Some(listed) = self.accounts.get(&account) {
            return Ok(Some(listed.list.clone()));
        }
        let found = self.directory.find(account, &self.reader)?;
        Ok(found.map(|(stored, _)| accounts::list_of(stored)))
    }

    /// Visits every account that the log or the directory names, bucket by bucket.
    pub(crate) fn each_account(&self, visit: &mut dyn FnMut(AccountId)) -> Result<(), Error> {
        self.accounts.keys().for_each(|account| visit(*account));
        let mut at = 0;
        while let Some(bucket) = self.directory.bucket(at, &self.reader)? {
            let others = bucket.iter().map(|stored| stored.account);
            others.filter(|account| !self.accounts.contains_key(account)).for_each(&mut *visit);
            at += 1;
        }
        Ok(())
    }

    /// The state of a mailbox, read from its image if no record changed it.
    pub(crate) fn final_state(&self, mailbox: MailboxId) -> Result<MailboxState, Error> {
        if let Some(replayed) = self.mailboxes.get(&mailbox) {
            return Ok(replayed.state.clone());
        }
        let image = self.reader.image(mailbox)?.ok_or(Error::NoSuchMailbox)?;
        image::load(image, &self.reader).map(|(_, state)| state)
    }

    /// The accounts and mailboxes that records changed, as the writer has them.
    fn ready(&mut self) -> Result<Ready, Error> {
        let mut ready = Ready {
            accounts: AccountTable::new(std::mem::take(&mut self.directory)),
            listed: BTreeMap::new(),
            open: HashMap::new(),
        };
        for (id, listed) in self.accounts.drain().filter(|(_, listed)| listed.is_ahead) {
            let account = Arc::new(AccountCell::new(id, Arc::new(listed.list)));
            ready.accounts.insert(Arc::clone(&account));
            ready.listed.insert(id, account);
        }
        for (id, Replayed { account, state }) in self.mailboxes.drain() {
            // Without its account it is as good as deleted; the damage was reported.
            let Some(account) = ready.accounts.find(account, &self.reader)? else { continue };
            if account.list().iter().any(|entry| entry.id == id) {
                let cell = Arc::new(MailboxCell::resident(id, account.id, state.snapshot()));
                account.insert(Arc::clone(&cell));
                ready.open.insert(id, Open::new(state, cell, true));
            }
        }
        Ok(ready)
    }

    fn into_writer(self, ready: Ready, log: Log, checkpoint_every: u64) -> Writer {
        // No message can get them any more; their chunks may be gone.
        let mut blobs = self.blobs.all;
        blobs.forget_unused();
        let checkpoints = Checkpoints::new(checkpoint_every, self.is_ahead);
        let mut writer = Writer::new((log, self.reader), ready.accounts, self.ids, checkpoints);
        writer.listed = ready.listed;
        writer.open = ready.open;
        writer.graves = self.graves;
        writer.dictionaries = self.dictionaries;
        writer.blobs = blobs;
        writer
    }
}

/// What replay changed, as the writer has it.
struct Ready {
    accounts: AccountTable,
    listed: BTreeMap<AccountId, Arc<AccountCell>>,
    open: HashMap<MailboxId, Open>,
}

/// A shard's writer, ready to run, and what was found damaged.
pub(crate) fn recover(
    log: Log,
    known: Shared,
    checkpoint_every: u64,
) -> Result<(Writer, Vec<Damage>), Error> {
    if let Some(addr) = log.checkpoint() {
        let replayed =
            Replay::from_checkpoint(log.reader(), known.clone(), addr).and_then(|mut replay| {
                let damages = replay.run()?;
                let ready = replay.ready()?;
                Ok((replay, ready, damages))
            });
        match replayed {
            Ok((replay, ready, damages)) => {
                return Ok((replay.into_writer(ready, log, checkpoint_every), damages));
            }
            Err(error @ Error::Damaged { .. }) => {
                tracing::warn!(%error, "the checkpoint cannot be used; replaying the whole log");
            }
            Err(error) => return Err(error),
        }
    }
    let mut replay = Replay::from_nothing(log.reader(), known);
    let damages = replay.run()?;
    let ready = replay.ready()?;
    Ok((replay.into_writer(ready, log, checkpoint_every), damages))
}
