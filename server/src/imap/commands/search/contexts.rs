//! Searches whose results the client follows (RFC 5267, 4.3): what comes among them and what goes
//! is told where the change itself is told.

use engine::{Error, Mailbox, ModSeq, Row, Snapshot, UidSet};

use super::condition::{Candidate, Condition};
use crate::imap::command::{FetchItems, Numbering, Tag};
use crate::imap::commands::store::numbers;
use crate::imap::dialogue::{Dialogue, blocking};
use crate::imap::outcome::Stop;
use crate::imap::response::Refusal;

/// Searches that one session follows at a time.
const CONTEXTS_MAX: usize = 16;
/// Messages looked at in one go.
const PIECE_ROWS: usize = 256;

/// The searches that a session follows in its mailbox.
#[derive(Debug, Default)]
pub(crate) struct Contexts(Vec<Context>);

/// One search.
#[derive(Debug)]
struct Context {
    tag: Tag,
    numbering: Numbering,
    /// What is told of new messages among them.
    items_of_new: Option<FetchItems>,
    condition: Condition,
    /// What the client knows to be found.
    found: UidSet,
    /// All changes up to this were looked at.
    looked_at: ModSeq,
}

impl Contexts {
    /// A tag that is in use must not be used again (RFC 5267, 4.3).
    pub(super) fn refuse_tag(&self, tag: &Tag) -> Result<(), Refusal> {
        if self.0.iter().any(|context| context.tag == *tag) {
            return Err(Refusal::bad("A search with this tag is still followed"));
        }
        Ok(())
    }

    /// Follows a search from now on; false if there are too many.
    pub(super) fn follow(
        &mut self,
        (tag, numbering, items_of_new): (&Tag, Numbering, Option<&FetchItems>),
        condition: Condition,
        (found, looked_at): (UidSet, ModSeq),
    ) -> bool {
        if self.0.len() >= CONTEXTS_MAX {
            return false;
        }
        let (tag, items_of_new) = (tag.clone(), items_of_new.cloned());
        self.0.push(Context { tag, numbering, items_of_new, condition, found, looked_at });
        true
    }

    /// Whether more is told of new messages than that they came.
    pub(crate) fn describe_new(&self) -> bool {
        self.0.iter().any(|context| context.items_of_new.is_some())
    }

    /// Ends what CANCELUPDATE names, all of it or nothing.
    pub(in crate::imap::commands) fn cancel(&mut self, tags: &[Tag]) -> Result<(), Refusal> {
        if !tags.iter().all(|tag| self.0.iter().any(|context| context.tag == *tag)) {
            return Err(Refusal::bad("No search with such a tag is followed"));
        }
        self.0.retain(|context| !tags.contains(&context.tag));
        Ok(())
    }

    /// Before EXPUNGE: what goes with it, in numbers of the snapshot that had it
    /// (RFC 5267, 4.3.4).
    pub(crate) async fn tell_removed(
        &mut self,
        (before, expunged): (&Snapshot, &UidSet),
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        for context in self.0.iter_mut().filter(|_| !expunged.is_empty()) {
            let gone = context.found.intersection(expunged);
            context.write("REMOVEFROM", (before, &gone), dialogue).await?;
            context.found = context.found.without(&gone);
        }
        Ok(())
    }

    /// After EXISTS and FETCH: what came by new messages and new flags, and what went by these.
    /// While numbers must stay, the snapshot does not have all changes yet. What came is given back where
    /// more is to be told of it.
    pub(crate) async fn tell_changed(
        &mut self,
        mailbox: &Mailbox,
        (snapshot, is_complete): (&Snapshot, bool),
        dialogue: &mut Dialogue,
    ) -> Result<Vec<(UidSet, FetchItems)>, Stop> {
        let mut to_describe = Vec::new();
        for context in &mut self.0 {
            let changed = snapshot.changed_since(context.looked_at.get())?;
            if !changed.is_empty() {
                context.condition.learn(snapshot);
                let holding = context.holding(mailbox, (snapshot, &changed), dialogue).await?;
                let came = holding.without(&context.found);
                let went = context.found.intersection(&changed).without(&holding);
                context.write("REMOVEFROM", (snapshot, &went), dialogue).await?;
                context.write("ADDTO", (snapshot, &came), dialogue).await?;
                context.found = context.found.without(&went);
                context.found.extend(&came);
                if let Some(items) = &context.items_of_new {
                    to_describe.push((came, items.clone()));
                }
            }
            if is_complete {
                context.looked_at = snapshot.highest_modseq();
            }
        }
        Ok(to_describe)
    }
}

impl Context {
    /// Those of the messages for which the keys hold.
    async fn holding(
        &self,
        mailbox: &Mailbox,
        (snapshot, uids): (&Snapshot, &UidSet),
        dialogue: &mut Dialogue,
    ) -> Result<UidSet, Stop> {
        let (mut holding, mut was_told) = (UidSet::new(), false);
        let mut rows = snapshot.rows(uids);
        loop {
            let looked_at =
                blocking(|| self.look_at(mailbox, rows.by_ref().take(PIECE_ROWS), &mut holding))?;
            if looked_at < PIECE_ROWS {
                return Ok(holding);
            }
            tokio::task::yield_now().await;
            dialogue.is_wanted(&mut was_told).await?;
        }
    }

    /// Adds those that the keys hold for; how many were looked at.
    fn look_at(
        &self,
        mailbox: &Mailbox,
        rows: impl Iterator<Item = Result<Row, Error>>,
        holding: &mut UidSet,
    ) -> Result<usize, Error> {
        let (mut count, mut listings) = (0, mailbox.listings());
        for row in rows {
            let row = row?;
            match self.condition.holds(&mut Candidate::new(&row, mailbox, &mut listings)) {
                Ok(true) => holding.insert(row.uid),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(uid = row.uid.get(), %error, "cannot search a message");
                }
            }
            count += 1;
        }
        Ok(count)
    }

    /// `* ESEARCH (TAG "a") UID ADDTO (0 5:7)`: 0 leaves it to the client to keep the order
    /// (RFC 5267, 4.3.3).
    async fn write(
        &self,
        item: &str,
        (snapshot, uids): (&Snapshot, &UidSet),
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        if uids.is_empty() {
            return Ok(());
        }
        // Followed by number from before UIDONLY was enabled: by UID from then on.
        let numbering = if dialogue.dialect.uid_only { Numbering::Uid } else { self.numbering };
        let uid = if numbering == Numbering::Uid { " UID" } else { "" };
        let front = format!("* ESEARCH (TAG \"{}\"){uid} {item} (0 ", self.tag);
        dialogue.out().extend_from_slice(front.as_bytes());
        dialogue.uid_set(&numbers(snapshot, uids, numbering)?).await?;
        dialogue.out().extend_from_slice(b")\r\n");
        Ok(())
    }
}
