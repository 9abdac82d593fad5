//! SEARCH and UID SEARCH (RFC 3501, 6.4.4; RFC 4731; RFC 7162, 3.1.5).
//!
//! Keys that rows can answer are asked first, so that text is read only of messages that are
//! still candidates. A search goes in pieces, between which other sessions have their turn.

mod condition;
mod found;

use std::sync::Arc;

use engine::{Error, Mailbox, Row};

use self::condition::{Condition, Cost};
use self::found::Found;
use crate::imap::command::{Search, SearchKey, Tag};
use crate::imap::dialogue::{Dialogue, blocking};
use crate::imap::outcome::Outcome;
use crate::imap::response::Done;
use crate::imap::session::Selected;

/// Messages looked at in one go.
const PIECE_ROWS: usize = 4096;
/// Bytes of messages searched in one go.
const PIECE_BYTES: u64 = 1 << 20;

/// Finds the messages for which all keys hold, and tells their numbers in one line
/// (CLIENTS.md rule 10).
pub(crate) async fn search(
    selected: &mut Selected,
    tag: &Tag,
    search: &Search,
    dialogue: &mut Dialogue,
) -> Outcome {
    let asks_modseq = search.keys.iter().any(SearchKey::asks_modseq);
    selected.authenticated.condstore |= asks_modseq;
    let condition = Condition::all(&search.keys, &selected.view)?;
    let snapshot = Arc::clone(selected.view.snapshot());
    let candidates = condition.candidates(&snapshot)?;
    let mut scan = Scan { condition: &condition, mailbox: &selected.mailbox };
    let mut found = Found::new(search.numbering);
    let mut rows = snapshot.rows(&candidates);
    loop {
        let has_more = match condition.cost() {
            Cost::Row => scan.piece(&mut rows, &mut found),
            Cost::Header | Cost::Message => blocking(|| scan.piece(&mut rows, &mut found)),
        }?;
        if !has_more {
            break;
        }
        tokio::task::yield_now().await;
    }
    match search.returns {
        None => found.write_plain(asks_modseq, dialogue).await?,
        Some(returns) => found.write_extended(tag, (returns, asks_modseq), dialogue).await?,
    }
    Ok(Done::ok("SEARCH completed"))
}

struct Scan<'s> {
    condition: &'s Condition,
    mailbox: &'s Mailbox,
}

impl Scan<'_> {
    /// Looks at some more messages; false when there are no more. A message whose text cannot be
    /// read does not match.
    fn piece(
        &mut self,
        rows: &mut impl Iterator<Item = Result<Row, Error>>,
        found: &mut Found,
    ) -> Result<bool, Error> {
        let mut bytes = 0;
        for _ in 0..PIECE_ROWS {
            let Some(row) = rows.next() else { return Ok(false) };
            let row = row?;
            let mut candidate = condition::Candidate::new(&row, self.mailbox);
            match self.condition.holds(&mut candidate) {
                Ok(true) => found.push(&row),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(uid = row.uid.get(), %error, "cannot search a message");
                }
            }
            bytes += candidate.bytes_read();
            if bytes > PIECE_BYTES {
                break;
            }
        }
        Ok(true)
    }
}
