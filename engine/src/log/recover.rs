//! Bringing a log up after whatever ended its last run. Every step may be cut by a crash and is
//! then taken again.

use std::sync::Arc;

use crate::Error;
use crate::format::manifest::Manifest;
use crate::ids::{LogPos, SegmentId};
use crate::io::{Disk, DiskFile};
use crate::log::manifest_file;
use crate::log::read::Live;
use crate::log::segment_file::{CONDENSED_NAME, LARGE_NAME, NEXT_NAME, segment_id, segment_name};
use crate::log::walk::{Damage, Extent, Segment, Walk};
use crate::record::Contents;

/// Bytes copied or zeroed at a time.
const STEP_LEN: u64 = 1 << 20;

/// The active segment, ready to be written to.
pub(super) struct Recovered {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) walk: Walk,
    pub(super) contents: Contents,
}

/// Whether the making of this log never finished: no manifest, and no frame in any segment.
pub(super) fn is_unmade(disk: &dyn Disk, live: &Live) -> Result<bool, Error> {
    let names = disk.list().map_err(Error::io("list a shard"))?;
    if names.iter().any(|name| name == manifest_file::NAME) {
        return Ok(false);
    }
    for (name, id) in names.iter().filter_map(|name| Some((name, segment_id(name)?))) {
        let file = disk.open(name).map_err(Error::io("open a segment"))?;
        let segment = Segment { file: &*file, id, seed: live.seed() };
        let walk = segment.walk(0, Extent::Open, &mut |_, _| Ok(()))?;
        if walk.frame_count > 0 || walk.is_torn || !walk.damages.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes what an unfinished roll or manifest left behind.
pub(super) fn remove_leftovers(disk: &dyn Disk, manifest: &Manifest) -> Result<(), Error> {
    let is_live = |id: SegmentId| {
        id == manifest.active || manifest.sealed.binary_search_by_key(&id, |(id, _)| *id).is_ok()
    };
    for name in disk.list().map_err(Error::io("list a shard"))? {
        let is_new = [NEXT_NAME, LARGE_NAME, CONDENSED_NAME, manifest_file::NEW_NAME]
            .contains(&name.as_str());
        if is_new || segment_id(&name).is_some_and(|id| !is_live(id)) {
            disk.remove(&name).map_err(Error::io("remove an unfinished file"))?;
        }
    }
    Ok(())
}

/// Finds the end of the active segment and makes all before it durable, all behind it zero.
pub(super) fn recover_active(
    disk: &dyn Disk,
    live: &Live,
    id: SegmentId,
) -> Result<Recovered, Error> {
    let file = disk.open(&segment_name(id)).map_err(Error::io("open the active segment"))?;
    let segment = Segment { file: &*file, id, seed: live.seed() };
    let mut contents = Contents::default();
    let mut walk = segment.walk(0, Extent::Open, &mut |header, body| {
        for (_, kind, payload) in header.records(body).flatten() {
            contents.count(kind, payload.len() as u64);
        }
        Ok(())
    })?;
    if let Err(fault) = live.check_header(&*file, id) {
        walk.damages.insert(0, Damage { at: LogPos { segment: id, offset: 0 }, fault });
    }
    if walk.is_torn {
        let at = LogPos { segment: id, offset: walk.end };
        tracing::warn!(%at, "the last write was cut by a crash; nothing in it was acknowledged");
    }
    make_durable(&*file, &walk).map_err(Error::io("recover the active segment"))?;
    Ok(Recovered { file, walk, contents })
}

/// The last batch may have been read from memory alone, its sync having failed: it is written
/// again, for a failed sync does not make its pages any cleaner. What stands behind it goes, so
/// that it can never be taken for part of a later batch.
fn make_durable(file: &dyn DiskFile, walk: &Walk) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    let mut step = |offset: u64, end: u64| {
        buffer.resize(usize::try_from(STEP_LEN.min(end - offset)).unwrap_or(0), 0);
        file.read_exact_at(&mut buffer, offset)?;
        if offset >= walk.end {
            if buffer.iter().all(|byte| *byte == 0) {
                return Ok(buffer.len() as u64);
            }
            buffer.fill(0);
        }
        file.write_at(&buffer, offset)?;
        Ok::<u64, std::io::Error>(buffer.len() as u64)
    };
    for (start, end) in [(walk.batch_start, walk.end), (walk.end, file.len())] {
        let mut offset = start;
        while offset < end {
            offset += step(offset, end)?;
        }
    }
    file.sync()
}
