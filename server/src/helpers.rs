//! Threads that help a session with long work, so that it has more than one core; few, for all
//! sessions together, so that the others have theirs.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Who may help: one for each core but the session's own.
#[derive(Clone, Debug)]
pub struct Helpers(Arc<Semaphore>);

impl Default for Helpers {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Self(Arc::new(Semaphore::new(cores - 1)))
    }
}

impl Helpers {
    /// Has those who are free do this beside the caller, `count` at most; waits for nobody.
    pub(crate) fn call(
        &self,
        count: usize,
        work: impl Fn() + Clone + Send + 'static,
    ) -> Vec<JoinHandle<()>> {
        let free = (0..count).map_while(|_| Arc::clone(&self.0).try_acquire_owned().ok());
        // All are asked before the first of them begins, and may be free again.
        let free: Vec<_> = free.collect();
        let each = free.into_iter().map(|permit| {
            let work = work.clone();
            tokio::task::spawn_blocking(move || {
                work();
                drop(permit);
            })
        });
        each.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn no_more_help_than_there_are_and_they_come_back() {
        let helpers = Helpers(Arc::new(Semaphore::new(2)));
        let count = Arc::new(AtomicUsize::new(0));
        for round in 1..4 {
            let counted = Arc::clone(&count);
            let work = move || {
                counted.fetch_add(1, Ordering::Relaxed);
            };
            let handles = helpers.call(5, work);
            assert_eq!(handles.len(), 2);
            for handle in handles {
                handle.await.expect("it does not panic");
            }
            assert_eq!(count.load(Ordering::Relaxed), round * 2);
        }
        assert!(helpers.call(0, || {}).is_empty());
    }
}
