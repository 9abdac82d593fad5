//! APPEND (RFC 3501, 6.3.11), of several messages too (RFC 3502), with APPENDUID (RFC 4315, 3).

use std::sync::Arc;

use engine::clock::unix_seconds;
use engine::io::MessageSource;
use engine::{Account, AppendItem, Appended, InternalDate, Prepared};

use super::copy::destination;
use super::quota;
use crate::context::Context;
use crate::delivery;
use crate::directory::Usage;
use crate::imap::command::{Append, AppendMessage, DateTime};
use crate::imap::dialogue::blocking;
use crate::imap::outcome::Outcome;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::Authenticated;
use crate::spool::{Spooled, Stretch};

/// Bytes of messages that are prepared in one go.
const PIECE_LEN: usize = 256 << 10;

/// The messages are stored byte for byte as they were sent, all of them or none.
pub(crate) async fn append(
    session: &Authenticated,
    context: &Context,
    append: Append,
    bytes: Spooled,
) -> Outcome {
    let mailbox = destination(session, &append.mailbox)?;
    let octets = append.messages.iter().map(|message| message.place.len() as u64).sum();
    let more = Usage { octets, messages: append.messages.len() as u64 };
    quota::check(session, context, more).await?;
    // Until they are stored, what is made of them takes their place.
    let _share = bytes.share();
    let items = items(session, append.messages, bytes).await?;
    let appended = mailbox.append(items).await?;
    Ok(with_append_uid(appended, "APPEND completed"))
}

/// `APPENDUID` (RFC 4315, 3).
pub(super) fn with_append_uid(appended: Appended, text: &'static str) -> Done {
    let code = format!("APPENDUID {}", appended.uid_validity.get());
    Done::with_sets(code, vec![appended.uids], text)
}

/// Messages ready to be stored.
pub(super) async fn items(
    session: &Authenticated,
    messages: Vec<AppendMessage>,
    bytes: Spooled,
) -> Result<Vec<AppendItem>, Refusal> {
    // RFC 3502: a message of no octets is an error, and the way to cancel.
    if messages.iter().any(|message| message.place.is_empty()) {
        return Err(Refusal::no("CANNOT", "A message without octets: nothing is appended"));
    }
    let prepared = prepare(&session.account, &messages, bytes).await;
    let now = InternalDate { seconds: unix_seconds(), zone_minutes: 0 };
    let items = messages.into_iter().zip(prepared).map(|(message, prepared)| AppendItem {
        message: prepared,
        flags: message.flags,
        internal_date: message.date.map_or(now, internal_date),
    });
    Ok(items.collect())
}

async fn prepare(account: &Account, messages: &[AppendMessage], bytes: Spooled) -> Vec<Prepared> {
    let bytes = Arc::new(bytes);
    let source = |message: &AppendMessage| -> MessageSource {
        Arc::new(Stretch::new(Arc::clone(&bytes), message.place.clone()))
    };
    if let [message] = messages {
        let account = account.clone();
        let prepare = move |source: &MessageSource| account.prepare_source(source);
        return vec![delivery::prepare(source(message), prepare).await];
    }
    let mut prepared = Vec::with_capacity(messages.len());
    while let Some(rest) = messages.get(prepared.len()..).filter(|rest| !rest.is_empty()) {
        blocking(|| {
            let mut len = 0;
            for message in rest {
                prepared.push(account.prepare_source(&source(message)));
                len += message.place.len();
                if len >= PIECE_LEN {
                    break;
                }
            }
        });
        tokio::task::yield_now().await;
    }
    prepared
}

fn internal_date(date: DateTime) -> InternalDate {
    InternalDate { seconds: date.seconds, zone_minutes: date.zone_minutes }
}
