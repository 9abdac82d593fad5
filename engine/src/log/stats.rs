//! What a log counts, for metrics: read at any time from any thread.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const SYNC_MICROS_BOUNDS: [u64; 14] = [
    50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000,
];

/// What the log of one shard has done since it was opened, and what it holds.
#[derive(Debug, Default)]
pub struct LogStats {
    commits: AtomicU64,
    bytes: AtomicU64,
    sync_nanos: AtomicU64,
    sync_counts: [AtomicU64; SYNC_MICROS_BOUNDS.len() + 1],
    segments: AtomicU64,
    segment_bytes: AtomicU64,
    is_poisoned: AtomicBool,
}

impl LogStats {
    /// Upper bounds, in microseconds, of the buckets of [`Self::sync_counts`]; what takes longer
    /// is in one more bucket behind them.
    pub const SYNC_MICROS_BOUNDS: [u64; 14] = SYNC_MICROS_BOUNDS;

    /// Batches written and synced.
    pub fn commits(&self) -> u64 {
        self.commits.load(Relaxed)
    }

    /// Bytes of those batches.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Nanoseconds that all writes with their syncs took together.
    pub fn sync_nanos(&self) -> u64 {
        self.sync_nanos.load(Relaxed)
    }

    /// How many writes with their syncs took how long: one count for each bound of
    /// [`Self::SYNC_MICROS_BOUNDS`], not cumulative, and one for those beyond.
    pub fn sync_counts(&self) -> [u64; Self::SYNC_MICROS_BOUNDS.len() + 1] {
        std::array::from_fn(|index| {
            self.sync_counts.get(index).map_or(0, |count| count.load(Relaxed))
        })
    }

    /// Live segments.
    pub fn segments(&self) -> u64 {
        self.segments.load(Relaxed)
    }

    /// Bytes in live segments.
    pub fn segment_bytes(&self) -> u64 {
        self.segment_bytes.load(Relaxed)
    }

    /// Whether a write failed and the log takes nothing more until it is opened again.
    pub fn is_poisoned(&self) -> bool {
        self.is_poisoned.load(Relaxed)
    }

    pub(super) fn committed(&self, len: u64, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = SYNC_MICROS_BOUNDS.partition_point(|bound| bound * 1_000 < nanos);
        self.commits.fetch_add(1, Relaxed);
        self.bytes.fetch_add(len, Relaxed);
        self.sync_nanos.fetch_add(nanos, Relaxed);
        if let Some(count) = self.sync_counts.get(bucket) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn holds(&self, segments: u64, bytes: u64) {
        self.segments.store(segments, Relaxed);
        self.segment_bytes.store(bytes, Relaxed);
    }

    pub(super) fn poison(&self) {
        self.is_poisoned.store(true, Relaxed);
    }
}
