//! Changing flags: of all messages, of one.

use std::time::Instant;

use super::measure::millis;
use super::{Bench, Folder, short};
use crate::client::Client;
use crate::corpus::{Draw, Purpose};
use crate::figure::Aim;
use crate::subject::Outcome;

const CHANGES: u32 = 500;

pub(crate) fn all(bench: &mut Bench<'_>) -> Outcome<()> {
    let count = short(bench.count(Folder::Million));
    let mut client = bench.subject.select(Folder::Million.name())?;
    bench.subject.settle();
    let cost = bench.cost_of(&mut client, "STORE 1:* +FLAGS (\\Flagged)")?;
    let what = format!("STORE 1:* +FLAGS, {count}, with answers");
    bench.tell(what, "ms", Aim::MostOfAll(100.0), cost);
    bench.subject.settle();
    let cost = bench.cost_of(&mut client, "STORE 1:* -FLAGS.SILENT (\\Flagged)")?;
    let what = format!("STORE 1:* -FLAGS.SILENT, {count}");
    bench.tell(what, "ms", Aim::MostOfAll(10.0), cost);
    Ok(())
}

/// The first change after a start has our server make its next segment of zeros: 256 MiB, some 50 ms
/// of CPU that are no STORE's.
fn warm_up(bench: &Bench<'_>, client: &mut Client) -> Outcome<()> {
    client.imap("STORE 1 +FLAGS.SILENT (\\Draft)")?;
    bench.subject.settle();
    Ok(())
}

pub(crate) fn one(bench: &mut Bench<'_>) -> Outcome<()> {
    let count = bench.count(Folder::Million);
    let mut client = bench.subject.select(Folder::Million.name())?;
    warm_up(bench, &mut client)?;
    let mut draw = Draw::of(6, 6, Purpose::Place);
    let mut waits = Vec::new();
    let cost = bench.cost(|| {
        for _ in 0..CHANGES {
            let began = Instant::now();
            client.imap(&format!("UID STORE {} +FLAGS (\\Flagged)", draw.between(1, count)))?;
            waits.push(millis(began.elapsed()) * 1000.0);
        }
        Ok(())
    })?;
    waits.sort_by(f64::total_cmp);
    let median = waits.get(waits.len() / 2).copied().unwrap_or(0.0);
    let what = format!("STORE of one of {}", short(count));
    let each = cost * 1000.0 / f64::from(CHANGES);
    bench.tell(format!("{what}: CPU"), "µs", Aim::Most(60.0), each);
    bench.tell(format!("{what}: latency, median"), "µs", Aim::None, median);
    Ok(())
}
