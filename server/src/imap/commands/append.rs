//! APPEND (RFC 3501, 6.3.11), of several messages too (RFC 3502) and of messages put together
//! (RFC 4469), with APPENDUID (RFC 4315, 3).

mod catenate;

use std::sync::Arc;

use engine::clock::unix_seconds;
use engine::io::MessageSource;
use engine::{Account, AppendItem, Appended, InternalDate, Prepared};

pub(super) use self::catenate::{Library, Texts};
use super::copy::{Destination, destination};
use super::quota;
use crate::context::Context;
use crate::delivery;
use crate::directory::Usage;
use crate::imap::command::{Append, AppendMessage, DateTime};
use crate::imap::dialogue::{Dialogue, blocking};
use crate::imap::message_limit;
use crate::imap::outcome::Outcome;
use crate::imap::progress::Progress;
use crate::imap::response::{Done, Refusal};
use crate::spool::Spooled;

/// Bytes of messages that are prepared in one go.
const PIECE_LEN: usize = 256 << 10;

/// The messages are stored byte for byte as they were sent, all of them or none.
pub(crate) async fn append(
    library: Library<'_>,
    append: Append,
    bytes: Spooled,
    dialogue: &mut Dialogue,
) -> Outcome {
    let to = destination(library.session(), &append.mailbox, dialogue).await?;
    let (progress, context) = (Progress::new(dialogue), Arc::clone(&dialogue.context));
    progress.waiting(store(library, &context, (append, &to), bytes), dialogue).await?
}

async fn store(
    library: Library<'_>,
    context: &Context,
    (append, to): (Append, &Destination),
    bytes: Spooled,
) -> Outcome {
    message_limit::refuse(append.messages.len() as u64, message_limit::of_saving(context))?;
    let texts = library.texts(context, &append.messages, bytes).await?;
    let more = Usage { octets: texts.len(), messages: append.messages.len() as u64 };
    quota::check(to.mailbox.account(), context, more).await?;
    // Until they are stored, what is made of them takes their place.
    let items = items(to, append.messages, &texts).await?;
    let appended = to.mailbox.append(items).await?;
    Ok(with_append_uid(appended, "APPEND completed"))
}

/// `APPENDUID` (RFC 4315, 3).
pub(super) fn with_append_uid(appended: Appended, text: &'static str) -> Done {
    let code = format!("APPENDUID {}", appended.uid_validity.get());
    Done::with_sets(code, vec![appended.uids], text)
}

/// Messages ready to be stored.
pub(super) async fn items(
    to: &Destination,
    messages: Vec<AppendMessage>,
    texts: &Texts,
) -> Result<Vec<AppendItem>, Refusal> {
    // RFC 3502: a message of no octets is an error, and the way to cancel.
    if texts.sources.iter().any(|source| (**source).as_ref().is_empty()) {
        return Err(Refusal::no("CANNOT", "A message without octets: nothing is appended"));
    }
    let prepared = prepare(to.mailbox.account(), &texts.sources).await;
    let now = InternalDate { seconds: unix_seconds(), zone_minutes: 0 };
    let items = messages.into_iter().zip(prepared).map(|(message, prepared)| AppendItem {
        message: prepared,
        flags: to.rights.allowed(message.flags),
        internal_date: message.date.map_or(now, internal_date),
    });
    Ok(items.collect())
}

async fn prepare(account: &Account, sources: &[MessageSource]) -> Vec<Prepared> {
    if let [source] = sources {
        let account = account.clone();
        let prepare = move |source: &MessageSource| account.prepare_source(source);
        return vec![delivery::prepare(Arc::clone(source), prepare).await];
    }
    let mut prepared = Vec::with_capacity(sources.len());
    while let Some(rest) = sources.get(prepared.len()..).filter(|rest| !rest.is_empty()) {
        blocking(|| {
            let mut len = 0;
            for source in rest {
                prepared.push(account.prepare_source(source));
                len += (**source).as_ref().len();
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
