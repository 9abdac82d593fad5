//! SORT and UID SORT (RFC 5256, 3; RFC 5957; RFC 5267, 3).

mod order;

use self::order::Order;
pub(super) use self::order::keys_of;
use super::search::{Found, Results, find_for, save};
use crate::imap::command::{SearchKey, Sort, SortCriterion, Tag};
use crate::imap::dialogue::{Dialogue, blocking};
use crate::imap::message_limit;
use crate::imap::outcome::{Outcome, Stop};
use crate::imap::response::Done;
use crate::imap::session::Selected;

/// Finds as SEARCH does, and tells in the order asked for, in one line (CLIENTS.md rule 10).
pub(crate) async fn sort(
    selected: &mut Selected,
    tag: &Tag,
    sort: &Sort,
    dialogue: &mut Dialogue,
) -> Outcome {
    let Sort { numbering, returns, criteria, keys } = sort;
    if returns.is_some_and(|returns| returns.update) {
        let text = "Sorted results are not followed";
        dialogue.untagged(format_args!("NO [NOUPDATE \"{tag}\"] {text}"));
    }
    let limit = message_limit::of_work(&dialogue.context);
    message_limit::refuse_search(&selected.view, keys, limit)?;
    let found = find_for(selected, returns.as_ref(), (*numbering, keys), dialogue).await?;
    let sorted = sorted(selected, &found, criteria, dialogue).await?;
    let with_modseq = keys.iter().any(SearchKey::asks_modseq);
    let results = Results { found: &found, sorted: Some(&sorted), with_modseq };
    save(selected, returns.as_ref(), &results)?;
    results.tell(tag, returns.as_ref(), dialogue).await?;
    Ok(Done::ok("SORT completed"))
}

/// The numbers of what was found, in order. Goes in pieces, between which others have their turn.
async fn sorted(
    selected: &Selected,
    found: &Found,
    criteria: &[SortCriterion],
    dialogue: &mut Dialogue,
) -> Result<Vec<u32>, Stop> {
    let mut order = Order::new(&selected.mailbox, found, criteria);
    let mut was_told = false;
    while blocking(|| order.read_piece())? {
        tokio::task::yield_now().await;
        dialogue.is_wanted(&mut was_told).await?;
    }
    Ok(blocking(|| order.finish()))
}
