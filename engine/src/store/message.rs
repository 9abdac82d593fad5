//! A stored message, read piece by piece: what a list needs never reads the body.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use crate::format::block::{BlockMessage, BlockTable};
use crate::format::compress;
use crate::format::message::{Attachment, MessageTable, PieceKind};
use crate::ids::{EmailId, RecordAddr};
use crate::message::{ListData, Structure, preview_from};
use crate::record::Kind;
use crate::store::block_cache;
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
        self.read(|record| record.list_data(&self.reader))
    }

    /// The tree of MIME parts, with their places in the message.
    pub fn structure(&self) -> Result<Structure, Error> {
        self.reader.reads().head();
        self.read(|record| record.structure(&self.reader))
    }

    /// The header with the empty line that ends it.
    pub fn header(&self) -> Result<Vec<u8>, Error> {
        self.reader.reads().head();
        self.read(|record| record.header(&self.reader))
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
        self.body_to_read()
    }

    fn body_to_read(&self) -> Result<StoredBody, Error> {
        self.read(|record| record.open_body(&self.reader))
    }

    /// What of the body is stored with the message.
    pub(crate) fn body_rest(&self) -> Result<Vec<u8>, Error> {
        self.reader.reads().body();
        self.read(|record| record.rest(&self.reader))
    }

    /// The first words of the text, for lists (RFC 8970); empty where there is none.
    pub fn preview(&self) -> Result<String, Error> {
        self.reader.reads().body();
        self.preview_with(&self.list()?)
    }

    /// The same where the head is at hand. For upkeep: it counts as nobody's reading of a body.
    pub(crate) fn preview_with(&self, head: &ListData) -> Result<String, Error> {
        let at = || self.reader.place(self.email_id).unwrap_or_default();
        let structure = head.structure().map_err(|fault| self.reader.damaged(at(), fault))?;
        let header = head.header();
        let mut body = None;
        preview_from(&structure, |range| {
            if range.end <= header.len() {
                return Ok(Cow::Borrowed(header.get(range).unwrap_or_default()));
            }
            let opened = match body.take() {
                Some(opened) => opened,
                None => self.body_to_read()?,
            };
            let in_body = |at: usize| at.saturating_sub(header.len()) as u64;
            let mut bytes = Vec::with_capacity(range.len());
            body.insert(opened).read(in_body(range.start)..in_body(range.end), &mut bytes)?;
            Ok(Cow::Owned(bytes))
        })
    }

    /// The head and the body, both of one look at where the message is.
    pub fn open_whole(&self) -> Result<(ListData, StoredBody), Error> {
        self.reader.reads().head();
        self.reader.reads().body();
        self.read(|record| Ok((record.list_data(&self.reader)?, record.open_body(&self.reader)?)))
    }

    /// The whole message as it came in.
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = self.header()?;
        bytes.append(&mut self.body()?);
        Ok(bytes)
    }

    fn read<T>(&self, what: impl Fn(&Record) -> Result<T, Error>) -> Result<T, Error> {
        self.reader.at_place(self.email_id, |addr| {
            let record = Record::open(addr, places::number(self.email_id), &self.reader)?;
            what(&record)
        })
    }
}

/// The record that holds a message.
pub(crate) struct Record {
    addr: RecordAddr,
    /// The front of the payload, as much as the first read gave.
    front: Vec<u8>,
    /// Where the pieces start in the payload.
    start: usize,
    table: Table,
}

enum Table {
    /// The message as it came in.
    Single(MessageTable),
    /// Moved, with its neighbours.
    Block(BlockTable, BlockMessage),
}

impl Record {
    /// Opens the record at `addr`, which holds the message with this number.
    pub(crate) fn open(addr: RecordAddr, number: u64, reader: &ShardReader) -> Result<Self, Error> {
        let (kind, front) = reader.read_front(addr, FIRST_READ)?;
        match Self::decode(addr, number, (kind, front)) {
            // A table this long has many messages or attachments.
            Err(Fault::Truncated) => Self::decode(addr, number, reader.log().read_record(addr)?),
            decoded => decoded,
        }
        .map_err(|fault| match Kind::from_byte(kind) {
            // Not every number is a message's.
            Some(Kind::Blob) => Error::NoSuchMessage,
            _ => reader.damaged(addr, fault),
        })
    }

    fn decode(addr: RecordAddr, number: u64, record: (u8, Vec<u8>)) -> Result<Self, Fault> {
        let (kind, front) = record;
        let wrong = Fault::Invalid("number of a message");
        let (start, table) = match Kind::from_byte(kind) {
            Some(Kind::Message) => {
                let (table, start) = MessageTable::decode(&front)?;
                if table.number != number {
                    return Err(wrong);
                }
                (start, Table::Single(table))
            }
            Some(Kind::MessageBlock) => {
                let (table, start) = BlockTable::decode(&front)?;
                let message = table.find(number).cloned().ok_or(wrong)?;
                (start, Table::Block(table, message))
            }
            _ => return Err(Fault::WrongKind),
        };
        Ok(Self { addr, front, start, table })
    }

    /// What of it is moved: the part tree, the header and the body less its attachments.
    pub(crate) fn to_move(&self, reader: &ShardReader) -> Result<[Vec<u8>; 3], Error> {
        let (tree, header) = match &self.table {
            Table::Single(_) => {
                let list = self.list_data(reader)?;
                (list.structure_bytes().to_vec(), list.header().to_vec())
            }
            Table::Block(_, message) => {
                let heads = self.piece(PieceKind::Head, reader)?;
                let stretch = |range: &Range<usize>| heads.get(range.clone()).map(<[u8]>::to_vec);
                let found = (stretch(&message.structure), stretch(&message.header));
                (found.0.unwrap_or_default(), found.1.unwrap_or_default())
            }
        };
        Ok([tree, header, self.rest(reader)?])
    }

    /// What of its body stands elsewhere.
    pub(crate) fn attachments(&self) -> &[Attachment] {
        match &self.table {
            Table::Single(table) => &table.attachments,
            Table::Block(_, message) => &message.attachments,
        }
    }

    fn list_data(&self, reader: &ShardReader) -> Result<ListData, Error> {
        match &self.table {
            Table::Single(_) => {
                let head = self.piece(PieceKind::Head, reader)?;
                ListData::decode(head.to_vec()).map_err(|fault| reader.damaged(self.addr, fault))
            }
            // Moved messages have list parts; this is for the few that lack one.
            Table::Block(..) => {
                let mut bytes = self.header(reader)?;
                self.open_body(reader)?.read(0..u64::MAX, &mut bytes)?;
                Ok(ListData::of(&bytes))
            }
        }
    }

    fn structure(&self, reader: &ShardReader) -> Result<Structure, Error> {
        let damaged = |fault| reader.damaged(self.addr, fault);
        match &self.table {
            Table::Single(_) => self.list_data(reader)?.structure().map_err(damaged),
            Table::Block(_, message) => {
                let heads = self.piece(PieceKind::Head, reader)?;
                let tree = heads.get(message.structure.clone()).unwrap_or_default();
                Structure::decode(tree).map_err(damaged)
            }
        }
    }

    fn header(&self, reader: &ShardReader) -> Result<Vec<u8>, Error> {
        match &self.table {
            Table::Single(_) => Ok(self.list_data(reader)?.header().to_vec()),
            Table::Block(_, message) => {
                let heads = self.piece(PieceKind::Head, reader)?;
                Ok(heads.get(message.header.clone()).unwrap_or_default().to_vec())
            }
        }
    }

    fn open_body(&self, reader: &ShardReader) -> Result<StoredBody, Error> {
        StoredBody::new(reader.clone(), self.addr, self.rest(reader)?, self.attachments())
    }

    /// The body less its attachments.
    pub(crate) fn rest(&self, reader: &ShardReader) -> Result<Vec<u8>, Error> {
        let body = self.piece(PieceKind::Body, reader)?;
        match &self.table {
            Table::Single(_) => Ok(Rc::unwrap_or_clone(body)),
            Table::Block(_, message) => {
                Ok(body.get(message.body.clone()).unwrap_or_default().to_vec())
            }
        }
    }

    /// A piece, decompressed. The last one of a block is kept: its neighbours are asked for next.
    fn piece(&self, kind: PieceKind, reader: &ShardReader) -> Result<Rc<Vec<u8>>, Error> {
        match &self.table {
            Table::Single(table) => {
                let at = (table.piece(kind), table.piece_offset(kind));
                self.unpack(at, reader).map(Rc::new)
            }
            Table::Block(table, _) => {
                let at = match kind {
                    PieceKind::Head => (table.heads, 0),
                    PieceKind::Body => (table.bodies, table.heads.stored_len as usize),
                };
                let key = (reader.id(), self.addr, kind as usize);
                block_cache::get_or_read(key, || self.unpack(at, reader))
            }
        }
    }

    fn unpack(
        &self,
        (entry, offset): (compress::PieceEntry, usize),
        reader: &ShardReader,
    ) -> Result<Vec<u8>, Error> {
        let (start, len) = (self.start + offset, entry.stored_len as usize);
        let dictionaries = reader.dictionaries();
        let unpacked = if let Some(stored) = self.front.get(start..start + len) {
            compress::unpack(entry, stored, dictionaries)
        } else {
            let stored = reader.read_payload(self.addr, start as u64, len)?;
            compress::unpack(entry, &stored, dictionaries)
        };
        unpacked.map_err(|fault| reader.damaged(self.addr, fault))
    }
}
