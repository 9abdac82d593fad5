//! A chunk: up to 4,096 neighbouring messages, the unit that snapshots share.
//!
//! Its summary is always at hand; its columns are read when somebody needs them.

use std::fmt;
use std::sync::Arc;

use crate::Error;
use crate::columns::{Base, Bitmap, Columns, Marks, ModSeqs, NewRow};
use crate::flags::{FlagBits, SystemFlag};
use crate::ids::RecordAddr;
use crate::image::{ChunkRef, Summary, Vanished};
use crate::state::piece::{Keeper, Piece};

/// Where columns and history pages come from that are not in memory, and who decides how much of
/// them is kept there.
pub(crate) trait ColumnSource: Keeper + Send + Sync {
    /// The columns of `rows` messages that never change.
    fn base(&self, addr: RecordAddr, rows: u32) -> Result<Base, Error>;
    /// The columns of `rows` messages that change.
    fn marks(&self, addr: RecordAddr, rows: u32) -> Result<Marks, Error>;
    /// A page of expunge history.
    fn history(&self, addr: RecordAddr) -> Result<Vec<Arc<Vanished>>, Error>;
}

/// A shared source of what is not in memory.
pub(crate) type Source = Arc<dyn ColumnSource>;

/// Neighbouring messages of a mailbox. Never changes, apart from where its columns are.
pub(crate) struct Chunk {
    pub(crate) summary: Summary,
    /// The same for all chunks that only differ in their marks.
    base: Arc<Piece<Base>>,
    marks: Arc<Piece<Marks>>,
}

impl Chunk {
    /// A chunk of columns in memory; `None` if no row is live.
    pub(crate) fn of(columns: Columns) -> Option<Self> {
        let summary = summarise(&columns)?;
        let base = Arc::new(Piece::new(columns.base));
        Some(Self { summary, base, marks: Arc::new(Piece::new(columns.marks)) })
    }

    /// The same messages with other marks; `None` if no row is live.
    pub(crate) fn marked(&self, columns: Columns) -> Option<Self> {
        let (summary, base) = (summarise(&columns)?, Arc::clone(&self.base));
        Some(Self { summary, base, marks: Arc::new(Piece::new(columns.marks)) })
    }

    /// A chunk of appended messages; `None` if there are none.
    pub(crate) fn of_rows(rows: &[NewRow], modseq: u64) -> Option<Self> {
        let mut base = Base::default();
        for row in rows {
            base.push(row);
        }
        let mut marks = Marks::plain(ModSeqs::Uniform(modseq));
        let used = rows.iter().fold(FlagBits::default(), |used, row| used | row.flags);
        for bit in used.iter() {
            let mut bitmap = Bitmap::default();
            let has = |row: &NewRow| row.flags.0 & (1 << bit) != 0;
            rows.iter().enumerate().filter(|(_, row)| has(row)).for_each(|(at, _)| bitmap.set(at));
            marks.set_flag(narrow(bit), &bitmap);
        }
        Self::of(Columns::new(base, marks))
    }

    /// A chunk whose columns are in the log.
    pub(crate) fn stored(chunk: &ChunkRef) -> Self {
        let (base, marks) = (Piece::stored(chunk.base), Piece::stored(chunk.marks));
        Self { summary: chunk.summary, base: Arc::new(base), marks: Arc::new(marks) }
    }

    /// The columns, read if need be.
    pub(crate) fn columns(&self, source: &Source) -> Result<Columns, Error> {
        let rows = self.summary.rows;
        let base = self.base.get(&**source, |addr| source.base(addr, rows))?;
        let marks = self.marks.get(&**source, |addr| source.marks(addr, rows))?;
        Ok(Columns { base, marks })
    }

    /// Where the columns are in the log, if all of them are.
    pub(crate) fn stored_at(&self) -> Option<ChunkRef> {
        let (base, marks) = (self.base.stored_at()?, self.marks.stored_at()?);
        Some(ChunkRef { summary: self.summary, base, marks })
    }

    pub(crate) fn base(&self) -> &Arc<Piece<Base>> {
        &self.base
    }

    pub(crate) fn marks(&self) -> &Arc<Piece<Marks>> {
        &self.marks
    }

    /// Reads what is in a segment that is to go, and forgets that it is there; whether anything
    /// was.
    pub(crate) fn leave(
        &self,
        is_leaving: &dyn Fn(RecordAddr) -> bool,
        source: &Source,
    ) -> Result<bool, Error> {
        let (rows, keeper) = (self.summary.rows, &**source);
        let base = self.base.leave(is_leaving, keeper, |addr| source.base(addr, rows))?;
        let marks = self.marks.leave(is_leaving, keeper, |addr| source.marks(addr, rows))?;
        Ok(base || marks)
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Chunk").field("summary", &self.summary).finish_non_exhaustive()
    }
}

fn narrow(bit: usize) -> u8 {
    u8::try_from(bit).unwrap_or(u8::MAX)
}

fn summarise(columns: &Columns) -> Option<Summary> {
    let live = columns.live();
    let base = &columns.base;
    let with = |flag: SystemFlag| columns.flag(flag as u8).and(&live).count();
    let count = live.count();
    let sizes = live.runs().filter_map(|run| base.sizes.get(run));
    let size = sizes.map(|sizes| sizes.iter().copied().map(u64::from).sum::<u64>()).sum();
    let modseq_max = match &columns.modseqs {
        ModSeqs::Uniform(modseq) => *modseq,
        ModSeqs::Each(each) => {
            let of_runs = live.runs().filter_map(|run| each.get(run)?.iter().max());
            of_runs.copied().max()?
        }
    };
    (count > 0).then_some(Summary {
        first_uid: *base.uids.first()?,
        last_uid: *base.uids.last()?,
        rows: u32::try_from(base.len()).ok()?,
        live: count,
        unseen: count - with(SystemFlag::Seen),
        deleted: with(SystemFlag::Deleted),
        size,
        modseq_max,
    })
}
