//! Messages coming in: one message to many mailboxes, or many messages to one.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::columns::NewRow;
use crate::flags::FlagSet;
use crate::format;
use crate::format::dictionary::{Dictionary, FindDictionary as _};
use crate::ids::{EmailId, Uid};
use crate::record::{Change, Kind, Record};
use crate::state::{Expunge, MailboxState};
use crate::store::cells::MailboxCell;
use crate::store::mailbox::{AppendItem, Appended};
use crate::store::places;
use crate::store::prepare::Prepared;
use crate::store::writer::Writer;
use crate::{Error, InternalDate, UidSet, clock};

/// One mailbox that a delivery goes to.
pub(crate) struct Target {
    pub(crate) cell: Arc<MailboxCell>,
    pub(crate) flags: FlagSet,
    pub(crate) internal_date: InternalDate,
}

/// Bytes that an Appended record takes besides its rows and keywords, and that a row takes.
const APPENDED_LEN_MAX: u64 = 64;
const ROW_LEN_MAX: u64 = 128;

impl Writer {
    /// Stores messages in one mailbox, all or none; what of them stands by itself is stored.
    pub(crate) fn append(
        &mut self,
        cell: &Arc<MailboxCell>,
        items: &[AppendItem],
    ) -> Result<Appended, Error> {
        let flags: Vec<&FlagSet> = items.iter().map(|item| &item.flags).collect();
        let state = self.state(cell)?;
        state.load_tail()?;
        // Refused here, before a byte is written: keywords and numbers that do not suffice.
        let blank = items.iter().map(|item| item.message.row(item.internal_date, 0, NOBODY));
        state.plan_append(blank.collect(), &flags)?;

        let messages: Vec<&Prepared> = items.iter().map(|item| &item.message).collect();
        self.begin(&messages, items.len(), &flags)?;
        let rows = self.put_messages(items)?;
        let appended = self.put_rows(cell, rows, &flags);
        self.log.end_frame();
        appended
    }

    /// Stores messages in one mailbox and removes others, all of which are there, from one, with one
    /// frame.
    pub(crate) fn replace(
        &mut self,
        (from, to): (&Arc<MailboxCell>, &Arc<MailboxCell>),
        gone: &UidSet,
        items: &[AppendItem],
    ) -> Result<Appended, Error> {
        // Refused here, before a byte is written.
        let removal = self.state(from)?.plan_expunge(gone, Expunge::Any, clock::unix_seconds())?;
        if !matches!(removal, Some(Change::Expunge { uids, .. }) if uids == *gone) {
            return Err(Error::NoSuchMessage);
        }
        let flags: Vec<&FlagSet> = items.iter().map(|item| &item.flags).collect();
        let state = self.state(to)?;
        state.load_tail()?;
        let blank = items.iter().map(|item| item.message.row(item.internal_date, 0, NOBODY));
        state.plan_append(blank.collect(), &flags)?;

        let messages: Vec<&Prepared> = items.iter().map(|item| &item.message).collect();
        self.begin(&messages, items.len() + 1, &flags)?;
        let rows = self.put_messages(items)?;
        let appended = self.put_rows(to, rows, &flags);
        let removed = appended.as_ref().map_or(Ok(()), |_| self.put_removal(from, gone));
        self.log.end_frame();
        removed.and(appended)
    }

    /// Stores the messages of some items, the same one once, and makes their rows.
    fn put_messages(&mut self, items: &[AppendItem]) -> Result<Vec<NewRow>, Error> {
        let now = clock::unix_seconds();
        let mut last: Option<(&Prepared, EmailId)> = None;
        let mut rows = Vec::with_capacity(items.len());
        for item in items {
            // Neighbours are looked at, not all: a caller puts the same message side by side.
            let email_id = match last {
                Some((message, email_id)) if message.is(&item.message) => email_id,
                _ => self.put_message(&item.message)?,
            };
            last = Some((&item.message, email_id));
            rows.push(item.message.row(item.internal_date, now, email_id));
        }
        Ok(rows)
    }

    /// Removes messages from a mailbox: the record goes into the frame in hand.
    fn put_removal(&mut self, cell: &Arc<MailboxCell>, uids: &UidSet) -> Result<(), Error> {
        let state = self.state(cell)?;
        let Some(change) = state.plan_expunge(uids, Expunge::Any, clock::unix_seconds())? else {
            return Ok(());
        };
        let mut next = state.clone();
        next.apply(&change)?;
        let (kind, payload) = format::record::encode(&Record::Changed { mailbox: cell.id, change });
        self.log.record(kind as u8, &[&payload]);
        self.advance(cell.id, next);
        Ok(())
    }

    /// Stores one message, of which is stored what stands by itself, in several mailboxes with one
    /// frame, once. Each mailbox takes it or
    /// refuses it by itself.
    pub(crate) fn deliver(
        &mut self,
        message: &Prepared,
        targets: &[Target],
    ) -> Result<Vec<Result<Appended, Error>>, Error> {
        let refused: Vec<_> = targets.iter().map(|target| self.refusal(target).err()).collect();
        let takers = refused.iter().filter(|refused| refused.is_none()).count();
        let flags: Vec<&FlagSet> = targets.iter().map(|target| &target.flags).collect();
        let mut email_id = NOBODY;
        if takers > 0 {
            self.begin(&[message], takers, &flags)?;
            email_id = self.put_message(message)?;
        }
        let now = clock::unix_seconds();
        let mut placed = Vec::with_capacity(targets.len());
        for (target, refused) in targets.iter().zip(refused) {
            placed.push(if let Some(error) = refused {
                Err(error)
            } else {
                let row = message.row(target.internal_date, now, email_id);
                self.put_rows(&target.cell, vec![row], &[&target.flags])
            });
        }
        if takers > 0 {
            self.log.end_frame();
        }
        Ok(placed)
    }

    fn refusal(&mut self, target: &Target) -> Result<(), Error> {
        let state = self.state(&target.cell)?;
        state.load_tail()?;
        state.plan_append(vec![NewRow::default()], &[&target.flags]).map(drop)
    }

    fn begin(
        &mut self,
        messages: &[&Prepared],
        row_count: usize,
        flags: &[&FlagSet],
    ) -> Result<(), Error> {
        self.check_blobs(messages)?;
        let stored: u64 = messages.iter().map(|message| message.stored_len()).sum();
        let keywords = flags.iter().flat_map(|flags| &flags.keywords);
        let named: u64 = keywords.map(|keyword| keyword.as_str().len() as u64 + 2).sum();
        let rows = row_count as u64 * (APPENDED_LEN_MAX + ROW_LEN_MAX);
        let lacking = self.lacking_dictionaries(messages)?;
        let payloads: Vec<_> = lacking.iter().map(|lacking| lacking.encode()).collect();
        let learned: u64 = payloads.iter().map(|payload| payload.len() as u64).sum();
        let record_count = messages.len() + row_count + payloads.len();
        self.log.reserve(stored + named + rows + learned, record_count)?;
        self.log.begin_frame();
        for (dictionary, payload) in lacking.iter().zip(&payloads) {
            let addr = self.log.record(Kind::Dictionary as u8, &[payload]);
            self.dictionaries.insert(dictionary.number, addr);
        }
        Ok(())
    }

    /// The dictionaries of these messages that this shard's log does not hold yet.
    fn lacking_dictionaries(&self, messages: &[&Prepared]) -> Result<Vec<Arc<Dictionary>>, Error> {
        let numbers: BTreeSet<u32> =
            messages.iter().flat_map(|message| message.dictionaries()).collect();
        let lacking = numbers.iter().filter(|number| !self.dictionaries.contains_key(number));
        let known = self.reader.dictionaries();
        let unknown = || Error::Unusable("the message was prepared for another store".to_owned());
        lacking.map(|number| known.dictionary(*number).ok_or_else(unknown)).collect()
    }

    fn put_message(&mut self, message: &Prepared) -> Result<EmailId, Error> {
        let number = self.ids.email;
        self.ids.email += 1;
        let email_id = places::email_id(self.reader.shard().0, number);
        let blobs = self.use_blobs(message);
        let [head, body] = message.pieces();
        let parts = [&message.table(number, &blobs), head, body];
        let addr = self.log.record(Kind::Message as u8, &parts);
        // Nobody knows the number before the batch is on disk.
        self.reader.set_place(email_id, addr)?;
        Ok(email_id)
    }

    /// Adds rows to a mailbox: the record goes into the frame in hand.
    fn put_rows(
        &mut self,
        cell: &Arc<MailboxCell>,
        rows: Vec<NewRow>,
        flags: &[&FlagSet],
    ) -> Result<Appended, Error> {
        let state = self.state(cell)?;
        let change = state.plan_append(rows, flags)?;
        let (next, appended) = appended(state, &change)?;
        let record = Record::Changed { mailbox: cell.id, change };
        let (kind, payload) = format::record::encode(&record);
        self.log.record(kind as u8, &[&payload]);
        self.advance(cell.id, next);
        Ok(appended)
    }
}

/// The number of a message that is not stored yet.
const NOBODY: EmailId = EmailId(0);

fn appended(state: &MailboxState, change: &Change) -> Result<(MailboxState, Appended), Error> {
    let mut next = state.clone();
    next.apply(change)?;
    let uids = match change {
        Change::Append { rows, .. } => rows.iter().filter_map(|row| Uid::new(row.uid)).collect(),
        Change::Flags { .. } | Change::Expunge { .. } => UidSet::new(),
    };
    let (uid_validity, modseq) = (next.uid_validity, next.highest_modseq);
    Ok((next, Appended { uid_validity, uids, modseq }))
}
