//! DATA (RFC 5321, 4.1.1.4).

use super::super::acceptance;
use super::super::data::{Decoded, DotDecoder};
use super::super::incoming::{Incoming, MessageFault};
use super::super::reply::Reply;
use super::super::session::{Arrival, Client, Session, State};
use super::super::transaction::Transaction;
use crate::stream::Ending;

/// Receives a message up to its dot and answers for it.
pub(in super::super) async fn data(
    session: &mut Session,
    client: Client,
    transaction: Transaction,
) -> Result<State, Ending> {
    if transaction.recipient_count() == 0 {
        session.refuse(&Reply::RECIPIENT_FIRST);
        return Ok(State::Mail(client, transaction));
    }
    session.reply(&Reply::SEND_DATA);
    session.lines.flush().await?;
    let mut incoming = session.incoming(&client, &transaction);
    if receive(session, &mut incoming).await? == Arrival::Flood {
        session.refuse(&Reply::MESSAGE_TOO_LARGE);
        return Ok(State::Closing);
    }
    acceptance::accept(session, &client, &transaction, incoming).await;
    Ok(State::Ready(client))
}

async fn receive(session: &mut Session, incoming: &mut Incoming) -> Result<Arrival, Ending> {
    let (pace, flood_len) = (session.pace(), session.flood_len());
    let mut dots = DotDecoder::new();
    loop {
        let connection = session.lines.connection();
        let input = connection.buffered();
        let decoded = dots.decode(input, |piece| incoming.push(piece));
        let taken = match decoded {
            Decoded::All => input.len(),
            Decoded::End(count) => count,
        };
        connection.consume(taken);
        if dots.found_bare() {
            incoming.refuse(MessageFault::BareCrOrLf);
        }
        if decoded != Decoded::All {
            return Ok(Arrival::Whole);
        }
        if incoming.received() > flood_len {
            return Ok(Arrival::Flood);
        }
        incoming.write_out().await;
        session.lines.fill(pace.deadline(incoming.received())).await?;
    }
}
