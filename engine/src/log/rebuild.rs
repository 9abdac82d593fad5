//! A manifest made again from the segments themselves, for a shard whose own is damaged or gone:
//! start-up needs nobody to mend it. The checkpoint is lost with it, so all of the log is replayed.

use crate::format::manifest::Manifest;
use crate::format::segment::{self, SegmentFooter};
use crate::ids::SegmentId;
use crate::io::{Disk, DiskFile};
use crate::log::read::Live;
use crate::log::segment_file::{segment_id, segment_name};
use crate::log::walk::{Damage, Extent, Segment};
use crate::log::{LogOptions, manifest_file};
use crate::{Error, Fault};

/// The manifest as it stands, or made again and then with what was wrong with it.
pub(super) fn manifest(
    disk: &dyn Disk,
    options: &LogOptions,
    live: &Live,
) -> Result<(Manifest, Option<Damage>), Error> {
    match manifest_file::read(disk, options) {
        Ok(manifest) => Ok((manifest, None)),
        Err(Error::Damaged { at, fault, shard }) => {
            tracing::warn!(%shard, %fault, "the manifest is made again from the segments");
            Ok((from_segments(disk, options, live)?, Some(Damage { at, fault })))
        }
        Err(error) => Err(error),
    }
}

fn from_segments(disk: &dyn Disk, options: &LogOptions, live: &Live) -> Result<Manifest, Error> {
    let names = disk.list().map_err(Error::io("list a shard"))?;
    let mut ids: Vec<_> = names.iter().filter_map(|name| segment_id(name)).collect();
    ids.sort_unstable();
    let active = ids.pop().ok_or_else(|| {
        let text = format!("shard {}: the manifest is damaged, no segment left", options.shard);
        Error::Unusable(text)
    })?;
    let sealed = ids.into_iter().map(|id| {
        let file = disk.open(&segment_name(id)).map_err(Error::io("open a segment"))?;
        Ok((id, valid_len(&*file, id, live)?))
    });
    Ok(Manifest {
        store_id: options.store_id,
        shard: options.shard,
        checkpoint: None,
        sealed: sealed.collect::<Result<_, Error>>()?,
        active,
    })
}

/// What the footer says, or the frames: a footer may be damaged, or older than the last frame
/// where a roll failed after it was written.
fn valid_len(file: &dyn DiskFile, id: SegmentId, live: &Live) -> Result<u64, Error> {
    let segment = Segment { file, id, seed: live.seed() };
    let walk = segment.walk(0, Extent::Open, &mut |_, _| Ok(()))?;
    Ok(read_footer(file, id).map_or(walk.end, |footer| footer.valid_len.max(walk.end)))
}

/// The footer of a sealed segment.
pub(super) fn read_footer(file: &dyn DiskFile, id: SegmentId) -> Result<SegmentFooter, Fault> {
    let offset = file.len().saturating_sub(segment::FOOTER_LEN);
    let mut bytes = vec![0; usize::try_from(file.len() - offset).unwrap_or(0)];
    file.read_exact_at(&mut bytes, offset).map_err(|_| Fault::Truncated)?;
    let footer = SegmentFooter::decode(&bytes)?;
    if footer.segment == id { Ok(footer) } else { Err(Fault::Invalid("segment footer")) }
}
