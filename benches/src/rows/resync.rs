//! Coming back to a mailbox after some changes (QRESYNC, RFC 7162).

use super::{Bench, Folder, short};
use crate::corpus::{Draw, Purpose};
use crate::figure::Aim;
use crate::subject::Outcome;

/// Of them one in ten is an expunge.
const CHANGES: u64 = 1000;

pub(crate) fn resync(bench: &mut Bench<'_>) -> Outcome<()> {
    let count = bench.count(Folder::Million);
    let what = format!("QRESYNC reselect of {} after {CHANGES} changes", short(count));
    let mut client = bench.subject.log_in()?;
    if !client.is_offered("QRESYNC")? {
        bench.not_offered(what, "ms", Aim::Most(2.0));
        return Ok(());
    }
    let (mut validity, mut modseq) = (String::new(), String::new());
    client.imap_each(&format!("SELECT {} (CONDSTORE)", Folder::Million.name()), |line| {
        validity = code(line, "[UIDVALIDITY ").unwrap_or(std::mem::take(&mut validity));
        modseq = code(line, "[HIGHESTMODSEQ ").unwrap_or(std::mem::take(&mut modseq));
    })?;
    let mut draw = Draw::of(8, 8, Purpose::Place);
    for number in 0..CHANGES {
        let uid = draw.between(1, count);
        if number % 10 == 0 {
            client.imap(&format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)"))?;
            client.imap("EXPUNGE")?;
        } else {
            client.imap(&format!("UID STORE {uid} +FLAGS.SILENT (\\Answered)"))?;
        }
    }
    bench.subject.settle();
    let mut back = bench.subject.log_in()?;
    back.imap("ENABLE QRESYNC")?;
    let select = format!("SELECT {} (QRESYNC ({validity} {modseq}))", Folder::Million.name());
    let cost = bench.cost_of(&mut back, &select)?;
    bench.tell(what, "ms", Aim::Most(2.0), cost);
    Ok(())
}

/// The number in a response code.
fn code(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(name)?;
    Some(rest.split(']').next()?.to_owned())
}
