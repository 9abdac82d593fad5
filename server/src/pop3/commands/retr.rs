//! RETR (RFC 1939, 5) and TOP (section 7).

use engine::{Error, StoredMessage};
use tokio::task::spawn_blocking;

use super::super::command::MessageNumber;
use super::super::dot_encoder::{DotEncoder, first_lines};
use super::super::maildrop::Maildrop;
use super::super::reply::Refusal;
use super::super::session::Session;
use crate::stream::Ending;

/// Bytes of a message that are put into the answer before the client's pace is looked at.
const PIECE_LEN: usize = 64 << 10;

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
    match read(move || message.bytes()).await {
        Ok(bytes) => {
            session.ok(&format!("{} octets", row.size));
            send(session, &[&bytes]).await
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
    match read(move || front(&message, line_count)).await {
        Ok((header, body)) => {
            session.ok("");
            send(session, &[&header, first_lines(&body, line_count)]).await
        }
        Err(refusal) => {
            session.refuse(refusal);
            Ok(())
        }
    }
}

/// A client that lists by TOP n 0 costs no body.
fn front(message: &StoredMessage, line_count: u64) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let body = if line_count == 0 { Vec::new() } else { message.body()? };
    Ok((message.header()?, body))
}

/// Reads and decompresses away from the threads that serve connections.
async fn read<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Refusal> {
    match spawn_blocking(work).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            tracing::error!(%error, "cannot read a message");
            Err(Refusal::from(&error))
        }
        Err(_) => Err(Refusal::UNREADABLE),
    }
}

async fn send(session: &mut Session, parts: &[&[u8]]) -> Result<(), Ending> {
    let mut encoder = DotEncoder::new();
    for piece in parts.iter().flat_map(|part| part.chunks(PIECE_LEN)) {
        encoder.write(piece, session.lines.connection().output());
        session.lines.connection().flush_if_full().await?;
    }
    encoder.finish(session.lines.connection().output());
    Ok(())
}
