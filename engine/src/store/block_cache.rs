//! The pieces of message blocks that were decompressed last, by each thread for itself: who reads
//! one message of a block most often reads its neighbours next.
//!
//! An address never holds another block later: segments are only ever condensed, and no block is
//! kept in a condensed one.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::Error;
use crate::ids::RecordAddr;

/// The reader, the block, which of its pieces.
pub(crate) type Key = (u64, RecordAddr, usize);

/// Pieces that a thread keeps: heads and bodies of the last block, and of one more.
const KEPT: usize = 4;
/// A longer piece is not kept.
const KEPT_LEN_MAX: usize = 1 << 20;

thread_local! {
    static CACHE: RefCell<VecDeque<(Key, Rc<Vec<u8>>)>> = const { RefCell::new(VecDeque::new()) };
}

/// The piece if this thread has it, else what `read` gives.
pub(crate) fn get_or_read(
    key: Key,
    read: impl FnOnce() -> Result<Vec<u8>, Error>,
) -> Result<Rc<Vec<u8>>, Error> {
    let kept = CACHE.with_borrow(|cache| {
        cache.iter().find(|(known, _)| *known == key).map(|(_, piece)| Rc::clone(piece))
    });
    if let Some(piece) = kept {
        return Ok(piece);
    }
    let piece = Rc::new(read()?);
    if piece.len() <= KEPT_LEN_MAX {
        CACHE.with_borrow_mut(|cache| {
            cache.truncate(KEPT - 1);
            cache.push_front((key, Rc::clone(&piece)));
        });
    }
    Ok(piece)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{LogPos, SegmentId};

    #[test]
    fn the_last_pieces_are_not_read_again_and_earlier_ones_are() {
        let key = |offset| (7, LogPos { segment: SegmentId(1), offset }, 0);
        let mut reads = 0;
        for offset in [1, 2, 1, 3, 4, 2, 5, 1] {
            let piece = get_or_read(key(offset), || {
                reads += 1;
                Ok(offset.to_le_bytes().to_vec())
            });
            assert_eq!(**piece.as_ref().expect("read"), offset.to_le_bytes());
        }
        assert_eq!(reads, 6, "1, 2, 3, 4, 5, and 1 again");
        let failed = get_or_read(key(9), || Err(Error::NoSuchMessage));
        assert!(matches!(failed, Err(Error::NoSuchMessage)));
    }
}
