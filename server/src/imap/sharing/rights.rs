//! What somebody may do with a mailbox (RFC 4314, 2.1).

use std::fmt;

use engine::{FlagSet, KEYWORDS_MAX, Keyword, SystemFlag};

use crate::imap::encode::push_flag_set;

/// A set of rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights(u16);

/// The letter of each right, in the order of their bits.
const LETTERS: &str = "lrswipkxtea";

impl Rights {
    /// `l`: the mailbox is listed.
    pub(crate) const LOOKUP: Self = Self(1);
    /// `r`: SELECT, STATUS.
    pub(crate) const READ: Self = Self(1 << 1);
    /// `s`: change `\Seen`.
    pub(crate) const SEEN: Self = Self(1 << 2);
    /// `w`: change flags other than `\Seen` and `\Deleted`.
    pub(crate) const WRITE: Self = Self(1 << 3);
    /// `i`: APPEND, COPY into the mailbox.
    pub(crate) const INSERT: Self = Self(1 << 4);
    // `p`, to send mail to a mailbox's own address, is nothing that IMAP asks for.
    /// `k`: CREATE below it.
    pub(crate) const CREATE: Self = Self(1 << 6);
    /// `x`: DELETE and RENAME it.
    pub(crate) const DELETE_MAILBOX: Self = Self(1 << 7);
    /// `t`: change `\Deleted`.
    pub(crate) const DELETE_MESSAGES: Self = Self(1 << 8);
    /// `e`: EXPUNGE.
    pub(crate) const EXPUNGE: Self = Self(1 << 9);
    /// `a`: SETACL and the like.
    pub(crate) const ADMINISTER: Self = Self(1 << 10);
    /// All of them: what an owner has.
    pub(crate) const ALL: Self = Self((1 << 11) - 1);

    /// Reads letters, also those of RFC 2086: `c` is `k`, and `d` is `t` and `e` (RFC 4314,
    /// 2.1.1). `None` if one of them is no right.
    pub(crate) fn parse(letters: &str) -> Option<Self> {
        let mut rights = Self::default();
        for letter in letters.chars() {
            rights = rights.and(match letter {
                'c' => Self::CREATE,
                'd' => Self::DELETE_MESSAGES.and(Self::EXPUNGE),
                letter => Self(1 << LETTERS.find(letter)?),
            });
        }
        Some(rights)
    }

    /// Each right by itself.
    pub(crate) fn each() -> impl Iterator<Item = Self> {
        (0..LETTERS.len()).map(|bit| Self(1 << bit))
    }

    /// These and others.
    pub(crate) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// These without others.
    pub(crate) const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether all of these are among them.
    pub(crate) const fn has(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    /// Whether any of these is.
    pub(crate) const fn has_any(self, wanted: Self) -> bool {
        self.0 & wanted.0 != 0
    }

    /// Whether a flag may be changed with them (RFC 4314, 4).
    pub(crate) const fn allows(self, flag: SystemFlag) -> bool {
        self.has(match flag {
            SystemFlag::Seen => Self::SEEN,
            SystemFlag::Deleted => Self::DELETE_MESSAGES,
            _ => Self::WRITE,
        })
    }

    /// PERMANENTFLAGS: the flags that may be changed (RFC 4314, 5.1.1).
    pub(crate) fn push_permanent_flags(self, out: &mut Vec<u8>, keywords: &[Keyword]) {
        let system = SystemFlag::ALL.into_iter().filter(|flag| self.allows(*flag));
        let takes_more = self.has(Self::WRITE) && keywords.len() < KEYWORDS_MAX;
        let keywords = if self.has(Self::WRITE) { keywords } else { &[] };
        push_flag_set(out, system, keywords, takes_more);
    }

    /// Those of the flags that may be changed.
    pub(crate) fn allowed(self, flags: FlagSet) -> FlagSet {
        let all = SystemFlag::ALL.into_iter();
        let allowed = all.filter(|flag| flags.system.has(*flag) && self.allows(*flag));
        let system = FlagSet::system(&allowed.collect::<Vec<_>>()).system;
        let keywords = if self.has(Self::WRITE) { flags.keywords } else { Vec::new() };
        FlagSet { system, keywords }
    }
}

/// The letters, with those of RFC 2086 that a part of is there (RFC 4314, 2.1.1).
impl fmt::Display for Rights {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (letter, right) in LETTERS.chars().zip(Self::each()) {
            if self.has(right) {
                write!(out, "{letter}")?;
            }
        }
        if self.has(Self::CREATE) {
            out.write_str("c")?;
        }
        if self.has_any(Self::DELETE_MESSAGES.and(Self::EXPUNGE)) {
            out.write_str("d")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_rights_and_those_of_old_are_several() {
        let parsed = |letters| Rights::parse(letters).map(|rights| rights.to_string());
        assert_eq!(parsed("").as_deref(), Some(""));
        assert_eq!(parsed("rl").as_deref(), Some("lr"));
        assert_eq!(parsed("lrswicda").as_deref(), Some("lrswikteacd"));
        assert_eq!(parsed("e").as_deref(), Some("ed"));
        assert_eq!(parsed("lrQ"), None);
        assert_eq!(Rights::ALL.to_string(), "lrswipkxteacd");
        assert_eq!(Rights::each().fold(Rights::default(), Rights::and), Rights::ALL);
    }

    #[test]
    fn flags_are_allowed_by_three_rights() {
        let all = FlagSet::system(&SystemFlag::ALL);
        let allowed = |letters| {
            let rights = Rights::parse(letters).expect("rights");
            let flags = rights.allowed(all.clone()).system;
            SystemFlag::ALL.into_iter().filter(|flag| flags.has(*flag)).collect::<Vec<_>>()
        };
        assert_eq!(allowed("s"), [SystemFlag::Seen]);
        assert_eq!(allowed("t"), [SystemFlag::Deleted]);
        assert_eq!(allowed("stw").len(), SystemFlag::ALL.len());
        assert_eq!(allowed("lr"), []);
    }
}
