//! Segment files: their names, their sizes, and the next one, made ahead of need.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use crate::Error;
use crate::format::segment::SegmentHeader;
use crate::ids::SegmentId;
use crate::io::{Disk, DiskFile};
use crate::limits::SEGMENT_LEN_FIRST;

/// What a segment is called until it is part of the log.
pub(super) const NEXT_NAME: &str = "next.seg";
/// The same, for a segment made for one frame too large for the next one.
pub(super) const LARGE_NAME: &str = "large.seg";

/// The same, for what is kept of a segment while it is written.
pub(super) const CONDENSED_NAME: &str = "condensed.seg";

/// The name of a segment of the log.
pub(super) fn segment_name(id: SegmentId) -> String {
    format!("{id}.seg")
}

/// The id in a segment's name.
pub(super) fn segment_id(name: &str) -> Option<SegmentId> {
    let id = u64::from_str_radix(name.strip_suffix(".seg")?, 16).ok().map(SegmentId)?;
    (segment_name(id) == name).then_some(id)
}

/// How long the next segment is to be: a log that is small takes little space ahead.
pub(super) fn segment_len(live_len: u64, len_max: u64) -> u64 {
    live_len.clamp(SEGMENT_LEN_FIRST.min(len_max), len_max)
}

/// A file of zeros that is to become a segment.
pub(super) struct Blank {
    pub(super) name: &'static str,
    pub(super) file: Arc<dyn DiskFile>,
}

impl Blank {
    fn make(disk: &dyn Disk, name: &'static str, len: u64) -> io::Result<Self> {
        match disk.create_zeroed(name, len) {
            Ok(file) => Ok(Self { name, file }),
            Err(error) => {
                // Half a file helps nobody, least of all on a full disk.
                if let Err(error) = disk.remove(name) {
                    tracing::debug!(%error, name, "nothing to remove");
                }
                Err(error)
            }
        }
    }

    /// Writes the header and gives the file its name in the log.
    pub(super) fn name(
        self,
        disk: &dyn Disk,
        header: SegmentHeader,
    ) -> Result<Arc<dyn DiskFile>, Error> {
        let named = self.file.write_and_sync(header.encode(), 0).and_then(|_| {
            disk.rename(self.name, &segment_name(header.segment))?;
            disk.sync_dir()
        });
        named.map_err(Error::io("add a segment"))?;
        Ok(self.file)
    }
}

/// Makes the next segment in the background, one at a time.
pub(super) struct Preparer {
    disk: Arc<dyn Disk>,
    under_way: Option<Receiver<io::Result<Blank>>>,
}

impl Preparer {
    pub(super) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, under_way: None }
    }

    /// Starts to make a segment of `len` bytes unless one was started.
    pub(super) fn start(&mut self, len: u64) {
        if self.under_way.is_some() {
            return;
        }
        let (done, receiver) = sync_channel(1);
        let disk = Arc::clone(&self.disk);
        self.disk.in_background(Box::new(move || {
            // Without a receiver the log is gone, and the next one removes the file.
            drop(done.send(Blank::make(&*disk, NEXT_NAME, len)));
        }));
        self.under_way = Some(receiver);
    }

    /// A segment of `len_min` bytes or more: the prepared one, or else one made now.
    pub(super) fn take(&mut self, len: u64, len_min: u64) -> Result<Blank, Error> {
        let failed = Error::io("make room for more: create a segment");
        if len_min > len {
            return Blank::make(&*self.disk, LARGE_NAME, len_min).map_err(failed);
        }
        let prepared = self.under_way.take().and_then(|receiver| receiver.recv().ok());
        match prepared {
            Some(Ok(blank)) if blank.file.len() >= len_min => Ok(blank),
            _ => Blank::make(&*self.disk, NEXT_NAME, len).map_err(failed),
        }
    }
}

impl Drop for Preparer {
    /// Waits, so that nothing is written to the directory once its owner gave it up.
    fn drop(&mut self) {
        if let Some(receiver) = self.under_way.take() {
            drop(receiver.recv());
        }
    }
}
