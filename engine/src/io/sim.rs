//! A disk in memory that can lose power at any operation, refuse one, or be full. For tests:
//! deterministic by seed.
//!
//! What was not synced may survive a loss of power whole, in part or not at all, one write
//! without another, in any order; a part is any choice of 512-byte sectors, or a write cut at
//! any byte. Names behave the same until the directory is synced.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskFile, Job};

const SECTOR_LEN: usize = 512;

/// A simulated disk; clones are the same disk.
#[derive(Clone, Default)]
pub(crate) struct SimDisk(Arc<Mutex<State>>);

#[derive(Clone, Default)]
struct State {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    unsynced_names: Vec<NameChange>,
    /// Writes, syncs and changes of names so far.
    op_count: u64,
    /// The operation at which power is lost.
    power_loss_at: Option<u64>,
    /// The operation that is refused with EIO, and the seed of what it leaves behind.
    failure_at: Option<(u64, u64)>,
    is_dead: bool,
    capacity: Option<u64>,
}

#[derive(Clone, Default)]
struct File {
    /// What a reader sees.
    bytes: Vec<u8>,
    /// What survives for certain.
    durable: Vec<u8>,
    unsynced: Vec<Write>,
}

#[derive(Clone)]
struct Write {
    offset: usize,
    bytes: Vec<u8>,
}

#[derive(Clone)]
enum NameChange {
    Created { name: String, file: usize },
    Renamed { from: String, to: String, file: usize },
    Removed { name: String, file: usize },
}

impl SimDisk {
    /// Loses power in the middle of the operation of that number, the first being 0.
    pub(crate) fn lose_power_at(&self, op: u64) {
        self.state().power_loss_at = Some(op);
    }

    /// Refuses the operation of that number with EIO. A refused sync leaves its file's writes on
    /// the disk or not, by `seed`, and calls them clean: a later sync does not write them.
    pub(crate) fn fail_at(&self, op: u64, seed: u64) {
        self.state().failure_at = Some((op, seed));
    }

    /// Refuses to hold more than so many bytes in all files.
    pub(crate) fn set_capacity(&self, capacity: Option<u64>) {
        self.state().capacity = capacity;
    }

    /// Operations so far that change something or make it durable.
    pub(crate) fn op_count(&self) -> u64 {
        self.state().op_count
    }

    /// Bytes of all files that have a name.
    pub(crate) fn used(&self) -> u64 {
        self.state().used()
    }

    /// A copy as another process would find it now, power never lost.
    pub(crate) fn restarted(&self) -> Self {
        let mut state = self.state().clone();
        state.power_loss_at = None;
        state.failure_at = None;
        state.is_dead = false;
        Self(Arc::new(Mutex::new(state)))
    }

    /// A copy as it may be found when power is lost now and comes back. Seed 0 keeps only what
    /// is certain, seed 1 all of it, any other seed a choice of its own.
    pub(crate) fn after_power_loss(&self, seed: u64) -> Self {
        let mut state = self.state().clone();
        let mut choice = Choice::new(seed);
        state.lose_names(&mut choice);
        for file in &mut state.files {
            file.lose(&mut choice);
        }
        let State { files, names, capacity, .. } = state;
        let durable_names = names.clone();
        let state = State { files, names, durable_names, capacity, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Flips one bit of a file, as a bad medium does.
    pub(crate) fn flip(&self, name: &str, bit: usize) {
        let mut state = self.state();
        let file = state.file_named(name).expect("a file of that name");
        let file = &mut state.files[file];
        file.bytes[bit / 8] ^= 1 << (bit % 8);
        file.durable[bit / 8] ^= 1 << (bit % 8);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn create(&self, name: &str, len: u64, bytes: &[u8]) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.state().create(name)?;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.state().grow(file, len)?;
        self.state().write(file, 0, bytes)?;
        self.state().sync(file)?;
        Ok(Arc::new(SimFile { disk: self.clone(), file, len: len as u64 }))
    }
}

impl State {
    fn used(&self) -> u64 {
        self.names.values().map(|file| self.files[*file].bytes.len() as u64).sum()
    }

    fn file_named(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn alive(&self) -> io::Result<()> {
        if self.is_dead { Err(io::Error::other("power is lost")) } else { Ok(()) }
    }

    /// Counts an operation; `Some(seed)` if it is to be refused.
    fn operation(&mut self) -> io::Result<Option<u64>> {
        self.alive()?;
        let op = self.op_count;
        self.op_count += 1;
        self.is_dead = self.power_loss_at == Some(op);
        Ok(self.failure_at.filter(|(failing, _)| *failing == op).map(|(_, seed)| seed))
    }

    /// What an operation answers once its effect is noted.
    fn answer(&self, failure: Option<u64>) -> io::Result<()> {
        self.alive()?;
        failure.map_or(Ok(()), |_| Err(io::Error::other("I/O error (EIO)")))
    }

    fn create(&mut self, name: &str) -> io::Result<usize> {
        let failure = self.operation()?;
        if failure.is_some() {
            self.answer(failure)?;
        }
        let file = self.files.len();
        self.files.push(File::default());
        self.names.insert(name.to_owned(), file);
        self.unsynced_names.push(NameChange::Created { name: name.to_owned(), file });
        self.answer(failure).map(|()| file)
    }

    /// Extends a file with written zeros.
    fn grow(&mut self, file: usize, len: usize) -> io::Result<()> {
        let room = self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used()));
        let fits = usize::try_from(room).unwrap_or(usize::MAX).min(len);
        self.write(file, 0, &vec![0; fits])?;
        if fits < len { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn write(&mut self, file: usize, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let failure = self.operation()?;
        let write = Write { offset, bytes: bytes.to_vec() };
        let file = &mut self.files[file];
        write.apply(&mut file.bytes, 0..bytes.len());
        file.unsynced.push(write);
        self.answer(failure)
    }

    fn sync(&mut self, file: usize) -> io::Result<()> {
        let failure = self.operation()?;
        let file = &mut self.files[file];
        match failure {
            None if self.is_dead => {}
            None => {
                for write in std::mem::take(&mut file.unsynced) {
                    write.apply(&mut file.durable, 0..write.bytes.len());
                }
            }
            Some(seed) => {
                let in_memory = file.bytes.clone();
                file.lose(&mut Choice::new(seed));
                file.bytes = in_memory;
            }
        }
        self.answer(failure)
    }

    /// Changes a name, unless the operation is refused.
    fn change(&mut self, change: NameChange) -> io::Result<()> {
        let failure = self.operation()?;
        if failure.is_none() {
            change.apply(&mut self.names);
            self.unsynced_names.push(change);
        }
        self.answer(failure)
    }

    fn sync_names(&mut self) -> io::Result<()> {
        let failure = self.operation()?;
        if failure.is_none() && !self.is_dead {
            self.durable_names.clone_from(&self.names);
            self.unsynced_names.clear();
        }
        self.answer(failure)
    }

    fn lose_names(&mut self, choice: &mut Choice) {
        self.names.clone_from(&self.durable_names);
        for change in &self.unsynced_names {
            if choice.keeps() {
                change.apply(&mut self.names);
            }
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        let (removed, file) = match self {
            Self::Created { file, .. } => (None, *file),
            Self::Renamed { from, file, .. } => (Some(from), *file),
            Self::Removed { name, file } => (Some(name), *file),
        };
        if let Some(name) = removed.filter(|name| names.get(*name) == Some(&file)) {
            names.remove(name);
        }
        if let Self::Created { name, .. } | Self::Renamed { to: name, .. } = self {
            names.insert(name.clone(), file);
        }
    }
}

impl File {
    /// Keeps what is certain and a choice of the rest.
    fn lose(&mut self, choice: &mut Choice) {
        let mut unsynced = std::mem::take(&mut self.unsynced);
        choice.reorder(&mut unsynced);
        for write in unsynced {
            for range in choice.parts(write.bytes.len()) {
                write.apply(&mut self.durable, range);
            }
        }
        self.bytes.clone_from(&self.durable);
    }
}

impl Write {
    fn apply(&self, to: &mut Vec<u8>, part: std::ops::Range<usize>) {
        let end = self.offset + part.end;
        if to.len() < end && !part.is_empty() {
            to.resize(end, 0);
        }
        if !part.is_empty() {
            to[self.offset + part.start..end].copy_from_slice(&self.bytes[part]);
        }
    }
}

/// A sequence of choices, the same for the same seed (splitmix64).
struct Choice {
    seed: u64,
    state: u64,
}

impl Choice {
    fn new(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound.max(1) as u64).expect("below a usize")
    }

    fn keeps(&mut self) -> bool {
        match self.seed {
            0 => false,
            1 => true,
            _ => self.below(2) == 1,
        }
    }

    fn reorder(&mut self, writes: &mut [Write]) {
        if self.seed > 1 {
            for index in (1..writes.len()).rev() {
                writes.swap(index, self.below(index + 1));
            }
        }
    }

    /// The parts of a write of `len` bytes that reached the disk.
    fn parts(&mut self, len: usize) -> Vec<std::ops::Range<usize>> {
        let whole = std::iter::once(0..len);
        match if self.seed > 1 { self.below(4) } else { usize::from(self.keeps()) } {
            0 => Vec::new(),
            1 => whole.collect(),
            2 => std::iter::once(0..self.below(len + 1)).collect(),
            _ => {
                let sectors = (0..len).step_by(SECTOR_LEN);
                let sectors = sectors.map(|start| start..len.min(start + SECTOR_LEN));
                sectors.filter(|_| self.keeps()).collect()
            }
        }
    }
}

impl Disk for SimDisk {
    fn create_zeroed(&self, name: &str, len: u64) -> io::Result<Arc<dyn DiskFile>> {
        self.create(name, len, &[])
    }

    fn write_new(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.create(name, bytes.len() as u64, bytes).map(drop)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.state();
        state.alive()?;
        let file = state.file_named(name)?;
        let len = state.files[file].bytes.len() as u64;
        Ok(Arc::new(SimFile { disk: self.clone(), file, len }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        let file = state.file_named(from)?;
        state.change(NameChange::Renamed { from: from.to_owned(), to: to.to_owned(), file })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        let file = state.file_named(name)?;
        state.change(NameChange::Removed { name: name.to_owned(), file })
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.state();
        state.alive()?;
        Ok(state.names.keys().cloned().collect())
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.state().sync_names()
    }

    /// At once: a test is to be the same each time.
    fn in_background(&self, job: Job) {
        job();
    }
}

/// An open file; it outlives its name.
struct SimFile {
    disk: SimDisk,
    file: usize,
    len: u64,
}

impl DiskFile for SimFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.disk.state();
        state.alive()?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let held = state.files[self.file].bytes.get(start..start.saturating_add(buffer.len()));
        buffer.copy_from_slice(held.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        self.disk.state().write(self.file, offset, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.state().sync(self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(disk: &SimDisk, name: &str) -> Option<Vec<u8>> {
        let file = disk.open(name).ok()?;
        let mut bytes = vec![0; usize::try_from(file.len()).expect("small")];
        file.read_exact_at(&mut bytes, 0).expect("readable");
        Some(bytes)
    }

    #[test]
    fn what_was_synced_survives_and_what_was_not_may_not() {
        let disk = SimDisk::default();
        let file = disk.create_zeroed("a", 2048).expect("made");
        assert!(bytes(&disk.after_power_loss(0), "a").is_none(), "its name was not synced");
        disk.sync_dir().expect("synced");
        file.write_and_sync(vec![1; 1024], 0).expect("written");
        file.write_at(&[2; 1024], 1024).expect("written");
        let tails = |seed| bytes(&disk.after_power_loss(seed), "a").expect("there");
        assert_eq!(tails(0), [vec![1; 1024], vec![0; 1024]].concat());
        assert_eq!(tails(1), [vec![1; 1024], vec![2; 1024]].concat());
        let mut seen: Vec<_> = (2..50).map(tails).collect();
        assert_eq!(seen[..], (2..50).map(tails).collect::<Vec<_>>()[..], "the same again");
        seen.sort();
        seen.dedup();
        assert!(seen.len() > 10 && seen.iter().all(|bytes| bytes.starts_with(&[1; 1024])));
    }

    #[test]
    fn a_write_after_a_failed_sync_does_not_bring_back_the_one_before() {
        let disk = SimDisk::default();
        let file = disk.create_zeroed("a", 4).expect("made");
        disk.sync_dir().expect("synced");
        file.write_at(&[1], 0).expect("written");
        disk.fail_at(disk.op_count(), 0);
        file.sync().expect_err("refused");
        file.write_and_sync(vec![2], 1).expect("written");
        assert_eq!(bytes(&disk, "a"), Some(vec![1, 2, 0, 0]), "memory shows both");
        assert_eq!(bytes(&disk.after_power_loss(0), "a"), Some(vec![0, 2, 0, 0]));
    }

    #[test]
    fn a_full_disk_refuses_and_a_dead_one_answers_nothing() {
        let disk = SimDisk::default();
        disk.set_capacity(Some(100));
        let error = disk.create_zeroed("a", 101).err().expect("refused");
        assert_eq!((error.kind(), disk.used()), (io::ErrorKind::StorageFull, 100));
        disk.lose_power_at(disk.op_count());
        assert!(disk.sync_dir().is_err() && disk.list().is_err() && disk.open("a").is_err());
        assert!(disk.restarted().list().is_ok());
    }
}
