//! What one session believes of its mailbox: the messages in their order, as far as it was told.

use std::collections::BTreeSet;

use super::{flags_of, uids_of};

/// What is known of a message; `None` is what was never told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its UID.
    pub uid: Option<u32>,
    /// Its flags.
    pub flags: Option<BTreeSet<String>>,
    /// The mod-sequence of its last change.
    pub modseq: Option<u64>,
}

/// Which responses a command allows while it is under way (RFC 3501, 7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Message numbers must stay.
    NumbersStay,
    /// They may change.
    NumbersMayChange,
}

/// The mailbox of one session.
#[derive(Clone, Debug, Default)]
pub struct Replica {
    /// By sequence number.
    pub messages: Vec<Message>,
    /// All changes up to this were told.
    pub complete: u64,
}

impl Replica {
    /// Takes in one response. Panics where it cannot be true, or comes when it must not.
    pub fn hear(&mut self, response: &[u8], moment: Moment) {
        let line = response.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        if let Some(modseq) = after(&line, "[HIGHESTMODSEQ ").and_then(first_number) {
            self.complete = self.complete.max(modseq);
        }
        let mut words = line.split(' ').skip(1);
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if first == "VANISHED" {
            self.vanish(&line, moment);
            return;
        }
        let Ok(number) = first.parse::<usize>() else { return };
        match second {
            "EXISTS" => {
                assert!(number >= self.messages.len(), "{line}, of {}", self.messages.len());
                self.messages.resize_with(number, Message::default);
            }
            "EXPUNGE" => {
                assert_eq!(moment, Moment::NumbersMayChange, "{line}");
                assert!((1..=self.messages.len()).contains(&number), "{line}");
                self.messages.remove(number - 1);
            }
            "FETCH" => self.fetch(number, &line),
            _ => {}
        }
    }

    fn vanish(&mut self, line: &str, moment: Moment) {
        let set = line.rsplit(' ').next().unwrap_or_default();
        let is_earlier = line.contains("(EARLIER)");
        assert!(is_earlier || moment == Moment::NumbersMayChange, "{line}");
        let gone: BTreeSet<u32> = uids_of(set).into_iter().collect();
        if !is_earlier {
            let known = self.messages.iter().filter_map(|message| message.uid);
            let known: BTreeSet<u32> = known.collect();
            let unknown = self.messages.iter().filter(|message| message.uid.is_none()).count();
            let strange = gone.difference(&known).count();
            assert!(strange <= unknown, "{line}: {strange} of {unknown} unknown");
            // Whoever follows by UID asks for the UIDs of what comes, before it can go.
            assert_eq!(strange, 0, "{line} is of messages whose UIDs were not asked for");
        }
        self.messages.retain(|message| message.uid.is_none_or(|uid| !gone.contains(&uid)));
    }

    fn fetch(&mut self, number: usize, line: &str) {
        let count = self.messages.len();
        let message = number.checked_sub(1).and_then(|at| self.messages.get_mut(at));
        let message = message.unwrap_or_else(|| panic!("{line}, of {count}"));
        if let Some(uid) = after(line, "UID ").and_then(first_number) {
            let uid = u32::try_from(uid).expect("a UID");
            assert!(message.uid.is_none_or(|known| known == uid), "{line}: {message:?}");
            message.uid = Some(uid);
        }
        if let Some(modseq) = after(line, "MODSEQ (").and_then(first_number) {
            assert!(message.modseq.is_none_or(|known| known <= modseq), "{line}: {message:?}");
            message.modseq = Some(modseq);
        }
        if let Some(flags) = after(line, "FLAGS (").and_then(|rest| rest.split_once(')')) {
            message.flags = Some(flags_of(flags.0));
        }
    }

    /// UIDs ascend, as far as they are known.
    pub fn assert_ascending(&self) {
        let known: Vec<u32> = self.messages.iter().filter_map(|message| message.uid).collect();
        assert!(known.is_sorted_by(|one, other| one < other), "{known:?}");
    }

    /// Everything that is known is so in the newest, which is all of it.
    pub fn assert_is(&self, newest: &Self, whose: &str) {
        assert_eq!(self.messages.len(), newest.messages.len(), "{whose}: EXISTS");
        for (number, (known, is)) in (1..).zip(self.messages.iter().zip(&newest.messages)) {
            let differs = known.uid.is_some_and(|uid| Some(uid) != is.uid)
                || known.flags.as_ref().is_some_and(|flags| Some(flags) != is.flags.as_ref())
                || known.modseq.is_some_and(|modseq| Some(modseq) != is.modseq);
            assert!(!differs, "{whose}: number {number} is {is:?}, known as {known:?}");
        }
    }
}

fn after<'l>(line: &'l str, marker: &str) -> Option<&'l str> {
    line.split_once(marker).map(|(_, rest)| rest)
}

fn first_number(text: &str) -> Option<u64> {
    text.split(|char: char| !char.is_ascii_digit()).next()?.parse().ok()
}
