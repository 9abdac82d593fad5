//! Columns: what a chunk of neighbouring messages is made of, one array for each fact.

use std::ops::{Deref, DerefMut, Range};
use std::sync::Arc;

use crate::flags::FlagBits;
use crate::ids::{EmailId, ThreadId};

/// Messages of one chunk at most.
pub(crate) const CHUNK_ROWS_MAX: usize = 4096;

/// Bytes of a row in all columns that never change.
const ROW_LEN: usize = 2 * 4 + 5 * 8 + 2 * 2;

const WORDS: usize = CHUNK_ROWS_MAX / 64;

/// When a message arrived, as IMAP shows it: an instant and the zone it is shown in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InternalDate {
    /// Seconds since 1970, UTC.
    pub seconds: i64,
    /// Minutes east of UTC.
    pub zone_minutes: i16,
}

/// The facts about one message that never change; what an append adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NewRow {
    pub(crate) uid: u32,
    pub(crate) flags: FlagBits,
    pub(crate) size: u32,
    pub(crate) internal_date: InternalDate,
    pub(crate) save_date: i64,
    pub(crate) sent_date: i64,
    pub(crate) sent_zone_minutes: i16,
    pub(crate) email_id: EmailId,
    pub(crate) thread_id: ThreadId,
}

/// The columns that never change, rows ascending by UID.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) uids: Vec<u32>,
    pub(crate) sizes: Vec<u32>,
    pub(crate) internal_seconds: Vec<i64>,
    pub(crate) internal_zones: Vec<i16>,
    pub(crate) save_dates: Vec<i64>,
    pub(crate) sent_dates: Vec<i64>,
    pub(crate) sent_zones: Vec<i16>,
    pub(crate) email_ids: Vec<u64>,
    pub(crate) thread_ids: Vec<u64>,
}

impl Base {
    /// The number of the message at `index` in its shard.
    pub(crate) fn number(&self, index: usize) -> Option<u64> {
        self.email_ids.get(index).map(|id| id & ((1 << 48) - 1))
    }

    pub(crate) fn len(&self) -> usize {
        self.uids.len()
    }

    /// Bytes that it takes in memory.
    pub(crate) fn held_len(&self) -> usize {
        size_of::<Self>() + self.len() * ROW_LEN
    }

    pub(crate) fn push(&mut self, row: &NewRow) {
        self.uids.push(row.uid);
        self.sizes.push(row.size);
        self.internal_seconds.push(row.internal_date.seconds);
        self.internal_zones.push(row.internal_date.zone_minutes);
        self.save_dates.push(row.save_date);
        self.sent_dates.push(row.sent_date);
        self.sent_zones.push(row.sent_zone_minutes);
        self.email_ids.push(row.email_id.0);
        self.thread_ids.push(row.thread_id.0);
    }

    /// The row at `index`, with `flags`; `None` past the end.
    pub(crate) fn row(&self, index: usize, flags: FlagBits) -> Option<NewRow> {
        Some(NewRow {
            uid: *self.uids.get(index)?,
            flags,
            size: *self.sizes.get(index)?,
            internal_date: InternalDate {
                seconds: *self.internal_seconds.get(index)?,
                zone_minutes: *self.internal_zones.get(index)?,
            },
            save_date: *self.save_dates.get(index)?,
            sent_date: *self.sent_dates.get(index)?,
            sent_zone_minutes: *self.sent_zones.get(index)?,
            email_id: EmailId(*self.email_ids.get(index)?),
            thread_id: ThreadId(*self.thread_ids.get(index)?),
        })
    }
}

/// One bit for each row of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bitmap([u64; WORDS]);

impl Default for Bitmap {
    fn default() -> Self {
        Self([0; WORDS])
    }
}

impl Bitmap {
    /// The first `len` bits set.
    pub(crate) fn first(len: usize) -> Self {
        let mut bits = Self::default();
        bits.set_range(0, len);
        bits
    }

    /// Sets bits `start..end`.
    pub(crate) fn set_range(&mut self, start: usize, end: usize) {
        let first = start / 64;
        let words = self.0.get_mut(first..end.div_ceil(64)).unwrap_or_default();
        for (word, bits) in (first..).zip(words) {
            let (low, high) = (start.max(word * 64), end.min(word * 64 + 64));
            if low < high {
                let ones = if high - low == 64 { u64::MAX } else { (1 << (high - low)) - 1 };
                *bits |= ones << (low % 64);
            }
        }
    }

    pub(crate) fn set(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

    pub(crate) fn has(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(crate) fn and(&self, other: &Self) -> Self {
        self.zip(other, |left, right| left & right)
    }

    pub(crate) fn or(&self, other: &Self) -> Self {
        self.zip(other, |left, right| left | right)
    }

    pub(crate) fn without(&self, other: &Self) -> Self {
        self.zip(other, |left, right| left & !right)
    }

    fn zip(&self, other: &Self, join: impl Fn(u64, u64) -> u64) -> Self {
        let mut joined = *self;
        for (word, other) in joined.0.iter_mut().zip(&other.0) {
            *word = join(*word, *other);
        }
        joined
    }

    /// How many bits below `index` are set.
    pub(crate) fn rank(&self, index: usize) -> u32 {
        let whole: u32 = self.0.iter().take(index / 64).map(|word| word.count_ones()).sum();
        let part = self.0.get(index / 64).map_or(0, |word| word & ((1 << (index % 64)) - 1));
        whole + part.count_ones()
    }

    /// The place of the set bit number `nth`, counted from 0.
    pub(crate) fn select(&self, nth: u32) -> Option<usize> {
        let mut left = nth;
        for (index, word) in self.0.iter().enumerate() {
            let ones = word.count_ones();
            if left < ones {
                let mut bits = *word;
                for _ in 0..left {
                    bits &= bits - 1;
                }
                return Some(index * 64 + bits.trailing_zeros() as usize);
            }
            left -= ones;
        }
        None
    }

    /// The places of the set bits, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            let mut bits = *word;
            std::iter::from_fn(move || {
                let place = index * 64 + bits.trailing_zeros() as usize;
                bits &= bits.checked_sub(1)?;
                Some(place)
            })
        })
    }

    /// The stretches of set bits, ascending.
    pub(crate) fn runs(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let start = self.next(at, 0)?;
            at = self.next(start, u64::MAX).unwrap_or(CHUNK_ROWS_MAX);
            Some(start..at)
        })
    }

    /// The first place from `from` on whose bit is set once its word is changed by `flip`.
    fn next(&self, from: usize, flip: u64) -> Option<usize> {
        let mut word = from / 64;
        let mut bits = (self.0.get(word)? ^ flip) & (u64::MAX << (from % 64));
        while bits == 0 {
            word += 1;
            bits = self.0.get(word)? ^ flip;
        }
        Some(word * 64 + bits.trailing_zeros() as usize)
    }

    /// The words, low bits first.
    pub(crate) fn words(&self) -> &[u64] {
        &self.0
    }

    /// One bit for each value, in their order.
    pub(crate) fn of(values: impl Iterator<Item = bool>) -> Self {
        let mut bits = Self::default();
        let mut values = values;
        for word in &mut bits.0 {
            for (bit, value) in values.by_ref().take(64).enumerate() {
                *word |= u64::from(value) << bit;
            }
        }
        bits
    }

    pub(crate) fn from_words(words: impl IntoIterator<Item = u64>) -> Self {
        let mut bits = Self::default();
        for (word, value) in bits.0.iter_mut().zip(words) {
            *word = value;
        }
        bits
    }
}

/// The mod-sequence of each row: most chunks have one for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ModSeqs {
    /// All rows have this one.
    Uniform(u64),
    /// One for each row.
    Each(Arc<[u64]>),
}

impl ModSeqs {
    pub(crate) fn at(&self, index: usize) -> u64 {
        match self {
            Self::Uniform(modseq) => *modseq,
            Self::Each(modseqs) => modseqs.get(index).copied().unwrap_or(0),
        }
    }

    pub(crate) fn collect(modseqs: Vec<u64>) -> Self {
        match modseqs.split_first() {
            Some((first, rest)) if rest.iter().all(|modseq| modseq == first) => {
                Self::Uniform(*first)
            }
            _ => Self::Each(modseqs.into()),
        }
    }

    /// The first `len` rows that changed after `modseq`.
    pub(crate) fn newer(&self, modseq: u64, len: usize) -> Bitmap {
        match self {
            Self::Uniform(all) if *all > modseq => Bitmap::first(len),
            Self::Uniform(_) => Bitmap::default(),
            Self::Each(each) => Bitmap::of(each.iter().map(|each| *each > modseq)),
        }
    }

    /// The first `len` rows that have another mod-sequence in `other`.
    pub(crate) fn differing(&self, other: &Self, len: usize) -> Bitmap {
        match (self, other) {
            (Self::Uniform(one), Self::Uniform(two)) if one == two => Bitmap::default(),
            (Self::Uniform(_), Self::Uniform(_)) => Bitmap::first(len),
            (Self::Each(one), Self::Each(two)) if Arc::ptr_eq(one, two) => Bitmap::default(),
            (Self::Each(one), Self::Each(two)) => {
                Bitmap::of(one.iter().zip(two.iter()).map(|(one, two)| one != two))
            }
            (Self::Each(each), Self::Uniform(all)) | (Self::Uniform(all), Self::Each(each)) => {
                Bitmap::of(each.iter().map(|each| each != all))
            }
        }
    }

    /// The same with `modseq` for the rows of `mask`, out of the `len` rows of which those of
    /// `live` matter.
    pub(crate) fn with(&self, mask: &Bitmap, modseq: u64, live: &Bitmap, len: usize) -> Self {
        if live.without(mask).is_empty() {
            return Self::Uniform(modseq);
        }
        let mut each = match self {
            Self::Uniform(all) => vec![*all; len],
            Self::Each(each) => each.to_vec(),
        };
        for run in mask.runs() {
            each.get_mut(run).unwrap_or_default().fill(modseq);
        }
        Self::Each(each.into())
    }
}

/// The columns that change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Rows that are not expunged; `None` means all.
    pub(crate) live: Option<Arc<Bitmap>>,
    /// For each flag that any row has: its bit, and who has it. Ascending by bit.
    pub(crate) flags: Vec<(u8, Arc<Bitmap>)>,
    pub(crate) modseqs: ModSeqs,
}

impl Marks {
    /// Of messages without flags, all of which are there.
    pub(crate) fn plain(modseqs: ModSeqs) -> Self {
        Self { live: None, flags: Vec::new(), modseqs }
    }

    /// Bytes that they take in memory.
    pub(crate) fn held_len(&self) -> usize {
        let bitmaps = self.flags.len() + usize::from(self.live.is_some());
        let modseqs = match &self.modseqs {
            ModSeqs::Uniform(_) => 0,
            ModSeqs::Each(each) => size_of_val(&**each),
        };
        size_of::<Self>() + bitmaps * (size_of::<Bitmap>() + 32) + modseqs
    }

    /// Who has the flag with this bit.
    pub(crate) fn flag(&self, bit: u8) -> Bitmap {
        let found = self.flags.iter().find(|(has, _)| *has == bit);
        found.map_or_else(Bitmap::default, |(_, bitmap)| **bitmap)
    }

    /// The flags of one row.
    pub(crate) fn flags_at(&self, index: usize) -> FlagBits {
        let set = self.flags.iter().filter(|(_, bitmap)| bitmap.has(index));
        FlagBits(set.fold(0, |bits, (bit, _)| bits | 1 << bit))
    }

    /// Replaces who has a flag; nobody having it takes the bitmap away.
    pub(crate) fn set_flag(&mut self, bit: u8, bitmap: &Bitmap) {
        match self.flags.binary_search_by_key(&bit, |(has, _)| *has) {
            Ok(at) if bitmap.is_empty() => drop(self.flags.remove(at)),
            Ok(at) => {
                if let Some(slot) = self.flags.get_mut(at) {
                    slot.1 = Arc::new(*bitmap);
                }
            }
            Err(_) if bitmap.is_empty() => {}
            Err(at) => self.flags.insert(at, (bit, Arc::new(*bitmap))),
        }
    }
}

/// All columns of a chunk; what may be asked of its marks may be asked of it. Cloning shares
/// everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) base: Arc<Base>,
    pub(crate) marks: Arc<Marks>,
}

impl Columns {
    pub(crate) fn new(base: Base, marks: Marks) -> Self {
        Self { base: Arc::new(base), marks: Arc::new(marks) }
    }

    pub(crate) fn live(&self) -> Bitmap {
        self.live.as_ref().map_or_else(|| Bitmap::first(self.base.len()), |live| **live)
    }
}

impl Deref for Columns {
    type Target = Marks;

    fn deref(&self) -> &Marks {
        &self.marks
    }
}

/// Marks that others share are copied first.
impl DerefMut for Columns {
    fn deref_mut(&mut self) -> &mut Marks {
        Arc::make_mut(&mut self.marks)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bitmap_is_a_set_of_places(
            places in prop::collection::btree_set(0_usize..CHUNK_ROWS_MAX, 0..200),
            range in (0_usize..CHUNK_ROWS_MAX, 0_usize..300),
        ) {
            let mut bits = Bitmap::default();
            for place in &places {
                bits.set(*place);
            }
            prop_assert_eq!(bits.iter().collect::<Vec<_>>(), places.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(bits.count() as usize, places.len());
            for (nth, place) in places.iter().enumerate() {
                prop_assert_eq!(bits.select(u32::try_from(nth).unwrap()), Some(*place));
                prop_assert_eq!(bits.rank(*place) as usize, nth);
            }
            prop_assert_eq!(bits.select(bits.count()), None);
            let runs = bits.runs().flatten();
            prop_assert!(runs.eq(bits.iter()));
            prop_assert!(bits.runs().zip(bits.runs().skip(1)).all(|(one, two)| one.end < two.start));
            prop_assert_eq!(Bitmap::of((0..CHUNK_ROWS_MAX).map(|at| bits.has(at))), bits);
            let (start, end) = (range.0, (range.0 + range.1).min(CHUNK_ROWS_MAX));
            let mut ranged = Bitmap::default();
            ranged.set_range(start, end);
            prop_assert_eq!(ranged.iter().collect::<Vec<_>>(), (start..end).collect::<Vec<_>>());
        }
    }
}
