//! Sets of numbers as they are found, in as few ranges as they fit in (RFC 3501, 9: sequence-set).

use std::ops::RangeInclusive;

use super::push_number;

/// Writes ascending ranges of numbers as one set. Ranges that touch become one.
#[derive(Debug)]
pub(crate) struct SetWriter {
    /// What stands before the first range, and before the others.
    before: &'static str,
    pending: Option<(u32, u32)>,
}

impl SetWriter {
    /// A set that has this before it; nothing at all is written of an empty one.
    pub(crate) fn new(before: &'static str) -> Self {
        Self { before, pending: None }
    }

    /// A range above all ranges before it.
    pub(crate) fn push(&mut self, range: RangeInclusive<u32>, out: &mut Vec<u8>) {
        let (first, last) = range.into_inner();
        match &mut self.pending {
            Some(pending) if pending.1.checked_add(1) == Some(first) => pending.1 = last,
            _ => {
                self.write(out);
                self.pending = Some((first, last));
            }
        }
    }

    /// Writes the last range; false if there was none.
    pub(crate) fn end(mut self, out: &mut Vec<u8>) -> bool {
        self.write(out);
        self.before == ","
    }

    fn write(&mut self, out: &mut Vec<u8>) {
        let Some((first, last)) = self.pending.take() else { return };
        out.extend_from_slice(self.before.as_bytes());
        self.before = ",";
        push_number(out, first);
        if first != last {
            out.push(b':');
            push_number(out, last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_are_one_and_nothing_is_nothing() {
        let (mut set, mut out) = (SetWriter::new("* VANISHED "), Vec::new());
        for range in [1..=3, 4..=4, 6..=6, 9..=10, u32::MAX..=u32::MAX] {
            set.push(range, &mut out);
        }
        assert!(set.end(&mut out));
        assert_eq!(out, b"* VANISHED 1:4,6,9:10,4294967295");
        assert!(!SetWriter::new("x").end(&mut out));
        assert!(!SetWriter::new("").end(&mut out));
    }
}
