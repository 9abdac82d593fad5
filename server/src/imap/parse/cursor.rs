//! Reading words, numbers, strings and sets from the front of a command (RFC 3501, 9).

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::ops::Range;

use crate::imap::command::{Bound, SequenceSet};
use crate::imap::dialect::Dialect;

/// What a command lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// This should stand there.
    Expected(&'static str),
    /// Text in a charset we do not know.
    BadCharset,
    /// The same in a search that was to be kept.
    BadCharsetToSave,
}

/// The rest of a command.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    dialect: Dialect,
}

impl<'a> Cursor<'a> {
    /// Starts at the front. One line end after the command is not part of it.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        Self { bytes, at: 0, dialect: Dialect::default() }
    }

    /// The same for a client that enabled something.
    pub(super) fn in_dialect(bytes: &'a [u8], dialect: Dialect) -> Self {
        Self { dialect, ..Self::new(bytes) }
    }

    /// What the client enabled.
    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The next byte, left where it is.
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Goes past `count` bytes that were looked at.
    pub(super) fn advance(&mut self, count: usize) {
        self.at = (self.at + count).min(self.bytes.len());
    }

    /// Takes the byte if it is next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Takes the word, case-blind, if it is next and ends there.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let is_next = self.rest_while(is_atom_char).eq_ignore_ascii_case(word.as_bytes());
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    /// Takes the letters, case-blind, if they are next.
    pub(super) fn eat_prefix(&mut self, letters: &str) -> bool {
        let next = self.bytes.get(self.at..).and_then(|rest| rest.get(..letters.len()));
        let is_next = next.is_some_and(|next| next.eq_ignore_ascii_case(letters.as_bytes()));
        if is_next {
            self.at += letters.len();
        }
        is_next
    }

    /// Takes the byte or says what should stand there.
    pub(super) fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Malformed> {
        if self.eat(byte) { Ok(()) } else { Err(Malformed::Expected(what)) }
    }

    /// The space between arguments; more than one is forgiven.
    pub(super) fn space(&mut self) -> Result<(), Malformed> {
        self.expect(b' ', "a space and a further argument")?;
        self.skip_spaces();
        Ok(())
    }

    /// Takes whatever spaces are next.
    pub(super) fn skip_spaces(&mut self) {
        while self.eat(b' ') {}
    }

    /// One thing, or one or several of them in parentheses.
    pub(super) fn one_or_several<T>(
        &mut self,
        (count_max, too_many): (usize, &'static str),
        mut take: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        if !self.eat(b'(') {
            return Ok(vec![take(self)?]);
        }
        let mut all = Vec::new();
        self.skip_spaces();
        while all.is_empty() || !self.eat(b')') {
            if all.len() >= count_max {
                return Err(Malformed::Expected(too_many));
            }
            all.push(take(self)?);
            self.skip_spaces();
        }
        Ok(all)
    }

    /// Takes spaces; true if something follows them.
    pub(super) fn more_words(&mut self) -> bool {
        self.peek() == Some(b' ') && {
            self.skip_spaces();
            self.peek().is_some()
        }
    }

    /// The end of the command; spaces before it are forgiven (CLIENTS.md rule 14).
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        self.skip_spaces();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Malformed::Expected("the end of the command")),
        }
    }

    /// Everything up to a space.
    pub(super) fn until_space(&mut self) -> &'a [u8] {
        self.take_while(|byte| byte != b' ')
    }

    /// An atom in upper case; empty if none is next.
    pub(super) fn upper_word(&mut self) -> String {
        let word = self.take_while(is_atom_char);
        String::from_utf8_lossy(word).to_ascii_uppercase()
    }

    /// An item of FETCH in upper case: letters, digits and dots.
    pub(super) fn item_word(&mut self) -> String {
        let word = self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
        String::from_utf8_lossy(word).to_ascii_uppercase()
    }

    /// A flag: an atom, perhaps with a backslash before it.
    pub(super) fn flag_word(&mut self) -> Result<&'a str, Malformed> {
        let start = self.at;
        self.eat(b'\\');
        self.take_while(is_atom_char);
        let word = self.bytes.get(start..self.at).unwrap_or_default();
        let word = std::str::from_utf8(word).ok().filter(|word| !word.is_empty());
        word.ok_or(Malformed::Expected("a flag"))
    }

    /// `astring`: an atom, `]` allowed in it, or a string.
    pub(super) fn astring(&mut self) -> Result<Cow<'a, [u8]>, Malformed> {
        self.atom_or_string(|byte| is_atom_char(byte) || byte == b']' || byte >= 0x80)
    }

    /// `list-mailbox`: an astring in which wildcards may stand.
    pub(super) fn list_pattern(&mut self) -> Result<Cow<'a, [u8]>, Malformed> {
        self.atom_or_string(|byte| is_atom_char(byte) || byte >= 0x80 || b"]%*".contains(&byte))
    }

    /// A string, or anything up to a space.
    pub(super) fn loose_string(&mut self) -> Result<Cow<'a, [u8]>, Malformed> {
        self.atom_or_string(|byte| byte != b' ')
    }

    fn atom_or_string(
        &mut self,
        is_plain: impl Fn(u8) -> bool,
    ) -> Result<Cow<'a, [u8]>, Malformed> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(),
            _ => match self.take_while(is_plain) {
                [] => Err(Malformed::Expected("a word or a string")),
                atom => Ok(Cow::Borrowed(atom)),
            },
        }
    }

    /// `string`: quoted or a literal. Neither may hold NUL, nor a quoted one a line end.
    pub(super) fn string(&mut self) -> Result<Cow<'a, [u8]>, Malformed> {
        let string = match self.peek() {
            Some(b'"') => self.quoted()?,
            Some(b'{') => Cow::Borrowed(self.literal()?),
            _ => return Err(Malformed::Expected("a string")),
        };
        match memchr::memchr(0, &string) {
            None => Ok(string),
            Some(_) => Err(Malformed::Expected("a string without NUL")),
        }
    }

    fn quoted(&mut self) -> Result<Cow<'a, [u8]>, Malformed> {
        self.advance(1);
        let start = self.at;
        let plain = self.take_while(|byte| !b"\"\\\r\n".contains(&byte));
        if self.eat(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        self.at = start;
        let mut unescaped = Vec::new();
        loop {
            unescaped.extend_from_slice(self.take_while(|byte| !b"\"\\\r\n".contains(&byte)));
            match self.peek() {
                Some(b'"') => {
                    self.advance(1);
                    return Ok(Cow::Owned(unescaped));
                }
                Some(b'\\') => {
                    let escaped = self.bytes.get(self.at + 1).copied();
                    let escaped = escaped.filter(|byte| b"\"\\".contains(byte));
                    unescaped.push(escaped.ok_or(Malformed::Expected("a valid escape"))?);
                    self.advance(2);
                }
                _ => return Err(Malformed::Expected("the end of a quoted string")),
            }
        }
    }

    /// The bytes of a literal, whatever they are.
    pub(super) fn literal(&mut self) -> Result<&'a [u8], Malformed> {
        let range = self.literal_range()?;
        Ok(self.bytes.get(range).unwrap_or_default())
    }

    /// Where a literal's bytes are: `{n}`, `{n+}` (RFC 7888), a line end and n bytes.
    pub(super) fn literal_range(&mut self) -> Result<Range<usize>, Malformed> {
        const WHAT: Malformed = Malformed::Expected("a literal");
        self.expect(b'{', "a literal")?;
        let len = usize::try_from(self.number()?).map_err(|_| WHAT)?;
        let _is_non_synchronizing = self.eat(b'+') || self.eat(b'-');
        self.expect(b'}', "the end of a literal's length")?;
        self.eat(b'\r');
        self.expect(b'\n', "a line end after a literal's length")?;
        let end = self.at.checked_add(len).filter(|end| *end <= self.bytes.len()).ok_or(WHAT)?;
        let range = self.at..end;
        self.at = end;
        Ok(range)
    }

    /// `number`: 32 bits (RFC 3501, 9).
    pub(super) fn number(&mut self) -> Result<u32, Malformed> {
        let number = self.number64()?;
        u32::try_from(number).map_err(|_| Malformed::Expected("a number below 2^32"))
    }

    /// `mod-sequence-valzer`: 63 bits, 0 allowed (RFC 7162, 7).
    pub(super) fn mod_sequence(&mut self) -> Result<u64, Malformed> {
        let number = self.number64()?;
        match i64::try_from(number) {
            Ok(_) => Ok(number),
            Err(_) => Err(Malformed::Expected("a mod-sequence below 2^63")),
        }
    }

    /// A number of up to 64 bits.
    pub(super) fn number64(&mut self) -> Result<u64, Malformed> {
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        let value = digits.iter().try_fold(0_u64, |value, digit| {
            value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        });
        value.filter(|_| !digits.is_empty()).ok_or(Malformed::Expected("a number"))
    }

    /// `nz-number`.
    pub(super) fn nonzero(&mut self) -> Result<NonZeroU32, Malformed> {
        NonZeroU32::new(self.number()?).ok_or(Malformed::Expected("a number above 0"))
    }

    /// `sequence-set`, as long as the command may be, or `$` (RFC 5182, 3).
    pub(super) fn sequence_set(&mut self) -> Result<SequenceSet, Malformed> {
        if self.eat(b'$') {
            return Ok(SequenceSet::saved());
        }
        let mut set = SequenceSet::default();
        loop {
            let first = self.bound()?;
            let last = if self.eat(b':') { self.bound()? } else { first };
            set.push(first, last);
            if !self.eat(b',') {
                return Ok(set);
            }
        }
    }

    /// `seq-number`.
    pub(super) fn bound(&mut self) -> Result<Bound, Malformed> {
        if self.eat(b'*') { Ok(Bound::Highest) } else { self.nonzero().map(Bound::Number) }
    }

    fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> &'a [u8] {
        let taken = self.rest_while(accept);
        self.at += taken.len();
        taken
    }

    fn rest_while(&self, accept: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest.iter().position(|byte| !accept(*byte)).unwrap_or(rest.len());
        rest.get(..len).unwrap_or_default()
    }
}

/// `ATOM-CHAR`: no specials, no space, no control, no 8-bit.
pub(super) fn is_atom_char(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte)
}
