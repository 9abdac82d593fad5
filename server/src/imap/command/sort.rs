//! What SORT and THREAD ask (RFC 5256; RFC 5957; RFC 5267, 3).

use engine::search::ThreadAlgorithm;

use super::{Numbering, ReturnOptions, SearchKey};

/// SORT's arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Sort {
    /// How the answer names messages.
    pub numbering: Numbering,
    /// `RETURN (…)`; without it the answer is a plain `* SORT`.
    pub returns: Option<ReturnOptions>,
    /// The order, what counts most first; no field twice.
    pub criteria: Vec<SortCriterion>,
    /// All of these must hold.
    pub keys: Vec<SearchKey>,
}

/// One thing to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortCriterion {
    /// What is compared.
    pub field: SortField,
    /// What comes first.
    pub direction: Direction,
}

/// What messages are compared by (RFC 5256, 3; RFC 5957, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortField {
    /// The internal date.
    Arrival,
    /// The local part of the first Cc address.
    Cc,
    /// The Date field, in UTC; the internal date without one.
    Date,
    /// The first From address as it is shown.
    DisplayFrom,
    /// The first To address as it is shown.
    DisplayTo,
    /// The local part of the first From address.
    From,
    /// Octets.
    Size,
    /// The base subject.
    Subject,
    /// The local part of the first To address.
    To,
}

/// Which end of an order comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The lowest.
    Ascending,
    /// The highest: `REVERSE`.
    Descending,
}

/// THREAD's arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Thread {
    /// How the answer names messages.
    pub numbering: Numbering,
    /// How threads are made.
    pub algorithm: ThreadAlgorithm,
    /// All of these must hold.
    pub keys: Vec<SearchKey>,
}
