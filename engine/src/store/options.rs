//! How a store is opened.

use std::time::Duration;

use crate::io::IoPath;
use crate::store::retention::Retention;

/// How a store is created or opened; `Default` suits a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which way bytes reach the disk.
    pub io: IoPath,
    /// The most bytes one segment file has, larger single operations aside.
    pub segment_len_max: u64,
    /// Shards of a new store; an existing one keeps what it was created with.
    pub shard_count: u16,
    /// Bytes of log after which the next checkpoint is written: the bound of what a start replays.
    pub checkpoint_every: u64,
    /// Bytes of columns, marks and expunge history that are kept in memory although they are in
    /// the log too. What is not used lately goes first, and is read again when it is needed.
    pub index_len_max: usize,
    /// How long what was expunged or deleted is held, so that it can be put back.
    pub retention: Retention,
    /// Whether upkeep (learning dictionaries, making list parts, compaction) runs beside the work.
    pub upkeep: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            io: IoPath::Auto,
            segment_len_max: 256 << 20,
            shard_count: 1,
            checkpoint_every: 64 << 20,
            index_len_max: 64 << 20,
            retention: Retention::of(Duration::from_hours(7 * 24)),
            upkeep: true,
        }
    }
}
