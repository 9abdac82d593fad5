//! A stored message, read piece by piece: what a list needs never reads the body.

use crate::Error;
use crate::format::compress;
use crate::format::message::{MessageTable, PieceKind};
use crate::ids::RecordAddr;
use crate::message::{ListData, Structure};
use crate::store::reader::ShardReader;

/// How much the first read of a message fetches: the table, and nearly always the list piece
/// with it.
const FIRST_READ: usize = 2048;

/// The bytes and list data of one message; reads when asked.
#[derive(Clone)]
pub struct StoredMessage {
    reader: ShardReader,
    addr: RecordAddr,
}

impl StoredMessage {
    pub(crate) fn new(reader: ShardReader, addr: RecordAddr) -> Self {
        Self { reader, addr }
    }

    /// ENVELOPE, BODY, BODYSTRUCTURE and the header fields clients list by.
    pub fn list(&self) -> Result<ListData, Error> {
        let bytes = self.piece(PieceKind::List)?;
        ListData::decode(bytes).map_err(|fault| self.reader.damaged(self.addr, fault))
    }

    /// The tree of MIME parts, with their places in the message.
    pub fn structure(&self) -> Result<Structure, Error> {
        let list = self.list()?;
        list.structure().map_err(|fault| self.reader.damaged(self.addr, fault))
    }

    /// The header with the empty line that ends it.
    pub fn header(&self) -> Result<Vec<u8>, Error> {
        self.piece(PieceKind::Header)
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

    fn piece(&self, kind: PieceKind) -> Result<Vec<u8>, Error> {
        let first = self.reader.read_payload(self.addr, 0, FIRST_READ)?;
        let damaged = |fault| self.reader.damaged(self.addr, fault);
        let table = MessageTable::decode(&first).map_err(damaged)?;
        let entry = table.piece(kind);
        let (start, len) = (table.piece_offset(kind), entry.stored_len as usize);
        if let Some(stored) = first.get(start..start + len) {
            compress::unpack(entry, stored).map_err(damaged)
        } else {
            let stored = self.reader.read_payload(self.addr, start as u64, len)?;
            compress::unpack(entry, &stored).map_err(damaged)
        }
    }
}
