//! A log of index blocks that is a list in memory.

use std::sync::{Arc, Mutex};

use crate::columns::Columns;
use crate::error::Error;
use crate::ids::{LogPos, RecordAddr, SegmentId};
use crate::image::{PageRef, Vanished};
use crate::state::{Chunk, ColumnSource, History, MailboxState, Page};

/// Keeps what is put on it, by address.
#[derive(Default)]
pub(super) struct Shelf {
    columns: Mutex<Vec<Columns>>,
    pages: Mutex<Vec<Vec<Arc<Vanished>>>>,
}

impl ColumnSource for Shelf {
    fn columns(&self, addr: RecordAddr, rows: u32) -> Result<Columns, Error> {
        let columns =
            self.columns.lock().expect("no test panics with the lock")[index(addr)].clone();
        assert_eq!(columns.base.len(), rows as usize);
        Ok(columns)
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
            let addr = chunk.stored_at().unwrap_or_else(|| {
                let columns = chunk.columns(&state.source).expect("in memory or stored").clone();
                let addr = put(&mut self.columns.lock().expect("not held"), columns);
                chunk.set_stored(addr);
                addr
            });
            *chunk = Arc::new(Chunk::stored(chunk.summary, addr));
        }
        let pages = state.history.pages.iter().map(|page| {
            let addr = page.stored_at().unwrap_or_else(|| {
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
