//! What was found, message after message, so that work on it can stop anywhere and go on later.

use engine::{Error, Run, UidSet};

use super::found::Found;

/// Where a walk over what was found has got to.
pub(in crate::imap::commands) struct FoundRuns<'f> {
    found: &'f Found,
    /// The last UID that was passed.
    passed: u32,
}

impl<'f> FoundRuns<'f> {
    /// At the start.
    pub(in crate::imap::commands) fn new(found: &'f Found) -> Self {
        Self { found, passed: 0 }
    }

    /// Visits about so many messages of the mailbox, those that were found, with the numbers that
    /// they are named by; false when there are no more.
    pub(in crate::imap::commands) fn piece(
        &mut self,
        count: usize,
        mut visit: impl FnMut(&Run, usize, u32),
    ) -> Result<bool, Error> {
        let mut rest = UidSet::new();
        if let Some(next) = self.passed.checked_add(1).and_then(engine::Uid::new) {
            rest.insert_range(next, engine::Uid::LAST);
        }
        let mut seen = 0;
        for run in self.found.snapshot().runs(&rest) {
            let run = run?;
            for nth in self.found.places_in(&run) {
                visit(&run, nth, self.found.number_of(&run, nth));
            }
            self.passed = run.last_uid().get();
            seen += run.len();
            if seen >= count {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
