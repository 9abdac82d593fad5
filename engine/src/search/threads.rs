//! Messages put into threads (RFC 5256, 3): ORDEREDSUBJECT, REFERENCES, and REFS, which is
//! REFERENCES without the step that joins threads by subject, its threads ordered by their newest
//! message (draft-ietf-morg-inthread).
//!
//! Messages are added in mailbox order and named by their place in it. A message or an id that is
//! referred to is a node; a node without a message is a dummy.

mod forest;
mod links;
mod subjects;

pub use forest::{Forest, Step};

use self::links::Links;
use super::collation::text_hash;
use crate::message::SortKeysRef;

/// No node, no message.
const NONE: u32 = u32::MAX;

/// How threads are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadAlgorithm {
    /// By base subject (RFC 5256, 3: ORDEREDSUBJECT).
    OrderedSubject,
    /// By References and In-Reply-To, then by base subject (RFC 5256, 3: REFERENCES).
    References,
    /// By References and In-Reply-To alone.
    Refs,
}

/// Messages on their way into threads.
#[derive(Debug)]
pub struct Threads {
    algorithm: ThreadAlgorithm,
    links: Links,
    /// When each message was sent.
    sent: Vec<i64>,
    /// When each message arrived, for REFS alone.
    arrived: Vec<i64>,
    /// A hash of each message's base subject, but for REFS; 0 stands for the empty one.
    subjects: Vec<u64>,
    /// One bit a message: whether its subject is of a reply or forward.
    replies: Vec<u64>,
    folded: Vec<u8>,
}

impl Threads {
    /// Makes room for this many messages.
    pub fn new(algorithm: ThreadAlgorithm, count: usize) -> Self {
        let with_subjects = if algorithm == ThreadAlgorithm::Refs { 0 } else { count };
        let with_links = if algorithm == ThreadAlgorithm::OrderedSubject { 0 } else { count };
        Self {
            algorithm,
            links: Links::with_room(with_links),
            sent: Vec::with_capacity(count),
            arrived: Vec::with_capacity(count - with_subjects),
            subjects: Vec::with_capacity(with_subjects),
            replies: Vec::with_capacity(with_subjects.div_ceil(64)),
            folded: Vec::new(),
        }
    }

    /// Adds the next message; dates are seconds since 1970, UTC.
    pub fn push(&mut self, keys: &SortKeysRef<'_>, sent: i64, arrived: i64) {
        let message = self.sent.len();
        self.sent.push(sent);
        if self.algorithm == ThreadAlgorithm::Refs {
            self.arrived.push(arrived);
        } else {
            let subject = match keys.base_subject() {
                "" => 0,
                subject => text_hash(subject, &mut self.folded).max(1),
            };
            self.subjects.push(subject);
            if message.is_multiple_of(64) {
                self.replies.push(0);
            }
            if let Some(word) = self.replies.last_mut() {
                *word |= u64::from(keys.is_reply_or_forward()) << (message % 64);
            }
        }
        if self.algorithm != ThreadAlgorithm::OrderedSubject {
            self.links.push(keys.message_id(), keys.references());
        }
    }

    /// The threads, in order.
    pub fn finish(self) -> Forest {
        match self.algorithm {
            ThreadAlgorithm::OrderedSubject => self.by_subject(),
            ThreadAlgorithm::References => self.by_references(),
            ThreadAlgorithm::Refs => self.by_references_alone(),
        }
    }

    /// The messages, by sent date and then by place.
    fn by_date(&self) -> Vec<u32> {
        let mut dated: Vec<(i64, u32)> = self.sent.iter().copied().zip(0..).collect();
        dated.sort_unstable();
        dated.into_iter().map(|(_, message)| message).collect()
    }

    fn by_references(mut self) -> Forest {
        let order = self.by_date();
        let mut tree = std::mem::take(&mut self.links).prune();
        let roots = tree.roots(&order);
        subjects::merge(&roots, &mut tree, &self.subjects, &self.replies);
        Forest::new(&tree, &order)
    }

    fn by_references_alone(mut self) -> Forest {
        let order = self.by_date();
        let tree = std::mem::take(&mut self.links).prune();
        let newest = tree.newest(&self.arrived);
        let mut forest = Forest::new(&tree, &order);
        forest.sort_roots_by(&newest);
        forest
    }

    /// Threads by subject: the first message, and the others below it side by side.
    fn by_subject(self) -> Forest {
        let mut order: Vec<u32> = (0..).take(self.sent.len()).collect();
        let at = |message: u32| message as usize;
        let key = |message: &u32| {
            let subject = self.subjects.get(at(*message)).copied().unwrap_or(0);
            (subject, self.sent.get(at(*message)).copied().unwrap_or(0), *message)
        };
        order.sort_unstable_by_key(key);
        let mut parents = vec![NONE; order.len()];
        let mut first = None;
        for message in &order {
            let subject = key(message).0;
            match first {
                Some((of, root)) if of == subject => {
                    if let Some(parent) = parents.get_mut(at(*message)) {
                        *parent = root;
                    }
                }
                _ => first = Some((subject, *message)),
            }
        }
        let order = self.by_date();
        Forest::new(&links::Tree::of_messages(parents), &order)
    }
}

#[cfg(test)]
mod tests;
