//! Files: the narrow door through which everything above reaches storage. Knows no record.
//!
//! A [`Disk`] is the directory of one shard; its files have plain names. Whatever is behind it
//! keeps one promise: when `sync`, `write_and_sync`, `create_zeroed`, `write_new` or `sync_dir`
//! returned `Ok`, what they cover survives a loss of power.

mod blocking;
mod map;
mod scratch;
#[cfg(test)]
pub(crate) mod sim;
mod store_root;
mod uring;

use std::io;
use std::path::Path;
use std::sync::Arc;

pub use scratch::ScratchFile;
pub(crate) use store_root::StoreRoot;

use crate::Error;

/// Bytes that stay where they are for as long as somebody needs them: a message, in memory or in a
/// [`ScratchFile`].
pub type MessageSource = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// How the engine reaches its files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IoPath {
    /// What serves best here: plain calls, which measured as fast as the ring for one log.
    #[default]
    Auto,
    /// Always `io_uring`; refused where the system has none.
    Uring,
    /// Always plain positioned reads and writes.
    Blocking,
}

/// Work that may run beside its caller.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// The directory of one shard.
pub(crate) trait Disk: Send + Sync {
    /// Makes (or replaces) a file of `len` zeros that are written and synced, not just allocated.
    fn create_zeroed(&self, name: &str, len: u64) -> io::Result<Arc<dyn DiskFile>>;
    /// Makes (or replaces) a small file with these bytes and syncs it.
    fn write_new(&self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Opens a file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Gives a file another name, replacing what had it; durable after [`Disk::sync_dir`].
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file; durable after [`Disk::sync_dir`].
    fn remove(&self, name: &str) -> io::Result<()>;
    /// The names in the directory, sorted.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Makes names durable.
    fn sync_dir(&self) -> io::Result<()>;
    /// Runs `job` without keeping the caller; a job that cannot be run is dropped.
    fn in_background(&self, job: Job);
}

/// A file of fixed length.
pub(crate) trait DiskFile: Send + Sync {
    /// Bytes of the file, as of when it was opened.
    fn len(&self) -> u64;
    /// Fills `buffer` from `offset` on.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes everything written durable (fdatasync).
    fn sync(&self) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`, makes it durable and gives the buffer back.
    fn write_and_sync(&self, bytes: Vec<u8>, offset: u64) -> io::Result<Vec<u8>> {
        self.write_at(&bytes, offset)?;
        self.sync()?;
        Ok(bytes)
    }
}

/// The directory of one shard, made if there is none.
pub(crate) fn shard_disk(dir: &Path, io: IoPath) -> Result<Arc<dyn Disk>, Error> {
    match io {
        IoPath::Auto | IoPath::Blocking => Ok(Arc::new(blocking::BlockingDisk::new(dir)?)),
        IoPath::Uring => Ok(Arc::new(uring::UringDisk::new(dir)?)),
    }
}
