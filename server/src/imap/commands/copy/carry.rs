//! Copies that the engine cannot make by itself: into a mailbox of another shard, or where the user
//! may not set all the flags that the messages have (RFC 4314, 4). They are stored once more.

use engine::{AppendItem, Copied, FlagBits, FlagSet, Row, Snapshot, SystemFlag, UidSet};

use super::Destination;
use crate::imap::dialogue::blocking;
use crate::imap::response::Refusal;
use crate::imap::session::Selected;

/// Messages carried at once: all of them are copied or none, so all are in memory.
const MESSAGES_MAX: usize = 10_000;
/// Octets of them.
const OCTETS_MAX: u64 = 64 << 20;
/// Octets read in one go.
const PIECE_LEN: u64 = 1 << 20;

/// Copies messages one by one, and stores them together.
pub(super) async fn carry(
    selected: &Selected,
    uids: &UidSet,
    to: &Destination,
) -> Result<Copied, Refusal> {
    let snapshot = selected.view.snapshot();
    let rows = rows(snapshot, uids)?;
    let (mut source, mut items) = (UidSet::new(), Vec::with_capacity(rows.len()));
    let mut rest = rows.as_slice();
    while !rest.is_empty() {
        let mut len = 0;
        let fits = rest.iter().take_while(|row| {
            len += u64::from(row.size);
            len <= PIECE_LEN
        });
        let (piece, later) = rest.split_at(fits.count().max(1));
        blocking(|| piece.iter().try_for_each(|row| read(selected, row, to, &mut items)))?;
        source.extend(&piece.iter().map(|row| row.uid).collect());
        rest = later;
        tokio::task::yield_now().await;
    }
    let appended = to.mailbox.append(items).await?;
    Ok(Copied { uid_validity: appended.uid_validity, source, dest: appended.uids })
}

fn rows(snapshot: &Snapshot, uids: &UidSet) -> Result<Vec<Row>, Refusal> {
    let (mut rows, mut len) = (Vec::new(), 0);
    for row in snapshot.rows(uids) {
        let row = row?;
        len += u64::from(row.size);
        rows.push(row);
        if rows.len() > MESSAGES_MAX || len > OCTETS_MAX {
            return Err(Refusal::no("LIMIT", "Copy fewer messages at once to this mailbox"));
        }
    }
    Ok(rows)
}

fn read(
    selected: &Selected,
    row: &Row,
    to: &Destination,
    items: &mut Vec<AppendItem>,
) -> Result<(), engine::Error> {
    let bytes = selected.mailbox.message(row).bytes()?;
    let message = to.mailbox.account().prepare(&bytes);
    let flags = to.rights.allowed(flag_set(row.flags, selected.view.snapshot()));
    items.push(AppendItem { message, flags, internal_date: row.internal_date });
    Ok(())
}

fn flag_set(flags: FlagBits, snapshot: &Snapshot) -> FlagSet {
    let system: Vec<_> = SystemFlag::ALL.into_iter().filter(|flag| flags.has(*flag)).collect();
    let mut set = FlagSet::system(&system);
    for (index, keyword) in snapshot.keywords().iter().enumerate() {
        if flags & FlagBits::keyword(index) == FlagBits::keyword(index) {
            set.insert(keyword.clone());
        }
    }
    set
}
