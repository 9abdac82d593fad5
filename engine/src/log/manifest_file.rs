//! The manifest on disk: read at start, replaced atomically.

use std::io;

use crate::format::manifest::{Manifest, VERSION};
use crate::ids::LogPos;
use crate::io::Disk;
use crate::limits::MANIFEST_LEN_MAX;
use crate::log::LogOptions;
use crate::{Error, Fault};

/// The file's name.
pub(super) const NAME: &str = "manifest";
/// What it is called until it is whole.
pub(super) const NEW_NAME: &str = "manifest.tmp";

/// Reads the manifest and refuses one that is not of this store and shard.
pub(super) fn read(disk: &dyn Disk, options: &LogOptions) -> Result<Manifest, Error> {
    let shard = options.shard;
    let damaged = |fault| Error::Damaged { shard, at: LogPos::default(), fault };
    let bytes = match read_bytes(disk) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(damaged(Fault::Truncated));
        }
        Err(error) => return Err(Error::io("read the manifest of a shard")(error)),
    };
    let manifest = Manifest::decode(&bytes).map_err(|fault| match fault {
        Fault::Unknown { value, .. } => Error::Unusable(format!(
            "shard {shard} has format {value}, this version reads up to {VERSION}: use a newer one"
        )),
        fault => damaged(fault),
    })?;
    if manifest.store_id != options.store_id || manifest.shard != shard {
        let text = format!("the directory of shard {shard} belongs to another store or shard");
        return Err(Error::Unusable(text));
    }
    Ok(manifest)
}

fn read_bytes(disk: &dyn Disk) -> io::Result<Vec<u8>> {
    let file = disk.open(NAME)?;
    // One that is longer fails its checksum.
    let len = usize::try_from(file.len()).map_or(MANIFEST_LEN_MAX, |len| len.min(MANIFEST_LEN_MAX));
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Writes the next manifest beside the one in force. A failure changes nothing.
pub(super) fn write(disk: &dyn Disk, manifest: &Manifest) -> Result<(), Error> {
    disk.write_new(NEW_NAME, &manifest.encode()).map_err(Error::io("write the manifest"))
}

/// Puts the manifest that was written in force. After a failure nobody knows which one is.
pub(super) fn replace(disk: &dyn Disk) -> Result<(), Error> {
    let replaced = disk.rename(NEW_NAME, NAME).and_then(|()| disk.sync_dir());
    replaced.map_err(Error::io("replace the manifest"))
}
