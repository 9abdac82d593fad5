//! Condensing a sealed segment: a new file that holds only those of its records that are kept,
//! frame by frame and in their order. Made beside readers and the writer; the writer then puts it
//! in the old one's place with [`Log::put_condensed`](super::Log::put_condensed).

use crate::Error;
use crate::format::segment::{self, SegmentFooter, SegmentHeader};
use crate::ids::{LogPos, RecordAddr, SegmentId};
use crate::log::pending::Pending;
use crate::log::read::LogReader;
use crate::log::segment_file::CONDENSED_NAME;
use crate::log::walk::{Damage, Extent, Segment};
use crate::record::Contents;

/// What was made of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Condensed {
    pub(crate) segment: SegmentId,
    pub(crate) valid_len: u64,
    /// 0 where nothing is kept; then there is no new file.
    pub(crate) frame_count: u64,
}

/// Tells of a record whether it is kept.
pub(crate) type Keep<'a> = dyn FnMut(RecordAddr, u8, &[u8]) -> bool + 'a;

impl LogReader {
    /// What sealed segments hold, as their footers say, oldest first. A segment without a usable
    /// footer is left out: it stays as it is.
    pub(crate) fn sealed(&self) -> Vec<SegmentFooter> {
        let mut segments = self.0.ends_from(SegmentId(0));
        segments.pop();
        let footer = |id| {
            let file = self.0.file(id).ok()?;
            super::rebuild::read_footer(&*file, id).ok()
        };
        segments.into_iter().filter_map(|(id, _)| footer(id)).collect()
    }

    /// Writes the records of a sealed segment that are kept to a file of their own. `None` if the
    /// segment is damaged: it stays as it is, so that nothing more is lost.
    pub(crate) fn condense(
        &self,
        id: SegmentId,
        keep: &mut Keep<'_>,
    ) -> Result<Option<Condensed>, Error> {
        let live = &self.0;
        let file = live.file(id).map_err(Error::io("open a segment"))?;
        let end = match super::rebuild::read_footer(&*file, id) {
            Ok(footer) => footer.valid_len,
            Err(_) => return Ok(None),
        };
        let header = SegmentHeader {
            store_id: live.store_id(),
            shard: self.shard(),
            segment: id,
            file_len: 0,
        };
        let mut kept = Kept::new(id, live.seed());
        let segment = Segment { file: &*file, id, seed: live.seed() };
        let walk = segment.walk(0, Extent::Upto(end), &mut |header, body| {
            kept.frame(header.records(body).flatten(), keep);
            Ok(())
        })?;
        if walk.damages.iter().any(|damage: &Damage| damage.at.segment == id) {
            return Ok(None);
        }
        let (bytes, condensed) = kept.finish(header);
        if condensed.frame_count > 0 {
            let written = live.disk().write_new(CONDENSED_NAME, &bytes);
            written.map_err(Error::io("write what is kept of a segment"))?;
        }
        Ok(Some(condensed))
    }
}

/// The new file as it grows.
struct Kept {
    segment: SegmentId,
    seed: crate::format::frame::Seed,
    frames: Pending,
    frame_count: u64,
    record_count: u64,
    contents: Contents,
}

impl Kept {
    fn new(segment: SegmentId, seed: crate::format::frame::Seed) -> Self {
        let frames = Pending::default();
        let contents = Contents::default();
        Self { segment, seed, frames, frame_count: 0, record_count: 0, contents }
    }

    fn frame<'a>(
        &mut self,
        records: impl Iterator<Item = (RecordAddr, u8, &'a [u8])>,
        keep: &mut Keep<'_>,
    ) {
        let start = LogPos { segment: self.segment, offset: segment::HEADER_LEN };
        self.frames.begin();
        for (addr, kind, payload) in records {
            if keep(addr, kind, payload) {
                self.frames.record(start, kind, &[payload]);
                self.contents.count(kind, payload.len() as u64);
            }
        }
        let record_count = self.frames.end(start, self.seed);
        self.frame_count += u64::from(record_count > 0);
        self.record_count += u64::from(record_count);
    }

    /// The bytes of the whole file.
    fn finish(mut self, header: SegmentHeader) -> (Vec<u8>, Condensed) {
        let mut frames = self.frames.take();
        let valid_len = segment::HEADER_LEN + frames.len() as u64;
        let file_len = valid_len + segment::FOOTER_LEN;
        let (frame_count, record_count) = (self.frame_count, self.record_count);
        let footer = SegmentFooter {
            segment: self.segment,
            valid_len,
            frame_count,
            record_count,
            contents: self.contents,
        };
        let mut bytes = SegmentHeader { file_len, ..header }.encode();
        bytes.append(&mut frames);
        bytes.append(&mut footer.encode());
        (bytes, Condensed { segment: self.segment, valid_len, frame_count })
    }
}
