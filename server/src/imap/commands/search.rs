//! SEARCH and UID SEARCH (RFC 3501, 6.4.4; RFC 4731; RFC 5182; RFC 7162, 3.1.5; RFC 9394).
//!
//! What columns know is asked of them, a chunk at a time; text is read only of messages that they
//! leave open. A search goes in pieces, between which other sessions have their turn.

mod condition;
mod contexts;
mod found;
mod results;
mod together;
mod walk;

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::Arc;

use engine::search::{Sifted, sift};
use engine::{Error, Listings, Mailbox, Row, Run, UidSet};

use self::condition::{Condition, Cost};
pub(crate) use self::contexts::Contexts;
pub(super) use self::found::Found;
pub(super) use self::results::Results;
use self::together::{look, look_together};
pub(super) use self::walk::FoundRuns;
use crate::imap::command::{Numbering, ReturnOptions, Search, SearchKey, SequenceSet, Tag};
use crate::imap::dialogue::{Dialogue, blocking};
use crate::imap::message_limit::{self, Reached};
use crate::imap::outcome::{Outcome, Stop};
use crate::imap::progress::Progress;
use crate::imap::response::{Done, Verdict};
use crate::imap::session::Selected;
use crate::imap::view::SelectedView;

/// Messages looked at in one go.
const PIECE_ROWS: usize = 4096;
/// Asking the columns of a chunk counts as looking at so many messages.
const CHUNK_ROWS: usize = 256;
/// Asking list parts of a run counts as looking at so many messages.
const IDLE_RUN_ROWS: usize = 4;
/// Bytes of fields searched in one go.
const PIECE_BYTES: u64 = 1 << 20;
/// Bytes of messages searched in one go: some hundredths of a second.
const BATCH_BYTES: u64 = 16 << 20;

/// Finds the messages for which all keys hold, and tells their numbers in one line
/// (CLIENTS.md rule 10).
pub(crate) async fn search(
    selected: &mut Selected,
    tag: &Tag,
    search: &Search,
    dialogue: &mut Dialogue,
) -> Outcome {
    let Search { numbering, returns, keys, .. } = search;
    // IMAP4rev2 has no SEARCH response (RFC 9051, appendix E, 4).
    let all = ReturnOptions { all: true, ..ReturnOptions::default() };
    let returns = &returns.or(dialogue.dialect.rev2.then_some(all));
    let updates = returns.is_some_and(|returns| returns.update);
    if updates {
        selected.contexts.refuse_tag(tag)?;
    }
    let (keys, reached) = &limited(selected, keys, dialogue)?;
    let found = find_for(selected, returns.as_ref(), (*numbering, keys), dialogue).await?;
    let with_modseq = keys.iter().any(SearchKey::asks_modseq);
    let results = Results { found: &found, sorted: None, with_modseq };
    save(selected, returns.as_ref(), &results)?;
    if updates {
        follow(selected, (tag, search), &found, dialogue)?;
    }
    results.tell(tag, returns.as_ref(), dialogue).await?;
    Ok(message_limit::done(Done::ok("SEARCH completed"), *reached, dialogue))
}

/// The keys, and one more where they would have too many messages looked at (RFC 9738, 3.1).
fn limited<'k>(
    selected: &Selected,
    keys: &'k [SearchKey],
    dialogue: &Dialogue,
) -> Result<(Cow<'k, [SearchKey]>, Option<Reached>), Stop> {
    let limit = message_limit::of_work(&dialogue.context);
    if limit.is_none() {
        return Ok((Cow::Borrowed(keys), None));
    }
    let mut uids = message_limit::candidates(&selected.view, keys)?;
    let reached = message_limit::cut(selected.view.snapshot(), &mut uids, limit)?;
    let Some(Reached { lowest, .. }) = reached else { return Ok((Cow::Borrowed(keys), None)) };
    let mut keys = keys.to_vec();
    let lowest = NonZeroU32::new(lowest.get()).unwrap_or(NonZeroU32::MIN);
    keys.push(SearchKey::Uid(SequenceSet::between(lowest, NonZeroU32::MAX)));
    Ok((Cow::Owned(keys), reached))
}

/// Tells from now on what comes among the results and goes (RFC 5267, 4.3).
fn follow(
    selected: &mut Selected,
    (tag, search): (&Tag, &Search),
    found: &Found,
    dialogue: &mut Dialogue,
) -> Result<(), Stop> {
    // Message numbers mean what they mean now (RFC 5267, 4.3).
    let condition = Condition::all(&search.keys, &selected.view)?;
    let found = found.uids(&(0..found.count() as usize))?;
    let state = (found, selected.view.complete());
    let how = (tag, search.numbering, search.items_of_new.as_ref());
    if !selected.contexts.follow(how, condition, state) {
        dialogue.untagged(format_args!("NO [NOUPDATE \"{tag}\"] Too many searches are followed"));
    }
    Ok(())
}

/// Keeps what was found as `$` if that was asked for (RFC 5182, 2.1).
pub(super) fn save(
    selected: &mut Selected,
    returns: Option<&ReturnOptions>,
    results: &Results<'_>,
) -> Result<(), Error> {
    if let Some(returns) = returns.filter(|returns| returns.save) {
        selected.view.saved = results.saved(returns)?;
    }
    Ok(())
}

/// Like [`find`]; a search that is to be kept and fails leaves nothing in `$` (RFC 5182, 2.1).
pub(super) async fn find_for(
    selected: &mut Selected,
    returns: Option<&ReturnOptions>,
    what: (Numbering, &[SearchKey]),
    dialogue: &mut Dialogue,
) -> Result<Found, Stop> {
    let found = find(selected, what, dialogue).await;
    if let Err(Stop::Refused(refusal)) = &found
        && refusal.verdict == Verdict::No
        && returns.is_some_and(|returns| returns.save)
    {
        selected.view.saved = UidSet::new();
    }
    found
}

/// Finds the messages for which all keys hold.
pub(super) async fn find(
    selected: &mut Selected,
    (numbering, keys): (Numbering, &[SearchKey]),
    dialogue: &mut Dialogue,
) -> Result<Found, Stop> {
    selected.authenticated.condstore |= keys.iter().any(SearchKey::asks_modseq);
    find_in((&selected.mailbox, &selected.view), (numbering, keys), dialogue).await
}

/// The same in any mailbox.
pub(super) async fn find_in(
    (mailbox, view): (&Mailbox, &SelectedView),
    (numbering, keys): (Numbering, &[SearchKey]),
    dialogue: &mut Dialogue,
) -> Result<Found, Stop> {
    let condition = Arc::new(Condition::all(keys, view)?);
    let snapshot = Arc::clone(view.snapshot());
    let sieve = condition.sieve();
    let mut chunks = sift(&snapshot, &sieve);
    let mut scan = Scan::new(&condition, mailbox);
    let mut progress = Progress::new(dialogue);
    let mut found = Found::new(numbering, Arc::clone(&snapshot));
    let mut was_told = false;
    loop {
        progress.tell((scan.looked_at, snapshot.exists().into()), dialogue).await?;
        let has_more = match condition.cost() {
            Cost::Row => scan.piece(&mut chunks, &mut found),
            Cost::Header => blocking(|| scan.piece(&mut chunks, &mut found)),
            Cost::Message => {
                let (rows, has_more) = blocking(|| scan.gather(&mut chunks, &mut found))?;
                let helpers = &dialogue.context.helpers;
                let rows = look_together((&condition, mailbox), rows, helpers).await?;
                rows.iter().for_each(|row| found.push(row.seq));
                Ok(has_more)
            }
        }?;
        if !has_more {
            break;
        }
        tokio::task::yield_now().await;
        dialogue.is_wanted(&mut was_told).await?;
    }
    Ok(found)
}

struct Scan<'s> {
    condition: &'s Condition,
    mailbox: &'s Mailbox,
    listings: Listings,
    /// What is left of those that columns left open.
    open: Box<dyn Iterator<Item = Run> + Send>,
    /// The run in hand, and the place of the next message in it.
    run: Option<(Run, usize)>,
    /// Messages so far.
    looked_at: u64,
}

impl<'s> Scan<'s> {
    fn new(condition: &'s Condition, mailbox: &'s Mailbox) -> Self {
        let (listings, open) = (mailbox.listings(), Box::new(std::iter::empty()));
        Self { condition, mailbox, listings, open, run: None, looked_at: 0 }
    }

    /// Looks at some more messages; false when there are no more.
    fn piece(
        &mut self,
        chunks: &mut impl Iterator<Item = Result<Sifted, Error>>,
        found: &mut Found,
    ) -> Result<bool, Error> {
        let (mut work, mut bytes) = (0, 0);
        while work < PIECE_ROWS && bytes < PIECE_BYTES {
            match self.next(chunks, found)? {
                Next::Message(row) => {
                    let of = (self.mailbox, &mut self.listings);
                    let (holds, read) = look(&row, self.condition, of);
                    if holds {
                        found.push(row.seq);
                    }
                    bytes += read;
                    work += 1;
                }
                Next::Work(done) => work += done,
                Next::End => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Messages whose text is to be read, and whether there may be more.
    fn gather(
        &mut self,
        chunks: &mut impl Iterator<Item = Result<Sifted, Error>>,
        found: &mut Found,
    ) -> Result<(Vec<Row>, bool), Error> {
        let (mut rows, mut work, mut bytes) = (Vec::new(), 0, 0);
        while work < PIECE_ROWS && bytes < BATCH_BYTES {
            match self.next(chunks, found)? {
                Next::Message(row) => {
                    bytes += u64::from(row.size);
                    work += 1;
                    rows.push(row);
                }
                Next::Work(done) => work += done,
                Next::End => return Ok((rows, false)),
            }
        }
        Ok((rows, true))
    }

    /// Goes on to the next message that must be looked at, or a step towards it.
    fn next(
        &mut self,
        chunks: &mut impl Iterator<Item = Result<Sifted, Error>>,
        found: &mut Found,
    ) -> Result<Next, Error> {
        if let Some(row) = self.run.as_mut().and_then(next_row) {
            self.looked_at = row.seq.get().into();
            return Ok(Next::Message(row));
        }
        if let Some(run) = self.open.next() {
            let is_idle = self.condition.is_idle(&run, &mut self.listings);
            self.run = (!is_idle).then_some((run, 0));
            return Ok(Next::Work(IDLE_RUN_ROWS));
        }
        let Some(sifted) = chunks.next().transpose()? else { return Ok(Next::End) };
        found.push_all(sifted.before(), sifted.holds());
        self.looked_at = u64::from(sifted.before()) + u64::from(sifted.count());
        self.open = Box::new(sifted.open());
        Ok(Next::Work(CHUNK_ROWS))
    }
}

/// What a search comes to.
enum Next {
    /// A message that must be looked at.
    Message(Row),
    /// Something that took as long as looking at so many messages.
    Work(usize),
    /// There are no more.
    End,
}

fn next_row((run, nth): &mut (Run, usize)) -> Option<Row> {
    let row = run.row(*nth)?;
    *nth += 1;
    Some(row)
}
