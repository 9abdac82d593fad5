//! Which blobs a shard has: by their hash, so that what it has is not stored again, and how many
//! messages have each. The writer's own; pages of it are written with each checkpoint where they
//! changed.

use std::collections::HashMap;

use crate::ids::RecordAddr;
use crate::image::{BLOB_PAGE_LEN, BlobUse};

/// The blobs of a shard.
#[derive(Debug, Default)]
pub(crate) struct Blobs {
    /// In the order in which they came.
    each: Vec<BlobUse>,
    by_hash: HashMap<[u8; 32], usize>,
    by_number: HashMap<u64, usize>,
    pages: Vec<Page>,
}

#[derive(Debug, Default)]
struct Page {
    /// Where it was written last.
    stored: Option<RecordAddr>,
    is_dirty: bool,
}

impl Blobs {
    /// Takes over a page that is in the log.
    pub(crate) fn load(&mut self, addr: RecordAddr, page: &[BlobUse]) {
        for used in page {
            self.push(*used);
        }
        if let Some(last) = self.pages.last_mut() {
            *last = Page { stored: Some(addr), is_dirty: false };
        }
    }

    /// The number of the blob with this hash.
    pub(crate) fn find(&self, hash: &[u8; 32]) -> Option<u64> {
        let at = self.by_hash.get(hash)?;
        self.each.get(*at).map(|used| used.number)
    }

    /// Whether there is a blob with this number.
    pub(crate) fn contains(&self, number: u64) -> bool {
        self.by_number.contains_key(&number)
    }

    /// How many messages have the blob with this number.
    pub(crate) fn uses(&self, number: u64) -> u64 {
        let at = self.by_number.get(&number).copied();
        at.and_then(|at| self.each.get(at)).map_or(0, |used| used.uses)
    }

    /// Adds a blob that no message has yet. One whose number is known stays what it is; of two
    /// with one hash the older was forgotten before the newer came.
    pub(crate) fn add(&mut self, hash: [u8; 32], number: u64) {
        if !self.contains(number) {
            self.push(BlobUse { hash, number, uses: 0 });
        }
    }

    /// Counts a message that has the blob with this number.
    pub(crate) fn count(&mut self, number: u64) {
        let Some(at) = self.by_number.get(&number).copied() else { return };
        if let Some(used) = self.each.get_mut(at) {
            used.uses += 1;
        }
        self.mark(at);
    }

    /// Counts a message less that has the blob with this number.
    pub(crate) fn release(&mut self, number: u64) {
        let Some(at) = self.by_number.get(&number).copied() else { return };
        if let Some(used) = self.each.get_mut(at) {
            used.uses = used.uses.saturating_sub(1);
        }
        self.mark(at);
    }

    /// Forgets blobs that no message has.
    pub(crate) fn forget_unused(&mut self) {
        self.retain(|used| used.uses > 0);
    }

    /// Forgets blobs other than these.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&BlobUse) -> bool) {
        if self.each.iter().all(&is_kept) {
            return;
        }
        let each = std::mem::take(self).each;
        each.into_iter().filter(is_kept).for_each(|used| self.push(used));
    }

    fn push(&mut self, used: BlobUse) {
        let at = self.each.len();
        self.by_hash.insert(used.hash, at);
        self.by_number.insert(used.number, at);
        self.each.push(used);
        self.mark(at);
    }

    fn mark(&mut self, at: usize) {
        let page = at / BLOB_PAGE_LEN;
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, Page::default);
        }
        if let Some(page) = self.pages.get_mut(page) {
            page.is_dirty = true;
        }
    }

    /// The next page, from `from` on, that the log lacks, and what is on it.
    pub(crate) fn next_dirty(&self, from: usize) -> Option<(usize, &[BlobUse])> {
        let mut pages = self.pages.iter().enumerate().skip(from);
        let (index, _) = pages.find(|(_, page)| page.is_dirty || page.stored.is_none())?;
        let page = self.each.chunks(BLOB_PAGE_LEN).nth(index).unwrap_or_default();
        Some((index, page))
    }

    /// Remembers where a page was written.
    pub(crate) fn set_stored(&mut self, index: usize, addr: RecordAddr) {
        if let Some(page) = self.pages.get_mut(index) {
            *page = Page { stored: Some(addr), is_dirty: false };
        }
    }

    /// Has pages written again that stand where `is_leaving` says.
    pub(crate) fn leave(&mut self, is_leaving: &dyn Fn(RecordAddr) -> bool) {
        for page in self.pages.iter_mut().filter(|page| page.stored.is_some_and(is_leaving)) {
            page.is_dirty = true;
        }
    }

    /// Where each page is in the log; all of them have been written.
    pub(crate) fn addrs(&self) -> Vec<RecordAddr> {
        self.pages.iter().map(|page| page.stored.unwrap_or_default()).collect()
    }

    /// All of them, by number.
    pub(crate) fn all(&self) -> Vec<BlobUse> {
        let mut all = self.each.clone();
        all.sort_unstable_by_key(|used| used.number);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{LogPos, SegmentId};

    fn hash(number: u64) -> [u8; 32] {
        *blake3::hash(&number.to_le_bytes()).as_bytes()
    }

    #[test]
    fn blobs_are_found_by_hash_and_pages_are_written_where_they_changed() {
        let mut blobs = Blobs::default();
        let count = BLOB_PAGE_LEN as u64 + 5;
        for number in 0..count {
            blobs.add(hash(number), number * 2);
        }
        blobs.add(hash(count), 6);
        assert_eq!((blobs.find(&hash(3)), blobs.find(&hash(count))), (Some(6), None));

        let mut again = Blobs::default();
        let mut from = 0;
        while let Some((index, page)) = blobs.next_dirty(from) {
            let addr = LogPos { segment: SegmentId(1), offset: index as u64 };
            again.load(addr, page);
            blobs.set_stored(index, addr);
            from = index + 1;
        }
        assert_eq!((from, blobs.next_dirty(0)), (2, None));
        assert_eq!((again.all(), again.addrs()), (blobs.all(), blobs.addrs()));
        assert_eq!(again.next_dirty(0), None);

        again.count(count * 2 - 2);
        again.count(5);
        let (index, page) = again.next_dirty(0).expect("a page changed");
        assert_eq!((index, page.last().map(|used| used.uses)), (1, Some(1)));
    }
}
