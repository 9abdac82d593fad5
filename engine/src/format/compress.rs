//! Pieces: stretches of a message that are compressed and checked by themselves.
//!
//! A piece of the log is described by an entry in the table of the record that holds it:
//!
//! | field of an entry | bytes                                                            |
//! |-------------------|------------------------------------------------------------------|
//! | raw length        | varint: bytes once decompressed                                  |
//! | stored length     | varint: bytes in the record                                      |
//! | codec             | varint: 0 = stored as it is, 1 = zstd frame, n + 1 = zstd frame with dictionary n |
//! | checksum          | 4: CRC-32 of the bytes as stored                                 |

use std::cell::RefCell;

use zstd::zstd_safe::{CCtx, DCtx, SafeResult};

use crate::Fault;
use crate::format::dictionary::{Dictionary, Effort, FindDictionary};
use crate::format::reader::{Put, Reader};

/// Pieces shorter than this are not worth a frame of their own.
const COMPRESS_FROM: usize = 32;

/// What the table says of one piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PieceEntry {
    pub(crate) raw_len: u32,
    pub(crate) stored_len: u32,
    pub(crate) codec: Codec,
    checksum: u32,
}

/// How a piece is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Codec {
    /// As it is.
    #[default]
    Stored,
    /// A zstd frame.
    Zstd,
    /// A zstd frame made with the dictionary of this number.
    Dictionary(u32),
}

impl Codec {
    fn of(number: u32) -> Self {
        match number {
            0 => Self::Stored,
            1 => Self::Zstd,
            number => Self::Dictionary(number - 1),
        }
    }

    fn number(self) -> u64 {
        match self {
            Self::Stored => 0,
            Self::Zstd => 1,
            Self::Dictionary(number) => u64::from(number) + 1,
        }
    }
}

/// A piece as it is stored.
#[derive(Clone)]
pub(crate) struct Piece {
    pub(crate) entry: PieceEntry,
    pub(crate) bytes: Vec<u8>,
}

impl PieceEntry {
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let (raw_len, stored_len) = (reader.varint32()?, reader.varint32()?);
        let (codec, checksum) = (Codec::of(reader.varint32()?), reader.u32()?);
        Ok(Self { raw_len, stored_len, codec, checksum })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_varint(self.raw_len.into());
        out.put_varint(self.stored_len.into());
        out.put_varint(self.codec.number());
        out.put_u32(self.checksum);
    }
}

/// Compresses a piece, or stores it as it is where that is no longer.
pub(crate) fn pack(raw: &[u8], effort: Effort, dictionary: Option<&Dictionary>) -> Piece {
    let codec = dictionary.map_or(Codec::Zstd, |used| Codec::Dictionary(used.number));
    pack_with(raw, codec, |context, out| match dictionary {
        Some(dictionary) => {
            context.compress_using_cdict(out, raw, dictionary.encoder(effort).as_cdict())
        }
        None => context.compress(out, raw, effort.level()),
    })
}

/// The same of a piece that says again what a prefix says; [`unpack_after`] needs the same.
pub(crate) fn pack_after(raw: &[u8], prefix: &[u8], effort: Effort) -> Piece {
    pack_with(raw, Codec::Zstd, |context, out| {
        context.compress_using_dict(out, raw, prefix, effort.level())
    })
}

fn pack_with(
    raw: &[u8],
    codec: Codec,
    compress: impl FnOnce(&mut CCtx<'static>, &mut Vec<u8>) -> SafeResult,
) -> Piece {
    let compressed = if raw.len() < COMPRESS_FROM { None } else { compressed(raw, compress) };
    let (codec, bytes) = match compressed {
        Some(bytes) if bytes.len() < raw.len() => (codec, bytes),
        _ => (Codec::Stored, raw.to_vec()),
    };
    let len = |len| u32::try_from(len).unwrap_or(u32::MAX);
    let checksum = crc32fast::hash(&bytes);
    let entry =
        PieceEntry { raw_len: len(raw.len()), stored_len: len(bytes.len()), codec, checksum };
    Piece { entry, bytes }
}

/// Checks and decompresses a piece.
pub(crate) fn unpack(
    entry: PieceEntry,
    stored: &[u8],
    dictionaries: &impl FindDictionary,
) -> Result<Vec<u8>, Fault> {
    let mut raw = Vec::new();
    unpack_into(entry, stored, dictionaries, &mut raw)?;
    Ok(raw)
}

/// The same into a buffer, of which nothing stays. Allocates what the entry promises and no
/// more, and that only after the checksum has vouched for the bytes.
pub(crate) fn unpack_into(
    entry: PieceEntry,
    stored: &[u8],
    dictionaries: &impl FindDictionary,
    raw: &mut Vec<u8>,
) -> Result<(), Fault> {
    unpack_with(entry, stored, raw, |raw| match entry.codec {
        Codec::Stored => Err(Fault::Compression),
        Codec::Zstd => decompress(entry, raw, |context, raw| context.decompress(raw, stored)),
        Codec::Dictionary(number) => {
            let unknown = Fault::Unknown { field: "dictionary", value: number.into() };
            let dictionary = dictionaries.dictionary(number).ok_or(unknown)?;
            decompress(entry, raw, |context, raw| {
                context.decompress_using_ddict(raw, stored, dictionary.decoder().as_ddict())
            })
        }
    })
}

/// What [`pack_after`] made of a piece that says again what the prefix says.
pub(crate) fn unpack_after(
    entry: PieceEntry,
    stored: &[u8],
    prefix: &[u8],
    raw: &mut Vec<u8>,
) -> Result<(), Fault> {
    unpack_with(entry, stored, raw, |raw| match entry.codec {
        Codec::Zstd => decompress(entry, raw, |context, raw| {
            context.decompress_using_dict(raw, stored, prefix)
        }),
        Codec::Stored | Codec::Dictionary(_) => Err(Fault::Compression),
    })
}

/// Checks the bytes as stored, and the length of what comes out.
fn unpack_with(
    entry: PieceEntry,
    stored: &[u8],
    raw: &mut Vec<u8>,
    decompress: impl FnOnce(&mut Vec<u8>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    raw.clear();
    if stored.len() != entry.stored_len as usize {
        return Err(Fault::Truncated);
    }
    if crc32fast::hash(stored) != entry.checksum {
        return Err(Fault::Checksum);
    }
    match entry.codec {
        Codec::Stored => raw.extend_from_slice(stored),
        _ => decompress(raw)?,
    }
    if raw.len() == entry.raw_len as usize { Ok(()) } else { Err(Fault::Compression) }
}

// A context costs hundreds of kilobytes to set up and nothing to use again.
thread_local! {
    static COMPRESSOR: RefCell<Option<CCtx<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<DCtx<'static>>> = const { RefCell::new(None) };
}

fn compressed(
    raw: &[u8],
    compress: impl FnOnce(&mut CCtx<'static>, &mut Vec<u8>) -> SafeResult,
) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = CCtx::try_create();
        }
        let context = slot.as_mut()?;
        let mut out = Vec::with_capacity(zstd::zstd_safe::compress_bound(raw.len()));
        compress(context, &mut out).ok().map(|_| {
            out.shrink_to_fit();
            out
        })
    })
}

fn decompress(
    entry: PieceEntry,
    raw: &mut Vec<u8>,
    decompress: impl FnOnce(&mut DCtx<'static>, &mut Vec<u8>) -> SafeResult,
) -> Result<(), Fault> {
    DECOMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = DCtx::try_create();
        }
        let context = slot.as_mut().ok_or(Fault::Compression)?;
        // One byte more than promised, so that a frame that holds more is told from one that fits.
        raw.reserve(entry.raw_len as usize + 1);
        decompress(context, raw).map(drop).map_err(|_| Fault::Compression)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::format::dictionary::{Purpose, tests::samples, train};

    struct Known(Arc<Dictionary>);

    impl FindDictionary for Known {
        fn dictionary(&self, number: u32) -> Option<Arc<Dictionary>> {
            (number == self.0.number).then(|| Arc::clone(&self.0))
        }
    }

    proptest! {
        #[test]
        fn pieces_come_back(raw in prop::collection::vec(0_u8..4, 0..3000)) {
            for effort in [Effort::Arrival, Effort::Archive] {
                let piece = pack(&raw, effort, None);
                prop_assert!(piece.bytes.len() <= raw.len());
                let mut table = Vec::new();
                piece.entry.encode(&mut table);
                let entry = PieceEntry::decode(&mut Reader::new(&table));
                prop_assert_eq!(entry, Ok(piece.entry));
                prop_assert_eq!(unpack(piece.entry, &piece.bytes, &()), Ok(raw.clone()));
            }
        }
    }

    #[test]
    fn a_dictionary_makes_small_pieces_smaller_and_is_needed_to_read_them() {
        let dictionary = train(300, Purpose::Head, &samples()).expect("trained");
        let known = Known(Arc::new(dictionary));
        let raw = &samples()[17];
        let alone = pack(raw, Effort::Arrival, None);
        let with = pack(raw, Effort::Arrival, Some(&known.0));
        assert!(
            with.bytes.len() * 2 < alone.bytes.len(),
            "{} {}",
            with.bytes.len(),
            alone.bytes.len()
        );
        assert_eq!(with.entry.codec, Codec::Dictionary(300));
        assert_eq!(unpack(with.entry, &with.bytes, &known).as_ref(), Ok(raw));
        let unknown = Fault::Unknown { field: "dictionary", value: 300 };
        assert_eq!(unpack(with.entry, &with.bytes, &()), Err(unknown));
    }

    #[test]
    fn a_piece_behind_a_prefix_is_small_where_it_says_the_same() {
        let prefix = samples()[..200].concat();
        let raw = samples()[40..60].concat();
        let alone = pack(&raw, Effort::Listing, None);
        let piece = pack_after(&raw, &prefix, Effort::Listing);
        assert!(piece.bytes.len() * 2 < alone.bytes.len());
        let mut again = Vec::new();
        assert_eq!(unpack_after(piece.entry, &piece.bytes, &prefix, &mut again), Ok(()));
        assert_eq!(again, raw);
        assert!(unpack_after(piece.entry, &piece.bytes, b"", &mut again).is_err());
        let short = pack_after(b"short", &prefix, Effort::Listing);
        assert_eq!(unpack_after(short.entry, &short.bytes, b"", &mut again), Ok(()));
        assert_eq!(again, b"short");
    }

    #[test]
    fn damage_and_lying_lengths_are_faults() {
        let mut piece = pack(&[7; 1000], Effort::Arrival, None);
        let entry = PieceEntry { raw_len: 999, ..piece.entry };
        assert_eq!(unpack(entry, &piece.bytes, &()), Err(Fault::Compression));
        let entry = PieceEntry { raw_len: 1001, ..piece.entry };
        assert_eq!(unpack(entry, &piece.bytes, &()), Err(Fault::Compression));
        piece.bytes[3] ^= 1;
        assert_eq!(unpack(piece.entry, &piece.bytes, &()), Err(Fault::Checksum));
    }
}
