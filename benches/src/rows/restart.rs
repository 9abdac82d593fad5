//! Starting again after a crash.

use std::time::Instant;

use super::measure::millis;
use super::{Bench, Folder, short};
use crate::figure::Aim;
use crate::subject::Outcome;

pub(crate) fn killed(bench: &mut Bench<'_>) -> Outcome<()> {
    // Dovecot keeps nothing in its processes that a crash could lose; its start says nothing.
    if !bench.subject.is_ours() {
        return Ok(());
    }
    let counts = [Folder::Million, Folder::Mail].map(|folder| short(bench.count(folder)));
    bench.subject.restart(true)?;
    let start = millis(bench.subject.process().start);
    let used = millis(bench.subject.process().cpu());
    let what = format!("SIGKILL to ready, {} + {} messages", counts[0], counts[1]);
    bench.tell(format!("{what}: wall"), "ms", Aim::Most(500.0), start);
    bench.tell(format!("{what}: CPU"), "ms", Aim::None, used);
    let mut client = bench.subject.log_in()?;
    let began = Instant::now();
    client.imap(&format!("SELECT {}", Folder::Million.name()))?;
    bench.tell("the first SELECT then, wall", "ms", Aim::None, millis(began.elapsed()));
    Ok(())
}
