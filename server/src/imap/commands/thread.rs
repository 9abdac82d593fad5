//! THREAD and UID THREAD (RFC 5256, 3).

use engine::Error;
use engine::search::{Forest, Step, Threads};

use super::search::{Found, FoundRuns, find};
use super::sort::keys_of;
use crate::imap::command::Thread;
use crate::imap::dialogue::{Dialogue, blocking};
use crate::imap::encode::push_number;
use crate::imap::message_limit;
use crate::imap::outcome::{Outcome, Stop};
use crate::imap::response::Done;
use crate::imap::session::Selected;

/// Messages looked at in one go.
const PIECE_ROWS: usize = 4096;
/// Steps written between two looks at whether the output is full.
const PIECE_STEPS: usize = 4096;

/// Finds as SEARCH does, and tells how what was found hangs together, in one line.
pub(crate) async fn thread(
    selected: &mut Selected,
    thread: &Thread,
    dialogue: &mut Dialogue,
) -> Outcome {
    let limit = message_limit::of_work(&dialogue.context);
    message_limit::refuse_search(&selected.view, &thread.keys, limit)?;
    let found = find(selected, (thread.numbering, &thread.keys), dialogue).await?;
    let (forest, numbers) = threads(selected, &found, thread, dialogue).await?;
    write(forest, &numbers, dialogue).await?;
    Ok(Done::ok("THREAD completed"))
}

/// The threads, and the number of each message in them. Goes in pieces, between which others have
/// their turn.
async fn threads(
    selected: &Selected,
    found: &Found,
    thread: &Thread,
    dialogue: &mut Dialogue,
) -> Result<(Forest, Vec<u32>), Stop> {
    let count = found.count() as usize;
    let mut runs = FoundRuns::new(found);
    let mut reader = selected.mailbox.sort_keys();
    let (mut threads, mut numbers) =
        (Threads::new(thread.algorithm, count), Vec::with_capacity(count));
    let mut was_told = false;
    loop {
        let has_more = blocking(|| {
            runs.piece(PIECE_ROWS, |run, nth, number| {
                numbers.push(number);
                let keys = keys_of(&mut reader, run, nth);
                threads.push(&keys, run.sent_date(nth), run.internal_date(nth).seconds);
            })
        });
        if !has_more? {
            return Ok::<_, Error>((blocking(|| threads.finish()), numbers)).map_err(Stop::from);
        }
        tokio::task::yield_now().await;
        dialogue.is_wanted(&mut was_told).await?;
    }
}

/// `* THREAD (2)(3 6 (4 23)(44 7 96))` (RFC 5256, 4).
async fn write(mut forest: Forest, numbers: &[u32], dialogue: &mut Dialogue) -> Result<(), Stop> {
    dialogue.out().extend_from_slice(b"* THREAD");
    let mut before: Option<Step> = None;
    loop {
        let out = dialogue.out();
        for step in forest.by_ref().take(PIECE_STEPS) {
            let is_apart = match before {
                None => true,
                Some(Step::Message(_)) => step != Step::Close,
                Some(_) => false,
            };
            out.extend_from_slice(if is_apart { b" " } else { b"" });
            match step {
                Step::Open => out.push(b'('),
                Step::Message(place) => {
                    push_number(out, numbers.get(place as usize).copied().unwrap_or(0));
                }
                Step::Close => out.push(b')'),
            }
            before = Some(step);
        }
        dialogue.breathe().await?;
        if forest.is_at_end() {
            break;
        }
    }
    dialogue.out().extend_from_slice(b"\r\n");
    Ok(())
}
