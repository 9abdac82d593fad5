//! A log of index blocks that is a list in memory.

use std::sync::{Arc, Mutex, Weak};

use crate::columns::{Base, Marks};
use crate::error::Error;
use crate::ids::{LogPos, RecordAddr, SegmentId};
use crate::image::{ChunkRef, PageRef, Vanished};
use crate::state::{Chunk, ColumnSource, Evict, History, Keeper, MailboxState, Page};

/// Keeps what is put on it, by address.
#[derive(Default)]
pub(super) struct Shelf {
    bases: Mutex<Vec<Base>>,
    marks: Mutex<Vec<Marks>>,
    pages: Mutex<Vec<Vec<Arc<Vanished>>>>,
}

/// Keeps nothing in memory, so that everything is read again and again.
impl Keeper for Shelf {
    fn keep(&self, piece: Weak<dyn Evict>, _: usize) {
        if let Some(piece) = piece.upgrade() {
            while !piece.evict() {}
        }
    }
}

impl ColumnSource for Shelf {
    fn base(&self, addr: RecordAddr, rows: u32) -> Result<Base, Error> {
        let base = self.bases.lock().expect("no test panics with the lock")[index(addr)].clone();
        assert_eq!(base.len(), rows as usize);
        Ok(base)
    }

    fn marks(&self, addr: RecordAddr, _: u32) -> Result<Marks, Error> {
        Ok(self.marks.lock().expect("no test panics with the lock")[index(addr)].clone())
    }

    fn history(&self, addr: RecordAddr) -> Result<Vec<Arc<Vanished>>, Error> {
        Ok(self.pages.lock().expect("no test panics with the lock")[index(addr)].clone())
    }
}

impl Shelf {
    /// The mailbox as after a restart: only summaries and addresses are in memory.
    pub(super) fn reload(self: &Arc<Self>, state: &MailboxState) -> MailboxState {
        let mut reloaded = state.clone();
        reloaded.source = Arc::clone(self) as _;
        for chunk in &mut reloaded.chunks {
            let stored = chunk.stored_at().unwrap_or_else(|| {
                let columns = chunk.columns(&state.source).expect("in memory or stored");
                let base = Base::clone(&columns.base);
                let base = put(&mut self.bases.lock().expect("not held"), base);
                let marks = Marks::clone(&columns.marks);
                let marks = put(&mut self.marks.lock().expect("not held"), marks);
                ChunkRef { summary: chunk.summary, base, marks }
            });
            *chunk = Arc::new(Chunk::stored(&stored));
        }
        let pages = state.history.pages.iter().map(|page| {
            let addr = page.piece().stored_at().unwrap_or_else(|| {
                let entries = page.entries(&state.source).expect("in memory or stored").to_vec();
                put(&mut self.pages.lock().expect("not held"), entries)
            });
            Arc::new(Page::stored(PageRef { modseq_max: page.modseq_max, addr }))
        });
        reloaded.history =
            History { pages: pages.collect(), tail: Arc::clone(&state.history.tail) };
        reloaded
    }
}

fn put<T>(list: &mut Vec<T>, value: T) -> RecordAddr {
    list.push(value);
    LogPos { segment: SegmentId(1), offset: list.len() as u64 - 1 }
}

fn index(addr: RecordAddr) -> usize {
    usize::try_from(addr.offset).expect("short lists")
}
