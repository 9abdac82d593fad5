//! The access control list of a mailbox (RFC 4314, 2), which the mailbox has as an annotation that
//! no client can name. The owner of the account is not in it and has all rights.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine::{MailboxEntry, MailboxList};

use super::Rights;
use crate::directory::{ANYONE, Address};

/// The annotation. Those that clients can name begin with a slash.
pub(crate) const ENTRY: &str = "acl";

/// Rights by identifier. One that begins with `-` takes them away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Acl(BTreeMap<String, Rights>);

impl Acl {
    /// The list of a mailbox.
    pub(crate) fn of(list: &MailboxList, mailbox: &MailboxEntry) -> Self {
        list.annotation(mailbox, ENTRY).map_or_else(Self::default, Self::decode)
    }

    /// Lines of an identifier and its rights. What is no such line gives nobody anything.
    fn decode(value: &[u8]) -> Self {
        let text = String::from_utf8_lossy(value);
        let entry = |line: &str| {
            let (identifier, letters) = line.rsplit_once(' ')?;
            Some((identifier.to_owned(), Rights::parse(letters)?))
        };
        Self(text.lines().filter_map(entry).collect())
    }

    /// The value of the annotation; `None` for a list of nobody.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let mut text = String::new();
        for (identifier, rights) in &self.0 {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{identifier} {rights}");
        }
        (!text.is_empty()).then(|| text.into_bytes())
    }

    /// Who has which rights.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Rights)> {
        self.0.iter().map(|(identifier, rights)| (identifier.as_str(), *rights))
    }

    /// The rights of an identifier, by itself.
    pub(crate) fn get(&self, identifier: &str) -> Rights {
        self.0.get(identifier).copied().unwrap_or_default()
    }

    /// Gives an identifier these rights and no others; without any it goes.
    pub(crate) fn set(&mut self, identifier: &str, rights: Rights) {
        if rights == Rights::default() {
            self.0.remove(identifier);
        } else {
            self.0.insert(identifier.to_owned(), rights);
        }
    }

    /// What a user may do with a mailbox of this owner: what it or anyone is given, without what is
    /// taken from either.
    pub(crate) fn rights_of(&self, user: &Address, owner: &Address) -> Rights {
        let is_anyone = user.domain() == owner.domain();
        let user = user.to_string();
        let names = [Some(user.as_str()), is_anyone.then_some(ANYONE)];
        let (mut given, mut taken) = (Rights::default(), Rights::default());
        for name in names.into_iter().flatten() {
            given = given.and(self.get(name));
            taken = taken.and(self.get(&format!("-{name}")));
        }
        given.without(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_given_and_taken_away() {
        let [ben, ann, far] = ["ben@a.test", "ann@a.test", "far@b.test"]
            .map(|text| Address::parse(text).expect("an address"));
        let mut acl = Acl::default();
        assert_eq!((acl.rights_of(&ben, &ann), acl.encode()), (Rights::default(), None));
        let rights = |letters| Rights::parse(letters).expect("rights");
        acl.set(ANYONE, rights("lr"));
        acl.set("ben@a.test", rights("is"));
        acl.set("-ben@a.test", rights("s"));
        assert_eq!(acl.rights_of(&ben, &ann), rights("lri"));
        assert_eq!(acl.rights_of(&ben, &far), rights("i"));
        acl.set("-anyone", rights("r"));
        assert_eq!(acl.rights_of(&ben, &ann), rights("li"));
        let value = acl.encode().expect("a value");
        assert_eq!(Acl::decode(&value), acl);
        acl.set("ben@a.test", Rights::default());
        assert_eq!(acl.iter().count(), 3);
        assert_eq!(Acl::decode(b"ben lrQ\nnonsense\n\xff l\n").iter().count(), 1);
    }
}
