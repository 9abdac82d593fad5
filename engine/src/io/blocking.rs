//! The plain path: positioned reads and writes on the calling thread.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use super::{Disk, DiskFile, Job};
use crate::Error;

/// Bytes of zeros written at a time.
const ZEROS_LEN: usize = 1 << 20;
/// Zeros are synced in steps of this, so that no commit waits behind a whole segment of them.
const ZEROS_SYNC_LEN: u64 = 8 << 20;

/// A directory reached by plain system calls.
pub(super) struct BlockingDisk {
    dir: PathBuf,
}

impl BlockingDisk {
    /// Makes the directory if there is none.
    pub(super) fn new(dir: &Path) -> Result<Self, Error> {
        create_dir(dir).map_err(Error::io("create the directory of a shard"))?;
        Ok(Self { dir: dir.to_owned() })
    }

    pub(super) fn create_file_zeroed(&self, name: &str, len: u64) -> io::Result<File> {
        let file = create_file(&self.dir.join(name))?;
        let zeros = vec![0; ZEROS_LEN];
        let mut offset = 0;
        while offset < len {
            let step = usize::try_from(len - offset).unwrap_or(ZEROS_LEN).min(ZEROS_LEN);
            file.write_all_at(zeros.get(..step).unwrap_or(&zeros), offset)?;
            offset += step as u64;
            if offset % ZEROS_SYNC_LEN == 0 {
                file.sync_data()?;
            }
        }
        file.sync_all()?;
        Ok(file)
    }

    pub(super) fn open_file(&self, name: &str) -> io::Result<File> {
        let path = self.dir.join(name);
        match File::options().read(true).write(true).open(&path) {
            // Verify and dump may run as a user who can only read.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => File::open(&path),
            opened => opened,
        }
    }
}

impl Disk for BlockingDisk {
    fn create_zeroed(&self, name: &str, len: u64) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(BlockingFile { file: self.create_file_zeroed(name, len)?, len }))
    }

    fn write_new(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = create_file(&self.dir.join(name))?;
        file.write_all_at(bytes, 0)?;
        file.sync_all()
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.open_file(name)?;
        let len = file.metadata()?.len();
        Ok(Arc::new(BlockingFile { file, len }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.dir.join(from), self.dir.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.dir.join(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            // What is no text is no name of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn sync_dir(&self) -> io::Result<()> {
        sync_dir(&self.dir)
    }

    fn in_background(&self, job: Job) {
        let spawned = thread::Builder::new().name("segment".to_owned()).spawn(job);
        if let Err(error) = spawned {
            tracing::warn!(%error, "no thread for work in the background");
        }
    }
}

/// A file reached by plain system calls.
struct BlockingFile {
    file: File,
    len: u64,
}

impl DiskFile for BlockingFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Makes a directory, its parents too, and makes its name durable.
pub(super) fn create_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    match dir.parent() {
        Some(parent) if parent.as_os_str().is_empty() => sync_dir(Path::new(".")),
        Some(parent) => sync_dir(parent),
        None => Ok(()),
    }
}

pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn create_file(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(true).open(path)
}
