//! One segment read frame by frame: what is valid, what is damaged, and where it ends.
//!
//! A bad spot with a frame behind it whose batch started later is damage, for that frame was
//! written after the spot was synced. A bad spot with no such frame is where a crash cut the
//! last write: torn, never acknowledged, the end. This module only says which it is.

use crate::format::frame::{ALIGNMENT, FrameHeader, HEADER_LEN, MAGIC, Seed};
use crate::format::segment;
use crate::ids::{LogPos, SegmentId};
use crate::io::DiskFile;
use crate::{Error, Fault};

/// Bytes read at a time.
const WINDOW_LEN: u64 = 256 << 10;
const FRAME_HEADER_LEN: u64 = HEADER_LEN as u64;
/// Frames start at multiples of this.
const STEP: u64 = ALIGNMENT as u64;

/// Bytes on disk that contradict themselves; what stands around them is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Where.
    pub(crate) at: LogPos,
    /// What is wrong there.
    pub(crate) fault: Fault,
}

/// How far a segment is known to hold frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All before this offset was synced; a bad spot before it is damage.
    Upto(u64),
    /// Nobody knows: the walk finds out.
    Open,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Where the last valid frame ends.
    pub(super) end: u64,
    /// Where the batch of the last valid frame starts.
    pub(super) batch_start: u64,
    /// Whether a torn write stands behind the end.
    pub(super) is_torn: bool,
    pub(super) frame_count: u64,
    pub(super) record_count: u64,
    pub(super) damages: Vec<Damage>,
}

/// Called with each valid frame and its stored bytes behind the header.
pub(super) type VisitFrame<'a> = dyn FnMut(&FrameHeader, &[u8]) -> Result<(), Error> + 'a;

/// A segment to be walked.
pub(super) struct Segment<'a> {
    pub(super) file: &'a dyn DiskFile,
    pub(super) id: SegmentId,
    pub(super) seed: Seed,
}

impl Segment<'_> {
    /// Visits the frames that end behind `from`; frames before it are not checked.
    pub(super) fn walk(
        &self,
        from: u64,
        extent: Extent,
        visit: &mut VisitFrame<'_>,
    ) -> Result<Walk, Error> {
        let frames_end_max = self.file.len().saturating_sub(segment::FOOTER_LEN);
        let limit = match extent {
            Extent::Upto(end) => end.min(frames_end_max),
            Extent::Open => frames_end_max,
        };
        let mut window = Window::new(self, limit);
        let mut walk = Walk { batch_start: segment::HEADER_LEN, ..Walk::default() };
        let mut at = window.first(from)?;
        loop {
            let (fault, resume) = match window.look(at, from)? {
                Look::End => break,
                Look::Frame(header) => {
                    let end = at + header.stored_len();
                    if end > from {
                        visit(&header, window.body(&header)?)?;
                    }
                    walk.batch_start = header.batch_start;
                    walk.frame_count += 1;
                    walk.record_count += u64::from(header.record_count);
                    at = end;
                    continue;
                }
                Look::Bad(fault, resume) => (fault, resume),
            };
            if extent == Extent::Open {
                if window.is_zero_from(at)? {
                    break;
                }
                if window.header_after(resume, at + 1)?.is_none() {
                    walk.is_torn = true;
                    break;
                }
                // The owner may have written here since: what was synced is there when read anew.
                window.forget();
                if matches!(window.look(at, from)?, Look::Frame(_)) {
                    continue;
                }
            }
            if at >= from {
                walk.damages.push(Damage { at: window.place(at), fault });
            }
            at = window.header_after(resume, 0)?.map_or(limit, |header| header.at.offset);
        }
        walk.end = at;
        if let Extent::Upto(end) = extent
            && end > limit
        {
            walk.damages.push(Damage { at: window.place(limit), fault: Fault::Truncated });
        }
        Ok(walk)
    }
}

/// What stands at an offset.
enum Look {
    Frame(FrameHeader),
    /// No frame can stand here.
    End,
    /// What is wrong, and where to look for the next frame.
    Bad(Fault, u64),
}

/// A part of the segment in memory, moved along as it is read.
struct Window<'a> {
    segment: &'a Segment<'a>,
    /// No frame reaches beyond.
    limit: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    fn new(segment: &'a Segment<'a>, limit: u64) -> Self {
        Self { segment, limit, start: 0, bytes: Vec::new() }
    }

    fn place(&self, offset: u64) -> LogPos {
        LogPos { segment: self.segment.id, offset }
    }

    /// `from` if a frame stands there, else the first place a frame can be.
    fn first(&mut self, from: u64) -> Result<u64, Error> {
        let is_place = from > segment::HEADER_LEN
            && from.is_multiple_of(STEP)
            && from.saturating_add(FRAME_HEADER_LEN) <= self.limit;
        if is_place && self.header(from)?.is_ok() { Ok(from) } else { Ok(segment::HEADER_LEN) }
    }

    fn look(&mut self, at: u64, from: u64) -> Result<Look, Error> {
        if at + FRAME_HEADER_LEN > self.limit {
            return Ok(Look::End);
        }
        let header = match self.header(at)? {
            Ok(header) => header,
            Err(fault) => return Ok(Look::Bad(fault, at + STEP)),
        };
        let end = at + header.stored_len();
        if end > self.limit {
            return Ok(Look::Bad(Fault::Truncated, at + STEP));
        }
        if end > from
            && let Err(fault) = header.check_body(self.body(&header)?)
        {
            return Ok(Look::Bad(fault, end));
        }
        Ok(Look::Frame(header))
    }

    fn header(&mut self, at: u64) -> Result<Result<FrameHeader, Fault>, Error> {
        let (place, seed) = (self.place(at), self.segment.seed);
        Ok(FrameHeader::decode(self.fetch(at, FRAME_HEADER_LEN)?, place, seed))
    }

    /// The stored bytes of a frame behind its header.
    fn body(&mut self, header: &FrameHeader) -> Result<&[u8], Error> {
        let len = header.stored_len() - FRAME_HEADER_LEN;
        self.fetch(header.at.offset + FRAME_HEADER_LEN, len)
    }

    /// The first valid header at `at` or behind whose batch starts at `batch_start_min` or later.
    fn header_after(
        &mut self,
        mut at: u64,
        batch_start_min: u64,
    ) -> Result<Option<FrameHeader>, Error> {
        while at + FRAME_HEADER_LEN <= self.limit {
            let len = WINDOW_LEN.min(self.limit - at);
            let words = self.fetch(at, len)?.chunks(ALIGNMENT);
            let Some(index) = words.into_iter().position(|word| word.starts_with(&MAGIC)) else {
                at += len;
                continue;
            };
            at += index as u64 * STEP;
            if at + FRAME_HEADER_LEN <= self.limit
                && let Ok(header) = self.header(at)?
                && header.batch_start >= batch_start_min
            {
                return Ok(Some(header));
            }
            at += STEP;
        }
        Ok(None)
    }

    fn is_zero_from(&mut self, mut at: u64) -> Result<bool, Error> {
        while at < self.limit {
            let len = WINDOW_LEN.min(self.limit - at);
            if self.fetch(at, len)?.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += len;
        }
        Ok(true)
    }

    fn forget(&mut self) {
        self.bytes.clear();
    }

    /// `len` bytes from `at` on, which must end before the limit.
    fn fetch(&mut self, at: u64, len: u64) -> Result<&[u8], Error> {
        let held_end = self.start + self.bytes.len() as u64;
        if at < self.start || at + len > held_end {
            let read_len = len.max(WINDOW_LEN.min(self.limit.saturating_sub(at)));
            let read_len = usize::try_from(read_len).expect("a frame is below 4 GiB");
            self.bytes.clear();
            self.bytes.resize(read_len, 0);
            self.start = at;
            let read = self.segment.file.read_exact_at(&mut self.bytes, at);
            if let Err(error) = read {
                self.bytes.clear();
                return Err(Error::io("read a segment")(error));
            }
        }
        let start = usize::try_from(at - self.start).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
        Ok(self.bytes.get(start..end).unwrap_or_default())
    }
}
