//! Delivery by LMTP, over eight connections.

use std::io;
use std::thread;
use std::time::Instant;

use super::{Bench, as_f64};
use crate::client::Client;
use crate::corpus::{Corpus, Profile};
use crate::figure::Aim;
use crate::subject::{OTHERS, Outcome, USER, other};

const CONNECTIONS: u64 = 8;
/// Deliveries to one recipient at full scale, at least a tenth of them at any.
const DELIVERIES: u64 = 8000;

pub(crate) fn deliver(bench: &mut Bench<'_>) -> Outcome<()> {
    let one = [USER.to_owned()];
    let many: Vec<String> = (0..OTHERS).map(other).collect();
    let count = bench.scaled(DELIVERIES).max(DELIVERIES / 10);
    round(bench, &one, count, Aim::Most(350.0))?;
    round(bench, &many, count / 10, Aim::Most(40.0))
}

/// Delivers so many messages, and tells the cost of each recipient.
fn round(bench: &mut Bench<'_>, recipients: &[String], count: u64, aim: Aim) -> Outcome<()> {
    bench.subject.settle();
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut client = Client::connect(bench.subject.ports.lmtp)?;
        client.smtp(b"LHLO bench.example.org\r\n")?;
        clients.push(client);
    }
    let corpus = Corpus::new(Profile::Realistic, 4);
    let each = count / CONNECTIONS;
    let share = |client: &mut Client, first: u64| -> io::Result<()> {
        (first..first + each).try_for_each(|at| client.deliver(recipients, &corpus.message(at)))
    };
    let began = Instant::now();
    let cost = bench.cost(|| {
        thread::scope(|scope| {
            let running: Vec<_> = (0..CONNECTIONS)
                .zip(&mut clients)
                .map(|(number, client)| scope.spawn(move || share(client, number * each)))
                .collect();
            running
                .into_iter()
                .try_for_each(|thread| Ok(thread.join().map_err(|_| "a client panicked")??))
        })
    })?;
    let copies = as_f64(each * CONNECTIONS * recipients.len() as u64);
    let to = match recipients.len() {
        1 => "1 recipient".to_owned(),
        more => format!("{more} recipients"),
    };
    let what = format!("LMTP, {CONNECTIONS} connections, {to}");
    bench.tell(format!("{what}: CPU of each"), "µs", aim, cost * 1000.0 / copies);
    let rate = copies / began.elapsed().as_secs_f64();
    let unit = "a second";
    bench.tell(format!("{what}: deliveries (and making them)"), unit, Aim::None, rate);
    Ok(())
}
