//! A list of many mailboxes with their counters.

use super::{Bench, short};
use crate::client::Filed;
use crate::figure::Aim;
use crate::subject::Outcome;

const MAILBOXES: u64 = 10_000;
const TIMES: usize = 5;

/// Mailboxes of one message each, in a hundred levels, as no other row needs them: they go again.
pub(crate) fn folders(bench: &mut Bench<'_>) -> Outcome<()> {
    let count = bench.scaled(MAILBOXES);
    let mut client = bench.subject.log_in()?;
    if !client.is_offered("LIST-STATUS")? {
        return Err("the server has no LIST-STATUS".into());
    }
    let message = b"From: a@example.test\r\nSubject: one\r\n\r\none\r\n".to_vec();
    let filed = [Filed { flags: "", message }];
    for number in 0..count {
        let name = name(number);
        client.imap(&format!("CREATE {name}"))?;
        client.append(&name, &filed)?;
        if number % 100 == 0 {
            bench.say(&format!("making mailboxes: {number} of {count}"));
        }
    }
    bench.subject.settle();
    let (what, items) = (short(count), "STATUS (MESSAGES UNSEEN SIZE HIGHESTMODSEQ)");
    let command = format!("LIST \"\" \"*\" RETURN ({items})");
    let warm = bench.median_cost(&mut client, &command, TIMES)?;
    bench.tell(format!("LIST with STATUS of {what} mailboxes"), "ms", Aim::Most(50.0), warm);
    let plain = bench.median_cost(&mut client, "LIST \"\" \"*\"", TIMES)?;
    bench.tell(format!("LIST of {what} mailboxes"), "ms", Aim::None, plain);
    bench.subject.restart(false)?;
    let mut client = bench.subject.log_in()?;
    bench.subject.settle();
    let cold = bench.cost_of(&mut client, &command)?;
    let told = format!("LIST with STATUS of {what} mailboxes, just restarted");
    bench.tell(told, "ms", Aim::None, cold);
    for number in 0..count {
        client.imap(&format!("DELETE {}", name(number)))?;
    }
    Ok(())
}

fn name(number: u64) -> String {
    format!("level{}/box{number}", number % 100)
}
