//! Bringing a shard up: the newest checkpoint and the tail of the log after it, or, without a
//! usable checkpoint, the whole log. Both give the same state.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::format;
use crate::format::blob::Blob;
use crate::format::dictionary::Dictionary;
use crate::format::list_part::ListPartTable;
use crate::ids::{AccountId, LogPos, MailboxId, RecordAddr};
use crate::image::{Checkpoint, PartRef};
use crate::log::{Damage, Log, LogReader};
use crate::record::{Change, Kind, ListChange, NewMailbox, Record, Transfer};
use crate::state::{MailboxList, MailboxState, Source, arrivals, departure};
use crate::store::blobs::Blobs;
use crate::store::cells::{AccountCell, AccountTable, MailboxCell};
use crate::store::checkpoint::Checkpoints;
use crate::store::image;
use crate::store::places::{self, Places};
use crate::store::reader::{ShardReader, Shared};
use crate::store::writer::{NextIds, Open, Writer};
use crate::{Error, Fault};

/// A shard as replay has it.
pub(crate) struct Replay {
    pub(crate) reader: ShardReader,
    pub(crate) accounts: HashMap<AccountId, MailboxList>,
    pub(crate) mailboxes: HashMap<MailboxId, Replayed>,
    pub(crate) ids: NextIds,
    dictionaries: BTreeMap<u32, RecordAddr>,
    pub(crate) blobs: Blobs,
    /// Messages with lower numbers are counted in the table of blobs.
    counted_until: u64,
    from: LogPos,
    /// Changes of lists before this are in the lists already.
    listed_until: LogPos,
    /// Whether a record was applied that the checkpoint lacks.
    is_ahead: bool,
    /// Records after this one are not looked at; set by `verify` on a store in use.
    pub(crate) until: Option<LogPos>,
    /// Records that fit nothing, as after damage that swallowed what came before them.
    pub(crate) stray: Vec<Damage>,
}

/// A mailbox as replay has it.
pub(crate) struct Replayed {
    /// The image to start from; what stands before it in the log is in it.
    pub(crate) image: Option<RecordAddr>,
    /// The state, once a record changed it.
    state: Option<MailboxState>,
}

impl Replay {
    /// From the beginning of the log.
    pub(crate) fn from_nothing(log: LogReader, shared: Shared) -> Self {
        Self::empty(ShardReader::new(log, Places::default(), shared))
    }

    fn empty(reader: ShardReader) -> Self {
        Self {
            reader,
            accounts: HashMap::new(),
            mailboxes: HashMap::new(),
            ids: NextIds::default(),
            dictionaries: BTreeMap::new(),
            blobs: Blobs::default(),
            counted_until: 0,
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
        let reader = ShardReader::new(log.clone(), Places::default(), known.clone());
        let checkpoint = reader.checkpoint(addr)?;
        let Checkpoint { replay_from, next_mailbox, next_email, .. } = checkpoint;
        let mut replay = Self::empty(ShardReader::new(
            log,
            Places::stored(&checkpoint.places, next_email.saturating_sub(1)),
            known,
        ));
        for (_, addr) in checkpoint.dictionaries {
            replay.learn(reader.dictionary(addr)?, addr);
        }
        for addr in checkpoint.blobs {
            replay.blobs.load(addr, &reader.blob_table(addr)?);
        }
        replay.counted_until = next_email;
        replay.from = replay_from;
        replay.listed_until = addr;
        replay.ids = NextIds { mailbox: next_mailbox, email: next_email };
        for account in checkpoint.accounts {
            let mut list = MailboxList::default();
            for stored in account.mailboxes {
                let (image, state) = (Some(stored.image), None);
                replay.mailboxes.insert(stored.mailbox.id, Replayed { image, state });
                list.insert(stored.mailbox);
            }
            list.last_uid_validity = account.last_uid_validity;
            list.subscribed = account.subscribed.into_iter().collect();
            replay.accounts.insert(account.account, list);
        }
        Ok(replay)
    }

    /// Applies the log from where this starts; damage is reported and passed over.
    pub(crate) fn run(&mut self) -> Result<Vec<Damage>, Error> {
        let reader = self.reader.clone();
        let from = self.from;
        let mut damages =
            reader.log().scan(from, &mut |addr, kind, payload| self.visit(addr, kind, payload))?;
        damages.append(&mut self.stray);
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
        if kind == Kind::Message {
            let table = format::message::MessageTable::decode(payload);
            let (table, _) = table.map_err(|fault| self.reader.damaged(addr, fault))?;
            if table.number >= self.counted_until {
                table.attachments.iter().for_each(|attached| self.blobs.count(attached.blob));
            }
            return self.place(table.number, addr);
        }
        if kind == Kind::Blob {
            let blob = Blob::decode(payload).map_err(|fault| self.reader.damaged(addr, fault))?;
            if addr >= self.listed_until {
                self.blobs.add(blob.hash, blob.number);
            }
            return self.place(blob.number, addr);
        }
        if kind == Kind::MessageBlock {
            let table = format::block::BlockTable::decode(payload);
            let (table, _) = table.map_err(|fault| self.reader.damaged(addr, fault))?;
            return table.messages.iter().try_for_each(|moved| self.place(moved.number, addr));
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
            Some(Record::Listed { account, change }) => {
                self.change_list(addr, account, &change);
                Ok(())
            }
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
        if let Some(mut state) = self.state(addr, table.mailbox)? {
            let part = PartRef::of(&table.uids, payload.len(), addr);
            state.lists = Arc::new(state.lists.with(&[part]));
            self.put(table.mailbox, state);
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
    ) -> Result<Option<MailboxState>, Error> {
        let Some(replayed) = self.mailboxes.get(&mailbox) else {
            if addr >= self.listed_until {
                self.stray.push(Damage { at: addr, fault: Fault::OutOfOrder });
            }
            return Ok(None);
        };
        match (&replayed.state, replayed.image) {
            (_, Some(image)) if addr < image => Ok(None),
            (Some(state), _) => Ok(Some(state.clone())),
            (None, Some(image)) => image::load(image, &self.reader).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn put(&mut self, mailbox: MailboxId, state: MailboxState) {
        if let Some(replayed) = self.mailboxes.get_mut(&mailbox) {
            replayed.state = Some(state);
        }
    }

    fn change(
        &mut self,
        addr: RecordAddr,
        mailbox: MailboxId,
        change: &Change,
    ) -> Result<(), Error> {
        if let Some(mut state) = self.state(addr, mailbox)? {
            state.apply(change)?;
            self.is_ahead = true;
            self.put(mailbox, state);
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

    fn change_list(&mut self, addr: RecordAddr, account: AccountId, change: &ListChange) {
        if let ListChange::Account(made) | ListChange::Create(made) = change {
            made.iter().for_each(|mailbox| self.make(addr, mailbox));
        }
        if addr < self.listed_until {
            return;
        }
        self.is_ahead = true;
        if let ListChange::Delete(mailbox) = change {
            self.mailboxes.remove(mailbox);
        }
        self.accounts.entry(account).or_default().apply(change);
    }

    fn make(&mut self, addr: RecordAddr, mailbox: &NewMailbox) {
        self.ids.mailbox = self.ids.mailbox.max(mailbox.id.0 + 1);
        if addr >= self.listed_until {
            let source: Source = Arc::new(self.reader.clone());
            let state = Some(MailboxState::new(mailbox.uid_validity, source));
            self.mailboxes.insert(mailbox.id, Replayed { image: None, state });
        }
    }

    /// The state of every mailbox, read from its image if no record changed it.
    pub(crate) fn final_state(&self, mailbox: MailboxId) -> Result<MailboxState, Error> {
        let replayed = self.mailboxes.get(&mailbox).ok_or(Error::NoSuchMailbox)?;
        match (&replayed.state, replayed.image) {
            (Some(state), _) => Ok(state.clone()),
            (None, Some(image)) => image::load(image, &self.reader),
            (None, None) => Err(Error::NoSuchMailbox),
        }
    }

    fn into_writer(mut self, log: Log, checkpoint_every: u64) -> Writer {
        let mut open = HashMap::new();
        let mut images = HashMap::new();
        let mut cells = Vec::new();
        for (account, list) in std::mem::take(&mut self.accounts) {
            let mut of_account = HashMap::new();
            for entry in list.iter() {
                let Some(replayed) = self.mailboxes.remove(&entry.id) else { continue };
                images.extend(replayed.image.map(|image| (entry.id, image)));
                let cell = match (replayed.state, replayed.image) {
                    (Some(state), _) => {
                        let cell = MailboxCell::resident(entry.id, state.snapshot());
                        let cell = Arc::new(cell);
                        open.insert(entry.id, Open::new(state, Arc::clone(&cell), true));
                        cell
                    }
                    (None, Some(image)) => Arc::new(MailboxCell::stored(entry.id, image)),
                    (None, None) => continue,
                };
                of_account.insert(entry.id, cell);
            }
            cells.push(AccountCell::new(account, Arc::new(list), of_account));
        }
        let checkpoints = Checkpoints::new(checkpoint_every, images, self.is_ahead);
        let accounts = AccountTable::new(cells);
        let mut writer = Writer::new((log, self.reader), accounts, self.ids, checkpoints);
        writer.open = open;
        writer.dictionaries = self.dictionaries;
        writer.blobs = self.blobs;
        writer
    }
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
                Ok((replay, damages))
            });
        match replayed {
            Ok((replay, damages)) => {
                return Ok((replay.into_writer(log, checkpoint_every), damages));
            }
            Err(error @ Error::Damaged { .. }) => {
                tracing::warn!(%error, "the checkpoint cannot be used; replaying the whole log");
            }
            Err(error) => return Err(error),
        }
    }
    let mut replay = Replay::from_nothing(log.reader(), known);
    let damages = replay.run()?;
    Ok((replay.into_writer(log, checkpoint_every), damages))
}
