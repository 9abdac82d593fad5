//! Searching: by what columns know, by what clients list by, and by text.

use super::{Bench, Folder, short};
use crate::figure::Aim;
use crate::subject::Outcome;

/// What is searched for, where, and how many milliseconds it may take.
const SEARCHES: [(Folder, &str, Aim); 13] = [
    (Folder::Mail, "UNSEEN", Aim::MostOfAll(0.5)),
    (Folder::Mail, "SINCE 1-Jun-2024", Aim::MostOfAll(2.0)),
    (Folder::Mail, "LARGER 100000", Aim::MostOfAll(2.0)),
    (Folder::Mail, "UNSEEN SINCE 1-Jun-2024 SMALLER 100000 NOT DELETED", Aim::MostOfAll(2.0)),
    (Folder::Mail, "SUBJECT \"invoice\"", Aim::MostOfAll(15.0)),
    (Folder::Mail, "FROM \"anna\"", Aim::MostOfAll(15.0)),
    (Folder::Mail, "BODY \"xylograph\"", Aim::MostOfAll(3_500.0)),
    (Folder::Million, "UNSEEN", Aim::None),
    (Folder::Million, "FLAGGED", Aim::None),
    (Folder::Million, "SINCE 1-Jun-2024", Aim::None),
    (Folder::Million, "LARGER 100000", Aim::None),
    (Folder::Million, "SUBJECT \"invoice\"", Aim::MostOfAll(100.0)),
    (Folder::Million, "FROM \"anna\"", Aim::MostOfAll(100.0)),
];

pub(crate) fn search(bench: &mut Bench<'_>) -> Outcome<()> {
    // Else what makes list parts would count as searching.
    bench.subject.settle();
    for (folder, key, aim) in SEARCHES {
        let mut client = bench.subject.select(folder.name())?;
        let command = format!("UID SEARCH {key}");
        let first = bench.median_cost(&mut client, &command, 1)?;
        let again = bench.median_cost(&mut client, &command, 5)?;
        let what = format!("SEARCH {key}, {} in {}", short(bench.count(folder)), folder.name());
        bench.tell(format!("{what}, first"), "ms", aim, first);
        bench.tell(what, "ms", aim, again);
    }
    Ok(())
}
