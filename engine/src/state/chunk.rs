//! A chunk: up to 4,096 neighbouring messages, the unit that snapshots share.
//!
//! Its summary is always at hand; its columns are read when somebody needs them.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::Error;
use crate::columns::{Base, Bitmap, Columns, ModSeqs, NewRow};
use crate::flags::{FlagBits, SystemFlag};
use crate::ids::RecordAddr;
use crate::image::{Summary, Vanished};

/// Where columns and history pages come from that are not in memory.
pub(crate) trait ColumnSource: Send + Sync {
    /// The columns of a chunk, `rows` of them.
    fn columns(&self, addr: RecordAddr, rows: u32) -> Result<Columns, Error>;
    /// A page of expunge history.
    fn history(&self, addr: RecordAddr) -> Result<Vec<Arc<Vanished>>, Error>;
}

/// A shared source of what is not in memory.
pub(crate) type Source = Arc<dyn ColumnSource>;

/// Neighbouring messages of a mailbox. Never changes, apart from learning its columns and where
/// they are stored.
pub(crate) struct Chunk {
    pub(crate) summary: Summary,
    columns: OnceLock<Columns>,
    stored: OnceLock<RecordAddr>,
}

impl Chunk {
    /// A chunk of columns in memory; `None` if no row is live.
    pub(crate) fn of(columns: Columns) -> Option<Self> {
        let summary = summarise(&columns)?;
        Some(Self { summary, columns: OnceLock::from(columns), stored: OnceLock::new() })
    }

    /// A chunk of appended messages; `None` if there are none.
    pub(crate) fn of_rows(rows: &[NewRow], modseq: u64) -> Option<Self> {
        let mut base = Base::default();
        for row in rows {
            base.push(row);
        }
        let mut columns = Columns {
            base: Arc::new(base),
            live: None,
            flags: Vec::new(),
            modseqs: ModSeqs::Uniform(modseq),
        };
        let used = rows.iter().fold(FlagBits::default(), |used, row| used | row.flags);
        for bit in used.iter() {
            let mut bitmap = Bitmap::default();
            let has = |row: &NewRow| row.flags.0 & (1 << bit) != 0;
            rows.iter().enumerate().filter(|(_, row)| has(row)).for_each(|(at, _)| bitmap.set(at));
            columns.set_flag(narrow(bit), &bitmap);
        }
        Self::of(columns)
    }

    /// A chunk whose columns are in the log.
    pub(crate) fn stored(summary: Summary, addr: RecordAddr) -> Self {
        Self { summary, columns: OnceLock::new(), stored: OnceLock::from(addr) }
    }

    /// The columns, read if need be.
    pub(crate) fn columns(&self, source: &Source) -> Result<&Columns, Error> {
        if let Some(columns) = self.columns.get() {
            return Ok(columns);
        }
        match self.stored.get() {
            Some(addr) => {
                let columns = source.columns(*addr, self.summary.rows)?;
                // Another reader may have been first, with the same columns.
                Ok(self.columns.get_or_init(|| columns))
            }
            None => Err(Error::Unusable("a chunk has neither columns nor a place".to_owned())),
        }
    }

    /// Where the columns are in the log, if they are.
    pub(crate) fn stored_at(&self) -> Option<RecordAddr> {
        self.stored.get().copied()
    }

    /// Remembers where the columns were written.
    pub(crate) fn set_stored(&self, addr: RecordAddr) {
        // The first place stays; both hold the same.
        let _ = self.stored.set(addr);
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
