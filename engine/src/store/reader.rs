//! Reading a shard: records by address, decoded, with faults turned into errors that name the
//! place.

use std::sync::Arc;

use crate::columns::Columns;
use crate::format;
use crate::format::dictionary::Dictionary;
use crate::ids::{EmailId, RecordAddr, ShardId};
use crate::image::{Checkpoint, MailboxImage, PartRef, Vanished};
use crate::log::LogReader;
use crate::record::Kind;
use crate::state::ColumnSource;
use crate::store::dictionaries::Dictionaries;
use crate::store::places::Places;
use crate::store::reads::Reads;
use crate::{Error, Fault};

/// Reads a shard's records; cheap to clone.
#[derive(Clone)]
pub(crate) struct ShardReader {
    log: LogReader,
    places: Arc<Places>,
    dictionaries: Dictionaries,
    reads: Arc<Reads>,
}

impl ShardReader {
    pub(crate) fn new(log: LogReader, places: Places, dictionaries: Dictionaries) -> Self {
        Self { log, places: Arc::new(places), dictionaries, reads: Arc::default() }
    }

    pub(crate) fn shard(&self) -> ShardId {
        self.log.shard()
    }

    pub(crate) fn log(&self) -> &LogReader {
        &self.log
    }

    pub(crate) fn dictionaries(&self) -> &Dictionaries {
        &self.dictionaries
    }

    pub(crate) fn dictionary(&self, addr: RecordAddr) -> Result<Dictionary, Error> {
        let payload = self.read(addr, Kind::Dictionary)?;
        Dictionary::decode(&payload).map_err(|fault| self.damaged(addr, fault))
    }

    /// The payload of a list part; its table and each of its sections have checksums.
    pub(crate) fn read_list_part(&self, part: PartRef) -> Result<Vec<u8>, Error> {
        self.reads.list_part();
        self.log.read_payload(part.addr, 0, part.len as usize)
    }

    /// What was read so far.
    pub(crate) fn reads(&self) -> &Arc<Reads> {
        &self.reads
    }

    pub(crate) fn places(&self) -> &Places {
        &self.places
    }

    /// Where the record of a message is.
    pub(crate) fn place(&self, email_id: EmailId) -> Result<RecordAddr, Error> {
        let found = self.places.find(email_id, &|addr| self.read_places(addr))?;
        found.ok_or(Error::NoSuchMessage)
    }

    /// Says where the record of a message is now; for the shard's writer and for replay.
    pub(crate) fn set_place(&self, email_id: EmailId, addr: RecordAddr) -> Result<(), Error> {
        self.places.set(email_id, Some(addr), &|addr| self.read_places(addr))
    }

    fn read_places(&self, addr: RecordAddr) -> Result<Vec<u64>, Error> {
        let payload = self.read(addr, Kind::Places)?;
        format::image::decode_places(&payload).map_err(|fault| self.damaged(addr, fault))
    }

    pub(crate) fn damaged(&self, at: RecordAddr, fault: Fault) -> Error {
        Error::Damaged { shard: self.shard(), at, fault }
    }

    /// Up to `len` bytes of a record's payload from `skip` on, unchecked.
    pub(crate) fn read_payload(
        &self,
        addr: RecordAddr,
        skip: u64,
        len: usize,
    ) -> Result<Vec<u8>, Error> {
        self.log.read_payload(addr, skip, len)
    }

    /// The payload of a record of this kind.
    fn read(&self, addr: RecordAddr, expected: Kind) -> Result<Vec<u8>, Error> {
        let (kind, payload) = self.log.read_record(addr)?;
        if kind == expected as u8 { Ok(payload) } else { Err(self.damaged(addr, Fault::WrongKind)) }
    }

    pub(crate) fn checkpoint(&self, addr: RecordAddr) -> Result<Checkpoint, Error> {
        let payload = self.read(addr, Kind::Checkpoint)?;
        format::image::decode_checkpoint(&payload).map_err(|fault| self.damaged(addr, fault))
    }

    pub(crate) fn mailbox(&self, addr: RecordAddr) -> Result<MailboxImage, Error> {
        let payload = self.read(addr, Kind::MailboxImage)?;
        format::image::decode_mailbox(&payload).map_err(|fault| self.damaged(addr, fault))
    }
}

impl ColumnSource for ShardReader {
    fn columns(&self, addr: RecordAddr, rows: u32) -> Result<Columns, Error> {
        let payload = self.read(addr, Kind::Columns)?;
        let columns = format::columns::decode(&payload);
        let columns = columns.map_err(|fault| self.damaged(addr, fault))?;
        if columns.base.len() == rows as usize {
            Ok(columns)
        } else {
            Err(self.damaged(addr, Fault::Invalid("rows")))
        }
    }

    fn history(&self, addr: RecordAddr) -> Result<Vec<Arc<Vanished>>, Error> {
        let payload = self.read(addr, Kind::HistoryPage)?;
        format::image::decode_history(&payload).map_err(|fault| self.damaged(addr, fault))
    }
}
