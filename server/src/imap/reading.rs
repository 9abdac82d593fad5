//! Short reads of the store inside a session: done on the spot for as long as they are quick.
//!
//! What the kernel has in memory is read in microseconds, and handing the other sessions of the
//! thread over to another one costs more than that. What comes from a slow disk takes
//! milliseconds, in which others must not wait. Nobody knows beforehand which it will be; but one
//! slow read is seldom the only one.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::dialogue::blocking;

/// A read that takes longer was not from memory, or was a long one.
const SLOW: Duration = Duration::from_millis(2);
/// How many reads after a slow one are taken for slow.
const WARY: u32 = 64;

/// Reads of any session that are still to be taken for slow.
static SLOW_AHEAD: AtomicU32 = AtomicU32::new(0);

/// Does a piece of work that mostly reads: at most some hundreds of kilobytes, so that even a
/// slow one is over soon.
pub(crate) fn reading<T>(work: impl FnOnce() -> T) -> T {
    let is_wary = SLOW_AHEAD.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok();
    let start = Instant::now();
    let done = if is_wary { blocking(work) } else { work() };
    if start.elapsed() > SLOW {
        SLOW_AHEAD.store(WARY, Relaxed);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_slow_read_the_next_ones_are_taken_for_slow() {
        SLOW_AHEAD.store(0, Relaxed);
        reading(|| std::thread::sleep(2 * SLOW));
        assert!(SLOW_AHEAD.load(Relaxed) > 0);
        for _ in 0..=WARY {
            assert_eq!(reading(|| 7), 7);
        }
    }
}
