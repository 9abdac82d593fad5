//! BDAT (RFC 3030, 2): the message in counted chunks.
//!
//! The octets of a chunk are always read, whatever the reply: the next command stands behind
//! them. Lines must end in CR LF as in DATA; BINARYMIME, which would change that, is not offered.

use super::super::acceptance;
use super::super::command::{Chunk, ChunkPlace};
use super::super::incoming::MessageFault;
use super::super::line_ends::LineEnds;
use super::super::reply::Reply;
use super::super::session::{Chunks, Client, Session, State};
use super::super::transaction::Transaction;
use crate::config::Role;
use crate::stream::Ending;

/// Takes one chunk; with the last one, answers for the message.
pub(in super::super) async fn bdat(
    session: &mut Session,
    state: State,
    chunk: Chunk,
) -> Result<State, Ending> {
    if chunk.len > session.flood_len() {
        session.refuse(&Reply::MESSAGE_TOO_LARGE);
        return Ok(State::Closing);
    }
    match state {
        State::Mail(client, transaction) if transaction.recipient_count() > 0 => {
            let incoming = session.incoming(&client, &transaction);
            let chunks = Chunks { incoming, line_ends: LineEnds::default() };
            take(session, (client, transaction, chunks), chunk).await
        }
        State::Chunks(client, transaction, chunks) => {
            take(session, (client, transaction, chunks), chunk).await
        }
        other => {
            receive(session, chunk.len, None).await?;
            refuse_unexpected(session, &other, chunk.place);
            Ok(other)
        }
    }
}

async fn take(
    session: &mut Session,
    (client, transaction, mut chunks): (Client, Transaction, Chunks),
    chunk: Chunk,
) -> Result<State, Ending> {
    receive(session, chunk.len, Some(&mut chunks)).await?;
    let Chunks { incoming, line_ends } = &mut chunks;
    let found_bare = match chunk.place {
        ChunkPlace::Inner => line_ends.found_bare(),
        ChunkPlace::Last => line_ends.found_bare_at_end(),
    };
    if found_bare {
        incoming.refuse(MessageFault::BareCrOrLf);
    }
    if chunk.place == ChunkPlace::Last {
        acceptance::accept(session, &client, &transaction, chunks.incoming).await;
        return Ok(State::Ready(client));
    }
    if let Some(fault) = incoming.fault() {
        session.refuse(&fault.into());
        let recipient_count = transaction.recipient_count();
        return Ok(State::ChunksFailed { client, recipient_count });
    }
    session.reply(&Reply::CHUNK_OK);
    Ok(State::Chunks(client, transaction, chunks))
}

/// Reads exactly `len` octets, and throws them away where there is no message that they belong to.
async fn receive(
    session: &mut Session,
    len: u64,
    mut message: Option<&mut Chunks>,
) -> Result<(), Ending> {
    let pace = session.pace();
    let mut left = len;
    loop {
        let connection = session.lines.connection();
        let input = connection.buffered();
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        if let Some(Chunks { incoming, line_ends }) = &mut message {
            let piece = input.get(..taken).unwrap_or_default();
            line_ends.look_at(piece);
            incoming.push(piece);
        }
        connection.consume(taken);
        left -= taken as u64;
        if left == 0 {
            return Ok(());
        }
        if let Some(chunks) = &mut message {
            chunks.incoming.write_out().await;
        }
        session.lines.fill(pace.deadline(len - left)).await?;
    }
}

fn refuse_unexpected(session: &mut Session, state: &State, place: ChunkPlace) {
    match state {
        State::Connected => session.refuse(&session.greet_first()),
        State::Mail(..) => session.refuse(&Reply::RECIPIENT_FIRST),
        // An LMTP client counts on a reply for each recipient behind the last chunk
        // (RFC 2033, 4.2), also when it sent that chunk before it knew.
        State::ChunksFailed { recipient_count, .. }
            if session.role == Role::Lmtp && place == ChunkPlace::Last =>
        {
            session.refuse(&Reply::CHUNKS_FAILED);
            (1..*recipient_count).for_each(|_| session.reply(&Reply::CHUNKS_FAILED));
        }
        State::ChunksFailed { .. } => session.refuse(&Reply::CHUNKS_FAILED),
        _ => session.refuse(&Reply::MAIL_FIRST),
    }
}
