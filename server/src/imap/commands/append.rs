//! APPEND (RFC 3501, 6.3.11) with APPENDUID (RFC 4315, 3).

use engine::clock::unix_seconds;
use engine::{AppendItem, InternalDate};

use super::copy::destination;
use crate::delivery;
use crate::imap::command::{Append, DateTime};
use crate::imap::encode::uid_set;
use crate::imap::outcome::Outcome;
use crate::imap::response::Done;
use crate::imap::session::Authenticated;

/// The message is stored byte for byte as it was sent.
pub(crate) async fn append(session: &Authenticated, append: Append, mut bytes: Vec<u8>) -> Outcome {
    let mailbox = destination(session, &append.mailbox)?;
    // The command around the message is cut away where it is: no second copy of a large message.
    bytes.truncate(append.message.end);
    bytes.drain(..append.message.start.min(bytes.len()));
    let account = session.account.clone();
    let message = delivery::prepare(bytes, move |bytes| account.prepare(bytes)).await;
    let now = || InternalDate { seconds: unix_seconds(), zone_minutes: 0 };
    let internal_date = append.date.map_or_else(now, internal_date);
    let item = AppendItem { message, flags: append.flags, internal_date };
    let appended = mailbox.append(vec![item]).await?;
    let code = format!("APPENDUID {} {}", appended.uid_validity.get(), uid_set(&appended.uids));
    Ok(Done::with(code, "APPEND completed"))
}

fn internal_date(date: DateTime) -> InternalDate {
    InternalDate { seconds: date.seconds, zone_minutes: date.zone_minutes }
}
