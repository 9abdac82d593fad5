//! RETR (RFC 1939, 5) and TOP (section 7).

use engine::{Error, StoredBody, StoredMessage};
use tokio::task::spawn_blocking;

use super::super::command::MessageNumber;
use super::super::dot_encoder::{DotEncoder, first_lines};
use super::super::maildrop::Maildrop;
use super::super::reply::Refusal;
use super::super::session::Session;
use crate::stream::Ending;

/// Bytes of a message that are put into the answer before the client's pace is looked at.
const PIECE_LEN: usize = 64 << 10;
/// Octets of a body that are held while they are sent.
const SLICE_LEN: u64 = 256 << 10;

/// A whole message.
pub(in super::super) async fn retr(
    session: &mut Session,
    maildrop: &Maildrop,
    number: MessageNumber,
) -> Result<(), Ending> {
    let row = match maildrop.find(number) {
        Ok(row) => row,
        Err(reason) => {
            session.refuse(reason.into());
            return Ok(());
        }
    };
    let message = maildrop.message(&row);
    match read(move || Opened::of(&message)).await {
        Ok(opened) => {
            session.ok(&format!("{} octets", row.size));
            send(session, opened, u64::MAX).await
        }
        Err(refusal) => {
            session.refuse(refusal);
            Ok(())
        }
    }
}

/// The header and the first lines of the body.
pub(in super::super) async fn top(
    session: &mut Session,
    maildrop: &Maildrop,
    number: MessageNumber,
    line_count: u64,
) -> Result<(), Ending> {
    let row = match maildrop.find(number) {
        Ok(row) => row,
        Err(reason) => {
            session.refuse(reason.into());
            return Ok(());
        }
    };
    let message = maildrop.message(&row);
    match read(move || Opened::front(&message, line_count)).await {
        Ok(opened) => {
            session.ok("");
            send(session, opened, line_count).await
        }
        Err(refusal) => {
            session.refuse(refusal);
            Ok(())
        }
    }
}

/// A message in the middle of being sent.
struct Opened {
    header: Vec<u8>,
    /// Octets of the body that were read and not sent.
    slice: Vec<u8>,
    /// What follows them, from where on; `None` if nothing does.
    rest: Option<(StoredBody, u64)>,
}

impl Opened {
    fn of(message: &StoredMessage) -> Result<Self, Error> {
        let (header, body) = (message.header()?, message.open_body()?);
        Self { header, slice: Vec::new(), rest: Some((body, 0)) }.next()
    }

    /// A client that lists by TOP n 0 costs no body.
    fn front(message: &StoredMessage, line_count: u64) -> Result<Self, Error> {
        if line_count > 0 {
            return Self::of(message);
        }
        Ok(Self { header: message.header()?, slice: Vec::new(), rest: None })
    }

    /// Reads the next slice in place of the one before.
    fn next(mut self) -> Result<Self, Error> {
        self.slice.clear();
        if let Some((mut body, at)) = self.rest.take() {
            let end = body.len().min(at + SLICE_LEN);
            body.read(at..end, &mut self.slice)?;
            self.rest = (end < body.len()).then_some((body, end));
        }
        Ok(self)
    }
}

/// Reads and decompresses away from the threads that serve connections.
async fn read<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Refusal> {
    match spawn_blocking(work).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) => {
            tracing::error!(%error, "cannot read a message");
            Err(Refusal::from(&error))
        }
        Err(_) => Err(Refusal::UNREADABLE),
    }
}

/// Sends the header and so many lines of the body, slice by slice at the client's pace.
async fn send(session: &mut Session, opened: Opened, line_count: u64) -> Result<(), Ending> {
    let (mut encoder, mut opened, mut lines_left) = (DotEncoder::new(), opened, line_count);
    write(session, &mut encoder, &opened.header).await?;
    loop {
        let lines = first_lines(&opened.slice, lines_left);
        lines_left = lines_left.saturating_sub(memchr::memchr_iter(b'\n', lines).count() as u64);
        write(session, &mut encoder, lines).await?;
        if opened.rest.is_none() || lines_left == 0 {
            break;
        }
        // In the middle of a message there is no other way to tell the client.
        opened = read(move || opened.next()).await.map_err(|_| Ending::Gone)?;
    }
    encoder.finish(session.lines.connection().output());
    Ok(())
}

async fn write(
    session: &mut Session,
    encoder: &mut DotEncoder,
    bytes: &[u8],
) -> Result<(), Ending> {
    for piece in bytes.chunks(PIECE_LEN) {
        encoder.write(piece, session.lines.connection().output());
        session.lines.connection().flush_if_full().await?;
    }
    Ok(())
}
