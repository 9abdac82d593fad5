//! Expunge history: which UIDs went at which mod-sequence, from the first record on.

use std::sync::{Arc, OnceLock};

use crate::Error;
use crate::ids::{ModSeq, RecordAddr};
use crate::image::{PageRef, Vanished};
use crate::state::chunk::Source;
use crate::uid_set::UidSet;

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
    entries: OnceLock<Vec<Arc<Vanished>>>,
    stored: OnceLock<RecordAddr>,
}

impl Page {
    fn full(entries: Vec<Arc<Vanished>>) -> Self {
        let modseq_max = entries.last().map_or(0, |last| last.modseq);
        Self { modseq_max, entries: OnceLock::from(entries), stored: OnceLock::new() }
    }

    pub(crate) fn stored(page: PageRef) -> Self {
        let (entries, stored) = (OnceLock::new(), OnceLock::from(page.addr));
        Self { modseq_max: page.modseq_max, entries, stored }
    }

    pub(crate) fn entries(&self, source: &Source) -> Result<&[Arc<Vanished>], Error> {
        if let Some(entries) = self.entries.get() {
            return Ok(entries);
        }
        match self.stored.get() {
            Some(addr) => {
                let entries = source.history(*addr)?;
                Ok(self.entries.get_or_init(|| entries))
            }
            None => Err(Error::Unusable("a page has neither entries nor a place".to_owned())),
        }
    }

    pub(crate) fn stored_at(&self) -> Option<RecordAddr> {
        self.stored.get().copied()
    }

    pub(crate) fn set_stored(&self, addr: RecordAddr) {
        // The first place stays; both hold the same.
        let _ = self.stored.set(addr);
    }
}

impl History {
    pub(crate) fn push(&mut self, modseq: ModSeq, uids: UidSet) {
        let tail = Arc::make_mut(&mut self.tail);
        tail.push(Arc::new(Vanished { modseq: modseq.get(), uids }));
        if tail.len() >= PAGE_LEN {
            self.pages.push(Arc::new(Page::full(std::mem::take(tail))));
        }
    }

    /// What went after `modseq`.
    pub(crate) fn since(&self, modseq: u64, source: &Source) -> Result<UidSet, Error> {
        let mut gone = Vec::new();
        for page in self.pages.iter().filter(|page| page.modseq_max > modseq) {
            gone.extend(after(page.entries(source)?, modseq));
        }
        gone.extend(after(&self.tail, modseq));
        Ok(UidSet::union(gone))
    }
}

fn after(entries: &[Arc<Vanished>], modseq: u64) -> impl Iterator<Item = &UidSet> {
    entries.iter().filter(move |entry| entry.modseq > modseq).map(|entry| &entry.uids)
}
