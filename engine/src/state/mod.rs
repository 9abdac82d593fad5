//! What a mailbox is after some changes: computed from records, pure, without disk or clock.

mod chunk;
mod diff;
mod edit;
mod follow;
mod gone;
mod history;
mod list;
mod lists;
mod mailbox_state;
mod merge;
mod piece;
mod plan;
mod snapshot;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use chunk::{Chunk, ColumnSource, Source};
pub use diff::Diff;
pub(crate) use edit::mask as mask_of;
pub(crate) use history::{History, Page};
pub(crate) use list::plan as plan_list;
pub use list::{MailboxEntry, MailboxList};
pub(crate) use lists::Lists;
pub(crate) use mailbox_state::MailboxState;
pub(crate) use piece::{Evict, Keeper, Piece, Settle, Weigh};
pub use plan::{Expunge, FlagEdit};
pub(crate) use plan::{arrivals, departure};
pub use snapshot::Snapshot;
pub(crate) use walk::runs_of;
pub use walk::{Row, Run};
