//! What goes to a client that asked for compression (RFC 1951).
//!
//! Each piece is compressed by itself and ends at a byte, so the client can read all of it at
//! once, and nothing is remembered from one piece to the next: compressors are large, and a few
//! serve any number of connections. The length of a piece also tells nothing about the others.

use std::sync::{Mutex, PoisonError};

use zlib_rs::{Deflate, DeflateFlush, Status};

/// Beyond it each step saves few bytes and costs much time (decision 0007).
const LEVEL: i32 = 2;
/// 32 KiB, the largest: the window is one for all connections.
const WINDOW_BITS: u8 = 15;
/// Compressors kept for the next piece; as many pieces are compressed at one time as there are
/// cores, and beyond these they are made and dropped.
const KEPT_MAX: usize = 4;
/// Pieces up to this length leave as they are: they go in one packet in any case.
const STORED_LEN_MAX: usize = 160;
/// The longest stored block (RFC 1951, 3.2.4).
const BLOCK_LEN_MAX: usize = u16::MAX as usize;

static KEPT: Mutex<Vec<Deflate>> = Mutex::new(Vec::new());

/// Appends blocks of `piece` to `packed`.
pub(super) fn pack(piece: &[u8], packed: &mut Vec<u8>) {
    let start = packed.len();
    if piece.len() <= STORED_LEN_MAX || compress(piece, packed).is_none() {
        packed.truncate(start);
        store(piece, packed);
    }
}

/// Blocks that are not compressed.
fn store(piece: &[u8], packed: &mut Vec<u8>) {
    for block in piece.chunks(BLOCK_LEN_MAX) {
        let len = u16::try_from(block.len()).unwrap_or(u16::MAX);
        packed.push(0);
        packed.extend_from_slice(&len.to_le_bytes());
        packed.extend_from_slice(&(!len).to_le_bytes());
        packed.extend_from_slice(block);
    }
}

/// `None` if the compressor fails.
fn compress(piece: &[u8], packed: &mut Vec<u8>) -> Option<()> {
    let kept = lock().pop();
    let mut deflate = kept.unwrap_or_else(|| Deflate::new(LEVEL, false, WINDOW_BITS));
    let (mut used, mut filled) = (0, packed.len());
    loop {
        let rest = piece.get(used..).unwrap_or_default();
        packed.resize(filled + rest.len() / 2 + STORED_LEN_MAX, 0);
        let room = packed.get_mut(filled..).unwrap_or_default();
        let (room_len, total_in, total_out) =
            (room.len() as u64, deflate.total_in(), deflate.total_out());
        let status = deflate.compress(rest, room, DeflateFlush::SyncFlush).ok()?;
        let written = deflate.total_out() - total_out;
        used += usize::try_from(deflate.total_in() - total_in).ok()?;
        filled += usize::try_from(written).ok()?;
        // Room that is left says that the flush is whole.
        if used == piece.len() && written < room_len {
            break;
        }
        if status != Status::Ok {
            return None;
        }
    }
    packed.truncate(filled);
    deflate.reset();
    let mut kept = lock();
    if kept.len() < KEPT_MAX {
        kept.push(deflate);
    }
    Some(())
}

fn lock() -> std::sync::MutexGuard<'static, Vec<Deflate>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
