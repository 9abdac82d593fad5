//! IDLE (RFC 2177).

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::imap::attend::Waiting;
use crate::imap::dialogue::Dialogue;
use crate::imap::outcome::{Outcome, Stop};
use crate::imap::response::{Done, Refusal};
use crate::imap::view::Telling;
use crate::stream::StreamError;

/// The longest line that can still be meant as DONE.
const DONE_LEN_MAX: usize = 1024;

enum Event {
    Readable,
    Changed,
    StillHere,
    Silence,
    Shutdown,
}

/// Tells of changes as they happen, until DONE. What the client sends behind DONE, even in the
/// same packet, is read afterwards (CLIENTS.md rule 3). No buffer is held while nothing happens.
pub(crate) async fn idle(mut whose: Waiting<'_>, dialogue: &mut Dialogue) -> Outcome {
    dialogue.out().extend_from_slice(b"+ idling\r\n");
    let end = Instant::now() + dialogue.context.config.limits.imap_idle_time;
    loop {
        Box::pin(whose.tell(Telling::EVERYTHING, dialogue)).await?;
        dialogue.connection.flush().await?;
        match next_event(&whose, dialogue, end).await? {
            Event::Changed => {}
            Event::StillHere => dialogue.untagged("OK Still here"),
            Event::Readable => return Box::pin(done(dialogue)).await,
            Event::Silence => return end_with(dialogue, "IDLE went on for too long"),
            Event::Shutdown => return end_with(dialogue, "The server is shutting down"),
        }
    }
}

async fn next_event(
    whose: &Waiting<'_>,
    dialogue: &mut Dialogue,
    end: Instant,
) -> Result<Event, StreamError> {
    let keep_alive: Duration = dialogue.context.config.limits.imap_keep_alive_time;
    let still_here = Instant::now() + keep_alive;
    let shutdown = dialogue.context.shutdown.clone();
    tokio::select! {
        biased;
        readable = dialogue.connection.readable() => readable.map(|()| Event::Readable),
        () = whose.changed() => Ok(Event::Changed),
        () = shutdown.requested() => Ok(Event::Shutdown),
        () = sleep_until(end.min(still_here)) => {
            Ok(if end <= still_here { Event::Silence } else { Event::StillHere })
        }
    }
}

async fn done(dialogue: &mut Dialogue) -> Outcome {
    let patience = dialogue.context.config.limits.command_time;
    let line = dialogue.next_line(DONE_LEN_MAX, patience).await?;
    if line.is_some_and(|line| line.trim_ascii_end().eq_ignore_ascii_case(b"DONE")) {
        Ok(Done::ok("IDLE terminated"))
    } else {
        Err(Refusal::bad("Expected DONE").into())
    }
}

fn end_with(dialogue: &mut Dialogue, why: &str) -> Outcome {
    dialogue.untagged(format_args!("BYE {why}"));
    Err(Stop::Broken(StreamError::Closed))
}
