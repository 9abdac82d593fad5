//! SEARCH and UID SEARCH (RFC 3501, 6.4.4; RFC 4731; RFC 7162, 3.1.5).
//!
//! Keys that rows can answer are asked first, so that text is read only of messages that are
//! still candidates. A search goes in pieces, between which other sessions have their turn.

mod condition;
mod found;

use std::sync::Arc;

use engine::{Error, Mailbox, Run};

use self::condition::{Condition, Cost};
use self::found::Found;
use crate::imap::command::{Search, SearchKey, Tag};
use crate::imap::dialogue::{Dialogue, blocking};
use crate::imap::outcome::Outcome;
use crate::imap::response::Done;
use crate::imap::session::Selected;
use crate::imap::walk::Walk;

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
    let (uids, since) = condition.bounds();
    let mut scan = Scan { condition: &condition, mailbox: &selected.mailbox };
    let mut found = Found::new(search.numbering, Arc::clone(&snapshot));
    let mut walk = Walk::new(snapshot.runs_since(&uids, since));
    let mut was_told = false;
    loop {
        let has_more = match condition.cost() {
            Cost::Row => scan.piece(&mut walk, &mut found),
            Cost::Header | Cost::Message => blocking(|| scan.piece(&mut walk, &mut found)),
        }?;
        if !has_more {
            break;
        }
        tokio::task::yield_now().await;
        dialogue.is_wanted(&mut was_told).await?;
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
        walk: &mut Walk<impl Iterator<Item = Result<Run, Error>>>,
        found: &mut Found,
    ) -> Result<bool, Error> {
        let (mut messages, mut bytes) = (0, 0);
        while messages < PIECE_ROWS && bytes < PIECE_BYTES {
            let Some((run, nth)) = walk.here()? else { return Ok(false) };
            match self.condition.by_flags(run.flags(nth)) {
                Some(true) => found.push(run, nth),
                Some(false) => {}
                None => bytes += self.look((run, nth), found),
            }
            messages += 1;
            walk.go_to(nth + 1);
        }
        Ok(true)
    }

    /// Looks at more than the flags of a message; says how many bytes of it were read.
    fn look(&self, (run, nth): (&Run, usize), found: &mut Found) -> u64 {
        let Some(row) = run.row(nth) else { return 0 };
        let mut candidate = condition::Candidate::new(&row, self.mailbox);
        match self.condition.holds(&mut candidate) {
            Ok(true) => found.push(run, nth),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(uid = row.uid.get(), %error, "cannot search a message");
            }
        }
        candidate.bytes_read()
    }
}
