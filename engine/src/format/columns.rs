//! The columns of one chunk: what never changes of its messages, column by column, and the marks,
//! which change.
//!
//! | field of columns | bytes                                                                |
//! |------------------|----------------------------------------------------------------------|
//! | version          | 1: the number 1                                                      |
//! | rows             | 4: n                                                                 |
//! | UIDs             | 4 n                                                                  |
//! | sizes            | 4 n                                                                  |
//! | internal dates   | 8 n                                                                  |
//! | zones            | 2 n                                                                  |
//! | save dates       | 8 n                                                                  |
//! | sent dates       | 8 n                                                                  |
//! | sent zones       | 2 n                                                                  |
//! | e-mail ids       | 8 n                                                                  |
//! | thread ids       | 8 n                                                                  |
//!
//! | field of marks   | bytes                                                                |
//! |------------------|----------------------------------------------------------------------|
//! | version          | 1: the number 1                                                      |
//! | rows             | 4: n                                                                 |
//! | live             | 1: 0 = all, 1 = a bitmap follows                                     |
//! | flags            | 1: count; each 1: bit, then a bitmap                                 |
//! | mod-sequences    | 1: 0 = one for all (8), 1 = one for each (8 n)                       |
//!
//! Integers are little-endian, so that a column is one copy. A bitmap is ⌈n / 64⌉ words of 8
//! bytes, low bits first.

use std::sync::Arc;

use crate::Fault;
use crate::columns::{Base, Bitmap, CHUNK_ROWS_MAX, Marks, ModSeqs};
use crate::format::reader::{Put, Reader};

const VERSION: u8 = 1;

/// The columns that never change, as the payload of a record.
pub(crate) fn encode(base: &Base) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + base.len() * 52);
    put_head(base.len(), &mut out);
    for column in [&base.uids, &base.sizes] {
        column.iter().for_each(|value| out.put_u32(*value));
    }
    base.internal_seconds.iter().for_each(|value| out.put_u64(value.cast_unsigned()));
    base.internal_zones.iter().for_each(|value| out.put_u16(value.cast_unsigned()));
    for column in [&base.save_dates, &base.sent_dates] {
        column.iter().for_each(|value| out.put_u64(value.cast_unsigned()));
    }
    base.sent_zones.iter().for_each(|value| out.put_u16(value.cast_unsigned()));
    for column in [&base.email_ids, &base.thread_ids] {
        column.iter().for_each(|value| out.put_u64(*value));
    }
    out
}

/// The columns that never change.
pub(crate) fn decode(payload: &[u8]) -> Result<Base, Fault> {
    let mut input = Reader::new(payload);
    let rows = head(&mut input)?;
    let base = base(&mut input, rows)?;
    if !base.uids.is_sorted_by(|left, right| left < right) || base.uids.first() == Some(&0) {
        return Err(Fault::Invalid("UIDs"));
    }
    input.finish()?;
    Ok(base)
}

/// The marks of `rows` messages as the payload of a record.
pub(crate) fn encode_marks(marks: &Marks, rows: usize) -> Vec<u8> {
    let words = rows.div_ceil(64);
    let mut out = Vec::with_capacity(32 + (marks.flags.len() + 1) * (1 + words * 8));
    put_head(rows, &mut out);
    match &marks.live {
        None => out.put_u8(0),
        Some(live) => {
            out.put_u8(1);
            put_bitmap(live, words, &mut out);
        }
    }
    out.put_u8(u8::try_from(marks.flags.len()).unwrap_or(u8::MAX));
    for (bit, bitmap) in &marks.flags {
        out.put_u8(*bit);
        put_bitmap(bitmap, words, &mut out);
    }
    match &marks.modseqs {
        ModSeqs::Uniform(modseq) => {
            out.put_u8(0);
            out.put_u64(*modseq);
        }
        ModSeqs::Each(modseqs) => {
            out.put_u8(1);
            modseqs.iter().for_each(|modseq| out.put_u64(*modseq));
        }
    }
    out
}

/// The marks, and of how many messages they are.
pub(crate) fn decode_marks(payload: &[u8]) -> Result<(Marks, usize), Fault> {
    let mut input = Reader::new(payload);
    let rows = head(&mut input)?;
    let words = rows.div_ceil(64);
    let live = match input.u8()? {
        0 => None,
        1 => Some(Arc::new(bitmap(&mut input, rows, words)?)),
        value => return Err(Fault::Unknown { field: "live", value: value.into() }),
    };
    let count = input.u8()?;
    let mut flags: Vec<(u8, Arc<Bitmap>)> = Vec::with_capacity(count.into());
    for _ in 0..count {
        let bit = input.u8()?;
        if bit >= 128 || flags.last().is_some_and(|(before, _)| *before >= bit) {
            return Err(Fault::Invalid("flag bit"));
        }
        flags.push((bit, Arc::new(bitmap(&mut input, rows, words)?)));
    }
    let modseqs = match input.u8()? {
        0 => ModSeqs::Uniform(input.u64()?),
        1 => ModSeqs::Each(u64s(&mut input, rows)?.into()),
        value => return Err(Fault::Unknown { field: "mod-sequences", value: value.into() }),
    };
    input.finish()?;
    Ok((Marks { live, flags, modseqs }, rows))
}

fn put_head(rows: usize, out: &mut Vec<u8>) {
    out.put_u8(VERSION);
    out.put_u32(u32::try_from(rows).unwrap_or(u32::MAX));
}

fn head(input: &mut Reader<'_>) -> Result<usize, Fault> {
    match input.u8()? {
        VERSION => {}
        value => return Err(Fault::Unknown { field: "columns version", value: value.into() }),
    }
    let rows = input.u32()? as usize;
    if rows == 0 || rows > CHUNK_ROWS_MAX { Err(Fault::Invalid("rows")) } else { Ok(rows) }
}

fn base(input: &mut Reader<'_>, rows: usize) -> Result<Base, Fault> {
    Ok(Base {
        uids: u32s(input, rows)?,
        sizes: u32s(input, rows)?,
        internal_seconds: i64s(input, rows)?,
        internal_zones: column(input, rows, i16::from_le_bytes)?,
        save_dates: i64s(input, rows)?,
        sent_dates: i64s(input, rows)?,
        sent_zones: column(input, rows, i16::from_le_bytes)?,
        email_ids: u64s(input, rows)?,
        thread_ids: u64s(input, rows)?,
    })
}

fn u32s(input: &mut Reader<'_>, rows: usize) -> Result<Vec<u32>, Fault> {
    column(input, rows, u32::from_le_bytes)
}

fn u64s(input: &mut Reader<'_>, rows: usize) -> Result<Vec<u64>, Fault> {
    column(input, rows, u64::from_le_bytes)
}

fn i64s(input: &mut Reader<'_>, rows: usize) -> Result<Vec<i64>, Fault> {
    column(input, rows, i64::from_le_bytes)
}

fn column<T, const N: usize>(
    input: &mut Reader<'_>,
    rows: usize,
    value: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, Fault> {
    let (values, _) = input.bytes(rows * N)?.as_chunks::<N>();
    Ok(values.iter().map(|bytes| value(*bytes)).collect())
}

fn put_bitmap(bitmap: &Bitmap, words: usize, out: &mut Vec<u8>) {
    bitmap.words().iter().take(words).for_each(|word| out.put_u64(*word));
}

fn bitmap(input: &mut Reader<'_>, rows: usize, words: usize) -> Result<Bitmap, Fault> {
    let bitmap = Bitmap::from_words(u64s(input, words)?);
    let beyond = bitmap.without(&Bitmap::first(rows));
    if beyond.is_empty() { Ok(bitmap) } else { Err(Fault::Invalid("bitmap")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::columns::Columns;

    fn sample(rows: u32) -> Columns {
        let mut base = Base::default();
        for row in 0..rows {
            let wide = u64::from(row);
            base.uids.push(row * 2 + 1);
            base.sizes.push(row + 100);
            base.internal_seconds.push(i64::from(row) - 5);
            base.internal_zones.push(-60);
            base.save_dates.push(1);
            base.sent_dates.push(2);
            base.sent_zones.push(3);
            base.email_ids.push(wide);
            base.thread_ids.push(wide << 40);
        }
        let rows = rows as usize;
        let modseqs = ModSeqs::collect((0..rows as u64).map(|row| row + 1).collect());
        let mut marks = Marks::plain(modseqs);
        marks.live = Some(Arc::new(Bitmap::first(rows - 1)));
        marks.set_flag(3, &Bitmap::first(rows / 2));
        marks.set_flag(127, &Bitmap::first(1));
        Columns::new(base, marks)
    }

    #[test]
    fn columns_come_back_and_every_cut_is_a_fault() {
        for rows in [2, 64, 65, 4096] {
            let columns = sample(rows);
            let rows = rows as usize;
            let payload = encode(&columns.base);
            assert_eq!(decode(&payload).as_ref(), Ok(&*columns.base));
            for len in (0..payload.len()).step_by(97) {
                assert!(decode(&payload[..len]).is_err());
            }
            let payload = encode_marks(&columns.marks, rows);
            assert_eq!(decode_marks(&payload), Ok((Marks::clone(&columns.marks), rows)));
            for len in (0..payload.len()).step_by(97) {
                assert!(decode_marks(&payload[..len]).is_err());
            }
        }
    }

    /// Pins the tables above. Changing these bytes means a new version.
    #[test]
    fn golden_bytes() {
        let columns = sample(2);
        let payload = encode(&columns.base);
        let (head, rest) = payload.split_at(13);
        assert_eq!(head, b"\x01\x02\0\0\0\x01\0\0\0\x03\0\0\0");
        assert_eq!(crc32fast::hash(rest), 0xf5f0_bfc9);
        let payload = encode_marks(&columns.marks, 2);
        assert_eq!(
            crate::format::reader::hex(&payload),
            "0102000000010100000000000000020301000000000000007f01000000000000000101000000000000000200000000000000"
        );
    }

    proptest! {
        #[test]
        fn flipped_bits_are_faults_or_other_columns_but_never_a_panic(
            at in 0_usize..4000, bit in 0_u8..8,
        ) {
            let columns = sample(65);
            let mut payload = encode(&columns.base);
            let place = at % payload.len();
            payload[place] ^= 1 << bit;
            if let Ok(base) = decode(&payload) {
                prop_assert_eq!(encode(&base), payload);
            }
            let mut payload = encode_marks(&columns.marks, 65);
            let place = at % payload.len();
            payload[place] ^= 1 << bit;
            if let Ok((marks, rows)) = decode_marks(&payload) {
                prop_assert_eq!(encode_marks(&marks, rows), payload);
            }
        }
    }
}
