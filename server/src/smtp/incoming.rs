//! A message while it arrives: its bytes so far, in memory that grows with what came and never
//! with what was promised, and counted against what the server holds for all connections.

use crate::limits::{ByteBudget, ByteShare};

/// Where a message's memory begins.
const FIRST_CAPACITY: usize = 8 << 10;

/// A message while it arrives. Once it cannot be taken any more, it holds no bytes and its rest
/// is only counted.
#[derive(Debug)]
pub(super) struct Incoming {
    state: State,
    /// Bytes of the message that came, kept or not.
    received: u64,
    len_max: usize,
}

#[derive(Debug)]
enum State {
    Kept { bytes: Vec<u8>, share: ByteShare, trace_len: usize },
    Refused(MessageFault),
}

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MessageFault {
    /// A CR or LF stands alone in it.
    #[error("a CR or LF stands alone")]
    BareCrOrLf,
    /// It is larger than allowed.
    #[error("the message is too large")]
    TooLarge,
    /// The server holds too much unfinished mail.
    #[error("too much mail is arriving")]
    NoRoom,
    /// It has been through too many servers.
    #[error("the message goes in circles")]
    Loop,
}

/// A message that came whole. The share of the budget ends when this is dropped.
#[derive(Debug)]
pub(super) struct Received {
    /// Trace fields, then the message.
    pub(super) bytes: Vec<u8>,
    /// How many of the bytes are the trace fields.
    pub(super) trace_len: usize,
    pub(super) share: ByteShare,
}

impl Incoming {
    /// An empty message of at most `len_max` bytes behind the trace fields.
    pub(super) fn new(trace: &[u8], len_max: usize, budget: &ByteBudget) -> Self {
        let share = budget.share();
        let state = State::Kept { bytes: Vec::new(), share, trace_len: trace.len() };
        let mut incoming = Self { state, received: 0, len_max };
        incoming.keep(trace);
        incoming
    }

    /// Takes the next piece of the message.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.received = self.received.saturating_add(piece.len() as u64);
        if self.received > self.len_max as u64 {
            self.refuse(MessageFault::TooLarge);
        }
        self.keep(piece);
    }

    fn keep(&mut self, piece: &[u8]) {
        let State::Kept { bytes, share, trace_len } = &mut self.state else { return };
        let len = bytes.len() + piece.len();
        if len > bytes.capacity() {
            // At most what the message may need: doubling beyond it would waste the budget.
            let doubled = (bytes.capacity() * 2).max(FIRST_CAPACITY);
            let capacity = doubled.min(self.len_max.saturating_add(*trace_len)).max(len);
            if !share.cover(capacity) {
                return self.refuse(MessageFault::NoRoom);
            }
            bytes.reserve_exact(capacity - bytes.len());
        }
        bytes.extend_from_slice(piece);
    }

    /// Gives the message up and frees its memory; the first reason stays.
    pub(super) fn refuse(&mut self, fault: MessageFault) {
        if matches!(self.state, State::Kept { .. }) {
            self.state = State::Refused(fault);
        }
    }

    /// Bytes of the message that came, kept or not.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Why the message is not taken, if that is known already.
    pub(super) fn fault(&self) -> Option<MessageFault> {
        match self.state {
            State::Kept { .. } => None,
            State::Refused(fault) => Some(fault),
        }
    }

    /// The whole message, now that its end has come.
    pub(super) fn finish(self) -> Result<Received, MessageFault> {
        match self.state {
            State::Kept { bytes, share, trace_len } => Ok(Received { bytes, trace_len, share }),
            State::Refused(fault) => Err(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 4096;

    #[test]
    fn a_message_of_the_largest_size_is_kept_whole() {
        let budget = ByteBudget::new(100 * PAGE);
        let mut incoming = Incoming::new(b"trace", 3 * PAGE, &budget);
        for _ in 0..3 {
            incoming.push(&[b'x'; PAGE]);
        }
        let received = incoming.finish().expect("fits");
        assert_eq!((received.bytes.len(), received.trace_len), (5 + 3 * PAGE, 5));
        assert_eq!(received.bytes.capacity(), 5 + 3 * PAGE);
    }

    #[test]
    fn a_limit_below_the_first_piece_of_memory_holds() {
        let budget = ByteBudget::new(100 * PAGE);
        let mut incoming = Incoming::new(b"trace", 3, &budget);
        incoming.push(b"abc");
        assert_eq!(incoming.finish().map(|received| received.bytes), Ok(b"traceabc".to_vec()));
    }

    #[test]
    fn a_byte_more_is_refused_and_its_memory_given_back() {
        let budget = ByteBudget::new(4 * PAGE);
        let mut incoming = Incoming::new(b"", 3 * PAGE, &budget);
        incoming.push(&vec![b'x'; 3 * PAGE]);
        assert!(!budget.share().cover(2 * PAGE));
        incoming.push(b"x");
        assert_eq!(incoming.fault(), Some(MessageFault::TooLarge));
        assert!(budget.share().cover(4 * PAGE));
        incoming.push(&vec![b'x'; 3 * PAGE]);
        assert_eq!(incoming.received(), 6 * PAGE as u64 + 1);
        assert_eq!(incoming.finish().err(), Some(MessageFault::TooLarge));
    }

    #[test]
    fn what_the_budget_does_not_cover_is_refused_for_now() {
        let budget = ByteBudget::new(3 * PAGE);
        let mut first = Incoming::new(b"", 8 * PAGE, &budget);
        first.push(b"x");
        let mut second = Incoming::new(b"", 8 * PAGE, &budget);
        second.push(b"x");
        assert_eq!(second.fault(), Some(MessageFault::NoRoom));
        assert_eq!(first.fault(), None);
    }

    #[test]
    fn the_first_reason_stays() {
        let budget = ByteBudget::new(4 * PAGE);
        let mut incoming = Incoming::new(b"", 1, &budget);
        incoming.refuse(MessageFault::BareCrOrLf);
        incoming.push(b"xx");
        assert_eq!(incoming.finish().err(), Some(MessageFault::BareCrOrLf));
    }
}
