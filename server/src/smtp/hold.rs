//! Submitted mail that waits in the Outbox of its sender, who may take it back.

use std::sync::Arc;

use super::session::{LogIn, Session};
use crate::accounts;
use crate::auth::Identity;
use crate::config::Role;
use crate::directory::DirectoryError;
use crate::queue::{QueueError, Submission};
use crate::quota;
use crate::spool::Spooled;

/// Whose mail waits, and how long.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    identity: Identity,
    seconds: u32,
}

/// Whether what this client submits waits.
pub(super) async fn of(session: &Session) -> Result<Option<Hold>, DirectoryError> {
    let (Role::Submission, LogIn::User(identity)) = (session.role, &session.log_in) else {
        return Ok(None);
    };
    let seconds = session.context.directory.hold_seconds(identity.account).await?;
    Ok((seconds > 0).then(|| Hold { identity: identity.clone(), seconds }))
}

impl Hold {
    /// How many seconds a message waits: longer, if its sender gave it a later time.
    pub(super) fn wait(&self, submission: &Submission) -> i64 {
        let now = engine::clock::unix_seconds();
        let asked = submission.due.map_or(0, |due| due.saturating_sub(now));
        asked.max(i64::from(self.seconds))
    }

    /// Puts a message into the Outbox and the queue. The copy counts like any other message of the
    /// sender.
    pub(super) async fn keep(
        &self,
        session: &Session,
        submission: &Submission,
        message: &Arc<Spooled>,
    ) -> Result<(), QueueError> {
        let context = &session.context;
        let prepared = super::acceptance::prepared(session, message).await;
        let (user, size) = (self.identity.account, u64::from(prepared.size()));
        quota::check_delivery(context, user, size).await?;
        let account = accounts::ensure(context, user).await?;
        context.queue.hold(submission.clone(), prepared, &account, self.seconds).await
    }
}
