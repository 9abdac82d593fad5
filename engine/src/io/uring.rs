//! The one module that talks to `io_uring`; with `map.rs` the only one allowed `unsafe`.
//!
//! A commit is one call into the kernel: a write and, linked behind it, the sync. All else takes
//! the plain path, where a single read or rename costs no more and waits for no ring.
//!
//! The whole safety argument: from submission to completion the kernel may read a buffer that
//! we no longer look at. So [`Ring::write_and_sync`] takes the buffer by value, waits for both
//! completions before it lets go of it, and where it cannot wait, leaks it.

#![expect(unsafe_code, reason = "entries of the ring name memory that the kernel reads later")]

use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use io_uring::squeue::Flags;
use io_uring::types::{Fd, FsyncFlags};
use io_uring::{IoUring, Probe, opcode};

use super::blocking::BlockingDisk;
use super::{Disk, DiskFile, Job};
use crate::Error;

/// Entries of a ring: a write, its sync, and room the kernel rounds up to anyway.
const RING_ENTRIES: u32 = 4;
/// Bytes of one write; what is longer goes in several, as the kernel takes at most 2 GiB.
const WRITE_LEN_MAX: usize = 1 << 30;
/// Attempts that may move nothing forward before a write counts as failed.
const IDLE_ATTEMPTS_MAX: u32 = 1_000;

const WRITE: u64 = 1;
const SYNC: u64 = 2;

/// A directory whose commits go through a ring.
pub(super) struct UringDisk {
    plain: BlockingDisk,
    ring: Arc<Mutex<Ring>>,
}

impl UringDisk {
    /// Makes the directory if there is none; refused where the system has no usable ring.
    pub(super) fn new(dir: &Path) -> Result<Self, Error> {
        let ring = Ring::probed().map_err(|error| {
            Error::Unusable(format!(
                "io_uring is not available here ({error}); set io = \"blocking\" or \"auto\""
            ))
        })?;
        Ok(Self { plain: BlockingDisk::new(dir)?, ring: Arc::new(Mutex::new(ring)) })
    }

    fn file(&self, file: File, len: u64) -> Arc<dyn DiskFile> {
        Arc::new(UringFile { file, len, ring: Arc::clone(&self.ring) })
    }
}

impl Disk for UringDisk {
    fn create_zeroed(&self, name: &str, len: u64) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.file(self.plain.create_file_zeroed(name, len)?, len))
    }

    fn write_new(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.plain.write_new(name, bytes)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.plain.open_file(name)?;
        let len = file.metadata()?.len();
        Ok(self.file(file, len))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.plain.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.plain.remove(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.plain.list()
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.plain.sync_dir()
    }

    fn in_background(&self, job: Job) {
        self.plain.in_background(job);
    }
}

/// A file whose commits go through its disk's ring.
struct UringFile {
    file: File,
    len: u64,
    ring: Arc<Mutex<Ring>>,
}

impl DiskFile for UringFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        // Many threads read at once; a shared ring would line them up.
        self.file.read_exact_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write_and_sync(&self, bytes: Vec<u8>, offset: u64) -> io::Result<Vec<u8>> {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.write_and_sync(&self.file, bytes, offset)
    }
}

/// A ring with nothing in flight between calls; `None` once the kernel left it in doubt.
struct Ring(Option<IoUring>);

impl Ring {
    /// A ring, if the system has one that can write and sync.
    fn probed() -> io::Result<Self> {
        let kernel = IoUring::new(RING_ENTRIES)?;
        let mut probe = Probe::new();
        kernel.submitter().register_probe(&mut probe)?;
        if probe.is_supported(opcode::Write::CODE) && probe.is_supported(opcode::Fsync::CODE) {
            Ok(Self(Some(kernel)))
        } else {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    fn write_and_sync(&mut self, file: &File, bytes: Vec<u8>, offset: u64) -> io::Result<Vec<u8>> {
        if bytes.is_empty() {
            file.sync_data()?;
            return Ok(bytes);
        }
        let mut written = 0;
        let mut idle_attempts = 0;
        while written < bytes.len() {
            let Some(mut kernel) = self.0.take() else {
                return Err(io::Error::other("the ring failed before"));
            };
            let rest = bytes.get(written..).unwrap_or_default();
            let chunk = rest.get(..WRITE_LEN_MAX).unwrap_or(rest);
            let (pushed, completed) = attempt(&mut kernel, file, chunk, offset + written as u64);
            let results = match completed {
                Ok(results) => results,
                Err(error) => {
                    if pushed {
                        // The kernel may still read them: leaking is safe, freeing is not. The
                        // ring ends here too, so entries it has not seen are never seen.
                        mem::forget(bytes);
                    }
                    return Err(error);
                }
            };
            self.0 = Some(kernel);
            let step = results.step(chunk.len())?;
            idle_attempts = if step == 0 { idle_attempts + 1 } else { 0 };
            if idle_attempts > IDLE_ATTEMPTS_MAX {
                return Err(io::ErrorKind::Interrupted.into());
            }
            written += step;
        }
        Ok(bytes)
    }
}

/// Submits one write with its sync and waits for both. Says whether the kernel was given
/// `chunk`: if it was and the wait failed, `chunk` must never be freed.
fn attempt(
    kernel: &mut IoUring,
    file: &File,
    chunk: &[u8],
    offset: u64,
) -> (bool, io::Result<Results>) {
    let fd = Fd(file.as_raw_fd());
    let len = match u32::try_from(chunk.len()) {
        Ok(len) => len,
        Err(error) => return (false, Err(io::Error::other(error))),
    };
    let write = opcode::Write::new(fd, chunk.as_ptr(), len).offset(offset).build();
    let sync = opcode::Fsync::new(fd).flags(FsyncFlags::DATASYNC).build();
    // A link is cut by a failed and by a short write: the sync then never runs.
    let entries = [write.flags(Flags::IO_LINK).user_data(WRITE), sync.user_data(SYNC)];
    // SAFETY: the entries name `chunk` and `file`. Both are borrowed until this function returns,
    // which with `Ok` is after both completions (`wait`). With `Err`, `Ring::write_and_sync`
    // leaks the heap bytes of `chunk`; of `file` the kernel holds a reference of its own from
    // submission on, and the ring is dropped, so an entry that was not submitted never is.
    if unsafe { kernel.submission().push_multiple(&entries) }.is_err() {
        return (false, Err(io::Error::other("the ring is full")));
    }
    (true, wait(kernel))
}

/// Waits until the write and the sync in flight are both complete.
fn wait(kernel: &mut IoUring) -> io::Result<Results> {
    let (mut write, mut sync) = (None, None);
    let mut idle_attempts = 0;
    loop {
        for completion in kernel.completion() {
            match completion.user_data() {
                WRITE => write = Some(completion.result()),
                SYNC => sync = Some(completion.result()),
                _ => return Err(io::Error::other("the ring completed what was not asked")),
            }
        }
        if let (Some(write), Some(sync)) = (write, sync) {
            return Ok(Results { write, sync });
        }
        let missing = usize::from(write.is_none()) + usize::from(sync.is_none());
        match kernel.submit_and_wait(missing) {
            Ok(_) => {}
            Err(error) if is_passing(&error) && idle_attempts < IDLE_ATTEMPTS_MAX => {
                idle_attempts += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, ResourceBusy, WouldBlock};
    matches!(error.kind(), Interrupted | ResourceBusy | WouldBlock)
}

/// What the kernel answered to a write and its sync: a count, or an error number below zero.
#[derive(Clone, Copy)]
struct Results {
    write: i32,
    sync: i32,
}

impl Results {
    /// Bytes of `len` by which the commit came forward; all of them only if they are synced.
    fn step(self, len: usize) -> io::Result<usize> {
        match usize::try_from(self.write) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            // The sync was cut off; that of the rest covers these bytes too.
            Ok(written) if written < len => Ok(written),
            Ok(_) => match self.sync {
                // Never tried again: a second sync may succeed without the bytes of the first.
                ..0 => Err(io::Error::from_raw_os_error(-self.sync)),
                0.. => Ok(len),
            },
            Err(_) => {
                let error = io::Error::from_raw_os_error(-self.write);
                if is_passing(&error) { Ok(0) } else { Err(error) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EINTR: i32 = 4;
    const EIO: i32 = 5;
    const ENOSPC: i32 = 28;
    const ECANCELED: i32 = 125;

    /// `None`, said aloud, where the kernel forbids rings, as it does in many containers.
    fn disk(dir: &Path) -> Option<UringDisk> {
        UringDisk::new(dir).inspect_err(|error| eprintln!("not tested: {error}")).ok()
    }

    fn step(write: i32, sync: i32) -> Result<usize, Option<i32>> {
        Results { write, sync }.step(100).map_err(|error| error.raw_os_error())
    }

    #[test]
    fn a_commit_counts_only_when_the_whole_write_and_its_sync_succeeded() {
        assert_eq!(step(100, 0), Ok(100));
        assert_eq!(step(100, -EIO), Err(Some(EIO)));
        assert_eq!(step(100, -ECANCELED), Err(Some(ECANCELED)));
        assert_eq!(step(100, -EINTR), Err(Some(EINTR)), "a failed sync is final");
        assert_eq!(step(-ENOSPC, -ECANCELED), Err(Some(ENOSPC)));
        assert_eq!(step(0, -ECANCELED), Err(None), "a write of nothing would repeat for ever");
    }

    #[test]
    fn a_short_or_interrupted_write_goes_on_where_it_stopped() {
        assert_eq!(step(40, -ECANCELED), Ok(40));
        assert_eq!(step(-EINTR, -ECANCELED), Ok(0));
    }

    #[test]
    fn both_paths_leave_the_same_bytes() {
        let dir = tempfile::tempdir().expect("a directory");
        let Some(ring) = disk(dir.path()) else { return };
        let plain = BlockingDisk::new(dir.path()).expect("a directory");
        let files = [
            ring.create_zeroed("ring", 300_000).expect("create"),
            plain.create_zeroed("plain", 300_000).expect("create"),
        ];
        for (offset, len) in [(0, 1), (8, 4096), (5000, 0), (5000, 262_144), (9, 3)] {
            let bytes: Vec<u8> = (0..=250).cycle().skip(offset).take(len).collect();
            for file in &files {
                let back = file.write_and_sync(bytes.clone(), offset as u64).expect("write");
                assert_eq!(back, bytes);
            }
        }
        let [ring_bytes, plain_bytes] = files.map(|file| {
            let mut bytes = vec![0; 300_000];
            file.read_exact_at(&mut bytes, 0).expect("read");
            bytes
        });
        assert!(ring_bytes == plain_bytes);
    }

    #[test]
    fn threads_that_share_a_ring_do_not_mix_their_writes() {
        let dir = tempfile::tempdir().expect("a directory");
        let Some(ring) = disk(dir.path()) else { return };
        let file = ring.create_zeroed("shared", 4 * 8 * 512).expect("create");
        let write_all = &|writer: u8| {
            for turn in 0..8 {
                let offset = (turn * 4 + u64::from(writer)) * 512;
                file.write_and_sync(vec![writer + 1; 512], offset).expect("write");
            }
        };
        std::thread::scope(|scope| {
            for writer in 0..4 {
                scope.spawn(move || write_all(writer));
            }
        });
        let mut bytes = vec![0; 4 * 8 * 512];
        file.read_exact_at(&mut bytes, 0).expect("read");
        for (place, sector) in bytes.chunks(512).enumerate() {
            let writer = u8::try_from(place % 4).expect("below 4") + 1;
            assert!(sector.iter().all(|byte| *byte == writer), "sector {place}");
        }
    }

    #[test]
    fn a_full_device_fails_the_commit_and_leaves_the_ring_usable() {
        let dir = tempfile::tempdir().expect("a directory");
        let Some(ring) = disk(dir.path()) else { return };
        let full = File::options().write(true).open("/dev/full").expect("the full device");
        let error = ring.file(full, 0).write_and_sync(vec![1; 64], 0).expect_err("no space");
        assert_eq!(error.raw_os_error(), Some(ENOSPC));
        let file = ring.create_zeroed("after", 64).expect("create");
        file.write_and_sync(vec![1; 64], 0).expect("write");
    }

    #[test]
    fn a_sync_does_not_run_when_its_write_failed() {
        let Ok(Ring(Some(mut kernel))) = Ring::probed() else { return };
        let full = File::options().write(true).open("/dev/full").expect("the full device");
        let bytes = [1; 64];
        let (pushed, results) = attempt(&mut kernel, &full, &bytes, 0);
        let results = results.expect("both completed");
        assert!(pushed);
        assert_eq!((results.write, results.sync), (-ENOSPC, -ECANCELED));
    }

    #[test]
    fn a_sync_that_fails_fails_the_commit_although_the_write_succeeded() {
        let dir = tempfile::tempdir().expect("a directory");
        let Some(ring) = disk(dir.path()) else { return };
        let null = File::options().write(true).open("/dev/null").expect("the null device");
        ring.file(null, 0).write_and_sync(vec![1; 64], 0).expect_err("it cannot be synced");
    }
}
