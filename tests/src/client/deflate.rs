//! COMPRESS as a client (RFC 4978), by the `zlib` that is not the server's inflater.

use std::io;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

/// Room that is made at a time.
const ROOM: usize = 16 << 10;

/// Both directions.
#[derive(Debug)]
pub(super) struct Deflate {
    compress: Compress,
    decompress: Decompress,
}

impl Deflate {
    pub(super) fn new() -> Self {
        let compress = Compress::new(Compression::default(), false);
        Self { compress, decompress: Decompress::new(false) }
    }

    /// What to send, with a flush at its end.
    pub(super) fn pack(&mut self, octets: &[u8]) -> io::Result<Vec<u8>> {
        let (begin, mut packed) = (self.compress.total_in(), Vec::new());
        loop {
            packed.reserve(ROOM);
            let rest = &octets[count(self.compress.total_in() - begin)..];
            self.compress.compress_vec(rest, &mut packed, FlushCompress::Sync)?;
            // Room that is left says that the flush is whole.
            if packed.len() < packed.capacity() {
                return Ok(packed);
            }
        }
    }

    /// Appends what came.
    pub(super) fn unpack(&mut self, came: &[u8], octets: &mut Vec<u8>) -> io::Result<()> {
        let begin = self.decompress.total_in();
        loop {
            octets.reserve(ROOM);
            let rest = &came[count(self.decompress.total_in() - begin)..];
            self.decompress.decompress_vec(rest, octets, FlushDecompress::Sync)?;
            if octets.len() < octets.capacity() {
                return Ok(());
            }
        }
    }
}

fn count(octets: u64) -> usize {
    usize::try_from(octets).expect("a part of a slice")
}
