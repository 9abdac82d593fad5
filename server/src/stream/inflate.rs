//! What a client compressed, made whole again, a bounded piece at a time (RFC 1951).
//!
//! Between blocks, where every flush of a client ends, all that is needed to go on is what came
//! last, at most 32 KiB of it, and some bits: [`Inflater::rest`] gives back the rest. A client
//! that sent three short commands costs three short commands.
//!
//! Strangers write these bytes, so they are decoded by code without `unsafe`.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY,
    TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{BlockBoundaryState, DecompressorOxide, decompress};

/// How far back a client may refer (RFC 1951, 2): whatever window it uses.
const HISTORY_LEN: usize = 32 << 10;
/// The most that is inflated before it is taken, however well it was compressed.
pub(super) const PIECE_LEN: usize = 16 << 10;

const FLAGS: u32 = TINFL_FLAG_HAS_MORE_INPUT
    | TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY
    | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;

/// A stream of raw DEFLATE blocks on its way in.
pub(super) struct Inflater {
    state: State,
    /// History, and behind it what was inflated and is not taken yet.
    window: Vec<u8>,
    /// Bytes at the front of `window` that are history.
    taken: usize,
    /// The last block has come: nothing follows.
    is_finished: bool,
}

/// Where in the stream we are.
enum State {
    /// Between two blocks.
    Boundary(BlockBoundaryState),
    /// Anywhere.
    Inside(Box<DecompressorOxide>),
}

/// The bytes are no DEFLATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client's compressed data is damaged")]
pub(super) struct Damaged;

impl Inflater {
    /// At the beginning of a stream.
    pub(super) fn new() -> Self {
        let state = State::Boundary(BlockBoundaryState::default());
        Self { state, window: Vec::new(), taken: 0, is_finished: false }
    }

    /// What was inflated and is not taken yet.
    pub(super) fn ready(&self) -> &[u8] {
        self.window.get(self.taken..).unwrap_or_default()
    }

    /// Takes `count` bytes of [`Self::ready`].
    pub(super) fn take(&mut self, count: usize) {
        self.taken = self.taken.saturating_add(count).min(self.window.len());
    }

    /// Whether the stream has ended by itself; what comes behind means nothing.
    pub(super) fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Inflates what was read, as far as a piece has room; [`Self::ready`] must have been taken.
    /// Says how much of `input` was used. Called again, also with nothing, it goes on; it is
    /// through when it neither uses nor yields anything.
    pub(super) fn inflate(&mut self, input: &[u8]) -> Result<usize, Damaged> {
        if input.is_empty() && matches!(self.state, State::Boundary(_)) {
            return Ok(0);
        }
        self.forget();
        let start = self.window.len();
        self.window.resize(start + PIECE_LEN, 0);
        let (mut used, mut filled) = (0, start);
        let outcome = loop {
            let state = self.state.inside();
            let rest = input.get(used..).unwrap_or_default();
            let (status, read, written) = decompress(state, rest, &mut self.window, filled, FLAGS);
            used += read;
            filled += written;
            match status {
                TINFLStatus::BlockBoundary => {
                    if let Some(boundary) = state.block_boundary_state()
                        && used == input.len()
                    {
                        self.state = State::Boundary(boundary);
                        break Ok(used);
                    }
                }
                TINFLStatus::NeedsMoreInput | TINFLStatus::HasMoreOutput => break Ok(used),
                TINFLStatus::Done => {
                    self.is_finished = true;
                    break Ok(input.len());
                }
                _ => break Err(Damaged),
            }
        };
        self.window.truncate(filled);
        outcome
    }

    /// Gives back what is not needed while nothing comes.
    pub(super) fn rest(&mut self) {
        self.forget();
        self.window.shrink_to_fit();
    }

    /// Drops history that is too old to be referred to.
    fn forget(&mut self) {
        let old = self.taken.saturating_sub(HISTORY_LEN);
        self.window.drain(..old);
        self.taken -= old;
    }
}

impl State {
    fn inside(&mut self) -> &mut DecompressorOxide {
        if let Self::Boundary(boundary) = self {
            *self = Self::Inside(Box::new(DecompressorOxide::from_block_boundary_state(boundary)));
        }
        match self {
            Self::Inside(state) => state,
            Self::Boundary(_) => unreachable!("it was made above"),
        }
    }
}

#[cfg(test)]
mod tests;
