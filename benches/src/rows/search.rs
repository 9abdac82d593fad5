//! Searching by flags.

use super::{Bench, Folder, short};
use crate::figure::Aim;
use crate::subject::Outcome;

pub(crate) fn unseen(bench: &mut Bench<'_>) -> Outcome<()> {
    let mut client = bench.subject.select(Folder::Million.name())?;
    let count = short(bench.count(Folder::Million));
    let cost = bench.median_cost(&mut client, "UID SEARCH UNSEEN", 5)?;
    bench.tell(format!("SEARCH UNSEEN, a fifth of {count}"), "ms", Aim::None, cost);
    let cost = bench.median_cost(&mut client, "UID SEARCH FLAGGED", 5)?;
    bench.tell(format!("SEARCH FLAGGED, none of {count}"), "ms", Aim::None, cost);
    Ok(())
}
