//! Listing a whole mailbox: flags, envelopes, what Thunderbird asks for, structures.

use super::{Bench, Folder, short};
use crate::figure::Aim;
use crate::subject::Outcome;

/// A list fetch, its aim, and the aim of what the server may grow by meanwhile.
struct Listing {
    name: &'static str,
    command: &'static str,
    aim: f64,
    growth: Aim,
}

/// How often it is asked again.
const TIMES: usize = 3;

const THUNDERBIRD: &str = "UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc \
                           Bcc Subject Date Message-ID Priority X-Priority References Newsgroups \
                           In-Reply-To Content-Type Reply-To Received)])";

pub(crate) fn flags(bench: &mut Bench<'_>) -> Outcome<()> {
    let command = "UID FETCH 1:* (FLAGS)";
    let listing = Listing { name: "FLAGS", command, aim: 60.0, growth: Aim::Most(1024.0) };
    list(bench, Folder::Million, &listing)
}

pub(crate) fn envelopes(bench: &mut Bench<'_>) -> Outcome<()> {
    let command = "UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)";
    let listing = Listing { name: "ENVELOPE", command, aim: 900.0, growth: Aim::None };
    list(bench, Folder::Million, &listing)
}

pub(crate) fn thunderbird(bench: &mut Bench<'_>) -> Outcome<()> {
    let of =
        |aim| Listing { name: "Thunderbird's list", command: THUNDERBIRD, aim, growth: Aim::None };
    list(bench, Folder::Mail, &of(150.0))?;
    list(bench, Folder::Million, &of(1500.0))
}

pub(crate) fn structures(bench: &mut Bench<'_>) -> Outcome<()> {
    let command = "UID FETCH 1:* (BODYSTRUCTURE)";
    let listing = Listing { name: "BODYSTRUCTURE", command, aim: 40.0, growth: Aim::None };
    list(bench, Folder::Mail, &listing)
}

/// Asks for it the first time since the server started, and again.
fn list(bench: &mut Bench<'_>, folder: Folder, listing: &Listing) -> Outcome<()> {
    bench.subject.restart(false)?;
    let mut client = bench.subject.select(folder.name())?;
    bench.subject.settle();
    let first = bench.cost_of(&mut client, listing.command)?;
    let again = bench.median_cost(&mut client, listing.command, TIMES)?;
    let growth = bench.growth(&mut client, listing.command)?;
    let what = format!("{}, {} {}", listing.name, short(bench.count(folder)), folder.name());
    bench.tell(format!("{what}: first"), "ms", Aim::MostOfAll(listing.aim), first);
    bench.tell(format!("{what}: again"), "ms", Aim::MostOfAll(listing.aim), again);
    let (all, own) = (super::as_f64(growth.proportional), super::as_f64(growth.anonymous));
    bench.tell(format!("{what}: memory grows by, anonymous"), "KiB", listing.growth, own);
    bench.tell(format!("{what}: memory grows by, all"), "KiB", Aim::None, all);
    Ok(())
}
