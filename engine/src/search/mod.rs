//! Exact search of message text: substring after decoding, without regard to case.
//!
//! Text and what is looked for are both folded by `casemap` and then compared as bytes.

mod casemap;
mod collation;
mod sieve;
mod text;
mod text_column;
mod threads;

pub use collation::Collation;
pub use sieve::{DateColumn, Sieve, Sifted, sift};
pub use text::{Needle, body_contains, field_contains, text_contains};
pub(crate) use text_column::{Met, fold_column, push_folded_value};
pub use threads::{Forest, Step, ThreadAlgorithm, Threads};
