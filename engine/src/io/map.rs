//! Memory that is a file: bytes to be read that the kernel fetches when they are looked at, and
//! takes away again when it needs the room. With `uring.rs` the only module allowed `unsafe`.
//!
//! A file that is cut shorter while it is mapped kills whoever reads behind its end, and one that
//! is written changes under a shared reference. So only a [`ScratchFile`](super::ScratchFile) is
//! mapped, which no other process can open, and only by giving it up.

#![expect(unsafe_code, reason = "a mapping is as sound as the file behind it is left alone")]

use std::fs::File;
use std::io;
use std::ops::Range;

use memmap2::{Mmap, MmapOptions};

/// A file that nobody writes any more, as bytes.
pub(super) struct MappedFile {
    /// `None` where there are no bytes: nothing cannot be mapped.
    map: Option<Mmap>,
}

impl MappedFile {
    /// Takes the file, which has no name and no second handle, and which holds the whole range.
    pub(super) fn new(file: File, range: Range<u64>) -> io::Result<Self> {
        if range.is_empty() {
            return Ok(Self { map: None });
        }
        if file.metadata()?.len() < range.end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let len = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        let mut options = MmapOptions::new();
        options.offset(range.start).len(len);
        // SAFETY: the bytes neither change nor vanish while they are mapped. The only caller is
        // `ScratchFile::into_mapped`, whose file never had a name that lasted, in a directory of
        // the server's own, and whose handle was never cloned or lent; that handle is closed when
        // this function returns. The file is as long as the range: just looked at.
        let map = unsafe { options.map(&file) }?;
        drop(file);
        Ok(Self { map: Some(map) })
    }
}

impl AsRef<[u8]> for MappedFile {
    fn as_ref(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }
}
