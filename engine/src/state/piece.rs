//! A piece of a mailbox that is in memory, in the log, or both: read when it is needed, and let go
//! of when memory is short.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwapOption;

use crate::Error;
use crate::columns::{Base, Marks};
use crate::ids::{RecordAddr, SharedAddr};
use crate::image::Vanished;

/// What says how much memory it takes.
pub(crate) trait Weigh: Send + Sync + 'static {
    /// Bytes in memory, about.
    fn held_len(&self) -> usize;
}

impl Weigh for Base {
    fn held_len(&self) -> usize {
        self.held_len()
    }
}

impl Weigh for Marks {
    fn held_len(&self) -> usize {
        self.held_len()
    }
}

impl Weigh for Vec<Arc<Vanished>> {
    fn held_len(&self) -> usize {
        self.iter().map(|entry| 64 + entry.uids.ranges().count() * 8).sum()
    }
}

/// What can be let go of because it is in the log too.
pub(crate) trait Evict: Send + Sync {
    /// Lets go of what is held; `false` if it was used since this was asked last, so that others
    /// go first.
    fn evict(&self) -> bool;
}

/// Decides how much is kept in memory of what is in the log.
pub(crate) trait Keeper {
    /// Takes note of something that can be let go of, and of the bytes it takes.
    fn keep(&self, piece: Weak<dyn Evict>, len: usize);

    /// Takes note that what the log has of it cannot be read, if this knows whose it is.
    fn note(&self, _error: &Error) {}
}

/// What was written and not yet committed.
pub(crate) trait Settle: Send + Sync {
    /// The record it was written to is durable: from now on it may be let go of.
    fn settle(self: Arc<Self>, keeper: &dyn Keeper);
}

/// A value that is in memory, in the log, or both. The value never changes.
pub(crate) struct Piece<T> {
    held: ArcSwapOption<T>,
    stored: SharedAddr,
    /// Whether readers may rely on the record at `stored`. Locked by whoever takes the value out
    /// of memory or out of the log, so that it is never in neither.
    is_settled: Mutex<bool>,
    is_used: AtomicBool,
}

impl<T: Weigh> Piece<T> {
    /// In memory only.
    pub(crate) fn new(value: Arc<T>) -> Self {
        let (held, stored) = (ArcSwapOption::new(Some(value)), SharedAddr::default());
        Self { held, stored, is_settled: Mutex::new(false), is_used: AtomicBool::new(false) }
    }

    /// In the log only.
    pub(crate) fn stored(addr: RecordAddr) -> Self {
        let (held, stored) = (ArcSwapOption::empty(), SharedAddr::new(Some(addr)));
        Self { held, stored, is_settled: Mutex::new(true), is_used: AtomicBool::new(false) }
    }

    /// Where it is in the log, if it is.
    pub(crate) fn stored_at(&self) -> Option<RecordAddr> {
        self.stored.get()
    }

    /// The value, read if need be.
    pub(crate) fn get(
        self: &Arc<Self>,
        keeper: &dyn Keeper,
        read: impl Fn(RecordAddr) -> Result<T, Error>,
    ) -> Result<Arc<T>, Error> {
        loop {
            if let Some(held) = self.held.load_full() {
                if !self.is_used.load(Ordering::Relaxed) {
                    self.is_used.store(true, Ordering::Relaxed);
                }
                return Ok(held);
            }
            let Some(addr) = self.stored.get() else {
                return Err(Error::Unusable("a piece is neither held nor stored".to_owned()));
            };
            match read(addr) {
                Ok(value) => {
                    let value = Arc::new(value);
                    self.held.store(Some(Arc::clone(&value)));
                    keeper.keep(self.as_evict(), value.held_len());
                    return Ok(value);
                }
                // It was written elsewhere between the two looks.
                Err(_) if self.stored.get() != Some(addr) => {}
                Err(error) => {
                    keeper.note(&error);
                    return Err(error);
                }
            }
        }
    }

    /// Remembers where it was written; [`Settle::settle`] follows once that is durable.
    pub(crate) fn set_stored(&self, addr: RecordAddr) {
        *self.settled() = false;
        self.stored.set(Some(addr));
    }

    /// Reads the value if its record is where records are to go from, and forgets that it is
    /// there, so that it is written again.
    pub(crate) fn leave(
        self: &Arc<Self>,
        is_leaving: &dyn Fn(RecordAddr) -> bool,
        keeper: &dyn Keeper,
        read: impl Fn(RecordAddr) -> Result<T, Error>,
    ) -> Result<bool, Error> {
        if !self.stored.get().is_some_and(is_leaving) {
            return Ok(false);
        }
        let value = self.get(keeper, read)?;
        let mut is_settled = self.settled();
        self.held.store(Some(value));
        *is_settled = false;
        self.stored.set(None);
        Ok(true)
    }

    fn settled(&self) -> std::sync::MutexGuard<'_, bool> {
        self.is_settled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn as_evict(self: &Arc<Self>) -> Weak<dyn Evict> {
        let weak: Weak<Self> = Arc::downgrade(self);
        weak
    }
}

impl<T: Weigh> Evict for Piece<T> {
    fn evict(&self) -> bool {
        if self.is_used.swap(false, Ordering::Relaxed) {
            return false;
        }
        let is_settled = self.settled();
        if *is_settled {
            self.held.store(None);
        }
        true
    }
}

impl<T: Weigh> Settle for Piece<T> {
    fn settle(self: Arc<Self>, keeper: &dyn Keeper) {
        *self.settled() = true;
        if let Some(held) = self.held.load_full() {
            keeper.keep(self.as_evict(), held.held_len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::ModSeqs;
    use crate::ids::{LogPos, SegmentId};

    #[derive(Default)]
    struct Keep {
        kept: Mutex<Vec<Weak<dyn Evict>>>,
        noted: AtomicBool,
    }

    impl Keeper for Keep {
        fn keep(&self, piece: Weak<dyn Evict>, _: usize) {
            self.kept.lock().expect("not poisoned").push(piece);
        }

        fn note(&self, _: &Error) {
            self.noted.store(true, Ordering::Relaxed);
        }
    }

    fn place(offset: u64) -> RecordAddr {
        LogPos { segment: SegmentId(1), offset }
    }

    fn marks(modseq: u64) -> Marks {
        Marks::plain(ModSeqs::Uniform(modseq))
    }

    #[test]
    fn a_piece_is_let_go_of_only_while_its_record_is_durable() {
        let keep = Keep::default();
        let read = |addr: RecordAddr| Ok(marks(addr.offset));
        let piece = Arc::new(Piece::new(Arc::new(marks(1))));
        let is_held = |piece: &Piece<Marks>| {
            while !piece.evict() {}
            piece.held.load().is_some()
        };
        piece.set_stored(place(8));
        assert!(is_held(&piece), "it is not committed yet");
        Arc::clone(&piece).settle(&keep);
        assert_eq!(keep.kept.lock().expect("not poisoned").len(), 1);
        assert!(!is_held(&piece));
        assert_eq!(*piece.get(&keep, read).expect("read"), marks(8));
        assert_eq!(*piece.get(&keep, read).expect("held"), marks(8));
        assert!(!piece.evict(), "it was used since it was read");

        assert!(!piece.leave(&|addr| addr == place(9), &keep, read).expect("read"));
        assert!(piece.leave(&|addr| addr == place(8), &keep, read).expect("read"));
        assert_eq!((piece.stored_at(), is_held(&piece)), (None, true));
        piece.set_stored(place(16));
        assert!(is_held(&piece), "the new record is not committed yet");
    }

    #[test]
    fn a_reader_that_looked_in_the_old_place_looks_in_the_new_one() {
        let piece = Arc::new(Piece::<Marks>::stored(place(8)));
        let read = |addr: RecordAddr| {
            piece.set_stored(place(16));
            if addr == place(16) { Ok(marks(2)) } else { Err(Error::Closed) }
        };
        let keep = Keep::default();
        assert_eq!(*piece.get(&keep, read).expect("read"), marks(2));
        assert!(!keep.noted.load(Ordering::Relaxed), "nothing is damaged");

        let piece = Arc::new(Piece::<Marks>::stored(place(8)));
        assert!(piece.get(&keep, |_| Err(Error::Closed)).is_err());
        assert!(keep.noted.load(Ordering::Relaxed));
    }
}
