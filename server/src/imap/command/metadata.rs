//! What GETMETADATA and SETMETADATA are asked.

use super::MailboxName;

/// The name of an annotation (RFC 5464, 3.2): `/private/…` or `/shared/…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryName(Box<str>);

impl EntryName {
    /// The longest name taken, in bytes.
    pub const LEN_MAX: usize = 1000;

    /// `None` for a name that is not allowed.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let is_allowed = |byte: u8| matches!(byte, b' '..=b'~') && !b"*%".contains(&byte);
        let name = std::str::from_utf8(bytes).ok().filter(|name| name.len() <= Self::LEN_MAX)?;
        let mut levels = name.strip_prefix('/')?.split('/');
        let first = levels.next()?;
        let is_known = ["private", "shared"].iter().any(|known| first.eq_ignore_ascii_case(known));
        let fits = is_known && levels.all(|level| !level.is_empty());
        (fits && name.bytes().all(is_allowed)).then(|| Self(name.into()))
    }

    /// As the client spelled it.
    pub fn spelled(&self) -> &str {
        &self.0
    }

    /// As it is stored: names are case-blind.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Whether it stands below `/private` or `/shared`, as whatever has a value must.
    pub fn is_below(&self) -> bool {
        self.0.matches('/').count() > 1
    }
}

/// GETMETADATA's arguments (RFC 5464, 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetMetadata {
    /// The mailbox; none for the server.
    pub mailbox: Option<MailboxName>,
    /// Which annotations.
    pub entries: Vec<EntryName>,
    /// Which below them.
    pub depth: Depth,
    /// Values longer than this are not wanted.
    pub size_max: Option<u32>,
}

/// How far below an entry annotations are wanted (RFC 5464, 4.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// `0`: only the entry.
    #[default]
    Entry,
    /// `1`: also the next level.
    Children,
    /// `infinity`: all levels.
    All,
}

/// SETMETADATA's arguments (RFC 5464, 4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetMetadata {
    /// The mailbox; none for the server.
    pub mailbox: Option<MailboxName>,
    /// What to set; without a value, what to take away.
    pub entries: Vec<(EntryName, Option<Vec<u8>>)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_names_are_private_or_shared_and_plain() {
        for good in ["/private/comment", "/Shared/a b/c", "/private"] {
            assert!(EntryName::new(good.as_bytes()).is_some(), "{good}");
        }
        for bad in [
            "",
            "/",
            "private/a",
            "/a",
            "/privates",
            "/private/",
            "/private//a",
            "/shared/*",
            "/shared/%",
        ] {
            assert_eq!(EntryName::new(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(EntryName::new("/private/\u{e9}".as_bytes()), None);
        assert_eq!(EntryName::new(b"/private/a\x19"), None);
    }
}
