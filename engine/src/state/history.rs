//! Expunge history: which UIDs went at which mod-sequence, from the first record on.

use std::sync::Arc;

use crate::Error;
use crate::ids::RecordAddr;
use crate::image::{PageRef, Vanished};
use crate::state::chunk::Source;
use crate::state::piece::Piece;

/// Expunges on one page.
pub(crate) const PAGE_LEN: usize = 256;

/// The expunges of a mailbox, oldest first: full pages, and the page being filled. Cheap to
/// clone; never truncated.
#[derive(Clone, Default)]
pub(crate) struct History {
    pub(crate) pages: Vec<Arc<Page>>,
    pub(crate) tail: Arc<Vec<Arc<Vanished>>>,
}

/// A full page, read when needed.
pub(crate) struct Page {
    pub(crate) modseq_max: u64,
    entries: Arc<Piece<Vec<Arc<Vanished>>>>,
}

impl Page {
    fn full(entries: Vec<Arc<Vanished>>) -> Self {
        let modseq_max = entries.last().map_or(0, |last| last.modseq);
        Self { modseq_max, entries: Arc::new(Piece::new(Arc::new(entries))) }
    }

    pub(crate) fn stored(page: PageRef) -> Self {
        Self { modseq_max: page.modseq_max, entries: Arc::new(Piece::stored(page.addr)) }
    }

    /// The expunges, read if need be.
    pub(crate) fn entries(&self, source: &Source) -> Result<Arc<Vec<Arc<Vanished>>>, Error> {
        self.entries.get(&**source, |addr| source.history(addr))
    }

    pub(crate) fn piece(&self) -> &Arc<Piece<Vec<Arc<Vanished>>>> {
        &self.entries
    }

    /// Reads the entries if their record is in a segment that is to go, and forgets that it is
    /// there; whether it was.
    pub(crate) fn leave(
        &self,
        is_leaving: &dyn Fn(RecordAddr) -> bool,
        source: &Source,
    ) -> Result<bool, Error> {
        self.entries.leave(is_leaving, &**source, |addr| source.history(addr))
    }
}

impl History {
    pub(crate) fn push(&mut self, vanished: Vanished) {
        let tail = Arc::make_mut(&mut self.tail);
        tail.push(Arc::new(vanished));
        if tail.len() >= PAGE_LEN {
            self.pages.push(Arc::new(Page::full(std::mem::take(tail))));
        }
    }

    /// The mod-sequence of the last expunge; 0 before the first.
    pub(crate) fn modseq_max(&self) -> u64 {
        let last_page = self.pages.last().map_or(0, |page| page.modseq_max);
        self.tail.last().map_or(last_page, |last| last.modseq)
    }

    /// The messages that went at `since` or later, to the second, newest page first.
    pub(crate) fn messages_since(
        &self,
        since: i64,
        source: &Source,
        visit: &mut dyn FnMut(u64),
    ) -> Result<(), Error> {
        let mut tell = |entries: &[Arc<Vanished>]| {
            let held = entries.iter().filter(|entry| entry.at >= since);
            held.flat_map(|entry| entry.numbers.iter()).for_each(&mut *visit);
            entries.first().is_none_or(|oldest| oldest.at >= since)
        };
        tell(&self.tail);
        for page in self.pages.iter().rev() {
            // Clocks may be set back, so one page beyond the window is looked at too.
            if !tell(&page.entries(source)?) {
                break;
            }
        }
        Ok(())
    }

    /// The expunges after `modseq`, oldest first.
    pub(crate) fn since(&self, modseq: u64, source: &Source) -> Result<Vec<Arc<Vanished>>, Error> {
        let mut since = Vec::new();
        for page in self.pages.iter().filter(|page| page.modseq_max > modseq) {
            since.extend(after(&page.entries(source)?, modseq));
        }
        since.extend(after(&self.tail, modseq));
        Ok(since)
    }
}

fn after(entries: &[Arc<Vanished>], modseq: u64) -> impl Iterator<Item = Arc<Vanished>> + '_ {
    entries.iter().filter(move |entry| entry.modseq > modseq).cloned()
}
