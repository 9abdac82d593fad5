//! A mailbox as a list.

use crate::columns::NewRow;
use crate::flags::{FlagBits, FlagSet, Keyword, SystemFlag};
use crate::ids::Uid;
use crate::record::FlagAction;
use crate::state::{Expunge, FlagEdit};
use crate::uid_set::UidSet;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    pub(super) uid: u32,
    pub(super) flags: FlagBits,
    pub(super) modseq: u64,
    pub(super) facts: NewRow,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) messages: Vec<Message>,
    pub(super) keywords: Vec<Keyword>,
    pub(super) uid_next: u32,
    pub(super) modseq: u64,
    pub(super) vanished: Vec<(u64, u32)>,
}

impl Default for Model {
    fn default() -> Self {
        let (messages, keywords, vanished) = (Vec::new(), Vec::new(), Vec::new());
        Self { messages, keywords, uid_next: 1, modseq: 1, vanished }
    }
}

impl Model {
    fn number(&mut self, flags: &FlagSet) -> FlagBits {
        let mut bits = flags.system.0;
        for keyword in &flags.keywords {
            if !self.keywords.contains(keyword) {
                self.keywords.push(keyword.clone());
            }
            let at = self.keywords.iter().position(|known| known == keyword).expect("there now");
            bits |= 1 << (5 + at);
        }
        FlagBits(bits)
    }

    pub(super) fn append(&mut self, rows: &[NewRow], flags: &[&FlagSet]) {
        self.modseq += 1;
        for (facts, flags) in rows.iter().zip(flags) {
            let flags = self.number(flags);
            self.push(flags, *facts);
        }
    }

    fn push(&mut self, flags: FlagBits, facts: NewRow) {
        self.messages.push(Message { uid: self.uid_next, flags, modseq: self.modseq, facts });
        self.uid_next += 1;
    }

    /// Who changed, and who changed too recently.
    pub(super) fn edit(&mut self, edit: &FlagEdit) -> (UidSet, UidSet) {
        let keywords = self.keywords.clone();
        let flags = self.number(&edit.flags);
        let since = edit.unchanged_since.unwrap_or(u64::MAX);
        let (mut changed, mut conflicts) = (UidSet::new(), UidSet::new());
        for message in &mut self.messages {
            let uid = Uid::new(message.uid).expect("above 0");
            if !edit.uids.contains(uid) {
                continue;
            }
            if message.modseq > since {
                conflicts.insert(uid);
                continue;
            }
            let new = match edit.action {
                FlagAction::Add => message.flags | flags,
                FlagAction::Remove => message.flags.without(flags),
                FlagAction::Replace => flags,
            };
            if new != message.flags {
                (message.flags, message.modseq) = (new, self.modseq + 1);
                changed.insert(uid);
            }
        }
        if changed.is_empty() || edit.action == FlagAction::Remove {
            self.keywords = keywords;
        }
        self.modseq += u64::from(!changed.is_empty());
        (changed, conflicts)
    }

    pub(super) fn expunge(&mut self, uids: &UidSet, which: Expunge) {
        let goes = |message: &Message| {
            uids.contains(Uid::new(message.uid).expect("above 0"))
                && (which == Expunge::Any || message.flags.has(SystemFlag::Deleted))
        };
        let gone: Vec<_> = self.messages.iter().filter(|message| goes(message)).collect();
        let gone: Vec<_> = gone.iter().map(|message| (self.modseq + 1, message.uid)).collect();
        self.messages.retain(|message| !goes(message));
        self.modseq += u64::from(!gone.is_empty());
        self.vanished.extend(gone);
    }

    pub(super) fn existing(&self, uids: &UidSet) -> Vec<Message> {
        let is_in = |message: &&Message| uids.contains(Uid::new(message.uid).expect("above 0"));
        self.messages.iter().filter(is_in).cloned().collect()
    }

    /// Copies come in, with the keywords they had where they come from. New keywords are numbered
    /// in the order of their numbers there.
    pub(super) fn arrive(&mut self, originals: &[Message], keywords: &[Keyword], save_date: i64) {
        self.modseq += 1;
        let used = originals.iter().fold(0, |used, message| used | message.flags.0);
        let has = |bits: u128, at: usize| bits >> (5 + at) & 1 == 1;
        for (at, keyword) in keywords.iter().enumerate().filter(|(at, _)| has(used, *at)) {
            debug_assert!(at < 123);
            let flags = FlagSet { system: FlagBits::default(), keywords: vec![keyword.clone()] };
            self.number(&flags);
        }
        for message in originals {
            let named = keywords.iter().enumerate();
            let named = named.filter(|(at, _)| has(message.flags.0, *at));
            let flags = FlagSet {
                system: FlagBits(message.flags.0 & 31),
                keywords: named.map(|(_, keyword)| keyword.clone()).collect(),
            };
            let flags = self.number(&flags);
            self.push(flags, NewRow { save_date, ..message.facts });
        }
    }

    pub(super) fn at(&self, uid: u32) -> Option<&Message> {
        let at = self.messages.binary_search_by_key(&uid, |message| message.uid).ok()?;
        self.messages.get(at)
    }

    pub(super) fn contains(&self, uid: u32) -> bool {
        self.at(uid).is_some()
    }

    pub(super) fn find(&self, uid: Uid) -> Option<&Message> {
        self.at(uid.get())
    }

    pub(super) fn uids(&self, test: impl Fn(&Message) -> bool) -> UidSet {
        let chosen = self.messages.iter().filter(|message| test(message));
        chosen.filter_map(|message| Uid::new(message.uid)).collect()
    }
}
