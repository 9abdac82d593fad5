//! Flags: the five system flags, and keywords that a mailbox numbers as it meets them.

use std::fmt;
use std::sync::Arc;

/// A system flag (RFC 9051, 2.3.2); the value is its bit in [`FlagBits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SystemFlag {
    /// The message has been answered.
    Answered = 0,
    /// The message is marked for attention.
    Flagged = 1,
    /// The message goes with the next expunge.
    Deleted = 2,
    /// The message has been read.
    Seen = 3,
    /// The message is not finished.
    Draft = 4,
}

impl SystemFlag {
    /// Every system flag, in the order of their bits.
    pub const ALL: [Self; 5] =
        [Self::Answered, Self::Flagged, Self::Deleted, Self::Seen, Self::Draft];

    /// The flag as IMAP writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "\\Answered",
            Self::Flagged => "\\Flagged",
            Self::Deleted => "\\Deleted",
            Self::Seen => "\\Seen",
            Self::Draft => "\\Draft",
        }
    }

    /// Finds a flag by its IMAP name, case-blind.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.name().eq_ignore_ascii_case(name))
    }

    /// The flag alone.
    pub fn bit(self) -> FlagBits {
        FlagBits(1 << (self as u8))
    }
}

/// Keywords that one mailbox can number. One more is refused with [`crate::Error::TooManyKeywords`].
pub const KEYWORDS_MAX: usize = 128 - SystemFlag::ALL.len();

/// A client's own word for a message, an IMAP atom: compared case-blind, kept as first written.
#[derive(Clone, Debug)]
pub struct Keyword(Arc<str>);

impl Keyword {
    /// The longest keyword taken, in bytes.
    pub const LEN_MAX: usize = 255;

    /// `None` for what is no IMAP atom, too long, or begins with a backslash.
    pub fn new(word: &str) -> Option<Self> {
        let is_atom = |byte: u8| byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte);
        let fits = (1..=Self::LEN_MAX).contains(&word.len()) && word.bytes().all(is_atom);
        fits.then(|| Self(word.into()))
    }

    /// The word as first written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Keyword {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Keyword {}

impl fmt::Display for Keyword {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Flags by name, as a client or an import gives them: what a mailbox turns into [`FlagBits`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagSet {
    /// The system flags; no bit of a keyword is set.
    pub system: FlagBits,
    /// The keywords, in the order given, none twice.
    pub keywords: Vec<Keyword>,
}

impl FlagSet {
    /// These system flags and no keyword.
    pub fn system(flags: &[SystemFlag]) -> Self {
        let system = flags.iter().fold(FlagBits::default(), |bits, flag| bits | flag.bit());
        Self { system, keywords: Vec::new() }
    }

    /// Adds a keyword unless it is there.
    pub fn insert(&mut self, keyword: Keyword) {
        if !self.keywords.contains(&keyword) {
            self.keywords.push(keyword);
        }
    }
}

/// One message's flags: bits 0..5 the [`SystemFlag`]s, bit 5 + k keyword number k of the mailbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FlagBits(pub u128);

impl FlagBits {
    /// The bit of keyword number `index` of a mailbox; `index` is below [`KEYWORDS_MAX`].
    pub fn keyword(index: usize) -> Self {
        debug_assert!(index < KEYWORDS_MAX);
        Self(1 << (SystemFlag::ALL.len() + index))
    }

    /// Whether the system flag is set.
    pub fn has(self, flag: SystemFlag) -> bool {
        self.0 & flag.bit().0 != 0
    }

    /// Whether no flag is set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These bits without those of `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The numbers of the bits that are set, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let index = rest.trailing_zeros() as usize;
            rest &= rest.checked_sub(1)?;
            Some(index)
        })
    }
}

impl std::ops::BitOr for FlagBits {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::ops::BitAnd for FlagBits {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_atoms_and_compare_case_blind() {
        assert_eq!(Keyword::new("$Junk"), Keyword::new("$JUNK"));
        for bad in ["", "a b", "\\Seen", "x)", "\u{e9}"] {
            assert_eq!(Keyword::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn bits_are_listed_ascending() {
        let bits = SystemFlag::Seen.bit() | FlagBits::keyword(122) | FlagBits::keyword(0);
        assert_eq!(bits.iter().collect::<Vec<_>>(), [3, 5, 127]);
        assert_eq!(FlagBits::default().iter().next(), None);
    }

    #[test]
    fn system_flags_are_found_case_blind() {
        assert_eq!(SystemFlag::by_name("\\seen"), Some(SystemFlag::Seen));
        assert_eq!(SystemFlag::by_name("\\Recent"), None);
    }
}
