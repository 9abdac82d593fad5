//! How what was found is told: SEARCH and SORT (RFC 3501, 7.2.5; RFC 5256, 4) or ESEARCH
//! (RFC 4731, 3.1; RFC 5267, 3; RFC 9394), always in one line, sent in pieces.

use std::ops::Range;

use engine::{Error, SeqNo, Uid, UidSet};

use super::found::Found;
use crate::imap::command::{Numbering, PartialFrom, PartialRange, ReturnOptions, Tag};
use crate::imap::dialogue::Dialogue;
use crate::imap::encode::{Digits, SetWriter, Sheet, push_number};
use crate::imap::outcome::Stop;

/// Numbers written between two looks at whether the output is full.
const PIECE_NUMBERS: usize = 4096;

/// What was found, in mailbox order or in another.
#[derive(Clone, Copy, Debug)]
pub(in crate::imap::commands) struct Results<'r> {
    pub(in crate::imap::commands) found: &'r Found,
    /// All that was found, in the order asked for.
    pub(in crate::imap::commands) sorted: Option<&'r [u32]>,
    /// Whether a key asked for mod-sequences, so that the answer carries one (RFC 7162, 3.1.5).
    pub(in crate::imap::commands) with_modseq: bool,
}

impl Results<'_> {
    /// `* SEARCH 1 2 3` or `* SORT 3 1 2`, or `* ESEARCH …` where that was asked for.
    pub(in crate::imap::commands) async fn tell(
        &self,
        tag: &Tag,
        returns: Option<&ReturnOptions>,
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        match returns {
            None => self.write_plain(dialogue).await,
            Some(returns) if returns.tells() => self.write_extended(tag, returns, dialogue).await,
            Some(_) => Ok(()),
        }
    }

    /// What `$` is from now on (RFC 5182, 2.4; RFC 9394, 3.2).
    pub(in crate::imap::commands) fn saved(
        &self,
        returns: &ReturnOptions,
    ) -> Result<UidSet, Error> {
        let count = self.found.count() as usize;
        let is_part = !returns.all && !returns.count;
        let is_part = is_part && (returns.min || returns.max || returns.partial.is_some());
        if !is_part {
            return self.found.uids(&(0..count));
        }
        let mut saved = match (&returns.partial, self.sorted) {
            (None, _) => UidSet::new(),
            (Some(range), None) => self.found.uids(&range.places(count))?,
            (Some(range), Some(sorted)) => {
                let part = sorted.get(range.places(count)).unwrap_or_default();
                part.iter()
                    .map(|number| self.uid(*number))
                    .filter_map(Result::transpose)
                    .collect::<Result<_, _>>()?
            }
        };
        let ends = self.ends()?;
        let first = ends.map(|ends| ends.0).filter(|_| returns.min);
        let last = ends.map(|ends| ends.1).filter(|_| returns.max);
        for number in [first, last].into_iter().flatten() {
            if let Some(uid) = self.uid(number)? {
                saved.insert(uid);
            }
        }
        Ok(saved)
    }

    fn uid(&self, number: u32) -> Result<Option<Uid>, Error> {
        match self.found.numbering() {
            Numbering::Uid => Ok(Uid::new(number)),
            Numbering::Sequence => {
                SeqNo::new(number).map_or(Ok(None), |seq| self.found.snapshot().uid_at(seq))
            }
        }
    }

    /// The first and the last.
    fn ends(&self) -> Result<Option<(u32, u32)>, Error> {
        match self.sorted {
            Some(sorted) => Ok(sorted.first().copied().zip(sorted.last().copied())),
            None => self.found.ends(),
        }
    }

    async fn write_plain(&self, dialogue: &mut Dialogue) -> Result<(), Stop> {
        let name: &[u8] = if self.sorted.is_some() { b"* SORT" } else { b"* SEARCH" };
        dialogue.out().extend_from_slice(name);
        match self.sorted {
            Some(sorted) => write_list(sorted, dialogue).await?,
            None => self.write_found_list(dialogue).await?,
        }
        if self.with_modseq
            && let Some(modseq) = self.found.modseq_max()?
        {
            let out = dialogue.out();
            out.extend_from_slice(b" (MODSEQ ");
            push_number(out, modseq);
            out.push(b')');
        }
        dialogue.out().extend_from_slice(b"\r\n");
        Ok(())
    }

    async fn write_found_list(&self, dialogue: &mut Dialogue) -> Result<(), Stop> {
        if self.found.count() == 0 {
            return Ok(());
        }
        let all = UidSet::all();
        let (mut sheet, mut digits) = (Sheet::new(), Digits::new());
        for run in self.found.snapshot().runs(&all) {
            let run = run?;
            let mut pen = sheet.pen(dialogue.out());
            for nth in self.found.places_in(&run) {
                pen.push(b" ");
                digits.push(self.found.number_of(&run, nth).into(), &mut pen);
                pen.make_room(usize::MAX);
            }
            pen.settle();
            dialogue.breathe().await?;
        }
        Ok(())
    }

    /// `* ESEARCH (TAG "a") UID MIN 1 …`. Of nothing found only COUNT and PARTIAL can be told.
    async fn write_extended(
        &self,
        tag: &Tag,
        returns: &ReturnOptions,
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        let out = dialogue.out();
        out.extend_from_slice(b"* ESEARCH (TAG \"");
        out.extend_from_slice(tag.as_str().as_bytes());
        out.extend_from_slice(b"\")");
        self.write_items(returns, dialogue).await
    }

    /// What stands behind the correlator, and the end of the line.
    pub(in crate::imap::commands) async fn write_items(
        &self,
        returns: &ReturnOptions,
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        let out = dialogue.out();
        if self.found.numbering() == Numbering::Uid {
            out.extend_from_slice(b" UID");
        }
        let (ends, count) = (self.ends()?, self.found.count());
        push_result(out, b" MIN ", ends.map(|ends| ends.0).filter(|_| returns.min));
        push_result(out, b" MAX ", ends.map(|ends| ends.1).filter(|_| returns.max));
        push_result(out, b" COUNT ", Some(count).filter(|_| returns.count));
        if returns.all {
            self.write_set(0..count as usize, " ALL ", dialogue).await?;
        }
        if let Some(range) = &returns.partial {
            push_partial(dialogue.out(), range);
            if !self.write_set(range.places(count as usize), " ", dialogue).await? {
                dialogue.out().extend_from_slice(b" NIL");
            }
            dialogue.out().push(b')');
        }
        if self.with_modseq {
            push_result(dialogue.out(), b" MODSEQ ", self.modseq(returns)?);
        }
        dialogue.out().extend_from_slice(b"\r\n");
        Ok(())
    }

    /// The numbers at these places as one set; false if there are none.
    async fn write_set(
        &self,
        places: Range<usize>,
        before: &'static str,
        dialogue: &mut Dialogue,
    ) -> Result<bool, Stop> {
        let mut set = SetWriter::new(before);
        if let Some(sorted) = self.sorted {
            for piece in sorted.get(places).unwrap_or_default().chunks(PIECE_NUMBERS) {
                piece.iter().for_each(|number| set.push(*number..=*number, dialogue.out()));
                dialogue.breathe().await?;
            }
            return Ok(set.end(dialogue.out()));
        }
        let (all, mut at) = (UidSet::all(), 0);
        for run in self.found.snapshot().runs(&all) {
            let run = run?;
            for nth in self.found.places_in(&run) {
                if places.contains(&at) {
                    let number = self.found.number_of(&run, nth);
                    set.push(number..=number, dialogue.out());
                }
                at += 1;
            }
            dialogue.breathe().await?;
            if at >= places.end {
                break;
            }
        }
        Ok(set.end(dialogue.out()))
    }

    /// The mod-sequence of what is told: of the first, of the last, or the highest of all
    /// (RFC 7162, 3.1.10).
    fn modseq(&self, returns: &ReturnOptions) -> Result<Option<u64>, Error> {
        if returns.all || returns.count || returns.partial.is_some() {
            return self.found.modseq_max();
        }
        let mut highest = None;
        for (number, is_told) in
            self.ends()?.into_iter().flat_map(|ends| [(ends.0, returns.min), (ends.1, returns.max)])
        {
            let Some(uid) = self.uid(number)?.filter(|_| is_told) else { continue };
            let row = self.found.snapshot().row(uid)?;
            highest = highest.max(row.map(|row| row.modseq.get()));
        }
        Ok(highest)
    }
}

async fn write_list(numbers: &[u32], dialogue: &mut Dialogue) -> Result<(), Stop> {
    let (mut sheet, mut digits) = (Sheet::new(), Digits::new());
    for piece in numbers.chunks(PIECE_NUMBERS) {
        let mut pen = sheet.pen(dialogue.out());
        for number in piece {
            pen.push(b" ");
            digits.push((*number).into(), &mut pen);
            pen.make_room(usize::MAX);
        }
        pen.settle();
        dialogue.breathe().await?;
    }
    Ok(())
}

fn push_partial(out: &mut Vec<u8>, range: &PartialRange) {
    out.extend_from_slice(b" PARTIAL (");
    for (before, number) in [("", range.first), (":", range.last)] {
        out.extend_from_slice(before.as_bytes());
        if range.from == PartialFrom::End {
            out.push(b'-');
        }
        push_number(out, number.get());
    }
}

fn push_result(out: &mut Vec<u8>, name: &[u8], value: Option<impl itoa::Integer>) {
    if let Some(value) = value {
        out.extend_from_slice(name);
        push_number(out, value);
    }
}
