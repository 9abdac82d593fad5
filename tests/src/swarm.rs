//! Many sessions on few mailboxes, each of which believes what it was told, and nothing else. At
//! checkpoints, where all stand still, what they believe is compared with what the server has.

mod replica;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

pub use replica::{Message, Moment, Replica};
pub use session::{Kind, Session};

/// A mailbox and a UID in it.
pub type Place = (String, u32);

/// What is true of all sessions' work, whoever looks.
#[derive(Debug, Default)]
pub struct Truth {
    /// The text of each message whose UID was told, gone or not.
    texts: Mutex<BTreeMap<Place, Vec<u8>>>,
}

impl Truth {
    /// A message got this UID.
    pub fn arrived(&self, place: &Place, text: &[u8]) {
        let mut texts = self.texts.lock().expect("no thread panicked");
        let before = texts.insert(place.clone(), text.to_vec());
        assert!(before.is_none_or(|before| before == text), "{place:?} was given out twice");
    }

    /// What the message at a place must be, if anybody was told.
    pub fn text(&self, place: &Place) -> Option<Vec<u8>> {
        self.texts.lock().expect("no thread panicked").get(place).cloned()
    }
}

/// The UIDs of a set such as `3,5:7`, of which each side has as many.
pub fn uids_of(set: &str) -> Vec<u32> {
    let number = |text: &str| -> u32 { text.parse().unwrap_or_else(|_| panic!("a UID: {set}")) };
    let range = |range: &str| match range.split_once(':') {
        Some((first, last)) => number(first).min(number(last))..=number(first).max(number(last)),
        None => number(range)..=number(range),
    };
    set.split(',').flat_map(range).collect()
}

/// Flags as a set.
pub fn flags_of(list: &str) -> BTreeSet<String> {
    list.split(' ').filter(|flag| !flag.is_empty()).map(str::to_owned).collect()
}
