//! A log-structured, append-only mailbox store: many mailboxes, one log per shard, one writer
//! per log, and immutable snapshots for any number of readers.
//!
//! Start at [`Store`]. The layers, each of which may use those below it and none beside it, are
//! `store`; `log` and `search`; `format`, `io`, `state` and `message`; and the plain types here.

pub mod clock;
mod columns;
mod error;
mod flags;
mod format;
#[cfg(fuzzing)]
pub mod fuzzing;
mod ids;
mod image;
pub mod io;
mod limits;
mod log;
pub mod message;
mod numbers;
mod record;
pub mod search;
mod state;
mod store;
mod uid_set;

pub use columns::InternalDate;
pub use error::{Error, Fault};
pub use flags::{FlagBits, FlagSet, KEYWORDS_MAX, Keyword, SystemFlag};
pub use ids::{
    AccountId, EmailId, LogPos, MailboxId, ModSeq, RecordAddr, SegmentId, SeqNo, ShardId, ThreadId,
    Uid, UidValidity,
};
pub use log::LogStats;
pub use record::{FlagAction, SpecialUse};
pub use state::{Diff, Expunge, FlagEdit, MailboxEntry, MailboxList, Row, Run, Snapshot};
pub use store::{
    Account, AppendItem, Appended, Copied, Delivery, Expunged, Finding, FlagsEdited, Listings,
    Mailbox, Options, Prepared, Progress, Reads, Receipt, Report, Retention, SortKeyReader, Store,
    StoredBody, StoredMessage, dump, verify,
};
pub use uid_set::UidSet;
