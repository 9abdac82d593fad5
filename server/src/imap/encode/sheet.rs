//! Where short texts are put together before they go to the output: copies of fixed size into a
//! small buffer, which a million lines are made of in a fraction of the time that as many appends
//! to the output would take.

/// The buffer is emptied into the output once it holds this much.
const LEN_FULL: usize = 4096;
/// What may be put on it between two calls of [`Pen::make_room`].
const ROOM: usize = 1024;

type Bytes = [u8; LEN_FULL + ROOM];

/// Text on its way to the output.
#[derive(Debug)]
pub(crate) struct Sheet {
    bytes: Box<Bytes>,
}

impl Sheet {
    /// Empty.
    pub(crate) fn new() -> Self {
        Self { bytes: Box::new([0; LEN_FULL + ROOM]) }
    }

    /// Begins to write what is to follow `out`.
    pub(crate) fn pen<'s>(&'s mut self, out: &'s mut Vec<u8>) -> Pen<'s> {
        Pen { bytes: &mut self.bytes, len: 0, out }
    }
}

/// Writes on a sheet. What is on it is in the output only after [`Pen::settle`].
#[derive(Debug)]
pub(crate) struct Pen<'s> {
    bytes: &'s mut Bytes,
    /// Copied from and to functions that are not inlined, so that it stays in a register.
    len: usize,
    out: &'s mut Vec<u8>,
}

impl Pen<'_> {
    /// Makes room for what the columns tell of one message; true if the output has `full` bytes.
    #[inline]
    pub(crate) fn make_room(&mut self, full: usize) -> bool {
        if self.len < LEN_FULL {
            return false;
        }
        self.settle();
        self.out.len() >= full
    }

    /// Moves everything to the output.
    #[inline]
    pub(crate) fn settle(&mut self) {
        settle(self.bytes, self.len, self.out);
        self.len = 0;
    }

    /// The first `len` bytes of `text`, all of which is copied.
    #[inline]
    pub(crate) fn push_padded<const N: usize>(&mut self, text: &[u8; N], len: usize) {
        let rest = self.bytes.get_mut(self.len..).unwrap_or_default();
        let slot = rest.first_chunk_mut();
        debug_assert!(slot.is_some() && len <= N, "more than there is room for");
        if let Some(slot) = slot {
            *slot = *text;
            self.len += len;
        }
    }

    /// All of `text`.
    #[inline]
    pub(crate) fn push<const N: usize>(&mut self, text: &[u8; N]) {
        self.push_padded(text, N);
    }

    /// All of a text that may be too long for the sheet.
    #[inline]
    pub(crate) fn push_long(&mut self, text: &[u8]) {
        self.settle();
        self.out.extend_from_slice(text);
    }

    /// Takes the last byte back if it is a space.
    #[inline]
    pub(crate) fn take_space_back(&mut self) {
        let last = self.len.checked_sub(1).and_then(|last| self.bytes.get(last));
        if last == Some(&b' ') {
            self.len -= 1;
        }
    }
}

#[inline(never)]
fn settle(bytes: &Bytes, len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(bytes.get(..len).unwrap_or_default());
}

/// A number in decimal. Quick where it is followed by the next number.
#[derive(Debug)]
pub(crate) struct Digits {
    value: u64,
    text: [u8; 24],
    len: usize,
}

impl Digits {
    /// Zero.
    pub(crate) fn new() -> Self {
        let mut text = [0; 24];
        text[0] = b'0';
        Self { value: 0, text, len: 1 }
    }

    /// Writes a number.
    #[inline]
    pub(crate) fn push(&mut self, value: u64, pen: &mut Pen<'_>) {
        if value != self.value {
            let follows = self.value.checked_add(1) == Some(value);
            self.value = value;
            if !follows || !self.count_up() {
                self.write();
            }
        }
        pen.push_padded(&self.text, self.len);
    }

    fn write(&mut self) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(self.value).as_bytes();
        self.len = digits.len();
        // The longest number has 20 digits.
        if let Some(slot) = self.text.get_mut(..digits.len()) {
            slot.copy_from_slice(digits);
        }
    }

    /// Turns the text into that of the next number; false if it needs one digit more.
    #[inline]
    fn count_up(&mut self) -> bool {
        for digit in self.text.iter_mut().take(self.len).rev() {
            if *digit < b'9' {
                *digit += 1;
                return true;
            }
            *digit = b'0';
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_however_they_follow_one_another() {
        let jumps = [0, 1, 2, 1, 9, 10, 11, 98, 99, 100, 101, 4_294_967_295, u64::MAX, 0, 5, 5];
        let (mut digits, mut sheet, mut out) = (Digits::new(), Sheet::new(), Vec::new());
        let mut pen = sheet.pen(&mut out);
        for number in jumps.into_iter().chain(995..1105) {
            digits.push(number, &mut pen);
            pen.push(b" ");
        }
        pen.settle();
        let expected: Vec<_> =
            jumps.into_iter().chain(995..1105).map(|number| format!("{number} ")).collect();
        assert_eq!(String::from_utf8(out).expect("digits"), expected.concat());
    }

    #[test]
    fn what_is_full_goes_to_the_output_in_order() {
        let (mut sheet, mut out) = (Sheet::new(), Vec::new());
        let mut pen = sheet.pen(&mut out);
        for number in 0..3000_u32 {
            assert!(!pen.make_room(usize::MAX));
            pen.push(&number.to_be_bytes());
            pen.push_padded(b" and more", 1);
        }
        pen.take_space_back();
        pen.settle();
        assert!(!pen.make_room(1));
        let expected: Vec<u8> =
            (0..3000_u32).flat_map(|n| [&n.to_be_bytes()[..], b" "].concat()).collect();
        assert_eq!(out, expected[..expected.len() - 1]);
    }
}
