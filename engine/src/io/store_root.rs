//! The directory of a store: who owns it, and what it is.
//!
//! `lock` is held by the one process that owns the store, for as long as it runs. `store.toml`
//! is written once, atomically:
//!
//! ```text
//! format = 1
//! store-id = "0123456789abcdef0123456789abcdef"
//! shards = 4
//! ```

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::blocking::{create_dir, sync_dir};
use crate::Error;
use crate::ids::ShardId;

/// The version of the store this code writes, and the newest it reads.
const FORMAT: u64 = 1;
const LOCK: &str = "lock";
const STORE: &str = "store.toml";
const STORE_NEW: &str = "store.toml.tmp";
/// A `store.toml` that is longer is none.
const STORE_LEN_MAX: u64 = 4096;

/// A store's directory, locked unless it was opened to be read only.
#[derive(Debug)]
pub(crate) struct StoreRoot {
    dir: PathBuf,
    store_id: u128,
    shard_count: u16,
    /// Locked as long as it is open.
    _lock: Option<File>,
}

impl StoreRoot {
    /// Makes a store where there is none; one whose making did not finish is made again.
    pub(crate) fn create(dir: &Path, shard_count: u16, store_id: u128) -> Result<Self, Error> {
        if shard_count == 0 {
            return Err(Error::Unusable("a store needs at least one shard".to_owned()));
        }
        create_dir(dir).map_err(Error::io("create the directory of the store"))?;
        let lock = lock(dir)?;
        if dir.join(STORE).exists() {
            let text = format!("there is a store at {} already", dir.display());
            return Err(Error::Unusable(text));
        }
        let text = format!(
            "# Written once, when the store was made. Do not change it.\n\
             format = {FORMAT}\nstore-id = \"{store_id:032x}\"\nshards = {shard_count}\n"
        );
        write_store(dir, &text).map_err(Error::io("write store.toml"))?;
        Ok(Self { dir: dir.to_owned(), store_id, shard_count, _lock: Some(lock) })
    }

    /// Opens a store and owns it until dropped.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let root = Self::open_read_only(dir)?;
        let lock = lock(dir)?;
        Ok(Self { _lock: Some(lock), ..root })
    }

    /// Opens a store that another process may own.
    pub(crate) fn open_read_only(dir: &Path) -> Result<Self, Error> {
        let unusable = |what: &str| Error::Unusable(format!("{}: {what}", dir.display()));
        let text = match read_store(&dir.join(STORE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(unusable("there is no store here (no store.toml)"));
            }
            Err(error) => return Err(Error::io("read store.toml")(error)),
        };
        let value = |key: &str| value_of(&text, key);
        let missing = |key: &str| unusable(&format!("store.toml has no usable '{key}'"));
        let format: u64 =
            value("format").and_then(|text| text.parse().ok()).ok_or_else(|| missing("format"))?;
        if format > FORMAT {
            return Err(unusable(&format!(
                "the store has format {format}, this version reads up to {FORMAT}: use a newer one"
            )));
        }
        let store_id = value("store-id").and_then(|text| u128::from_str_radix(text, 16).ok());
        let shard_count = value("shards").and_then(|text| text.parse().ok());
        Ok(Self {
            dir: dir.to_owned(),
            store_id: store_id.ok_or_else(|| missing("store-id"))?,
            shard_count: shard_count.filter(|count| *count > 0).ok_or_else(|| missing("shards"))?,
            _lock: None,
        })
    }

    pub(crate) fn store_id(&self) -> u128 {
        self.store_id
    }

    pub(crate) fn shard_count(&self) -> u16 {
        self.shard_count
    }

    pub(crate) fn shard_dir(&self, shard: ShardId) -> PathBuf {
        self.dir.join(format!("shard-{shard}"))
    }
}

fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join(LOCK);
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
    let file = file.map_err(Error::io("open the store's lock file"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked(dir.display().to_string())),
        Err(TryLockError::Error(error)) => Err(Error::io("lock the store")(error)),
    }
}

fn write_store(dir: &Path, text: &str) -> io::Result<()> {
    let new = dir.join(STORE_NEW);
    let file = File::options().write(true).create(true).truncate(true).open(&new)?;
    file.write_all_at(text.as_bytes(), 0)?;
    file.sync_all()?;
    fs::rename(&new, dir.join(STORE))?;
    sync_dir(dir)
}

fn read_store(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > STORE_LEN_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too long"));
    }
    fs::read_to_string(path)
}

/// The value of `key = value`, without its quotes.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut pairs = text.lines().filter_map(|line| line.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim() == key)?;
    Some(value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_has_one_owner_and_any_number_of_readers() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("store");
        let owner = StoreRoot::create(&path, 3, 42).expect("made");
        assert!(matches!(StoreRoot::open(&path), Err(Error::Locked(_))));
        let reader = StoreRoot::open_read_only(&path).expect("readable");
        assert_eq!((reader.store_id(), reader.shard_count()), (42, 3));
        assert_eq!(reader.shard_dir(ShardId(2)), path.join("shard-0002"));
        drop(owner);
        StoreRoot::open(&path).expect("free again");
        assert!(matches!(StoreRoot::create(&path, 3, 42), Err(Error::Unusable(_))));
    }

    #[test]
    fn what_is_no_store_or_too_new_says_so() {
        let dir = tempfile::tempdir().expect("a directory");
        let refusal = |dir: &Path| StoreRoot::open(dir).expect_err("refused").to_string();
        assert!(refusal(dir.path()).contains("no store here"));
        fs::write(dir.path().join(STORE), "format = 2\n").expect("written");
        assert!(refusal(dir.path()).contains("use a newer one"));
        fs::write(dir.path().join(STORE), "format = 1\nshards = 0\n").expect("written");
        assert!(refusal(dir.path()).contains("'store-id'"));
    }
}
