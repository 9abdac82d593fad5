//! Taking messages out of a mailbox: MOVE, and EXPUNGE of many that are spread over it.

use super::{Bench, Folder, short};
use crate::figure::Aim;
use crate::subject::Outcome;

pub(crate) fn moved(bench: &mut Bench<'_>) -> Outcome<()> {
    let count = bench.count(Folder::Mail);
    let mut client = bench.subject.select(Folder::Mail.name())?;
    client.imap("CREATE moved")?;
    bench.subject.settle();
    let first = count / 2;
    let cost = bench
        .cost_of(&mut client, &format!("UID MOVE {}:{} moved", first + 1, first + count / 10))?;
    let what = format!("MOVE of {} of {}", short(count / 10), short(count));
    bench.tell(what, "ms", Aim::MostOfAll(10.0), cost);
    Ok(())
}

pub(crate) fn expunged(bench: &mut Bench<'_>) -> Outcome<()> {
    expunge(bench, Folder::Mail, 5.0)?;
    expunge(bench, Folder::Million, 60.0)
}

/// Every tenth message goes.
fn expunge(bench: &mut Bench<'_>, folder: Folder, aim: f64) -> Outcome<()> {
    let count = bench.count(folder);
    let mut client = bench.subject.select(folder.name())?;
    let tenth: Vec<String> = (1..=count).step_by(10).map(|uid| uid.to_string()).collect();
    // A command is shorter than what servers take of one.
    for uids in tenth.chunks(5000) {
        client.imap(&format!("UID STORE {} +FLAGS.SILENT (\\Deleted)", uids.join(",")))?;
    }
    bench.subject.settle();
    let cost = bench.cost_of(&mut client, "EXPUNGE")?;
    let what = format!("EXPUNGE of {} spread over {}", short(count / 10), short(count));
    bench.tell(what, "ms", Aim::MostOfAll(aim), cost);
    Ok(())
}
