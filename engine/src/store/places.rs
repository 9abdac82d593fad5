//! Where each message of a shard is: from its number to the address of its record.
//!
//! Rows name messages by number alone, so a message may be moved in the log without a change of
//! any mailbox, and a session that still sees an expunged message finds it all the same. Pages
//! are written with each checkpoint where they changed, and read when somebody needs them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::Error;
use crate::ids::{EmailId, RecordAddr, SharedAddr};
use crate::image::PLACES_PAGE_LEN as PAGE_LEN;
use crate::limits::PLACE_PAGES_MAX;

/// Bits of an [`EmailId`] that number the message in its shard; the shard stands above them.
const NUMBER_BITS: u32 = 48;

/// The number of a message in its shard.
pub(crate) fn number(email_id: EmailId) -> u64 {
    email_id.0 & ((1 << NUMBER_BITS) - 1)
}

/// The message with this number in a shard.
pub(crate) fn email_id(shard: u16, number: u64) -> EmailId {
    EmailId(u64::from(shard) << NUMBER_BITS | number)
}

/// Reads a page that is in the log.
pub(crate) type LoadPage<'a> = dyn Fn(RecordAddr) -> Result<Vec<u64>, Error> + 'a;

/// The places of a shard's messages: changed by its writer, read by everybody.
#[derive(Default)]
pub(crate) struct Places {
    pages: RwLock<Vec<Arc<Page>>>,
    highest: AtomicU64,
}

#[derive(Default)]
struct Page {
    places: OnceLock<Box<[AtomicU64]>>,
    /// Where the page was written last.
    stored: SharedAddr,
    is_dirty: AtomicBool,
}

impl Page {
    fn places(&self, load: &LoadPage<'_>) -> Result<&[AtomicU64], Error> {
        if let Some(places) = self.places.get() {
            return Ok(places);
        }
        let mut read = match self.stored.get() {
            Some(addr) => match load(addr) {
                Ok(read) => read,
                // The writer reads a page before it is written elsewhere.
                Err(error) => return self.places.get().map(|places| &**places).ok_or(error),
            },
            None => Vec::new(),
        };
        read.resize(PAGE_LEN, 0);
        let places = read.into_iter().map(AtomicU64::new).collect();
        // Two readers may both have read it; one of the two equal copies stays.
        Ok(self.places.get_or_init(|| places))
    }
}

impl Places {
    /// Pages that are in the log.
    pub(crate) fn stored(pages: &[RecordAddr], highest: u64) -> Self {
        let stored = |addr: &RecordAddr| SharedAddr::new(Some(*addr));
        let page = |addr| Arc::new(Page { stored: stored(addr), ..Page::default() });
        let pages = RwLock::new(pages.iter().map(page).collect());
        Self { pages, highest: AtomicU64::new(highest) }
    }

    /// Where the record of a message is; `None` if there is none.
    pub(crate) fn find(
        &self,
        email_id: EmailId,
        load: &LoadPage<'_>,
    ) -> Result<Option<RecordAddr>, Error> {
        let (page, at) = split(email_id);
        let pages = self.pages.read().unwrap_or_else(PoisonError::into_inner);
        let Some(page) = pages.get(page).map(Arc::clone) else { return Ok(None) };
        drop(pages);
        let place = page.places(load)?.get(at).map(|place| place.load(Ordering::Acquire));
        Ok(place.and_then(RecordAddr::unpacked))
    }

    /// Says where the record of a message is now. Only the shard's writer, or replay, calls this.
    pub(crate) fn set(
        &self,
        email_id: EmailId,
        addr: Option<RecordAddr>,
        load: &LoadPage<'_>,
    ) -> Result<(), Error> {
        let (index, at) = split(email_id);
        let page = self.page(index)?;
        self.highest.fetch_max(number(email_id), Ordering::Relaxed);
        if let Some(slot) = page.places(load)?.get(at) {
            slot.store(addr.map_or(0, RecordAddr::packed), Ordering::Release);
            page.is_dirty.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The highest number that ever had a place.
    pub(crate) fn highest(&self) -> u64 {
        self.highest.load(Ordering::Relaxed)
    }

    fn page(&self, index: usize) -> Result<Arc<Page>, Error> {
        let pages = self.pages.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = pages.get(index) {
            return Ok(Arc::clone(page));
        }
        drop(pages);
        if index >= PLACE_PAGES_MAX {
            return Err(Error::Exhausted);
        }
        let mut pages = self.pages.write().unwrap_or_else(PoisonError::into_inner);
        pages.resize_with(index + 1, Arc::default);
        Ok(pages.get(index).map(Arc::clone).unwrap_or_default())
    }

    /// The next page, from `from` on, that the log lacks, and what is on it.
    pub(crate) fn next_dirty(&self, from: usize) -> Option<(usize, Vec<u64>)> {
        let pages = self.pages.read().unwrap_or_else(PoisonError::into_inner);
        let is_due =
            |page: &Page| page.is_dirty.load(Ordering::Relaxed) || page.stored.get().is_none();
        let mut numbered = pages.iter().enumerate().skip(from);
        let (index, page) = numbered.find(|(_, page)| is_due(page))?;
        let places = page
            .places
            .get()
            .map(|places| places.iter().map(|place| place.load(Ordering::Relaxed)).collect());
        Some((index, places.unwrap_or_default()))
    }

    /// Remembers where a page was written.
    pub(crate) fn set_stored(&self, index: usize, addr: RecordAddr) {
        let pages = self.pages.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = pages.get(index) {
            page.stored.set(Some(addr));
            page.is_dirty.store(false, Ordering::Relaxed);
        }
    }

    /// Reads and marks pages whose record is in one of these segments, so that they are written
    /// again elsewhere.
    pub(crate) fn leave(
        &self,
        is_leaving: &dyn Fn(RecordAddr) -> bool,
        load: &LoadPage<'_>,
    ) -> Result<(), Error> {
        let pages = self.pages.read().unwrap_or_else(PoisonError::into_inner).clone();
        for page in pages.iter().filter(|page| page.stored.get().is_some_and(is_leaving)) {
            page.places(load)?;
            page.is_dirty.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Where each page is in the log; all of them have been written.
    pub(crate) fn addrs(&self) -> Vec<RecordAddr> {
        let pages = self.pages.read().unwrap_or_else(PoisonError::into_inner);
        let stored = pages.iter().map(|page| page.stored.get());
        stored.map(Option::unwrap_or_default).collect()
    }
}

fn split(email_id: EmailId) -> (usize, usize) {
    let number = usize::try_from(number(email_id)).unwrap_or(usize::MAX);
    (number / PAGE_LEN, number % PAGE_LEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{LogPos, SegmentId};

    fn addr(offset: u64) -> RecordAddr {
        LogPos { segment: SegmentId(7), offset }
    }

    #[test]
    fn a_place_is_found_until_it_is_another_and_pages_are_read_when_needed() {
        let nothing: &LoadPage<'_> = &|_| Ok(Vec::new());
        let places = Places::default();
        let (near, far) = (email_id(3, 5), email_id(3, 9000));
        assert_eq!(places.find(near, nothing).expect("read"), None);
        places.set(far, Some(addr(64)), nothing).expect("set");
        places.set(near, Some(addr(8)), nothing).expect("set");
        places.set(near, Some(addr(16)), nothing).expect("set");
        assert_eq!(places.find(near, nothing).expect("read"), Some(addr(16)));

        let mut written = Vec::new();
        while let Some((index, page)) = places.next_dirty(written.len()) {
            assert_eq!(index, written.len(), "every page is written, empty ones too");
            places.set_stored(index, addr(index as u64));
            written.push(page);
        }
        assert_eq!(places.next_dirty(0), None);
        let again = Places::stored(&places.addrs(), places.highest());
        let load: &LoadPage<'_> =
            &|addr| Ok(written[usize::try_from(addr.offset).unwrap()].clone());
        assert_eq!(again.find(far, load).expect("read"), Some(addr(64)));
        assert_eq!(again.find(email_id(3, 9001), load).expect("read"), None);
        again.set(near, None, load).expect("set");
        assert_eq!(again.find(near, load).expect("read"), None);
        assert_eq!(again.next_dirty(0).map(|(index, _)| index), Some(0));
    }

    #[test]
    fn a_number_beyond_all_bounds_is_refused_rather_than_made_room_for() {
        let places = Places::default();
        let beyond = email_id(0, (1 << NUMBER_BITS) - 1);
        assert!(places.set(beyond, Some(addr(8)), &|_| Ok(Vec::new())).is_err());
        assert_eq!(places.find(beyond, &|_| Ok(Vec::new())).expect("read"), None);
    }
}
