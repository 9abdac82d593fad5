//! Joining chunks: small ones at the tail as messages arrive, thin ones after an expunge.
//!
//! A new message goes into a chunk of at most 64, so that an append copies little. Eight full
//! chunks become one of 512, and eight of those one of 4,096: each message is copied three
//! times in its life. A chunk that lost half of its rows is written again without them.

use std::sync::Arc;

use crate::Error;
use crate::columns::{Base, Bitmap, CHUNK_ROWS_MAX, Columns, Marks, ModSeqs};
use crate::state::chunk::{Chunk, Source};

/// Rows of the chunk that takes new messages.
pub(crate) const TAIL_ROWS: usize = 64;

const STEP: usize = 8;

/// Merges full small chunks at the end of `chunks`.
pub(crate) fn settle_tail(chunks: &mut Vec<Arc<Chunk>>, source: &Source) -> Result<(), Error> {
    let mut class = TAIL_ROWS;
    while class < CHUNK_ROWS_MAX {
        let next = class * STEP;
        let is_small = |chunk: &&Arc<Chunk>| (chunk.summary.rows as usize) < next;
        let run = chunks.iter().rev().take_while(is_small).count();
        let start = chunks.len() - run;
        let small = chunks.get(start..).unwrap_or_default();
        let mut rows = 0;
        let enough = small.iter().position(|chunk| {
            rows += chunk.summary.live as usize;
            rows >= next
        });
        // The chunk being filled is left out until it is full, so that appends stay cheap.
        if let Some(end) = enough.map(|at| start + at + 1) {
            let joined = join(chunks.get(start..end).unwrap_or_default(), source)?;
            chunks.splice(start..end, joined);
        }
        class = next;
    }
    Ok(())
}

/// Writes the chunk at `at` again without its dead rows once half are dead, together with the
/// chunk before it if both are thin.
pub(crate) fn settle_thin(
    chunks: &mut Vec<Arc<Chunk>>,
    at: usize,
    source: &Source,
) -> Result<(), Error> {
    let Some(summary) = chunks.get(at).map(|chunk| chunk.summary) else { return Ok(()) };
    if summary.live * 2 > summary.rows || (summary.rows as usize) < TAIL_ROWS {
        return Ok(());
    }
    let is_thin = |chunk: &Arc<Chunk>| (chunk.summary.live as usize) < CHUNK_ROWS_MAX / 4;
    let before = at.checked_sub(1).filter(|at| chunks.get(*at).is_some_and(is_thin));
    let start = before.filter(|_| (summary.live as usize) < CHUNK_ROWS_MAX / 4).unwrap_or(at);
    let joined = join(chunks.get(start..=at).unwrap_or_default(), source)?;
    chunks.splice(start..=at, joined);
    Ok(())
}

/// The live rows of neighbouring chunks in as few chunks as they fit in.
pub(crate) fn join(parts: &[Arc<Chunk>], source: &Source) -> Result<Vec<Arc<Chunk>>, Error> {
    let mut joined = Vec::new();
    let mut filling = Filling::default();
    for part in parts {
        let columns = part.columns(source)?;
        for at in columns.live().iter() {
            if filling.base.len() == CHUNK_ROWS_MAX {
                joined.extend(std::mem::take(&mut filling).finish());
            }
            filling.push(&columns, at);
        }
    }
    joined.extend(filling.finish());
    Ok(joined)
}

#[derive(Default)]
struct Filling {
    base: Base,
    flags: Vec<(u8, Bitmap)>,
    modseqs: Vec<u64>,
}

impl Filling {
    fn push(&mut self, from: &Columns, at: usize) {
        let flags = from.flags_at(at);
        let Some(row) = from.base.row(at, flags) else { return };
        let place = self.base.len();
        self.base.push(&row);
        self.modseqs.push(from.modseqs.at(at));
        for bit in flags.iter().filter_map(|bit| u8::try_from(bit).ok()) {
            let index = self.flags.iter().position(|(has, _)| *has == bit);
            let index = index.unwrap_or_else(|| {
                self.flags.push((bit, Bitmap::default()));
                self.flags.len() - 1
            });
            if let Some((_, bitmap)) = self.flags.get_mut(index) {
                bitmap.set(place);
            }
        }
    }

    fn finish(self) -> Option<Arc<Chunk>> {
        let mut marks = Marks::plain(ModSeqs::collect(self.modseqs));
        for (bit, bitmap) in self.flags {
            marks.set_flag(bit, &bitmap);
        }
        Chunk::of(Columns::new(self.base, marks)).map(Arc::new)
    }
}
