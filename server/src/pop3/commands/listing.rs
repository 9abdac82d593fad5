//! LIST and UIDL (RFC 1939, 5 and 7): of a million messages as of one, in bounded memory.

use engine::Row;

use super::super::command::MessageNumber;
use super::super::maildrop::Maildrop;
use super::super::session::Session;
use crate::stream::Ending;

/// Messages that are formatted before the client's pace is looked at: at most 32 KiB of lines.
const PIECE_LEN: u32 = 1024;

/// The size of one message.
pub(in super::super) fn list_one(
    session: &mut Session,
    maildrop: &Maildrop,
    number: MessageNumber,
) {
    match maildrop.find(number) {
        Ok(row) => session.ok(&format!("{} {}", number.get(), row.size)),
        Err(reason) => session.refuse(reason.into()),
    }
}

/// The unique id of one message.
pub(in super::super) fn uidl_one(
    session: &mut Session,
    maildrop: &Maildrop,
    number: MessageNumber,
) {
    match maildrop.find(number) {
        Ok(row) => session.ok(&format!("{} {}", number.get(), maildrop.unique_id(&row))),
        Err(reason) => session.refuse(reason.into()),
    }
}

/// The size of each message.
pub(in super::super) async fn list(
    session: &mut Session,
    maildrop: &Maildrop,
) -> Result<(), Ending> {
    session.ok(&format!("{} messages ({} octets)", maildrop.count(), maildrop.octets()));
    stream(session, maildrop, |row, out| {
        number(row.seq.get(), out);
        out.push(b' ');
        number(row.size, out);
    })
    .await
}

/// The unique id of each message.
pub(in super::super) async fn uidl(
    session: &mut Session,
    maildrop: &Maildrop,
) -> Result<(), Ending> {
    session.ok(&format!("{} messages", maildrop.count()));
    stream(session, maildrop, |row, out| {
        number(row.seq.get(), out);
        out.push(b' ');
        out.extend_from_slice(maildrop.unique_id(row).to_string().as_bytes());
    })
    .await
}

/// Writes a line for each message, and the end of the answer.
async fn stream(
    session: &mut Session,
    maildrop: &Maildrop,
    line: impl Fn(&Row, &mut Vec<u8>),
) -> Result<(), Ending> {
    let mut first = 1;
    while first <= maildrop.last() {
        let last = first.saturating_add(PIECE_LEN - 1).min(maildrop.last());
        let out = session.lines.connection().output();
        let formatted = maildrop.each(first, last, |row| {
            line(row, out);
            out.extend_from_slice(b"\r\n");
        });
        if let Err(error) = formatted {
            // The answer has begun, so no refusal can follow: a cut connection is the only
            // thing that a client cannot take for the whole list.
            tracing::error!(%error, "cannot list a maildrop");
            return Err(Ending::Gone);
        }
        session.lines.connection().flush_if_full().await?;
        let Some(next) = last.checked_add(1) else { break };
        first = next;
    }
    session.lines.connection().output().extend_from_slice(b".\r\n");
    Ok(())
}

fn number(value: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}
