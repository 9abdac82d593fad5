//! What is kept in memory of what is in the log: columns, marks and history of all mailboxes of a
//! store share one budget, and what was not used lately goes first.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError, Weak};

use crate::state::{Evict, Keeper};

/// Bytes that the note of a piece itself is counted as, so that notes are bounded too.
const NOTE_LEN: usize = 128;

/// The pieces that are in memory and can be let go of, the oldest first.
pub(crate) struct Kept {
    len_max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<(Weak<dyn Evict>, usize)>,
    len: usize,
}

impl Kept {
    /// Keeps about `len_max` bytes.
    pub(crate) fn new(len_max: usize) -> Self {
        Self { len_max, state: Mutex::default() }
    }
}

impl Keeper for Kept {
    fn keep(&self, piece: Weak<dyn Evict>, len: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let len = len + NOTE_LEN;
        state.queue.push_back((piece, len));
        state.len += len;
        // Each is given one chance at most, and the newest is left alone.
        let mut chances = state.queue.len() - 1;
        while state.len > self.len_max && chances > 0 {
            chances -= 1;
            let Some((piece, len)) = state.queue.pop_front() else { break };
            match piece.upgrade() {
                Some(used) if !used.evict() => state.queue.push_back((piece, len)),
                Some(_) | None => state.len -= len,
            }
        }
        drop(state);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Piece {
        is_used: AtomicBool,
        evicted: AtomicUsize,
    }

    impl Evict for Piece {
        fn evict(&self) -> bool {
            let is_used = self.is_used.swap(false, Ordering::Relaxed);
            self.evicted.fetch_add(usize::from(!is_used), Ordering::Relaxed);
            !is_used
        }
    }

    #[test]
    fn what_is_kept_stays_below_the_budget_and_what_is_used_stays_longest() {
        let kept = Kept::new(10 * (1000 + NOTE_LEN));
        let pieces: Vec<_> = (0..100).map(|_| Arc::new(Piece::default())).collect();
        let favourite = &pieces[0];
        for piece in &pieces {
            favourite.is_used.store(true, Ordering::Relaxed);
            let weak = Arc::downgrade(piece);
            kept.keep(weak, 1000);
        }
        let evicted = |piece: &Arc<Piece>| piece.evicted.load(Ordering::Relaxed);
        assert_eq!(evicted(favourite), 0);
        assert_eq!(pieces.iter().map(evicted).sum::<usize>(), 90);
        drop(pieces);
        // The notes of those that are gone make room.
        let last = Arc::new(Piece::default());
        let weak = Arc::downgrade(&last);
        kept.keep(weak, 9000);
        assert_eq!(evicted(&last), 0);
        assert!(kept.state.lock().expect("not poisoned").len <= kept.len_max);
    }
}
