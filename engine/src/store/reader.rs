//! Reading a shard: records by address, decoded, with faults turned into errors that name the
//! place.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use crate::columns::{Base, Marks};
use crate::format;
use crate::format::blob::{Blob, BlobChunk};
use crate::format::dictionary::Dictionary;
use crate::ids::{EmailId, MailboxId, RecordAddr, ShardId};
use crate::image::{BlobUse, Checkpoint, MailboxImage, PartRef, StoredAccount, Vanished};
use crate::log::LogReader;
use crate::record::Kind;
use crate::state::{Evict, Keeper};
use crate::store::cells::MailboxCell;
use crate::store::dictionaries::Dictionaries;
use crate::store::due::Due;
use crate::store::heal::Ailing;
use crate::store::kept::Kept;
use crate::store::options::Options;
use crate::store::places::{self, LoadPage, Places};
use crate::store::reads::Reads;
use crate::{Error, Fault};

/// What all shards of a store have in common; cheap to clone.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) dictionaries: Dictionaries,
    /// What is kept in memory.
    pub(crate) kept: Arc<Kept>,
    /// Is rung where something is damaged that can be made again.
    pub(crate) due: Arc<Due>,
}

impl Default for Shared {
    /// Of a store that is only read.
    fn default() -> Self {
        let kept = Arc::new(Kept::new(Options::default().index_len_max));
        Self { dictionaries: Dictionaries::default(), kept, due: Arc::default() }
    }
}

/// Where things are that have a number.
#[derive(Default)]
pub(crate) struct Tables {
    /// The messages.
    pub(crate) places: Places,
    /// The newest images of mailboxes.
    pub(crate) images: Places,
}

/// Reads a shard's records; cheap to clone.
#[derive(Clone)]
pub(crate) struct ShardReader {
    log: LogReader,
    tables: Arc<Tables>,
    shared: Shared,
    ailing: Arc<Ailing>,
    reads: Arc<Reads>,
    /// No two readers of different logs have the same.
    id: u64,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl ShardReader {
    pub(crate) fn new(log: LogReader, tables: Tables, shared: Shared) -> Self {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Self {
            log,
            tables: Arc::new(tables),
            shared,
            ailing: Arc::default(),
            reads: Arc::default(),
            id,
        }
    }

    pub(crate) fn shard(&self) -> ShardId {
        self.log.shard()
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn log(&self) -> &LogReader {
        &self.log
    }

    pub(crate) fn dictionaries(&self) -> &Dictionaries {
        &self.shared.dictionaries
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

    /// The first `len` bytes of a list part.
    pub(crate) fn read_list_front(&self, part: PartRef, len: usize) -> Result<Vec<u8>, Error> {
        self.reads.list_part();
        self.log.read_payload(part.addr, 0, len)
    }

    /// What was read so far.
    pub(crate) fn reads(&self) -> &Arc<Reads> {
        &self.reads
    }

    pub(crate) fn places(&self) -> &Places {
        &self.tables.places
    }

    /// Where the record of a message is.
    pub(crate) fn place(&self, email_id: EmailId) -> Result<RecordAddr, Error> {
        let found =
            self.with_places(&self.tables.places, |places, load| places.find(email_id, load));
        found?.ok_or(Error::NoSuchMessage)
    }

    /// Says where the record of a message is now; for the shard's writer and for replay.
    pub(crate) fn set_place(&self, email_id: EmailId, addr: RecordAddr) -> Result<(), Error> {
        self.with_places(&self.tables.places, |places, load| places.set(email_id, Some(addr), load))
    }

    /// Says that nobody has the message any more.
    pub(crate) fn clear_place(&self, email_id: EmailId) -> Result<(), Error> {
        self.with_places(&self.tables.places, |places, load| places.set(email_id, None, load))
    }

    /// Has pages of both tables written again that stand where `is_leaving` says.
    pub(crate) fn leave_tables(
        &self,
        is_leaving: &dyn Fn(RecordAddr) -> bool,
    ) -> Result<(), Error> {
        let leave = |places: &Places, load: &LoadPage<'_>| places.leave(is_leaving, load);
        self.with_places(&self.tables.places, leave)?;
        self.with_places(&self.tables.images, leave)
    }

    /// A page of the table of blobs.
    pub(crate) fn blob_table(&self, addr: RecordAddr) -> Result<Vec<BlobUse>, Error> {
        let payload = self.read(addr, Kind::BlobTable)?;
        format::blob::decode_table(&payload).map_err(|fault| self.damaged(addr, fault))
    }

    /// The blob with this number.
    pub(crate) fn blob(&self, number: u64) -> Result<Blob, Error> {
        self.at_place(places::email_id(self.shard().0, number), |addr| self.blob_at(addr, number))
    }

    /// Reads the record of a message or blob, wherever it is: it may be moved in the log between
    /// the look for its place and the look at it.
    pub(crate) fn at_place<T>(
        &self,
        email_id: EmailId,
        read: impl Fn(RecordAddr) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut addr = self.place(email_id)?;
        loop {
            let error = match read(addr) {
                Err(error) => error,
                read => return read,
            };
            let moved = self.place(email_id)?;
            if moved == addr {
                return Err(error);
            }
            addr = moved;
        }
    }

    fn blob_at(&self, addr: RecordAddr, number: u64) -> Result<Blob, Error> {
        let payload = self.read(addr, Kind::Blob)?;
        let blob = Blob::decode(&payload).map_err(|fault| self.damaged(addr, fault))?;
        let is_it = blob.number == number;
        if is_it { Ok(blob) } else { Err(self.damaged(addr, Fault::Invalid("number of a blob"))) }
    }

    /// The bytes of a chunk of a blob, into a buffer of which nothing stays.
    pub(crate) fn blob_chunk(
        &self,
        blob: &Blob,
        index: usize,
        raw: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.reads.chunk();
        let addr = blob.chunks.get(index).copied().unwrap_or_default();
        let payload = self.read(addr, Kind::BlobChunk)?;
        let chunk = BlobChunk::unpack_into(&payload, raw);
        let chunk = chunk.map_err(|fault| self.damaged(addr, fault))?;
        let start = index as u64 * u64::from(blob.chunk_len);
        let len = (blob.len.saturating_sub(start)).min(blob.chunk_len.into());
        let is_it = (chunk.number, chunk.index) == (blob.number, index as u64);
        if is_it && raw.len() as u64 == len {
            Ok(())
        } else {
            Err(self.damaged(addr, Fault::Invalid("chunk of a blob")))
        }
    }

    /// Where the newest image of a mailbox is; `None` if it has none.
    pub(crate) fn image(&self, mailbox: MailboxId) -> Result<Option<RecordAddr>, Error> {
        self.with_places(&self.tables.images, |images, load| images.find(numbered(mailbox), load))
    }

    /// Says where the newest image of a mailbox is; for the shard's writer and for replay.
    pub(crate) fn set_image(
        &self,
        mailbox: MailboxId,
        addr: Option<RecordAddr>,
    ) -> Result<(), Error> {
        let set = |images: &Places, load: &LoadPage<'_>| images.set(numbered(mailbox), addr, load);
        self.with_places(&self.tables.images, set)
    }

    pub(crate) fn images(&self) -> &Places {
        &self.tables.images
    }

    /// The accounts of a bucket.
    pub(crate) fn accounts(&self, addr: RecordAddr) -> Result<Vec<StoredAccount>, Error> {
        let payload = self.read(addr, Kind::Accounts)?;
        format::image::decode_accounts(&payload).map_err(|fault| self.damaged(addr, fault))
    }

    /// What was found damaged and can be made again.
    pub(crate) fn ailing(&self) -> &Ailing {
        &self.ailing
    }

    /// Takes note of the mailbox where its columns or the like are damaged. For who has seen that
    /// they were not written elsewhere meanwhile.
    pub(crate) fn note_mailbox(&self, mailbox: MailboxId, error: &Error) {
        if matches!(error, Error::Damaged { .. }) {
            tracing::error!(%error, %mailbox, "damaged; it can be made again");
            self.ailing.note_mailbox(mailbox);
            self.shared.due.ring();
        }
    }

    /// The same of a table of the whole shard.
    pub(crate) fn note_table(&self, error: &Error) {
        if matches!(error, Error::Damaged { .. }) {
            tracing::error!(%error, "damaged; it can be made again");
            self.ailing.note_table();
            self.shared.due.ring();
        }
    }

    /// Takes note of a list part that cannot be read, so that it is made again.
    pub(crate) fn note_part(&self, cell: &Arc<MailboxCell>, part: PartRef) {
        self.shared.due.note_spoilt(self.shard(), cell, part);
    }

    /// Does something with a table of places.
    fn with_places<T>(
        &self,
        table: &Places,
        what: impl FnOnce(&Places, &LoadPage<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let done = what(table, &|addr| self.read_places(addr));
        done.inspect_err(|error| self.note_table(error))
    }

    fn read_places(&self, addr: RecordAddr) -> Result<Vec<u64>, Error> {
        let payload = self.read(addr, Kind::Places)?;
        format::image::decode_places(&payload).map_err(|fault| self.damaged(addr, fault))
    }

    pub(crate) fn damaged(&self, at: RecordAddr, fault: Fault) -> Error {
        Error::Damaged { shard: self.shard(), at, fault }
    }

    /// The kind of a record and the first `len` bytes of its payload, unchecked.
    pub(crate) fn read_front(&self, addr: RecordAddr, len: usize) -> Result<(u8, Vec<u8>), Error> {
        self.log.read_front(addr, len)
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

impl ShardReader {
    /// The columns of `rows` messages that never change.
    pub(crate) fn base(&self, addr: RecordAddr, rows: u32) -> Result<Base, Error> {
        let payload = self.read(addr, Kind::Columns)?;
        match format::columns::decode(&payload) {
            Ok(base) if base.len() == rows as usize => Ok(base),
            Ok(_) => Err(self.damaged(addr, Fault::Invalid("rows"))),
            Err(fault) => Err(self.damaged(addr, fault)),
        }
    }

    /// The columns of `rows` messages that change.
    pub(crate) fn marks(&self, addr: RecordAddr, rows: u32) -> Result<Marks, Error> {
        let payload = self.read(addr, Kind::Marks)?;
        match format::columns::decode_marks(&payload) {
            Ok((marks, of)) if of == rows as usize => Ok(marks),
            Ok(_) => Err(self.damaged(addr, Fault::Invalid("rows"))),
            Err(fault) => Err(self.damaged(addr, fault)),
        }
    }

    /// A page of expunge history.
    pub(crate) fn history(&self, addr: RecordAddr) -> Result<Vec<Arc<Vanished>>, Error> {
        let payload = self.read(addr, Kind::HistoryPage)?;
        format::image::decode_history(&payload).map_err(|fault| self.damaged(addr, fault))
    }
}

/// Mailboxes are numbered as messages are, from 1 up in each shard.
fn numbered(mailbox: MailboxId) -> EmailId {
    EmailId(mailbox.0)
}

impl Keeper for ShardReader {
    fn keep(&self, piece: Weak<dyn Evict>, len: usize) {
        self.shared.kept.keep(piece, len);
    }
}
