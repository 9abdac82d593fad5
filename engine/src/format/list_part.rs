//! The list part: what clients list messages by, for neighbouring messages of one mailbox
//! compressed together. Derived: it can be made again from the messages.
//!
//! | field        | bytes                                                                       |
//! |--------------|-----------------------------------------------------------------------------|
//! | checksum     | 4: CRC-32 of the table behind this                                          |
//! | table length | varint: bytes of the table behind this                                      |
//! | version      | varint: 3                                                                   |
//! | mailbox      | varint                                                                      |
//! | UIDs         | UID set: the messages, n of them                                            |
//! | sections     | an entry for each of: subjects, senders, recipients, keys, envelopes, structures, fields, received, previews |
//! | pieces       | behind the table: the sections as stored                                    |
//!
//! What is searched and sorted by stands in front, so that it is read without the rest.
//!
//! A section is n lengths (varints), then as many stretches. A piece entry is described in
//! `compress.rs`. Envelopes say again what the fields say: where they are a zstd frame, its prefix are
//! the sections of subjects, senders, recipients and fields, whole and uncompressed, one after the other.
//!
//! | section    | stretch                                                                       |
//! |------------|-------------------------------------------------------------------------------|
//! | envelopes  | ENVELOPE, ready IMAP text                                                     |
//! | structures | length of the text (varint), BODYSTRUCTURE as ready IMAP text, what BODY leaves out of it |
//! | fields     | the header fields that clients list by, see docs/format-list-piece.md         |
//! | received   | the Received fields, see there                                                |
//! | previews   | the first words of the text, UTF-8                                            |
//! | keys       | what messages are sorted and threaded by, see there                           |
//! | subjects, senders, recipients | texts of the fields that are searched most, see there      |

use std::ops::Range;

use crate::Fault;
use crate::format::compress::{self, Piece, PieceEntry};
use crate::format::dictionary::Effort;
use crate::format::reader::{Put, Reader, checked_table, with_checksum};
use crate::format::record::{put_uids, uids};
use crate::ids::MailboxId;
use crate::limits::LIST_PART_ROWS_MAX;
use crate::uid_set::UidSet;

const VERSION: u64 = 3;

/// A section of a list part; the value is its place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Subjects = 0,
    Senders = 1,
    Recipients = 2,
    Keys = 3,
    Envelopes = 4,
    Structures = 5,
    Fields = 6,
    Received = 7,
    Previews = 8,
}

/// How many sections there are.
pub(crate) const SECTIONS: usize = 9;

/// What envelopes say again, in the order of their prefix.
const SAID_BEFORE: [Section; 4] =
    [Section::Subjects, Section::Senders, Section::Recipients, Section::Fields];

/// The table at the front of a list part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListPartTable {
    pub(crate) mailbox: MailboxId,
    pub(crate) uids: UidSet,
    sections: [PieceEntry; SECTIONS],
}

impl ListPartTable {
    /// Reads the table, and says where the pieces start; what follows may be cut off.
    pub(crate) fn decode(payload: &[u8]) -> Result<(Self, usize), Fault> {
        let (mut input, start) = checked_table(payload)?;
        match input.varint()? {
            VERSION => {}
            value => return Err(Fault::Unknown { field: "list part version", value }),
        }
        let mailbox = MailboxId(input.varint()?);
        let uids = uids(&mut input)?;
        if uids.is_empty() || uids.count() > LIST_PART_ROWS_MAX as u64 {
            return Err(Fault::Invalid("UIDs of a list part"));
        }
        let mut sections = [PieceEntry::default(); SECTIONS];
        for section in &mut sections {
            *section = PieceEntry::decode(&mut input)?;
        }
        input.finish()?;
        Ok((Self { mailbox, uids, sections }, start))
    }

    /// Decompresses a section of a payload whose pieces start at `start`, into its place among
    /// all; first those that it repeats. One that is open stays as it is.
    pub(crate) fn open(
        &self,
        section: Section,
        (payload, start): (&[u8], usize),
        sections: &mut Sections,
    ) -> Result<(), Fault> {
        if sections.of(section).is_open() {
            return Ok(());
        }
        let mut prefix = std::mem::take(&mut sections.prefix);
        prefix.clear();
        if section == Section::Envelopes {
            for said in SAID_BEFORE {
                self.open(said, (payload, start), sections)?;
                prefix.extend_from_slice(&sections.of(said).raw);
            }
        }
        let stored = payload.get(self.place(section, start)).ok_or(Fault::Truncated)?;
        let filled = sections
            .slot(section)
            .map_or(Ok(()), |into| self.fill(section, (stored, &prefix), into));
        sections.prefix = prefix;
        filled
    }

    /// Where a section is in a payload whose pieces start at `start`.
    pub(crate) fn place(&self, section: Section, start: usize) -> Range<usize> {
        let before = self.sections.iter().take(section as usize);
        let offset = start + before.map(|entry| entry.stored_len as usize).sum::<usize>();
        offset..offset + self.entry(section).stored_len as usize
    }

    /// Decompresses a section that repeats no other, of which this is what is stored.
    pub(crate) fn open_alone(
        &self,
        section: Section,
        stored: &[u8],
        into: &mut Stretches,
    ) -> Result<(), Fault> {
        self.fill(section, (stored, &[]), into)
    }

    fn fill(
        &self,
        section: Section,
        (stored, prefix): (&[u8], &[u8]),
        into: &mut Stretches,
    ) -> Result<(), Fault> {
        let count = usize::try_from(self.uids.count()).unwrap_or(usize::MAX);
        into.fill((self.entry(section), prefix), stored, count)
    }

    fn entry(&self, section: Section) -> PieceEntry {
        self.sections.get(section as usize).copied().unwrap_or_default()
    }
}

/// The sections of a part that are in memory.
#[derive(Debug, Default)]
pub(crate) struct Sections {
    each: [Stretches; SECTIONS],
    /// Memory for what a section repeats.
    prefix: Vec<u8>,
}

impl Sections {
    /// A section, open or not.
    pub(crate) fn of(&self, section: Section) -> &Stretches {
        static NONE: Stretches = Stretches { raw: Vec::new(), ends: Vec::new(), start: 0 };
        self.each.get(section as usize).unwrap_or(&NONE)
    }

    /// A section to be filled.
    fn slot(&mut self, section: Section) -> Option<&mut Stretches> {
        self.each.get_mut(section as usize)
    }

    /// Forgets what is held; the memory stays for the next part.
    pub(crate) fn clear(&mut self) {
        self.each.iter_mut().for_each(Stretches::clear);
    }
}

/// A section in memory: as many stretches as the part has messages.
#[derive(Debug, Default)]
pub(crate) struct Stretches {
    raw: Vec<u8>,
    /// Where each stretch ends; the first starts at `start`.
    ends: Vec<u32>,
    start: u32,
}

impl Stretches {
    fn fill(
        &mut self,
        (entry, prefix): (PieceEntry, &[u8]),
        stored: &[u8],
        count: usize,
    ) -> Result<(), Fault> {
        self.ends.clear();
        compress::unpack_after(entry, stored, prefix, &mut self.raw)?;
        let mut input = Reader::new(&self.raw);
        let mut end = 0_u32;
        for _ in 0..count {
            end = end.checked_add(input.varint32()?).ok_or(Fault::Invalid("stretch"))?;
            self.ends.push(end);
        }
        if input.rest().len() != end as usize {
            return Err(Fault::Invalid("stretch"));
        }
        self.start = u32::try_from(self.raw.len() - end as usize).unwrap_or(u32::MAX);
        Ok(())
    }

    /// The stretch of the message at this place; empty beyond the last.
    pub(crate) fn at(&self, index: usize) -> &[u8] {
        let Some(end) = self.ends.get(index) else { return &[] };
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).unwrap_or(&0);
        let from = |end: u32| self.start as usize + end as usize;
        self.raw.get(from(*start)..from(*end)).unwrap_or_default()
    }

    /// All stretches, one after the other.
    pub(crate) fn all(&self) -> &[u8] {
        self.raw.get(self.start as usize..).unwrap_or_default()
    }

    /// The same, to be changed.
    pub(crate) fn all_mut(&mut self) -> &mut [u8] {
        self.raw.get_mut(self.start as usize..).unwrap_or_default()
    }

    /// Which message has the byte at this place of all stretches.
    pub(crate) fn index_at(&self, offset: usize) -> usize {
        self.ends.partition_point(|end| *end as usize <= offset)
    }

    /// Forgets what is held; the memory stays for the next part.
    pub(crate) fn clear(&mut self) {
        self.ends.clear();
    }

    /// Whether a section is held.
    pub(crate) fn is_open(&self) -> bool {
        !self.ends.is_empty()
    }
}

/// A list part being made.
pub(crate) struct ListPartBuilder {
    mailbox: MailboxId,
    uids: UidSet,
    lengths: [Vec<u8>; SECTIONS],
    stretches: [Vec<u8>; SECTIONS],
}

impl ListPartBuilder {
    pub(crate) fn new(mailbox: MailboxId) -> Self {
        let (lengths, stretches) = Default::default();
        Self { mailbox, uids: UidSet::new(), lengths, stretches }
    }

    /// What there is so far; the next messages begin another part.
    pub(crate) fn take(&mut self) -> Self {
        let mailbox = self.mailbox;
        std::mem::replace(self, Self::new(mailbox))
    }

    /// Messages so far.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.uids.count()).unwrap_or(usize::MAX)
    }

    /// Bytes so far, uncompressed.
    pub(crate) fn raw_len(&self) -> usize {
        self.stretches.iter().map(Vec::len).sum()
    }

    /// Adds a message, whose UID is above all before it, with a stretch for each section.
    pub(crate) fn push(&mut self, uid: crate::Uid, stretches: [&[u8]; SECTIONS]) {
        self.uids.insert(uid);
        let sections = self.lengths.iter_mut().zip(&mut self.stretches);
        for ((lengths, all), stretch) in sections.zip(stretches) {
            lengths.put_count(stretch.len());
            all.extend_from_slice(stretch);
        }
    }

    /// The UIDs and the payload of the record; nothing without messages.
    pub(crate) fn finish(self) -> Option<(UidSet, Vec<u8>)> {
        if self.uids.is_empty() {
            return None;
        }
        let mut table = Vec::new();
        table.put_varint(VERSION);
        table.put_varint(self.mailbox.0);
        put_uids(&self.uids, &mut table);
        let mut raws = self.lengths;
        raws.iter_mut().zip(&self.stretches).for_each(|(raw, all)| raw.extend_from_slice(all));
        let raw_of = |section: Section| raws.get(section as usize).map_or(&[][..], Vec::as_slice);
        let said_before = SAID_BEFORE.map(raw_of).concat();
        let mut pieces: Vec<Piece> = Vec::with_capacity(SECTIONS);
        for section in ALL {
            let prefix = if section == Section::Envelopes { &said_before[..] } else { &[] };
            let piece = compress::pack_after(raw_of(section), prefix, Effort::Listing);
            piece.entry.encode(&mut table);
            pieces.push(piece);
        }
        let pieces_len: usize = pieces.iter().map(|piece| piece.bytes.len()).sum();
        let mut out = with_checksum(&table, pieces_len);
        pieces.iter().for_each(|piece| out.put(&piece.bytes));
        Some((self.uids, out))
    }
}

/// The whole part, for `verify` and `dump`: every section of it can be read.
pub(crate) fn check(payload: &[u8]) -> Result<ListPartTable, Fault> {
    let (table, start) = ListPartTable::decode(payload)?;
    let pieces_len: usize = table.sections.iter().map(|entry| entry.stored_len as usize).sum();
    if start + pieces_len != payload.len() {
        return Err(Fault::Invalid("list part length"));
    }
    let mut sections = Sections::default();
    for section in ALL {
        table.open(section, (payload, start), &mut sections)?;
    }
    Ok(table)
}

/// All that a part says of the message at this place.
pub(crate) fn stretches_at(payload: &[u8], at: usize) -> Result<[Vec<u8>; SECTIONS], Fault> {
    let (table, start) = ListPartTable::decode(payload)?;
    let (mut found, mut sections) = (<[Vec<u8>; SECTIONS]>::default(), Sections::default());
    for (section, slot) in ALL.into_iter().zip(&mut found) {
        table.open(section, (payload, start), &mut sections)?;
        *slot = sections.of(section).at(at).to_vec();
    }
    Ok(found)
}

/// Every section, in the order of the table.
pub(crate) const ALL: [Section; SECTIONS] = [
    Section::Subjects,
    Section::Senders,
    Section::Recipients,
    Section::Keys,
    Section::Envelopes,
    Section::Structures,
    Section::Fields,
    Section::Received,
    Section::Previews,
];

/// The sections of texts, in the order of the columns that a message has of them.
pub(crate) const TEXTS: [Section; 3] = [Section::Subjects, Section::Senders, Section::Recipients];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Uid;

    fn part() -> Vec<u8> {
        let mut builder = ListPartBuilder::new(MailboxId(5));
        for uid in [3, 4, 9] {
            let text = format!("envelope of {uid}").repeat(3);
            let fields = format!("f{uid}: {text}");
            let stretches = [text.as_bytes(), b"body", fields.as_bytes(), b"r", b"p", b"k"];
            let [envelope, structure, fields, received, preview, keys] = stretches;
            let texts: [&[u8]; 3] = [b"subject", b"f", b"t"];
            let [subject, from, to] = texts;
            builder.push(
                Uid::new(uid).unwrap(),
                [subject, from, to, keys, envelope, structure, fields, received, preview],
            );
        }
        assert_eq!(builder.len(), 3);
        builder.finish().expect("it has messages").1
    }

    #[test]
    fn a_part_comes_back_section_by_section() {
        let payload = part();
        let (table, start) = ListPartTable::decode(&payload).expect("a part");
        assert_eq!((table.mailbox, table.uids.to_string()), (MailboxId(5), "3:4,9".to_owned()));
        let mut sections = Sections::default();
        for section in [Section::Envelopes, Section::Keys] {
            table.open(section, (&payload, start), &mut sections).expect("there");
        }
        let envelopes = sections.of(Section::Envelopes);
        assert_eq!(envelopes.at(2), "envelope of 9".repeat(3).as_bytes());
        assert_eq!(envelopes.at(3), b"");
        let keys = sections.of(Section::Keys);
        assert_eq!((keys.at(0), keys.at(1)), (&b"k"[..], &b"k"[..]));
        let [envelopes, fields] = [Section::Envelopes, Section::Fields].map(|of| table.entry(of));
        assert!(envelopes.stored_len * 2 < fields.stored_len, "said again, it costs little");
        assert_eq!(check(&payload), Ok(table));
        assert!(ListPartBuilder::new(MailboxId(1)).finish().is_none());
    }

    /// Pins the tables above. Changing these bytes means a new version.
    #[test]
    fn golden_bytes() {
        let payload = part();
        assert_eq!(payload[4..11], [0x47, 3, 5, 2, 3, 1, 5], "length, version, mailbox, UIDs");
        assert_eq!(payload[11], 0, "one UID in the last range");
        let (_, start) = ListPartTable::decode(&payload).expect("a part");
        let front =
            b"\x07\x07\x07subjectsubjectsubject\x01\x01\x01fff\x01\x01\x01ttt\x01\x01\x01kkk";
        assert!(payload[start..].starts_with(front));
        assert!(payload.ends_with(b"\x01\x01\x01rrr\x01\x01\x01ppp"));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_a_fault() {
        let payload = part();
        for len in 0..payload.len() {
            assert!(check(&payload[..len]).is_err(), "cut to {len}");
        }
        for bit in 0..payload.len() * 8 {
            let mut payload = payload.clone();
            payload[bit / 8] ^= 1 << (bit % 8);
            assert!(check(&payload).is_err(), "bit {bit}");
        }
    }
}
