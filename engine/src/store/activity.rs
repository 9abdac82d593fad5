//! Which mailboxes of an account changed lately: what a session looks at that watches many of them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ids::MailboxId;

/// Mailboxes remembered: more seldom change between two looks.
const RECENT_MAX: usize = 32;

/// The changes of an account's mailboxes, counted; the last ones with where they were.
#[derive(Debug, Default)]
pub(crate) struct Activity(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    count: u64,
    /// The last change of each, ascending.
    latest: Vec<(u64, MailboxId)>,
    /// The last change that `latest` no longer has.
    forgotten: u64,
}

impl Activity {
    /// How many changes there were.
    pub(crate) fn count(&self) -> u64 {
        self.lock().count
    }

    /// A mailbox changed.
    pub(crate) fn note(&self, mailbox: MailboxId) {
        let mut recent = self.lock();
        recent.count += 1;
        let known = recent.latest.iter().position(|(_, known)| *known == mailbox);
        if let Some(at) = known {
            recent.latest.remove(at);
        } else if recent.latest.len() >= RECENT_MAX {
            recent.forgotten = recent.latest.remove(0).0;
        }
        let number = recent.count;
        recent.latest.push((number, mailbox));
    }

    /// What changed after so many changes; `None` if that is no longer known.
    pub(crate) fn since(&self, count: u64) -> Option<Vec<MailboxId>> {
        let recent = self.lock();
        let later = recent.latest.iter().filter(|(number, _)| *number > count);
        (recent.forgotten <= count).then(|| later.map(|(_, mailbox)| *mailbox).collect())
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_known_until_too_much_changes() {
        let activity = Activity::default();
        for mailbox in [1, 2, 1] {
            activity.note(MailboxId(mailbox));
        }
        assert_eq!(activity.count(), 3);
        assert_eq!(activity.since(0), Some(vec![MailboxId(2), MailboxId(1)]));
        assert_eq!(activity.since(2), Some(vec![MailboxId(1)]));
        assert_eq!(activity.since(3), Some(Vec::new()));
        for mailbox in 10..40 {
            activity.note(MailboxId(mailbox));
        }
        assert_eq!(activity.since(3).map(|all| all.len()), Some(30));
        assert_eq!(activity.since(0).map(|all| all.len()), Some(32));
        activity.note(MailboxId(50));
        assert_eq!((activity.since(1), activity.since(33)), (None, Some(vec![MailboxId(50)])));
    }
}
