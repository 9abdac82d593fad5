//! What a caller holds while its change is on the way to the disk.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use tokio::sync::oneshot;

use crate::Error;

/// A change that was handed to the writer. It happens whether or not anybody waits; once the
/// outcome is here and is no error, the change is on disk.
#[must_use = "the change is not acknowledged before its receipt says so"]
pub struct Receipt<T>(State<T>);

enum State<T> {
    Decided(Result<T, Error>),
    Waiting(oneshot::Receiver<Result<T, Error>>),
}

impl<T> Receipt<T> {
    pub(crate) fn waiting(outcome: oneshot::Receiver<Result<T, Error>>) -> Self {
        Self(State::Waiting(outcome))
    }

    pub(crate) fn decided(outcome: Result<T, Error>) -> Self {
        Self(State::Decided(outcome))
    }

    /// Waits on this thread, which must not be one that runs asynchronous tasks.
    pub fn wait(self) -> Result<T, Error> {
        match self.0 {
            State::Decided(outcome) => outcome,
            State::Waiting(outcome) => outcome.blocking_recv().unwrap_or(Err(Error::Closed)),
        }
    }
}

impl<T: Send + 'static> IntoFuture for Receipt<T> {
    type Output = Result<T, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            match self.0 {
                State::Decided(outcome) => outcome,
                State::Waiting(outcome) => outcome.await.unwrap_or(Err(Error::Closed)),
            }
        })
    }
}
