//! Opening a mailbox, and what a session that has it open costs in memory.

use super::{Bench, Folder, as_f64, short};
use crate::figure::Aim;
use crate::subject::Outcome;

const TIMES: u32 = 300;
const SESSIONS: u64 = 20;

pub(crate) fn select(bench: &mut Bench<'_>) -> Outcome<()> {
    let command = format!("SELECT {}", Folder::Million.name());
    let count = short(bench.count(Folder::Million));
    let mut client = bench.subject.select(Folder::Million.name())?;
    let cost = bench.cost(|| {
        (0..TIMES).try_for_each(|_| client.imap(&command).map(drop))?;
        Ok(())
    })?;
    let warm = cost / f64::from(TIMES);
    bench.tell(format!("SELECT of {count}, warm"), "ms", Aim::Most(0.2), warm);
    bench.subject.restart(false)?;
    // The slow hash of the password is not the mailbox's.
    let mut client = bench.subject.log_in()?;
    bench.subject.settle();
    let cold = bench.cost_of(&mut client, &command)?;
    bench.tell(format!("SELECT of {count}, just restarted"), "ms", Aim::Most(1.0), cold);
    Ok(())
}

/// Sessions that have listed all flags stay; what the server has grown by is theirs.
pub(crate) fn memory(bench: &mut Bench<'_>) -> Outcome<()> {
    bench.subject.restart(false)?;
    let mut sessions = Vec::new();
    let mut before = bench.subject.process().memory();
    for number in 0..=SESSIONS {
        let mut session = bench.subject.select(Folder::Million.name())?;
        session.imap("UID FETCH 1:* (FLAGS)")?;
        sessions.push(session);
        if number == 0 {
            // What is there once, whoever lists, is not a session's.
            bench.subject.settle();
            before = bench.subject.process().memory();
        }
    }
    bench.subject.settle();
    let after = bench.subject.process().memory();
    let grown = as_f64(after.proportional.saturating_sub(before.proportional));
    let what = format!("memory of a session that lists {}", short(bench.count(Folder::Million)));
    bench.tell(what, "KiB", Aim::Most(256.0), grown / as_f64(SESSIONS));
    let whole = as_f64(after.proportional);
    bench.tell("memory of the server with these sessions", "KiB", Aim::None, whole);
    let own = as_f64(after.anonymous);
    bench.tell("the same, anonymous", "KiB", Aim::None, own);
    Ok(())
}
