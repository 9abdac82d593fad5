//! Reading messages whole: all of them, and one at random.

use super::{Bench, Folder, short};
use crate::corpus::{Draw, Purpose};
use crate::figure::Aim;
use crate::subject::Outcome;

/// How many are read at random.
const READS: u32 = 3000;

pub(crate) fn all(bench: &mut Bench<'_>) -> Outcome<()> {
    let mut client = bench.subject.select(Folder::Mail.name())?;
    let mut octets = 0;
    let cost = bench.cost(|| {
        octets = client.imap("UID FETCH 1:* (BODY.PEEK[])")?;
        Ok(())
    })?;
    let megabytes = short(octets / 1_000_000);
    let what = format!("all bodies, {} ({megabytes} MB)", short(bench.count(Folder::Mail)));
    bench.tell(what, "ms", Aim::MostOfAll(3000.0), cost);
    Ok(())
}

pub(crate) fn random(bench: &mut Bench<'_>) -> Outcome<()> {
    at_random(bench, "one body at random of")
}

/// The same once neighbours are compressed together: to read one of them, all of its block is.
pub(crate) fn compacted(bench: &mut Bench<'_>) -> Outcome<()> {
    // Dovecot's mdbox has nothing like it.
    if !bench.subject.is_ours() {
        return Ok(());
    }
    bench.say("compacting");
    bench.subject.compact()?;
    bench.subject.settle();
    at_random(bench, "one body at random, after compaction, of")
}

fn at_random(bench: &mut Bench<'_>, what: &str) -> Outcome<()> {
    let count = bench.count(Folder::Mail);
    let mut client = bench.subject.select(Folder::Mail.name())?;
    let mut draw = Draw::of(5, 5, Purpose::Place);
    let cost = bench.cost(|| {
        for _ in 0..READS {
            client.imap(&format!("UID FETCH {} (BODY.PEEK[])", draw.between(1, count)))?;
        }
        Ok(())
    })?;
    let each = cost * 1000.0 / f64::from(READS);
    bench.tell(format!("{what} {}", short(count)), "µs", Aim::Most(60.0), each);
    Ok(())
}
