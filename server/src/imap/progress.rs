//! Telling a client that waits how far its command has come (RFC 9585).

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::command::Tag;
use super::dialogue::Dialogue;
use crate::stream::StreamError;

/// The shortest time between two lines that only say that work goes on.
const WAITING_MIN: Duration = Duration::from_secs(1);

/// What a command has told of its progress.
#[derive(Debug)]
pub(crate) struct Progress {
    every: Duration,
    next: Instant,
}

impl Progress {
    /// A command that begins now.
    pub(crate) fn new(dialogue: &Dialogue) -> Self {
        let every = dialogue.context.config.imap.progress_time;
        Self { every, next: Instant::now() + every }
    }

    /// Says that `done` of `goal` messages were looked at, if it is time to say so.
    pub(crate) async fn tell(
        &mut self,
        (done, goal): (u64, u64),
        dialogue: &mut Dialogue,
    ) -> Result<(), StreamError> {
        let now = Instant::now();
        if now < self.next || done >= goal {
            return Ok(());
        }
        self.next = now + self.every;
        let line = line(dialogue.under_way.as_ref(), Some((done, goal)));
        dialogue.untagged(line);
        dialogue.connection.flush().await
    }

    /// Waits for work of which nobody knows how far it is.
    pub(crate) async fn waiting<T>(
        self,
        work: impl IntoFuture<Output = T>,
        dialogue: &mut Dialogue,
    ) -> Result<T, StreamError> {
        let mut work = std::pin::pin!(work.into_future());
        loop {
            let patience = tokio::time::timeout(self.every.max(WAITING_MIN), work.as_mut());
            if let Ok(done) = patience.await {
                return Ok(done);
            }
            let line = line(dialogue.under_way.as_ref(), None);
            dialogue.untagged(line);
            dialogue.connection.flush().await?;
        }
    }
}

/// A tag holds nothing that a quoted string would have to escape.
fn line(tag: Option<&Tag>, progress: Option<(u64, u64)>) -> String {
    let mut line = "OK [INPROGRESS (".to_owned();
    let _ = match tag {
        Some(tag) => write!(line, "\"{tag}\" "),
        None => write!(line, "NIL "),
    };
    let _ = match progress {
        Some((done, goal)) => write!(line, "{done} {goal}"),
        None => write!(line, "NIL NIL"),
    };
    line.push_str(")] Still at it");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_two_numbers_or_two_nils() {
        let tag = Tag::new(b"a1").expect("a tag");
        let tag = Some(&tag);
        assert_eq!(line(tag, Some((3, 9))), "OK [INPROGRESS (\"a1\" 3 9)] Still at it");
        assert_eq!(line(tag, None), "OK [INPROGRESS (\"a1\" NIL NIL)] Still at it");
    }
}
