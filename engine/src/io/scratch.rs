//! Files without a name, for what is too long for memory and need not last. Nobody else can open
//! one, and however the process ends, its bytes are gone with it.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use super::MessageSource;
use super::map::MappedFile;

/// A file without a name, written from front to back.
#[derive(Debug)]
pub struct ScratchFile {
    /// Never cloned, never handed out: see `map.rs`.
    file: File,
    front_room: u64,
    len: u64,
}

impl ScratchFile {
    /// An empty file on the file system of `dir`. What is put in front of its bytes at the end may
    /// be as long as `front_room`.
    pub fn create_in(dir: &Path, front_room: u64) -> io::Result<Self> {
        let file = tempfile::tempfile_in(dir)?;
        Ok(Self { file, front_room, len: 0 })
    }

    /// Adds bytes at the end. After an error the file is good for nothing but being dropped.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.front_room + self.len)?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Puts other bytes in the place of some that were added.
    pub fn overwrite(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        if at.saturating_add(bytes.len() as u64) > self.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file.write_all_at(bytes, self.front_room + at)
    }

    /// Bytes added so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All bytes with `front` before them, to be read as if they were in memory. The file can be
    /// changed no more.
    pub fn into_mapped(self, front: &[u8]) -> io::Result<MessageSource> {
        let start = self.front_room.checked_sub(front.len() as u64);
        let start = start.ok_or_else(|| io::Error::other("the front is longer than its room"))?;
        self.file.write_all_at(front, start)?;
        let range: Range<u64> = start..self.front_room + self.len;
        Ok(Arc::new(MappedFile::new(self.file, range)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_their_front_are_read_as_one_slice() {
        let dir = tempfile::tempdir().expect("a directory");
        for (front, pieces) in
            [("", 0_usize), ("", 3), ("front ", 0), ("front ", 3), ("12345678", 9000)]
        {
            let mut file = ScratchFile::create_in(dir.path(), 8).expect("room");
            (0..pieces).for_each(|_| file.append(b"piece ").expect("room"));
            assert_eq!((file.len(), file.is_empty()), (6 * pieces as u64, pieces == 0));
            let mapped = file.into_mapped(front.as_bytes()).expect("mapped");
            assert_eq!((*mapped).as_ref(), [front.as_bytes(), &b"piece ".repeat(pieces)].concat());
        }
    }

    #[test]
    fn bytes_are_replaced_where_they_stand_and_nowhere_else() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut file = ScratchFile::create_in(dir.path(), 8).expect("room");
        file.append(b"bytes").expect("room");
        file.overwrite(1, b"it").expect("they are there");
        file.overwrite(3, b"er").expect("they are there");
        assert!(file.overwrite(4, b"en").is_err());
        assert_eq!((*file.into_mapped(b"3 ").expect("mapped")).as_ref(), b"3 biter");
    }

    #[test]
    fn a_front_longer_than_its_room_is_an_error() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = ScratchFile::create_in(dir.path(), 3).expect("room");
        assert!(file.into_mapped(b"four").is_err());
    }

    #[test]
    fn a_file_leaves_no_name_behind() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut file = ScratchFile::create_in(dir.path(), 0).expect("room");
        file.append(b"bytes").expect("room");
        assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 0);
        let mapped = file.into_mapped(b"").expect("mapped");
        assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 0);
        assert_eq!((*mapped).as_ref(), b"bytes");
    }
}
