//! What a handler returns to the session.

use super::response::{Done, Refusal};
use crate::stream::StreamError;

/// Why a handler stopped short.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The client is told, and may go on.
    Refused(Refusal),
    /// Nobody is there to be told.
    Broken(StreamError),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StreamError> for Stop {
    fn from(error: StreamError) -> Self {
        Self::Broken(error)
    }
}

impl From<engine::Error> for Stop {
    fn from(error: engine::Error) -> Self {
        Self::Refused(error.into())
    }
}

/// What a handler returns.
pub(crate) type Outcome = Result<Done, Stop>;
