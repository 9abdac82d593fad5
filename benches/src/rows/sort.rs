//! Sorting and threading, the first time too.

use super::{Bench, Folder, short};
use crate::figure::Aim;
use crate::subject::Outcome;

pub(crate) fn sort(bench: &mut Bench<'_>) -> Outcome<()> {
    for folder in [Folder::Mail, Folder::Million] {
        let count = short(bench.count(folder));
        let (sort_most, thread_most) = match folder {
            Folder::Mail => (10.0, 40.0),
            Folder::Million => (120.0, 400.0),
        };
        for (command, most) in [
            ("SORT (REVERSE DATE)", sort_most),
            ("SORT (SUBJECT)", sort_most),
            ("THREAD REFERENCES", thread_most),
        ] {
            let mut client = bench.subject.select(folder.name())?;
            let whole = format!("UID {command} UTF-8 ALL");
            let first = bench.median_cost(&mut client, &whole, 1)?;
            let what = format!("{command}, {count} in {}", folder.name());
            bench.tell(format!("{what}, first"), "ms", Aim::Most(most), first);
            let again = bench.median_cost(&mut client, &whole, 5)?;
            bench.tell(what, "ms", Aim::Most(most), again);
        }
    }
    Ok(())
}
