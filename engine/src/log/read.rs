//! Reading the log: single records by address, and all of them in order. Any number of readers,
//! none of which the writer waits for.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::format::frame::{RECORD_HEADER_LEN, RecordHeader, Seed};
use crate::format::segment::{self, SegmentHeader};
use crate::ids::{LogPos, RecordAddr, SegmentId, ShardId};
use crate::io::{Disk, DiskFile};
use crate::limits::{FRAME_BODY_LEN_MAX, OPEN_SEGMENTS_MAX};
use crate::log::LogOptions;
use crate::log::rebuild::{self, read_footer};
use crate::log::segment_file::segment_name;
use crate::log::walk::{Damage, Extent, Segment};
use crate::{Error, Fault};

/// Read together with a record's header, so that a small record costs one read.
const FIRST_READ_LEN: u64 = 4096;
/// The most that is read before the record's own length is known.
const FIRST_READ_LEN_MAX: u64 = 256 << 10;
/// The end of an active segment whose owner is somebody else.
const END_UNKNOWN: u64 = u64::MAX;

/// Called with each record: address, kind, payload.
pub(crate) type Visit<'a> = dyn FnMut(RecordAddr, u8, &[u8]) -> Result<(), Error> + 'a;

/// Reads the log of one shard.
#[derive(Clone)]
pub(crate) struct LogReader(pub(super) Arc<Live>);

/// The live segments as readers see them.
pub(super) struct Live {
    disk: Arc<dyn Disk>,
    store_id: u128,
    shard: ShardId,
    /// Where the frames of each live segment end; in the active one it moves.
    ends: RwLock<BTreeMap<SegmentId, Arc<AtomicU64>>>,
    files: RwLock<HashMap<SegmentId, Arc<dyn DiskFile>>>,
}

impl Live {
    pub(super) fn new(disk: Arc<dyn Disk>, options: &LogOptions) -> Self {
        Self {
            disk,
            store_id: options.store_id,
            shard: options.shard,
            ends: RwLock::default(),
            files: RwLock::default(),
        }
    }

    /// Lets readers see a segment; the end may be moved by whoever holds the answer.
    pub(super) fn add(&self, id: SegmentId, end: u64) -> Arc<AtomicU64> {
        let end = Arc::new(AtomicU64::new(end));
        let mut ends = self.ends.write().unwrap_or_else(PoisonError::into_inner);
        ends.insert(id, Arc::clone(&end));
        end
    }

    /// Takes a segment away from readers. Who has its file open reads on.
    pub(super) fn remove(&self, id: SegmentId) {
        self.ends.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.files.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Lets readers see what is in a segment's place now.
    pub(super) fn replace(&self, id: SegmentId, end: u64) {
        self.add(id, end);
        self.files.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    pub(super) fn store_id(&self) -> u128 {
        self.store_id
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    pub(super) fn seed(&self) -> Seed {
        Seed::new(self.store_id, self.shard)
    }

    fn end(&self, id: SegmentId) -> Option<u64> {
        self.end_cell(id).map(|end| end.load(Ordering::Acquire))
    }

    fn end_cell(&self, id: SegmentId) -> Option<Arc<AtomicU64>> {
        self.ends.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    pub(super) fn ends_from(&self, id: SegmentId) -> Vec<(SegmentId, u64)> {
        let ends = self.ends.read().unwrap_or_else(PoisonError::into_inner);
        ends.range(id..).map(|(id, end)| (*id, end.load(Ordering::Acquire))).collect()
    }

    pub(super) fn file(&self, id: SegmentId) -> io::Result<Arc<dyn DiskFile>> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(&id) {
            return Ok(Arc::clone(file));
        }
        drop(files);
        let end = self.end_cell(id);
        let file = self.disk.open(&segment_name(id))?;
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        if files.len() >= OPEN_SEGMENTS_MAX {
            // Any one will do: the file stays open for whoever is reading it.
            let evicted = files.keys().next().copied();
            evicted.and_then(|id| files.remove(&id));
        }
        // Else another took its place meanwhile, and this is the old one.
        if let (Some(was), Some(is)) = (end, self.end_cell(id))
            && Arc::ptr_eq(&was, &is)
        {
            files.insert(id, Arc::clone(&file));
        }
        Ok(file)
    }

    fn damaged(&self, at: LogPos, fault: Fault) -> Error {
        Error::Damaged { shard: self.shard, at, fault }
    }

    /// Whether the segment's own header says what its place says.
    pub(super) fn check_header(&self, file: &dyn DiskFile, id: SegmentId) -> Result<(), Fault> {
        let mut bytes = vec![0; buffer_len(segment::HEADER_LEN)];
        file.read_exact_at(&mut bytes, 0).map_err(|_| Fault::Truncated)?;
        let header = SegmentHeader::decode(&bytes)?;
        let expected = SegmentHeader {
            store_id: self.store_id,
            shard: self.shard,
            segment: id,
            file_len: file.len(),
        };
        if header == expected { Ok(()) } else { Err(Fault::Invalid("segment header")) }
    }
}

impl LogReader {
    pub(super) fn new(live: Arc<Live>) -> Self {
        Self(live)
    }

    pub(crate) fn shard(&self) -> ShardId {
        self.0.shard
    }

    /// Kind and payload of a record, checked.
    pub(crate) fn read_record(&self, addr: RecordAddr) -> Result<(u8, Vec<u8>), Error> {
        let record = self.locate(addr, FIRST_READ_LEN)?;
        let payload = record.payload(0, record.header.payload_len as usize)?;
        record.header.check(&payload).map_err(|fault| self.0.damaged(addr, fault))?;
        Ok((record.header.kind, payload))
    }

    /// The kind of a record and up to `len` bytes of its payload from the start, unchecked like
    /// [`LogReader::read_payload`].
    pub(crate) fn read_front(&self, addr: RecordAddr, len: usize) -> Result<(u8, Vec<u8>), Error> {
        let record = self.locate(addr, (len as u64).min(FIRST_READ_LEN_MAX))?;
        Ok((record.header.kind, record.payload(0, len)?))
    }

    /// Up to `len` bytes of a record's payload from `skip` on, fewer where the payload ends. The
    /// record's checksum is not checked: whoever reads a part has a checksum for that part.
    pub(crate) fn read_payload(
        &self,
        addr: RecordAddr,
        skip: u64,
        len: usize,
    ) -> Result<Vec<u8>, Error> {
        let first = if skip == 0 { (len as u64).min(FIRST_READ_LEN_MAX) } else { 0 };
        self.locate(addr, first)?.payload(skip, len)
    }

    /// Visits the records from `from` on in order. Damaged frames are passed over and reported.
    pub(crate) fn scan(&self, from: LogPos, visit: &mut Visit<'_>) -> Result<Vec<Damage>, Error> {
        let live = &self.0;
        let mut damages = Vec::new();
        let segments = live.ends_from(from.segment);
        let active = segments.last().map(|(id, _)| *id);
        for (id, end) in segments {
            let start = LogPos { segment: id, offset: 0 };
            let file = match live.file(id) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    damages.push(Damage { at: start, fault: Fault::Truncated });
                    continue;
                }
                Err(error) => return Err(Error::io("open a segment")(error)),
            };
            if let Err(fault) = live.check_header(&*file, id) {
                damages.push(Damage { at: start, fault });
            }
            // A segment that was condensed is shorter than the manifest may know.
            let end = match read_footer(&*file, id) {
                Ok(footer) if Some(id) != active => end.min(footer.valid_len),
                _ => end,
            };
            let extent = if end == END_UNKNOWN { Extent::Open } else { Extent::Upto(end) };
            let segment = Segment { file: &*file, id, seed: live.seed() };
            let first = if id == from.segment { from.offset } else { 0 };
            let walk = segment.walk(first, extent, &mut |header, body| {
                let records = header.records(body);
                let mut records = records.filter(|it| !matches!(it, Ok((at, ..)) if *at < from));
                records.try_for_each(|record| {
                    let record = record.map_err(|fault| live.damaged(header.at, fault));
                    record.and_then(|(addr, kind, payload)| visit(addr, kind, payload))
                })
            })?;
            damages.extend(walk.damages);
            if Some(id) != active
                && let Err(damage) = check_footer(&*file, id, end)
            {
                damages.push(damage);
            }
        }
        Ok(damages)
    }

    /// Reads a record's header and, with it, up to `with_len` bytes of payload.
    fn locate(&self, addr: RecordAddr, with_len: u64) -> Result<Located, Error> {
        let live = &self.0;
        let end = live.end(addr.segment).filter(|end| addr.offset < *end);
        let end = end.ok_or_else(|| live.damaged(addr, Fault::Invalid("record address")))?;
        let file = live.file(addr.segment).map_err(Error::io("open a segment"))?;
        let room = end.min(file.len()).saturating_sub(addr.offset);
        let mut first = vec![0; buffer_len(room.min(RECORD_HEADER_LEN as u64 + with_len))];
        file.read_exact_at(&mut first, addr.offset).map_err(Error::io("read a record"))?;
        let header = RecordHeader::decode(&first).map_err(|fault| live.damaged(addr, fault))?;
        if RECORD_HEADER_LEN as u64 + u64::from(header.payload_len) > room {
            return Err(live.damaged(addr, Fault::Truncated));
        }
        first.drain(..RECORD_HEADER_LEN.min(first.len()));
        first.truncate(header.payload_len as usize);
        Ok(Located { file, header, payload_offset: addr.offset + RECORD_HEADER_LEN as u64, first })
    }
}

/// Whether the footer of a sealed segment is whole and agrees with the manifest.
fn check_footer(file: &dyn DiskFile, id: SegmentId, end: u64) -> Result<(), Damage> {
    let offset = file.len().saturating_sub(segment::FOOTER_LEN);
    let fault = match read_footer(file, id) {
        // A segment that was condensed is shorter than the manifest may know.
        Ok(footer) if footer.valid_len <= end => return Ok(()),
        Ok(_) => Fault::Invalid("segment footer"),
        Err(fault) => fault,
    };
    Err(Damage { at: LogPos { segment: id, offset }, fault })
}

/// A record found, and the first bytes of its payload.
struct Located {
    file: Arc<dyn DiskFile>,
    header: RecordHeader,
    payload_offset: u64,
    first: Vec<u8>,
}

impl Located {
    fn payload(&self, skip: u64, len: usize) -> Result<Vec<u8>, Error> {
        let rest = u64::from(self.header.payload_len).saturating_sub(skip);
        let len = buffer_len(rest.min(len as u64));
        let skipped = buffer_len(skip);
        if let Some(held) = self.first.get(skipped..skipped.saturating_add(len)) {
            return Ok(held.to_vec());
        }
        let mut payload = vec![0; len];
        let held = self.first.get(skipped..).unwrap_or_default();
        let (front, back) = payload.split_at_mut(held.len().min(len));
        front.copy_from_slice(held.get(..front.len()).unwrap_or_default());
        let offset = self.payload_offset + skip + front.len() as u64;
        self.file.read_exact_at(back, offset).map_err(Error::io("read a record"))?;
        Ok(payload)
    }
}

/// Lengths here are bounded by that of a frame, far below what memory can address.
fn buffer_len(len: u64) -> usize {
    usize::try_from(len.min(FRAME_BODY_LEN_MAX)).unwrap_or(0)
}

/// The log of a store that another process may own and write to: to be read only.
pub(crate) struct Scan {
    reader: LogReader,
    checkpoint: Option<RecordAddr>,
    /// What is wrong with the manifest.
    damage: Option<Damage>,
}

impl Scan {
    pub(crate) fn open(disk: Arc<dyn Disk>, options: &LogOptions) -> Result<Self, Error> {
        let live = Live::new(disk, options);
        let (manifest, damage) = rebuild::manifest(&*live.disk, options, &live)?;
        for (id, valid_len) in &manifest.sealed {
            live.add(*id, *valid_len);
        }
        live.add(manifest.active, END_UNKNOWN);
        let reader = LogReader::new(Arc::new(live));
        Ok(Self { reader, checkpoint: manifest.checkpoint, damage })
    }

    pub(crate) fn reader(&self) -> LogReader {
        self.reader.clone()
    }

    pub(crate) fn checkpoint(&self) -> Option<RecordAddr> {
        self.checkpoint
    }

    /// Visits the records from `from` on in order, up to what the owner has written by then.
    pub(crate) fn scan(&self, from: LogPos, visit: &mut Visit<'_>) -> Result<Vec<Damage>, Error> {
        let damages = self.reader.scan(from, visit)?;
        Ok(self.damage.into_iter().chain(damages).collect())
    }
}
