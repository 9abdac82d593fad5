//! A stored message, read piece by piece: what a list needs never reads the body.

use crate::format::compress;
use crate::format::message::{MessageTable, PieceKind};
use crate::ids::{EmailId, RecordAddr};
use crate::message::{ListData, Structure};
use crate::store::places;
use crate::store::reader::ShardReader;
use crate::{Error, Fault};

/// How much the first read of a message fetches: the table, and nearly always the head with it.
const FIRST_READ: usize = 4096 - 12;

/// The bytes and list data of one message; reads when asked.
#[derive(Clone)]
pub struct StoredMessage {
    reader: ShardReader,
    email_id: EmailId,
}

impl StoredMessage {
    pub(crate) fn new(reader: ShardReader, email_id: EmailId) -> Self {
        Self { reader, email_id }
    }

    /// ENVELOPE, BODY, BODYSTRUCTURE and the header.
    pub fn list(&self) -> Result<ListData, Error> {
        let head = self.piece(PieceKind::Head)?;
        ListData::decode(head).map_err(|fault| self.damaged(fault))
    }

    /// The tree of MIME parts, with their places in the message.
    pub fn structure(&self) -> Result<Structure, Error> {
        let list = self.list()?;
        list.structure().map_err(|fault| self.damaged(fault))
    }

    /// The header with the empty line that ends it.
    pub fn header(&self) -> Result<Vec<u8>, Error> {
        Ok(self.list()?.header().to_vec())
    }

    /// What follows the header.
    pub fn body(&self) -> Result<Vec<u8>, Error> {
        self.piece(PieceKind::Body)
    }

    /// The whole message as it came in.
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = self.header()?;
        bytes.append(&mut self.body()?);
        Ok(bytes)
    }

    fn damaged(&self, fault: Fault) -> Error {
        let at = self.reader.place(self.email_id).unwrap_or_default();
        self.reader.damaged(at, fault)
    }

    fn piece(&self, kind: PieceKind) -> Result<Vec<u8>, Error> {
        match kind {
            PieceKind::Head => self.reader.reads().head(),
            PieceKind::Body => self.reader.reads().body(),
        }
        let addr = self.reader.place(self.email_id)?;
        match self.piece_at(addr, kind) {
            // The message may have been moved in the log between the two looks.
            Err(error) => match self.reader.place(self.email_id)? {
                moved if moved != addr => self.piece_at(moved, kind),
                _ => Err(error),
            },
            read => read,
        }
    }

    fn piece_at(&self, addr: RecordAddr, kind: PieceKind) -> Result<Vec<u8>, Error> {
        let first = self.reader.read_payload(addr, 0, FIRST_READ)?;
        let damaged = |fault| self.reader.damaged(addr, fault);
        let (table, start) = match MessageTable::decode(&first) {
            // A table this long has many attachments.
            Err(Fault::Truncated) => {
                MessageTable::decode(&self.reader.read_payload(addr, 0, usize::MAX)?)
            }
            decoded => decoded,
        }
        .map_err(damaged)?;
        if table.number != places::number(self.email_id) {
            return Err(damaged(Fault::Invalid("number of a message")));
        }
        if !table.attachments.is_empty() {
            return Err(damaged(Fault::Invalid("attachments")));
        }
        let entry = table.piece(kind);
        let (start, len) = (start + table.piece_offset(kind), entry.stored_len as usize);
        let dictionaries = self.reader.dictionaries();
        if let Some(stored) = first.get(start..start + len) {
            compress::unpack(entry, stored, dictionaries).map_err(damaged)
        } else {
            let stored = self.reader.read_payload(addr, start as u64, len)?;
            compress::unpack(entry, &stored, dictionaries).map_err(damaged)
        }
    }
}
