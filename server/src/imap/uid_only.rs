//! UIDONLY (RFC 9586): once it is enabled no message is named by number, on either side.

use super::command::{Body, Numbering, SearchKey};
use super::dialect::Dialect;
use super::response::{Refusal, Verdict};

/// Refuses commands that name messages by number, or would have them answered by number
/// (RFC 9586, 3).
pub(super) fn admit(body: &Body, dialect: Dialect) -> Result<(), Refusal> {
    if dialect.uid_only && uses_numbers(body) {
        return Err(Refusal {
            verdict: Verdict::Bad,
            code: Some("UIDREQUIRED".into()),
            text: "UIDONLY was enabled: messages are named by UID".into(),
        });
    }
    Ok(())
}

fn uses_numbers(body: &Body) -> bool {
    let by_number = |numbering: &Numbering| *numbering == Numbering::Sequence;
    let any_number = |keys: &[SearchKey]| keys.iter().any(SearchKey::names_numbers);
    match body {
        Body::Fetch(fetch) => by_number(&fetch.numbering),
        Body::Store(store) => by_number(&store.numbering),
        Body::Copy(transfer) | Body::Move(transfer) => by_number(&transfer.numbering),
        Body::Replace(replace) => by_number(&replace.numbering),
        Body::Search(search) => by_number(&search.numbering) || any_number(&search.keys),
        Body::Sort(sort) => by_number(&sort.numbering) || any_number(&sort.keys),
        Body::Thread(thread) => by_number(&thread.numbering) || any_number(&thread.keys),
        Body::MultiSearch(search) => any_number(&search.keys),
        Body::Select { resync, .. } => resync.as_ref().is_some_and(|known| known.pairs.is_some()),
        _ => false,
    }
}
