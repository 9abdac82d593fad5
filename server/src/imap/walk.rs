//! Messages one by one out of runs of them, so that an answer can stop anywhere and go on later.

use engine::{Error, Run};

/// Where a walk over messages has got to.
pub(crate) struct Walk<R> {
    runs: R,
    current: Option<Run>,
    nth: usize,
}

impl<R: Iterator<Item = Result<Run, Error>>> Walk<R> {
    /// At the start.
    pub(crate) fn new(runs: R) -> Self {
        Self { runs, current: None, nth: 0 }
    }

    /// The message it stands before: its run, and its place in it; `None` at the end.
    pub(crate) fn here(&mut self) -> Result<Option<(&Run, usize)>, Error> {
        if self.current.as_ref().is_none_or(|run| self.nth >= run.len()) {
            self.current = self.runs.next().transpose()?;
            self.nth = 0;
        }
        Ok(self.current.as_ref().map(|run| (run, self.nth)))
    }

    /// Goes on to another place in the same run, or past it.
    pub(crate) fn go_to(&mut self, nth: usize) {
        self.nth = nth;
    }
}
