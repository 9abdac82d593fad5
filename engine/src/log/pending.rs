//! The batch that is being gathered: frames encoded as they will stand on disk.

use crate::format::frame::{
    ALIGNMENT, FrameHeader, HEADER_LEN, RECORD_HEADER_LEN, Seed, put_record,
};
use crate::ids::{LogPos, RecordAddr};

/// A buffer that grew beyond this for one large batch is given back.
const KEPT_LEN_MAX: usize = 4 << 20;

/// Frames that are not on disk yet.
#[derive(Default)]
pub(super) struct Pending {
    bytes: Vec<u8>,
    open: Option<OpenFrame>,
}

/// A frame that still takes records.
struct OpenFrame {
    start: usize,
    record_count: u32,
}

impl Pending {
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(super) fn begin(&mut self) {
        let start = self.bytes.len();
        self.bytes.resize(start + HEADER_LEN, 0);
        self.open = Some(OpenFrame { start, record_count: 0 });
    }

    /// Adds a record to the open frame; `batch` is where the batch will be written.
    pub(super) fn record(&mut self, batch: LogPos, kind: u8, parts: &[&[u8]]) -> RecordAddr {
        let frame = self.open.as_mut().expect("records stand between begin_frame and end_frame");
        frame.record_count += 1;
        let offset = batch.offset + self.bytes.len() as u64;
        put_record(&mut self.bytes, kind, parts);
        LogPos { offset, ..batch }
    }

    /// Finishes the open frame and says how many records it has; one without any is dropped.
    pub(super) fn end(&mut self, batch: LogPos, seed: Seed) -> u32 {
        let frame = self.open.take().expect("end_frame follows begin_frame");
        if frame.record_count == 0 {
            self.bytes.truncate(frame.start);
            return 0;
        }
        let body_len = self.bytes.len() - frame.start - HEADER_LEN;
        let header = FrameHeader {
            at: LogPos { offset: batch.offset + frame.start as u64, ..batch },
            batch_start: batch.offset,
            body_len: u32::try_from(body_len).expect("reserve bounds a frame below 4 GiB"),
            record_count: frame.record_count,
        };
        let place = self.bytes.get_mut(frame.start..frame.start + HEADER_LEN);
        place.expect("begin made room").copy_from_slice(&header.encode(seed));
        let padded_len = self.bytes.len().next_multiple_of(ALIGNMENT);
        self.bytes.resize(padded_len, 0);
        frame.record_count
    }

    /// The batch, to be written.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Gives the buffer back for the next batch.
    pub(super) fn reuse(&mut self, mut bytes: Vec<u8>) {
        bytes.clear();
        bytes.shrink_to(KEPT_LEN_MAX);
        self.bytes = bytes;
    }
}

/// Bytes of a frame with these records, as stored.
pub(super) fn frame_len(payload_len: u64, record_count: usize) -> u64 {
    let headers_len = HEADER_LEN as u64 + record_count as u64 * RECORD_HEADER_LEN as u64;
    payload_len.saturating_add(headers_len).saturating_add(ALIGNMENT as u64)
}
