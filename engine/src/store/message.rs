//! A stored message, read piece by piece: what a list needs never reads the body.

use std::ops::Range;

use crate::format::compress;
use crate::format::message::{MessageTable, PieceKind};
use crate::ids::{EmailId, RecordAddr};
use crate::message::{ListData, Structure};
use crate::record::Kind;
use crate::store::body::StoredBody;
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
        self.reader.reads().head();
        let (_, head) = self.read(|addr| self.piece_at(addr, PieceKind::Head))?;
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
        self.read_body(0..u64::MAX)
    }

    /// A range of what follows the header. What stands by itself is read only where it is in the
    /// range.
    pub fn read_body(&self, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let mut body = self.open_body()?;
        let len = range.end.min(body.len()).saturating_sub(range.start);
        let mut out = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
        body.read(range, &mut out)?;
        Ok(out)
    }

    /// What follows the header, to be read in ranges.
    pub fn open_body(&self) -> Result<StoredBody, Error> {
        self.reader.reads().body();
        self.read(|addr| {
            let (table, rest) = self.piece_at(addr, PieceKind::Body)?;
            StoredBody::new(self.reader.clone(), addr, rest, &table.attachments)
        })
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

    fn read<T>(&self, what: impl Fn(RecordAddr) -> Result<T, Error>) -> Result<T, Error> {
        let addr = self.reader.place(self.email_id)?;
        match what(addr) {
            // The message may have been moved in the log between the two looks.
            Err(error) => match self.reader.place(self.email_id)? {
                moved if moved != addr => what(moved),
                _ => Err(error),
            },
            read => read,
        }
    }

    fn piece_at(
        &self,
        addr: RecordAddr,
        kind: PieceKind,
    ) -> Result<(MessageTable, Vec<u8>), Error> {
        let first = self.reader.read_payload(addr, 0, FIRST_READ)?;
        let damaged = |fault| self.reader.damaged(addr, fault);
        let (table, start) = match MessageTable::decode(&first) {
            // A table this long has many attachments.
            Err(Fault::Truncated) => {
                MessageTable::decode(&self.reader.read_payload(addr, 0, usize::MAX)?)
            }
            decoded => decoded,
        }
        .map_err(|fault| self.what_is_at(addr, fault))?;
        if table.number != places::number(self.email_id) {
            return Err(damaged(Fault::Invalid("number of a message")));
        }
        let entry = table.piece(kind);
        let (start, len) = (start + table.piece_offset(kind), entry.stored_len as usize);
        let dictionaries = self.reader.dictionaries();
        let raw = if let Some(stored) = first.get(start..start + len) {
            compress::unpack(entry, stored, dictionaries)
        } else {
            let stored = self.reader.read_payload(addr, start as u64, len)?;
            compress::unpack(entry, &stored, dictionaries)
        };
        Ok((table, raw.map_err(damaged)?))
    }

    /// Not every number is a message's.
    fn what_is_at(&self, addr: RecordAddr, fault: Fault) -> Error {
        match self.reader.log().read_record(addr) {
            Ok((kind, _)) if kind == Kind::Blob as u8 => Error::NoSuchMessage,
            _ => self.reader.damaged(addr, fault),
        }
    }
}
