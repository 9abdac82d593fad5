//! Reading messages to search their text, on more than one core.
//!
//! A batch is shared out in stretches of neighbours, which are often stored together. The session
//! takes stretch after stretch, and so do helpers if there are any free; so the session never
//! waits for more than the stretch that a helper has in hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use engine::{Error, Listings, Mailbox, Row};

use super::condition::{Candidate, Condition};
use crate::helpers::Helpers;
use crate::imap::dialogue::blocking;

/// Neighbours that are taken at once.
const STRETCH_ROWS: usize = 32;

/// Messages to be looked at.
struct Batch {
    condition: Arc<Condition>,
    mailbox: Mailbox,
    rows: Vec<Row>,
    /// The place of the first that nobody has taken.
    next: AtomicUsize,
    /// A bit for each, set where the condition holds.
    found: Vec<AtomicU64>,
}

impl Batch {
    fn work(&self) {
        let mut listings = self.mailbox.listings();
        loop {
            let start = self.next.fetch_add(STRETCH_ROWS, Ordering::Relaxed);
            let end = (start + STRETCH_ROWS).min(self.rows.len());
            let stretch = self.rows.get(start..end).unwrap_or_default();
            if stretch.is_empty() {
                break;
            }
            for (at, row) in (start..).zip(stretch) {
                if look(row, &self.condition, (&self.mailbox, &mut listings)).0
                    && let Some(word) = self.found.get(at / 64)
                {
                    word.fetch_or(1 << (at % 64), Ordering::Relaxed);
                }
            }
        }
    }
}

/// The messages of these for which the condition holds.
pub(super) async fn look_together(
    (condition, mailbox): (&Arc<Condition>, &Mailbox),
    rows: Vec<Row>,
    helpers: &Helpers,
) -> Result<Vec<Row>, Error> {
    let found = (0..rows.len().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
    let (condition, mailbox) = (Arc::clone(condition), mailbox.clone());
    let batch = Arc::new(Batch { condition, mailbox, rows, next: AtomicUsize::new(0), found });
    let (stretches, shared) = (batch.rows.len().div_ceil(STRETCH_ROWS), Arc::clone(&batch));
    let called = helpers.call(stretches.saturating_sub(1), move || shared.work());
    blocking(|| batch.work());
    for helper in called {
        let helped = helper.await;
        helped.map_err(|_| Error::Unusable("a thread that searched has panicked".to_owned()))?;
    }
    let is_found = |at: usize| {
        let word = batch.found.get(at / 64).map_or(0, |word| word.load(Ordering::Relaxed));
        word >> (at % 64) & 1 == 1
    };
    let each = batch.rows.iter().enumerate().filter(|(at, _)| is_found(*at));
    Ok(each.map(|(_, row)| *row).collect())
}

/// Whether the condition holds for a message, and about how many bytes were read to know it. A message
/// whose text cannot be read does not match.
pub(super) fn look(
    row: &Row,
    condition: &Condition,
    (mailbox, listings): (&Mailbox, &mut Listings),
) -> (bool, u64) {
    let mut candidate = Candidate::new(row, mailbox, listings);
    let holds = condition.holds(&mut candidate).unwrap_or_else(|error| {
        tracing::error!(uid = row.uid.get(), %error, "cannot search a message");
        false
    });
    (holds, candidate.bytes_read())
}
