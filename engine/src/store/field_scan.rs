//! Looking for text in fields through list parts: of a part nothing is read but the column of
//! texts in question, and that is searched once for all messages of the part.

use crate::Error;
use crate::format::list_part::{Stretches, TEXTS};
use crate::ids::{MailboxId, Uid};
use crate::image::PartRef;
use crate::message::{TEXT_COLUMNS, TextName};
use crate::search::{Met, Needle, fold_column};
use crate::state::Lists;
use crate::store::part_front::PartFront;
use crate::store::reader::ShardReader;

/// Searches fields of the messages of one mailbox.
pub(super) struct FieldScan {
    reader: ShardReader,
    mailbox: MailboxId,
    /// The part that was asked last, and the one before: neighbours may be in two.
    parts: [Scanned; 2],
}

/// A part, and what was found in it.
#[derive(Default)]
struct Scanned {
    front: PartFront,
    columns: [Stretches; TEXT_COLUMNS],
    found: Vec<Found>,
}

/// What was found of one text in fields of one name.
struct Found {
    name: TextName,
    needle: Needle,
    /// A bit for each message of the part.
    has: Vec<u64>,
    /// Where only the header can tell.
    unheld: Vec<u64>,
}

impl FieldScan {
    pub(super) fn new(reader: ShardReader, mailbox: MailboxId) -> Self {
        Self { reader, mailbox, parts: Default::default() }
    }

    /// Whether certainly none of these messages has a field of this name that contains the text; their
    /// UIDs ascend.
    pub(super) fn none_has(
        &mut self,
        lists: &Lists,
        uids: &[u32],
        (name, needle): (TextName, &Needle),
    ) -> Result<bool, Error> {
        let mut rest = uids;
        while let Some(first) = rest.first() {
            let Some(part) = self.part_of(lists, *first) else { return Ok(false) };
            let (here, later) = rest.split_at(rest.partition_point(|uid| *uid <= part.last_uid));
            let (scanned, reader) = self.scanned(part)?;
            let has_all = scanned.has_all(here);
            let found = scanned.find((name, needle), reader)?;
            if !has_all || found.has.iter().chain(&found.unheld).any(|word| *word != 0) {
                return Ok(false);
            }
            rest = later;
        }
        Ok(true)
    }

    /// Whether a message has a field of this name that contains the text; `None` where only its
    /// header can tell.
    pub(super) fn has(
        &mut self,
        lists: &Lists,
        uid: u32,
        (name, needle): (TextName, &Needle),
    ) -> Result<Option<bool>, Error> {
        let Some(part) = self.part_of(lists, uid) else { return Ok(None) };
        let (scanned, reader) = self.scanned(part)?;
        let Ok(at) = scanned.front.uids().binary_search(&uid) else { return Ok(None) };
        let found = scanned.find((name, needle), reader)?;
        Ok(if is_set(&found.unheld, at) { None } else { Some(is_set(&found.has, at)) })
    }

    fn part_of(&self, lists: &Lists, uid: u32) -> Option<PartRef> {
        let is_it = |part: &PartRef| (part.first_uid..=part.last_uid).contains(&uid);
        let known = self.parts.iter().find_map(|scanned| scanned.front.part().filter(is_it));
        known.or_else(|| lists.find(Uid::new(uid)?))
    }

    fn scanned(&mut self, part: PartRef) -> Result<(&mut Scanned, &ShardReader), Error> {
        let Self { reader, mailbox, parts: [last, before] } = self;
        if last.front.part() != Some(part) {
            std::mem::swap(last, before);
        }
        if last.front.part() != Some(part) {
            last.open(part, *mailbox, reader)?;
        }
        Ok((last, reader))
    }
}

impl Scanned {
    fn open(
        &mut self,
        part: PartRef,
        mailbox: MailboxId,
        reader: &ShardReader,
    ) -> Result<(), Error> {
        self.found.clear();
        self.columns.iter_mut().for_each(Stretches::clear);
        self.front.open(part, mailbox, reader)
    }

    /// Whether these UIDs, which ascend within its range, are all of messages of the part.
    fn has_all(&self, uids: &[u32]) -> bool {
        let mut known = self.front.uids().iter();
        uids.iter().all(|uid| known.any(|known| known == uid))
    }

    fn find(
        &mut self,
        (name, needle): (TextName, &Needle),
        reader: &ShardReader,
    ) -> Result<&Found, Error> {
        let is_it = |found: &Found| found.name == name && found.needle == *needle;
        let at = self.found.iter().position(is_it).unwrap_or(self.found.len());
        if at == self.found.len() {
            let found = self.search((name, needle), reader)?;
            self.found.push(found);
        }
        self.found.get(at).ok_or(Error::NoSuchMessage)
    }

    fn search(
        &mut self,
        (name, needle): (TextName, &Needle),
        reader: &ShardReader,
    ) -> Result<Found, Error> {
        let Self { front, columns, .. } = self;
        let places = (TEXTS.get(name.column), columns.get_mut(name.column));
        let (Some(section), Some(column)) = places else { return Err(Error::NoSuchMessage) };
        if !column.is_open() {
            front.read(*section, column, reader)?;
            fold_column(column.all_mut());
        }
        let words = front.uids().len().div_ceil(64);
        let (mut has, mut unheld) = (vec![0; words], vec![0; words]);
        needle.find_in_column(column.all(), name, |offset, met| {
            let at = column.index_at(offset);
            let bits = if met == Met::Text { &mut has } else { &mut unheld };
            if let Some(word) = bits.get_mut(at / 64) {
                *word |= 1 << (at % 64);
            }
        });
        Ok(Found { name, needle: needle.clone(), has, unheld })
    }
}

fn is_set(bits: &[u64], at: usize) -> bool {
    bits.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
}
