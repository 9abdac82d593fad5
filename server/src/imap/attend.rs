//! A session that waits: in IDLE, or for a command of a client that wants to be told meanwhile
//! (RFC 5465, 3.1).

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::dialogue::{Dialogue, Incoming};
use super::outcome::Stop;
use super::session::{Authenticated, Selected};
use super::view::Telling;
use super::watch::Rule;
use crate::stream::StreamError;

/// A session that waits.
pub(crate) enum Waiting<'s> {
    /// With a mailbox.
    Selected(&'s mut Selected),
    /// Without one.
    Authenticated(&'s mut Authenticated),
}

impl Waiting<'_> {
    fn authenticated(&self) -> &Authenticated {
        match self {
            Self::Selected(selected) => &selected.authenticated,
            Self::Authenticated(authenticated) => authenticated,
        }
    }

    /// Whether the client is told also while it says nothing.
    pub(crate) fn is_always_told(&self) -> bool {
        self.authenticated().watch.as_ref().is_some_and(|watch| watch.is_always_told())
    }

    /// Tells what changed.
    pub(crate) async fn tell(
        &mut self,
        telling: Telling,
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        match self {
            Self::Selected(selected) => selected.tell_all(telling, dialogue).await,
            Self::Authenticated(authenticated) => authenticated.tell(None, dialogue).await,
        }
    }

    /// Resolves when the mailbox changed, or what is watched besides it.
    pub(crate) async fn changed(&self) {
        if self.authenticated().watch.is_some() {
            // Boxed, since most sessions watch nothing.
            Box::pin(self.something_changed()).await;
        } else {
            self.mailbox_changed().await;
        }
    }

    async fn something_changed(&self) {
        tokio::select! {
            () = self.mailbox_changed() => {}
            () = self.authenticated().changed() => {}
        }
    }

    async fn mailbox_changed(&self) {
        match self {
            // A mailbox that was deleted changes no more; nor is one looked at that nothing is told of.
            Self::Selected(selected)
                if !selected.mailbox.is_deleted()
                    && selected.authenticated.rule() != Rule::Nothing =>
            {
                selected.mailbox.changed(selected.view.seen()).await;
            }
            _ => std::future::pending().await,
        }
    }
}

/// Tells of what happens until the client says something, which is `None`, or something else ends
/// the waiting.
pub(crate) async fn attend(
    mut whose: Waiting<'_>,
    patience: Duration,
    dialogue: &mut Dialogue,
) -> Result<Option<Incoming>, StreamError> {
    let deadline = Instant::now() + patience;
    let shutdown = dialogue.context.shutdown.clone();
    loop {
        match Box::pin(whose.tell(Telling::WAITING, dialogue)).await {
            Ok(()) => {}
            Err(Stop::Broken(error)) => return Err(error),
            Err(Stop::Refused(refusal)) => {
                // It would be refused again at once: the next command is waited for in silence.
                dialogue.refused(None, &refusal);
                return Ok(None);
            }
        }
        dialogue.connection.flush().await?;
        tokio::select! {
            biased;
            readable = dialogue.connection.readable() => return readable.map(|()| None),
            () = whose.changed() => {}
            () = shutdown.requested() => return Ok(Some(Incoming::Shutdown)),
            () = sleep_until(deadline) => return Ok(Some(Incoming::Silence)),
        }
    }
}
