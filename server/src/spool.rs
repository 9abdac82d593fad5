//! The bytes of a message while it arrives: a short one stays in memory, a long one goes to a file
//! without a name, so that its size costs disk and not memory. Whoever reads it sees one slice.
//!
//! Both are counted against what the server holds for all connections. A client that vanishes
//! takes everything with it: the file, its room on disk and its share of the budgets.

use std::fmt;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

use engine::io::{MessageSource, ScratchFile};
use tokio::task::spawn_blocking;

use crate::limits::{ByteBudget, ByteShare};

/// Bytes that are kept in memory; what is longer goes to a file in pieces of this length.
pub const PIECE_LEN: usize = 256 << 10;
/// Where a message's memory begins.
const FIRST_CAPACITY: usize = 8 << 10;
/// Bytes that can be put in front of a message that is in a file: its trace fields and signatures.
/// Those are made of names and addresses whose lengths are bounded where they are read.
const FRONT_ROOM: u64 = 64 << 10;

/// What the messages that arrive may take, all of them together.
#[derive(Clone, Debug)]
pub struct SpoolRoom {
    memory: ByteBudget,
    disk: ByteBudget,
    directory: Arc<Path>,
}

/// Why no more bytes are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpoolFault {
    /// The server holds too much unfinished mail.
    #[error("too much mail is arriving")]
    NoRoom,
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// The file cannot be written or read; the log says why.
    #[error("a file for a message on its way in failed")]
    Failed,
}

/// A message while it arrives.
#[derive(Debug)]
pub struct Spool {
    room: SpoolRoom,
    /// What is not in the file, or all of it.
    bytes: Vec<u8>,
    in_memory: ByteShare,
    /// `None` until memory is not enough.
    file: Option<ScratchFile>,
    on_disk: ByteShare,
}

/// A message that came whole.
#[derive(Debug)]
pub struct Spooled {
    bytes: Bytes,
    /// `None` where nobody counts.
    share: Option<Arc<ByteShare>>,
}

/// A part of what came: one message of a command that has several, or words around it.
#[derive(Debug)]
pub struct Stretch {
    whole: Arc<Spooled>,
    range: Range<usize>,
}

enum Bytes {
    Memory(Vec<u8>),
    File(MessageSource),
}

impl SpoolRoom {
    /// So many bytes in memory, so many on the disk of this directory.
    pub fn new(memory_max: usize, disk_max: usize, directory: &Path) -> Self {
        Self {
            memory: ByteBudget::new(memory_max),
            disk: ByteBudget::new(disk_max),
            directory: directory.into(),
        }
    }

    /// A share of the memory, for what is no message but arrives as one does.
    pub fn in_memory(&self) -> ByteShare {
        self.memory.share()
    }

    /// An empty message.
    pub fn spool(&self) -> Spool {
        Spool {
            room: self.clone(),
            bytes: Vec::new(),
            in_memory: self.memory.share(),
            file: None,
            on_disk: self.disk.share(),
        }
    }
}

impl Spool {
    /// Takes the next bytes, into memory; [`Spool::write_out`] belongs between this and waiting
    /// for more.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), SpoolFault> {
        self.reserve(piece.len())?;
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// Bytes taken so far.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64 + self.file.as_ref().map_or(0, ScratchFile::len)
    }

    /// Whether no bytes were taken yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves what gathered in memory to the file, if it is much, off the threads that serve.
    pub async fn write_out(&mut self) -> Result<(), SpoolFault> {
        if self.bytes.len() < PIECE_LEN {
            return Ok(());
        }
        self.write().await
    }

    /// Puts these bytes in the place of those that stand at each of `places`.
    pub async fn overwrite(
        &mut self,
        places: &[usize],
        bytes: &'static [u8],
    ) -> Result<(), SpoolFault> {
        if places.is_empty() {
            return Ok(());
        }
        if self.file.is_none() {
            for place in places {
                let old = self.bytes.get_mut(*place..place + bytes.len());
                old.ok_or(SpoolFault::Failed)?.copy_from_slice(bytes);
            }
            return Ok(());
        }
        self.write().await?;
        let Some(mut file) = self.file.take() else { return Err(SpoolFault::Failed) };
        let places = places.to_vec();
        let overwrite = move || {
            places.iter().try_for_each(|place| file.overwrite(*place as u64, bytes))?;
            Ok(file)
        };
        self.file = Some(off_thread(overwrite).await?);
        Ok(())
    }

    /// The whole message with `front` before it, now that its end has come.
    pub async fn finish(mut self, front: &[u8]) -> Result<Spooled, SpoolFault> {
        if self.file.is_none() {
            self.reserve(front.len())?;
            self.bytes.splice(0..0, front.iter().copied());
            let share = Some(Arc::new(self.in_memory));
            return Ok(Spooled { bytes: Bytes::Memory(self.bytes), share });
        }
        self.write().await?;
        let Some(file) = self.file.take() else { return Err(SpoolFault::Failed) };
        let front = front.to_vec();
        let mapped = off_thread(move || file.into_mapped(&front)).await?;
        let share = Some(Arc::new(self.on_disk));
        Ok(Spooled { bytes: Bytes::File(mapped), share })
    }

    /// Room in memory that grows with what came and never with what was promised.
    fn reserve(&mut self, more: usize) -> Result<(), SpoolFault> {
        let len = self.bytes.len() + more;
        if len <= self.bytes.capacity() {
            return Ok(());
        }
        let doubled = (self.bytes.capacity() * 2).clamp(FIRST_CAPACITY, PIECE_LEN).max(len);
        // Where doubling is too much, what is needed may still fit.
        let wanted = [doubled, len.max(FIRST_CAPACITY)];
        let covered = wanted.into_iter().find(|capacity| self.in_memory.cover(*capacity));
        let capacity = covered.ok_or(SpoolFault::NoRoom)?;
        self.bytes.reserve_exact(capacity - self.bytes.len());
        Ok(())
    }

    async fn write(&mut self) -> Result<(), SpoolFault> {
        let len = usize::try_from(self.len()).map_err(|_| SpoolFault::NoRoom)?;
        if !self.on_disk.cover(len) {
            return Err(SpoolFault::NoRoom);
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        let (file, directory) = (self.file.take(), Arc::clone(&self.room.directory));
        let write = move || {
            let mut file = match file {
                Some(file) => file,
                None => ScratchFile::create_in(&directory, FRONT_ROOM)?,
            };
            file.append(&bytes)?;
            bytes.clear();
            Ok((file, bytes))
        };
        let (file, bytes) = off_thread(write).await?;
        self.file = Some(file);
        self.bytes = bytes;
        Ok(())
    }
}

/// Runs what touches the disk where nobody waits for it.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, SpoolFault> {
    let error = match spawn_blocking(work).await {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(error)) => error,
        Err(failure) => std::io::Error::other(failure),
    };
    tracing::error!(%error, "cannot keep a message on its way in");
    Err(match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => SpoolFault::DiskFull,
        _ => SpoolFault::Failed,
    })
}

impl Spooled {
    /// What came whole and is counted already.
    pub fn in_memory(bytes: Vec<u8>, share: ByteShare) -> Self {
        Self { bytes: Bytes::Memory(bytes), share: Some(Arc::new(share)) }
    }

    /// What it takes of the budgets; to be held for as long as anything made of it is.
    pub fn share(&self) -> Option<Arc<ByteShare>> {
        self.share.clone()
    }
}

/// A message of the server's own.
impl From<Vec<u8>> for Spooled {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: Bytes::Memory(bytes), share: None }
    }
}

impl Deref for Spooled {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Memory(bytes) => bytes,
            Bytes::File(mapped) => (**mapped).as_ref(),
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Memory(_) => "Memory",
            Self::File(_) => "File",
        })
    }
}

impl AsRef<[u8]> for Spooled {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Stretch {
    /// Bytes that are not there are left out.
    pub fn new(whole: Arc<Spooled>, range: Range<usize>) -> Self {
        Self { whole, range }
    }
}

impl Deref for Stretch {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.whole.get(self.range.clone()).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Stretch {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[cfg(test)]
mod tests;
