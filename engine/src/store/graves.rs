//! What is remembered of a deleted mailbox: which messages it had, so that the retention window
//! can hold them.

use crate::Error;
use crate::ids::AccountId;
use crate::image::Grave;
use crate::state::MailboxState;
use crate::uid_set::UidSet;

/// Expunges up to this long before the deletion are remembered with it; no retention window is
/// longer.
const HISTORY_SECONDS: i64 = 400 * 86_400;

/// The grave of a mailbox that is deleted now.
pub(crate) fn of(account: AccountId, at: i64, state: &MailboxState) -> Result<Grave, Error> {
    let mut numbers: Vec<u64> = state.numbers_of(&UidSet::all())?.iter().collect();
    let since = at.saturating_sub(HISTORY_SECONDS);
    state.history.messages_since(since, &state.source, &mut |number| numbers.push(number))?;
    Ok(Grave { account, at, numbers: numbers.into_iter().collect() })
}
