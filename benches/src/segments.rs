//! Bytes that a store takes on disk: as files, and without the room that segments keep in reserve
//! (docs/FORMAT.md, Segments).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Bytes of the footer of a sealed segment.
const FOOTER_LEN: usize = 40;
const FOOTER_MAGIC: &[u8] = b"FKSF";
/// Where the footer tells the valid length.
const VALID_LEN_AT: usize = 16;
const SEGMENT_HEADER_LEN: usize = 64;
const FRAME_MAGIC: &[u8] = b"FKFR";
const FRAME_HEADER_LEN: usize = 40;
const RECORD_HEADER_LEN: usize = 12;
/// Files that are room for later or a change that has not happened.
const NOT_YET: [&str; 3] = ["next.seg", "large.seg", "manifest.tmp"];

/// Bytes of a store.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    /// What is in use: of segments up to the end of their last frame.
    pub used: u64,
    /// Lengths of all files, with the room kept in reserve.
    pub files: u64,
}

impl Taken {
    /// Sums up all files below a directory.
    pub fn below(dir: &Path) -> io::Result<Self> {
        let mut sum = Self::default();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let (path, about) = (entry.path(), entry.metadata()?);
            if about.is_dir() {
                let below = Self::below(&path)?;
                sum.used += below.used;
                sum.files += below.files;
                continue;
            }
            sum.files += about.len();
            let name = entry.file_name();
            if NOT_YET.iter().any(|other| name == *other) {
                continue;
            }
            let is_segment = path.extension().is_some_and(|extension| extension == "seg");
            sum.used += if is_segment { used_of(&path, about.len())? } else { about.len() };
        }
        Ok(sum)
    }
}

/// Bytes of records by kind, all segments below a directory.
pub fn by_kind(dir: &Path) -> io::Result<BTreeMap<u8, u64>> {
    let mut sum = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let is_segment = path.extension().is_some_and(|extension| extension == "seg");
        if path.is_dir() {
            for (kind, len) in by_kind(&path)? {
                *sum.entry(kind).or_default() += len;
            }
        } else if is_segment && NOT_YET.iter().all(|other| !path.ends_with(other)) {
            count_records(&fs::read(path)?, &mut sum);
        }
    }
    Ok(sum)
}

/// Goes from frame to frame (docs/FORMAT.md, Frames and Records).
fn count_records(segment: &[u8], sum: &mut BTreeMap<u8, u64>) {
    let length =
        |bytes: &[u8]| bytes.try_into().map_or(0, |field| u32::from_le_bytes(field) as usize);
    let mut frame_at = SEGMENT_HEADER_LEN;
    while let Some(header) = segment.get(frame_at..frame_at + FRAME_HEADER_LEN) {
        if !header.starts_with(FRAME_MAGIC) {
            return;
        }
        let mut at = frame_at + FRAME_HEADER_LEN;
        let end = at + length(&header[32..36]);
        while let Some(header) = segment.get(at..(at + RECORD_HEADER_LEN).min(end)) {
            if header.len() < RECORD_HEADER_LEN {
                break;
            }
            let len = RECORD_HEADER_LEN + length(&header[4..8]);
            *sum.entry(header[8]).or_default() += len as u64;
            at += len;
        }
        frame_at = end.next_multiple_of(8);
    }
}

/// Bytes of a segment up to the end of its last frame.
fn used_of(path: &Path, len: u64) -> io::Result<u64> {
    let file = File::open(path)?;
    let mut footer = [0; FOOTER_LEN];
    file.read_exact_at(&mut footer, len.saturating_sub(FOOTER_LEN as u64))?;
    if footer.starts_with(FOOTER_MAGIC) {
        let field: [u8; 8] = footer[VALID_LEN_AT..VALID_LEN_AT + 8].try_into().unwrap_or_default();
        return Ok(u64::from_le_bytes(field) + FOOTER_LEN as u64);
    }
    // Active: zeros follow its last frame.
    let mut end = len;
    let mut window = vec![0; 1 << 20];
    while end > 0 {
        let start = end.saturating_sub(window.len() as u64);
        let window = &mut window[..usize::try_from(end - start).unwrap_or(0)];
        file.read_exact_at(window, start)?;
        if let Some(last) = window.iter().rposition(|octet| *octet != 0) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_in_reserve_is_not_used() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut active = vec![0; 5000];
        active[1233] = 1;
        let mut sealed = vec![0; 5000];
        sealed[4960..4964].copy_from_slice(FOOTER_MAGIC);
        sealed[4976..4984].copy_from_slice(&700_u64.to_le_bytes());
        for (name, octets) in [("1.seg", &sealed), ("2.seg", &active), ("next.seg", &active)] {
            fs::write(dir.path().join(name), octets).expect("written");
        }
        let taken = Taken::below(dir.path()).expect("readable");
        assert_eq!((taken.used, taken.files), (700 + 40 + 1234, 15_000));
    }
}
