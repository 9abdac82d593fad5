//! How long what was expunged or deleted is held, account by account.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::AccountId;

/// Tells whose window is another.
type Others = dyn Fn(AccountId) -> Option<Duration> + Send + Sync;

/// The retention window: how long what was expunged or deleted is held before compaction may give
/// its space back.
#[derive(Clone)]
pub struct Retention {
    window: Duration,
    others: Option<Arc<Others>>,
}

impl Retention {
    /// The same window for every account.
    pub fn of(window: Duration) -> Self {
        Self { window, others: None }
    }

    /// The same with accounts whose window is another. `others` is asked by the upkeep thread for
    /// each account, whenever compaction looks for what it may give back; where it does not know it
    /// must answer with a long one, for what is given back is gone.
    #[must_use]
    pub fn with_others(
        self,
        others: impl Fn(AccountId) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        Self { others: Some(Arc::new(others)), ..self }
    }

    /// What of the account went at this time or later is held. At `now` at the latest, so that
    /// what goes while somebody looks is never missed.
    pub(crate) fn since(&self, account: AccountId, now: i64) -> i64 {
        let other = self.others.as_ref().and_then(|others| others(account));
        let window = other.unwrap_or(self.window);
        now.saturating_sub(i64::try_from(window.as_secs()).unwrap_or(i64::MAX))
    }
}

impl fmt::Debug for Retention {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Retention({:?}, others: {})", self.window, self.others.is_some())
    }
}
