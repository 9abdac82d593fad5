//! The log of one shard: an append-only sequence of records in segments. One writer, any number
//! of readers.
//!
//! The writer gathers frames in a batch and commits it by one write and one sync. What
//! [`Log::commit`] answered `Ok` for is found again by [`Log::open`] after any crash; what it
//! did not may be found or not, a frame whole or not at all. After a failed write the log is
//! poisoned: nobody knows what reached the disk until it is opened again.

mod condense;
mod manifest_file;
mod pending;
mod read;
mod rebuild;
mod recover;
mod segment_file;
mod stats;
mod walk;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

pub(crate) use condense::Condensed;
pub(crate) use read::{LogReader, Scan};
pub use stats::LogStats;
pub(crate) use walk::Damage;

use crate::Error;
use crate::format::frame::Seed;
use crate::format::manifest::Manifest;
use crate::format::segment::{self, SegmentFooter, SegmentHeader};
use crate::ids::{LogPos, RecordAddr, SegmentId, ShardId};
use crate::io::{Disk, DiskFile};
use crate::limits::{FRAME_BODY_LEN_MAX, SEGMENT_LEN_MIN};
use crate::record::Contents;
use pending::{Pending, frame_len};
use read::Live;
use segment_file::{Blank, CONDENSED_NAME, Preparer, segment_len, segment_name};

/// Which log it is, and how large its segments grow.
#[derive(Clone, Debug)]
pub(crate) struct LogOptions {
    pub(crate) store_id: u128,
    pub(crate) shard: ShardId,
    /// Longest segment; a frame that does not fit in it gets a segment of its own.
    pub(crate) segment_len_max: u64,
}

/// The writer's side of a log.
pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    options: LogOptions,
    seed: Seed,
    live: Arc<Live>,
    manifest: Manifest,
    active: Active,
    pending: Pending,
    preparer: Preparer,
    stats: Arc<LogStats>,
}

/// The segment that is written to.
struct Active {
    id: SegmentId,
    file: Arc<dyn DiskFile>,
    /// Where the next batch will be written; readers see it move.
    end: Arc<AtomicU64>,
    frame_count: u64,
    record_count: u64,
    contents: Contents,
}

impl Active {
    fn new(id: SegmentId, file: Arc<dyn DiskFile>, end: Arc<AtomicU64>) -> Self {
        let contents = Contents::default();
        Self { id, file, end, frame_count: 0, record_count: 0, contents }
    }

    fn end(&self) -> LogPos {
        LogPos { segment: self.id, offset: self.end.load(Ordering::Acquire) }
    }

    /// Where frames must have ended.
    fn limit(&self) -> u64 {
        self.file.len().saturating_sub(segment::FOOTER_LEN)
    }
}

impl Log {
    /// Makes the log of a new shard; one whose making did not finish is made again.
    pub(crate) fn create(disk: Arc<dyn Disk>, options: LogOptions) -> Result<Self, Error> {
        let live = Arc::new(Live::new(Arc::clone(&disk), &options));
        if !recover::is_unmade(&*disk, &live)? {
            let text = format!("shard {} has a log already", options.shard);
            return Err(Error::Unusable(text));
        }
        let manifest = Manifest {
            store_id: options.store_id,
            shard: options.shard,
            checkpoint: None,
            sealed: Vec::new(),
            active: SegmentId(1),
        };
        recover::remove_leftovers(&*disk, &manifest)?;
        let mut preparer = Preparer::new(Arc::clone(&disk));
        let len = segment_len(0, segment_len_max(&options));
        let blank = preparer.take(len, 0)?;
        let file = blank.name(&*disk, segment_header(&options, manifest.active, len))?;
        manifest_file::write(&*disk, &manifest)?;
        manifest_file::replace(&*disk)?;
        let end = live.add(manifest.active, segment::HEADER_LEN);
        let active = Active::new(manifest.active, file, end);
        Ok(Self::assemble(disk, options, (manifest, live, active, preparer)))
    }

    /// Opens a log and recovers its end. Says what is damaged in the active segment; what is
    /// damaged elsewhere shows in a scan.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        options: LogOptions,
    ) -> Result<(Self, Vec<Damage>), Error> {
        let live = Arc::new(Live::new(Arc::clone(&disk), &options));
        if recover::is_unmade(&*disk, &live)? {
            return Ok((Self::create(disk, options)?, Vec::new()));
        }
        let (manifest, damage) = rebuild::manifest(&*disk, &options, &live)?;
        if damage.is_some() {
            manifest_file::write(&*disk, &manifest)?;
            manifest_file::replace(&*disk)?;
        }
        // The names just read may be in memory only.
        disk.sync_dir().map_err(Error::io("sync a shard"))?;
        recover::remove_leftovers(&*disk, &manifest)?;
        for (id, valid_len) in &manifest.sealed {
            live.add(*id, *valid_len);
        }
        let recovered = recover::recover_active(&*disk, &live, manifest.active)?;
        let walk = recovered.walk;
        let active = Active {
            id: manifest.active,
            file: recovered.file,
            end: live.add(manifest.active, walk.end),
            frame_count: walk.frame_count,
            record_count: walk.record_count,
            contents: recovered.contents,
        };
        let preparer = Preparer::new(Arc::clone(&disk));
        let damages = damage.into_iter().chain(walk.damages).collect();
        Ok((Self::assemble(disk, options, (manifest, live, active, preparer)), damages))
    }

    fn assemble(
        disk: Arc<dyn Disk>,
        options: LogOptions,
        (manifest, live, active, preparer): (Manifest, Arc<Live>, Active, Preparer),
    ) -> Self {
        let seed = live.seed();
        let (pending, stats) = (Pending::default(), Arc::default());
        let log = Self { disk, options, seed, live, manifest, active, pending, preparer, stats };
        log.count_segments();
        log
    }

    /// Makes sure that a frame with this payload over this many records fits: commits and goes on
    /// to a new segment if it must.
    pub(crate) fn reserve(&mut self, payload_len: u64, record_count: usize) -> Result<(), Error> {
        self.check_poison()?;
        let len = frame_len(payload_len, record_count);
        if len > FRAME_BODY_LEN_MAX {
            return Err(Error::MessageTooLarge { size: len, limit: FRAME_BODY_LEN_MAX });
        }
        if self.end().offset + len <= self.active.limit() {
            return Ok(());
        }
        self.commit()?;
        self.roll(len)
    }

    /// Starts a frame.
    pub(crate) fn begin_frame(&mut self) {
        self.pending.begin();
    }

    /// Adds a record, its payload being `parts` one after another, to the frame that was begun.
    pub(crate) fn record(&mut self, kind: u8, parts: &[&[u8]]) -> RecordAddr {
        let payload_len: usize = parts.iter().map(|part| part.len()).sum();
        self.active.contents.count(kind, payload_len as u64);
        self.pending.record(self.active.end(), kind, parts)
    }

    /// Finishes the frame that was begun.
    pub(crate) fn end_frame(&mut self) {
        let record_count = self.pending.end(self.active.end(), self.seed);
        self.active.frame_count += u64::from(record_count > 0);
        self.active.record_count += u64::from(record_count);
        debug_assert!(
            self.end().offset <= self.active.limit(),
            "a frame fits in what was reserved"
        );
    }

    /// Makes all pending frames durable by one write and one sync.
    pub(crate) fn commit(&mut self) -> Result<(), Error> {
        self.check_poison()?;
        let (len, end) = (self.pending.len(), self.end().offset);
        if len == 0 {
            return Ok(());
        }
        let start = Instant::now();
        let written = if end <= self.active.limit() {
            self.active.file.write_and_sync(self.pending.take(), self.active.end().offset)
        } else {
            Err(std::io::Error::other("a batch is longer than its segment"))
        };
        match written {
            Ok(buffer) => self.pending.reuse(buffer),
            Err(error) => return Err(self.poison(Error::io("write to the log")(error))),
        }
        self.active.end.store(end, Ordering::Release);
        self.stats.committed(len, start.elapsed());
        if end > self.active.file.len() / 2 {
            self.preparer.start(self.next_segment_len());
        }
        Ok(())
    }

    /// Makes `addr` the newest checkpoint. What is pending is committed first.
    pub(crate) fn set_checkpoint(&mut self, addr: RecordAddr) -> Result<(), Error> {
        self.commit()?;
        let manifest = Manifest { checkpoint: Some(addr), ..self.manifest.clone() };
        self.replace_manifest(manifest)
    }

    /// Leaves no checkpoint to start from.
    pub(crate) fn forget_checkpoint(&mut self) -> Result<(), Error> {
        self.replace_manifest(Manifest { checkpoint: None, ..self.manifest.clone() })
    }

    /// The newest checkpoint.
    pub(crate) fn checkpoint(&self) -> Option<RecordAddr> {
        self.manifest.checkpoint
    }

    /// Where the next frame will start unless a new segment is needed for it.
    pub(crate) fn end(&self) -> LogPos {
        let end = self.active.end();
        LogPos { offset: end.offset + self.pending.len(), ..end }
    }

    /// Bytes that the next commit will write.
    pub(crate) fn pending_len(&self) -> u64 {
        self.pending.len()
    }

    /// Whether an earlier write failed.
    pub(crate) fn is_poisoned(&self) -> bool {
        self.stats.is_poisoned()
    }

    pub(crate) fn stats(&self) -> Arc<LogStats> {
        Arc::clone(&self.stats)
    }

    /// For any thread; sees what is committed.
    pub(crate) fn reader(&self) -> LogReader {
        LogReader::new(Arc::clone(&self.live))
    }

    /// What the active segment holds.
    pub(crate) fn active_contents(&self) -> Contents {
        self.active.contents
    }

    /// Goes on in a new segment. What is pending is committed first.
    pub(crate) fn seal_active(&mut self) -> Result<(), Error> {
        self.commit()?;
        self.roll(0)
    }

    /// Seals the active segment and goes on in a new one with room for a frame of `frame_len`.
    fn roll(&mut self, frame_len: u64) -> Result<(), Error> {
        let len_min = segment::HEADER_LEN + frame_len + segment::FOOTER_LEN;
        // Until the manifest names the new segment, a failure leaves the log as it was.
        let blank = self.preparer.take(self.next_segment_len(), len_min)?;
        self.seal()?;
        self.go_on_in(blank)
    }

    fn seal(&mut self) -> Result<(), Error> {
        let footer = SegmentFooter {
            segment: self.active.id,
            valid_len: self.active.end().offset,
            frame_count: self.active.frame_count,
            record_count: self.active.record_count,
            contents: self.active.contents,
        };
        let sealed = self.active.file.write_and_sync(footer.encode(), self.active.limit());
        sealed.map(drop).map_err(|error| self.poison(Error::io("seal a segment")(error)))
    }

    fn go_on_in(&mut self, blank: Blank) -> Result<(), Error> {
        let id = SegmentId(self.active.id.0 + 1);
        let header = segment_header(&self.options, id, blank.file.len());
        let file = blank.name(&*self.disk, header)?;
        let mut manifest = Manifest { active: id, ..self.manifest.clone() };
        manifest.sealed.push((self.active.id, self.active.end().offset));
        self.replace_manifest(manifest)?;
        let end = self.live.add(id, segment::HEADER_LEN);
        self.active = Active::new(id, file, end);
        self.count_segments();
        Ok(())
    }

    /// Puts a condensed segment in the place of the one it was made from, or takes that out of
    /// the log if nothing of it is kept. Either is right at any moment: nothing may refer to what
    /// was left out, in any manifest or checkpoint that a crash could leave in force.
    pub(crate) fn put_condensed(&mut self, condensed: &Condensed) -> Result<(), Error> {
        self.commit()?;
        let id = condensed.segment;
        let mut manifest = self.manifest.clone();
        let Ok(at) = manifest.sealed.binary_search_by_key(&id, |(id, _)| *id) else {
            return Ok(());
        };
        if condensed.frame_count == 0 {
            manifest.sealed.remove(at);
            self.replace_manifest(manifest)?;
            self.live.remove(id);
            let removed = self.disk.remove(&segment_name(id));
            removed.map_err(Error::io("remove a segment"))?;
        } else {
            let renamed = self.disk.rename(CONDENSED_NAME, &segment_name(id));
            renamed.map_err(Error::io("replace a segment"))?;
            self.live.replace(id, condensed.valid_len);
            let synced = self.disk.sync_dir();
            synced.map_err(|error| self.poison(Error::io("replace a segment")(error)))?;
            if let Some((_, valid_len)) = manifest.sealed.get_mut(at) {
                *valid_len = condensed.valid_len;
            }
            self.manifest = manifest;
        }
        self.count_segments();
        Ok(())
    }

    fn replace_manifest(&mut self, manifest: Manifest) -> Result<(), Error> {
        manifest_file::write(&*self.disk, &manifest)?;
        manifest_file::replace(&*self.disk).map_err(|error| self.poison(error))?;
        self.manifest = manifest;
        Ok(())
    }

    fn next_segment_len(&self) -> u64 {
        segment_len(self.live_len(), segment_len_max(&self.options))
    }

    fn live_len(&self) -> u64 {
        let sealed_len: u64 = self.manifest.sealed.iter().map(|(_, valid_len)| valid_len).sum();
        sealed_len + self.active.file.len()
    }

    fn count_segments(&self) {
        self.stats.holds(self.manifest.sealed.len() as u64 + 1, self.live_len());
    }

    fn check_poison(&self) -> Result<(), Error> {
        if self.is_poisoned() { Err(Error::Poisoned) } else { Ok(()) }
    }

    /// Nothing is accepted any more; the error passes through.
    fn poison(&self, error: Error) -> Error {
        tracing::error!(shard = %self.options.shard, %error, "the log takes no more");
        self.stats.poison();
        error
    }
}

fn segment_len_max(options: &LogOptions) -> u64 {
    options.segment_len_max.max(SEGMENT_LEN_MIN)
}

fn segment_header(options: &LogOptions, segment: SegmentId, file_len: u64) -> SegmentHeader {
    SegmentHeader { store_id: options.store_id, shard: options.shard, segment, file_len }
}

#[cfg(test)]
mod tests;
