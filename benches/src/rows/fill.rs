//! Filling a mailbox through IMAP, as a migration does.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use super::measure::millis;
use super::{Bench, Folder, as_f64, short};
use crate::client::Filed;
use crate::corpus::Corpus;
use crate::figure::Aim;
use crate::subject::{Outcome, Subject};

/// Octets of a batch, about.
const BATCH_OCTETS: usize = 2 << 20;
/// Batches that may wait to be sent.
const BATCHES_MAX: usize = 4;

/// Fills a mailbox and waits until the server has done what it does with it by itself.
pub(crate) fn fill(bench: &mut Bench<'_>, folder: Folder) -> Outcome<()> {
    let count = bench.count(folder);
    let process = bench.subject.process();
    let before = process.cpu();
    let mut tell = |done| bench.say(&format!("filling {}: {done} of {count}", folder.name()));
    let is_together = append_all(&bench.subject, folder.name(), folder.corpus(), count, &mut tell)?;
    let filled = process.cpu_since(before);
    bench.say("waiting until it is idle");
    bench.subject.settle();
    let settled = process.cpu_since(before);
    let how = if is_together { "MULTIAPPEND" } else { "pipelined APPEND" };
    let (what, aim) = match folder {
        Folder::Mail => ("realistic", Aim::Most(200.0)),
        Folder::Million => ("tiny", Aim::None),
    };
    let each = |time| millis(time) * 1000.0 / as_f64(count);
    let what = format!("fill, {} {what} ({how})", short(count));
    bench.tell(format!("{what}: CPU of each"), "µs", aim, each(filled));
    bench.tell(format!("{what}: with the work that follows"), "µs", Aim::None, each(settled));
    Ok(())
}

/// Appends the first messages of a corpus to a new mailbox; says whether MULTIAPPEND was offered.
pub(crate) fn append_all(
    subject: &Subject,
    mailbox: &str,
    corpus: Corpus,
    count: u64,
    tell: &mut dyn FnMut(u64),
) -> Outcome<bool> {
    append_each(subject, mailbox, (0..count).map(move |number| corpus.message(number)), tell)
}

/// Appends messages to a new mailbox. They are made beside the server's work.
pub(crate) fn append_each(
    subject: &Subject,
    mailbox: &str,
    messages: impl Iterator<Item = Vec<u8>> + Send,
    tell: &mut dyn FnMut(u64),
) -> Outcome<bool> {
    let mut client = subject.log_in()?;
    client.imap(&format!("CREATE {mailbox}"))?;
    let is_together = client.is_offered("MULTIAPPEND")?;
    thread::scope(|scope| {
        let (sender, batches) = sync_channel(BATCHES_MAX);
        scope.spawn(move || make(messages, &sender));
        let mut done = 0;
        for batch in batches.iter().filter(|batch: &Vec<Filed>| !batch.is_empty()) {
            if is_together {
                client.append_together(mailbox, &batch)?;
            } else {
                client.append(mailbox, &batch)?;
            }
            done += batch.len() as u64;
            tell(done);
        }
        Ok(is_together)
    })
}

/// Makes messages and sends them in batches.
fn make(messages: impl Iterator<Item = Vec<u8>>, batches: &SyncSender<Vec<Filed>>) {
    let (mut batch, mut octets) = (Vec::new(), 0);
    for (number, message) in messages.enumerate() {
        octets += message.len();
        batch.push(Filed { flags: flags(number), message });
        if octets < BATCH_OCTETS {
            continue;
        }
        octets = 0;
        // The other side is gone if the server has failed; it says so.
        if batches.send(std::mem::take(&mut batch)).is_err() {
            return;
        }
    }
    let _ = batches.send(batch);
}

/// Flags as a user leaves them: most messages are read, some answered, a few forwarded.
fn flags(number: usize) -> &'static str {
    match (number % 10, number % 50) {
        (_, 7) => "\\Seen $Forwarded",
        (0 | 1, _) => "",
        (2, _) => "\\Seen \\Answered",
        _ => "\\Seen",
    }
}
