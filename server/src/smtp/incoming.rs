//! A message while it arrives: its bytes so far, or why they are no longer kept.

use super::header::HeaderSurvey;
use crate::authenticity::{Purpose, Reading, ReadingFault, Whole};
use crate::spool::{Spool, SpoolFault, SpoolRoom, Spooled};

/// A message while it arrives. Once it cannot be taken any more, it holds no bytes and its rest
/// is only counted.
#[derive(Debug)]
pub(super) struct Incoming {
    state: State,
    /// What stands in front of the message.
    trace: String,
    /// Bytes of the message that came, kept or not.
    received: u64,
    len_max: usize,
}

#[derive(Debug)]
enum State {
    Kept { spool: Box<Spool>, survey: HeaderSurvey, reading: Option<Box<Reading>> },
    Refused(MessageFault),
}

/// A message that came whole, and is not stored yet.
#[derive(Debug)]
pub(super) struct Arrived {
    spool: Box<Spool>,
    trace: String,
    /// What is known of its header.
    pub(super) survey: HeaderSurvey,
    /// What signatures need of it, if it was read for that.
    pub(super) whole: Option<Whole>,
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
    /// There is no place for it now.
    #[error(transparent)]
    Spool(#[from] SpoolFault),
    /// Its header has no end.
    #[error("the header is too long")]
    HeaderTooLong,
    /// Its client may not send for the domain of its sender.
    #[error("SPF fails")]
    SpfFailed,
    /// The domain of its author does not stand behind it.
    #[error("DMARC fails")]
    DmarcFailed,
    /// It has been through too many servers.
    #[error("the message goes in circles")]
    Loop,
}

impl Incoming {
    /// An empty message of at most `len_max` bytes behind the trace fields.
    pub(super) fn new(trace: String, len_max: usize, room: &SpoolRoom) -> Self {
        let (spool, survey) = (Box::new(room.spool()), HeaderSurvey::default());
        let state = State::Kept { spool, survey, reading: None };
        Self { state, trace, received: 0, len_max }
    }

    /// Takes of it what signatures need.
    pub(super) fn read_to(mut self, purpose: Purpose, room: &SpoolRoom) -> Self {
        if let State::Kept { reading, .. } = &mut self.state {
            *reading = Some(Box::new(Reading::new(purpose, room.in_memory())));
        }
        self
    }

    /// Takes the next piece of the message; [`Incoming::write_out`] belongs between this and
    /// waiting for more.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.received = self.received.saturating_add(piece.len() as u64);
        if self.received > self.len_max as u64 {
            self.refuse(MessageFault::TooLarge);
        }
        if let State::Kept { spool, survey, reading } = &mut self.state {
            survey.push(piece);
            let read = reading.as_mut().map_or(Ok(()), |reading| reading.push(piece));
            let kept = read.map_err(MessageFault::from);
            if let Err(fault) = kept.and_then(|()| spool.push(piece).map_err(MessageFault::from)) {
                self.refuse(fault);
            }
        }
    }

    /// Moves what gathered out of memory, if it is much.
    pub(super) async fn write_out(&mut self) {
        if let State::Kept { spool, .. } = &mut self.state
            && let Err(fault) = spool.write_out().await
        {
            self.refuse(fault.into());
        }
    }

    /// Gives the message up and frees what it takes; the first reason stays.
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
    pub(super) fn end(self) -> Result<Arrived, MessageFault> {
        match self.state {
            State::Kept { spool, mut survey, reading } => {
                survey.end();
                let whole = reading.map(|reading| reading.finish());
                Ok(Arrived { spool, trace: self.trace, survey, whole })
            }
            State::Refused(fault) => Err(fault),
        }
    }
}

impl Arrived {
    /// Gives fields whose names stand at these places another name, of the same length.
    pub(super) async fn rename(
        &mut self,
        places: &[usize],
        name: &'static str,
    ) -> Result<(), MessageFault> {
        Ok(self.spool.overwrite(places, name.as_bytes()).await?)
    }

    /// The message behind its trace fields and these.
    pub(super) async fn finish(mut self, fields: &str) -> Result<Spooled, MessageFault> {
        self.trace.push_str(fields);
        Ok(self.spool.finish(self.trace.as_bytes()).await?)
    }
}

impl From<ReadingFault> for MessageFault {
    fn from(fault: ReadingFault) -> Self {
        match fault {
            ReadingFault::HeaderTooLong => Self::HeaderTooLong,
            ReadingFault::NoRoom => Self::Spool(SpoolFault::NoRoom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 4096;

    fn incoming(len_max: usize, room: &SpoolRoom) -> Incoming {
        Incoming::new("trace ".to_owned(), len_max, room)
    }

    async fn whole(incoming: Incoming) -> Result<Vec<u8>, MessageFault> {
        incoming.end()?.finish("added ").await.map(|spooled| spooled.to_vec())
    }

    fn room(memory_max: usize) -> SpoolRoom {
        SpoolRoom::new(memory_max, 0, std::path::Path::new(""))
    }

    #[tokio::test]
    async fn a_message_of_the_largest_size_is_kept_whole_behind_its_fields() {
        let mut incoming = incoming(3 * PAGE, &room(100 * PAGE));
        for _ in 0..3 {
            incoming.push(&[b'x'; PAGE]);
        }
        let expected = [&b"trace added "[..], &[b'x'; 3 * PAGE]].concat();
        assert_eq!(whole(incoming).await, Ok(expected));
    }

    #[tokio::test]
    async fn a_byte_more_is_refused_and_its_memory_given_back() {
        let room = room(4 * PAGE);
        let mut large = incoming(3 * PAGE, &room);
        large.push(&vec![b'x'; 3 * PAGE]);
        assert!(room.spool().push(&[b'x'; 2 * PAGE]).is_err());
        large.push(b"x");
        assert_eq!(large.fault(), Some(MessageFault::TooLarge));
        assert!(room.spool().push(&[b'x'; 4 * PAGE]).is_ok());
        large.push(&vec![b'x'; 3 * PAGE]);
        assert_eq!(large.received(), 6 * PAGE as u64 + 1);
        assert_eq!(whole(large).await, Err(MessageFault::TooLarge));
    }

    #[test]
    fn what_the_budget_does_not_cover_is_refused_for_now() {
        let room = room(3 * PAGE);
        let mut first = incoming(8 * PAGE, &room);
        first.push(b"x");
        let mut second = incoming(8 * PAGE, &room);
        second.push(b"x");
        assert_eq!(second.fault(), Some(MessageFault::Spool(SpoolFault::NoRoom)));
        assert_eq!(first.fault(), None);
    }

    #[tokio::test]
    async fn the_first_reason_stays() {
        let mut incoming = incoming(1, &room(4 * PAGE));
        incoming.refuse(MessageFault::BareCrOrLf);
        incoming.push(b"xx");
        assert_eq!(whole(incoming).await, Err(MessageFault::BareCrOrLf));
    }

    #[test]
    fn what_is_known_of_the_header_is_the_same_however_it_is_cut() {
        let message = b"Date: x\r\nSubject: y\r\n\r\nMessage-ID: not a field\r\n";
        for len in 1..message.len() {
            let mut incoming = incoming(1000, &room(100 * PAGE));
            message.chunks(len).for_each(|piece| incoming.push(piece));
            let survey = incoming.end().expect("it is whole").survey;
            assert!(survey.has_date && !survey.has_message_id && !survey.is_headless);
        }
    }
}
