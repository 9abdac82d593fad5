//! `dump`: the log as text, a line a record, for people and their tools.

use std::io::{self, Write};
use std::path::Path;

use crate::format;
use crate::format::blob::{Blob, BlobChunk};
use crate::format::block::BlockTable;
use crate::format::dictionary::Dictionary;
use crate::format::message::{MessageTable, PieceKind};
use crate::ids::{LogPos, ShardId};
use crate::io::{IoPath, StoreRoot, shard_disk};
use crate::log::{LogOptions, Scan};
use crate::record::{Change, Kind, ListChange, NewMailbox, Record};
use crate::store::options::Options;
use crate::{Error, Fault};

/// Writes every record of the store in `dir` as one line; damaged places as lines that begin
/// with `damaged`. Changes nothing and needs no lock.
pub fn dump(dir: &Path, out: &mut dyn Write) -> Result<(), Error> {
    let root = StoreRoot::open_read_only(dir)?;
    for number in 0..root.shard_count() {
        let shard = ShardId(number);
        let disk = shard_disk(&root.shard_dir(shard), IoPath::Blocking)?;
        let segment_len_max = Options::default().segment_len_max;
        let options = LogOptions { store_id: root.store_id(), shard, segment_len_max };
        let scan = Scan::open(disk, &options)?;
        let written = Error::io("write the dump");
        let damages = scan.scan(LogPos::default(), &mut |at, kind, payload| {
            let text = describe(kind, payload)
                .unwrap_or_else(|fault| format!("damaged kind={kind} {fault}"));
            writeln!(out, "shard={shard} at={at} {text}").map_err(&written)
        })?;
        for damage in damages {
            writeln!(out, "damaged shard={shard} at={} {}", damage.at, damage.fault)
                .map_err(&written)?;
        }
    }
    out.flush().map_err(|error: io::Error| Error::io("write the dump")(error))
}

fn describe(kind: u8, payload: &[u8]) -> Result<String, Fault> {
    let unknown = Fault::Unknown { field: "record kind", value: kind.into() };
    let kind = Kind::from_byte(kind).ok_or(unknown)?;
    if let Some(record) = format::record::decode(kind, payload)? {
        return Ok(describe_record(&record));
    }
    Ok(match kind {
        Kind::Message => {
            let (table, _) = MessageTable::decode(payload)?;
            let len = |kind| {
                let piece = table.piece(kind);
                format!("{}/{}", piece.stored_len, piece.raw_len)
            };
            let (number, attached) = (table.number, table.attachments.len());
            let (head, body) = (len(PieceKind::Head), len(PieceKind::Body));
            format!("message number={number} head={head} body={body} attachments={attached}")
        }
        Kind::ListPart => {
            let part = format::list_part::check(payload)?;
            format!("list-part mailbox={} uids={}", part.mailbox, part.uids)
        }
        Kind::BlobChunk | Kind::Blob | Kind::BlobTable => describe_blob(kind, payload)?,
        Kind::MessageBlock => {
            let (table, _) = BlockTable::decode(payload)?;
            let numbers = table.messages.iter().map(|moved| moved.number.to_string());
            let numbers = numbers.collect::<Vec<_>>().join(",");
            format!("message-block bytes={} numbers={numbers}", payload.len())
        }
        Kind::Dictionary => format!("{:?}", Dictionary::decode(payload)?),
        Kind::Columns => {
            let uids = format::columns::decode(payload)?.uids;
            let (first, last) = (uids.first().unwrap_or(&0), uids.last().unwrap_or(&0));
            format!("columns rows={} uids={first}:{last}", uids.len())
        }
        Kind::Marks => {
            let (marks, rows) = format::columns::decode_marks(payload)?;
            format!("marks rows={rows} flags={}", marks.flags.len())
        }
        Kind::HistoryPage => {
            format!("history-page expunges={}", format::image::decode_history(payload)?.len())
        }
        Kind::Places => {
            let places = format::image::decode_places(payload)?;
            format!("places messages={}", places.iter().filter(|place| **place != 0).count())
        }
        Kind::Accounts => {
            format!("accounts count={}", format::image::decode_accounts(payload)?.len())
        }
        Kind::MailboxImage => {
            let image = format::image::decode_mailbox(payload)?;
            let (chunks, modseq) = (image.chunks.len(), image.highest_modseq);
            format!("mailbox-image mailbox={} modseq={modseq} chunks={chunks}", image.mailbox)
        }
        _ => {
            let checkpoint = format::image::decode_checkpoint(payload)?;
            let (from, accounts) = (checkpoint.replay_from, checkpoint.account_count);
            format!("checkpoint replay-from={from} accounts={accounts}")
        }
    })
}

fn describe_blob(kind: Kind, payload: &[u8]) -> Result<String, Fault> {
    Ok(match kind {
        Kind::BlobChunk => {
            let (chunk, _) = BlobChunk::decode(payload)?;
            let (number, index, entry) = (chunk.number, chunk.index, chunk.entry);
            let (stored, raw) = (entry.stored_len, entry.raw_len);
            format!("blob-chunk number={number} index={index} bytes={stored}/{raw}")
        }
        Kind::Blob => {
            let blob = Blob::decode(payload)?;
            let (number, len, chunks) = (blob.number, blob.len, blob.chunks.len());
            format!("blob number={number} bytes={len} chunks={chunks}")
        }
        _ => {
            let page = format::blob::decode_table(payload)?;
            let uses: u64 = page.iter().map(|used| used.uses).sum();
            format!("blob-table blobs={} uses={uses}", page.len())
        }
    })
}

fn describe_record(record: &Record) -> String {
    match record {
        Record::Changed { mailbox, change } => {
            format!("{} mailbox={mailbox}", describe_change(change))
        }
        Record::Transferred(transfer) => {
            let (from, to, uids) = (transfer.from, transfer.to, &transfer.uids);
            let word = if transfer.moved.is_some() { "moved" } else { "copied" };
            let rows = transfer.rows.iter().map(|row| row.uid.to_string());
            let new = rows.collect::<Vec<_>>().join(",");
            format!("{word} uids={uids} from={from} to={to} new-uids={new}")
        }
        Record::Listed { account, change } => {
            format!("{} account={account}", describe_list_change(change))
        }
    }
}

fn describe_change(change: &Change) -> String {
    match change {
        Change::Append { modseq, rows, .. } => {
            let each = rows.iter().map(|row| {
                let (uid, flags, size) = (row.uid, row.flags.0, row.size);
                format!("{uid}(flags={flags:x} size={size} message={})", row.email_id)
            });
            format!("appended modseq={} {}", modseq.get(), each.collect::<Vec<_>>().join(" "))
        }
        Change::Flags { modseq, uids, action, flags, .. } => {
            let (modseq, flags) = (modseq.get(), flags.0);
            format!("flags {action:?} {flags:x} uids={uids} modseq={modseq}")
        }
        Change::Expunge { modseq, uids, .. } => {
            format!("expunged uids={uids} modseq={}", modseq.get())
        }
    }
}

fn describe_list_change(change: &ListChange) -> String {
    let names = |made: &[NewMailbox]| {
        let each = made.iter().map(|made| format!("{}={:?}", made.id, made.name));
        each.collect::<Vec<_>>().join(" ")
    };
    match change {
        ListChange::Account(made) => format!("account-created {}", names(made)),
        ListChange::Create(made) => format!("mailboxes-created {}", names(made)),
        ListChange::Delete(mailbox, _) => format!("mailbox-deleted {mailbox}"),
        ListChange::Rename(renamed) => {
            let each = renamed.iter().map(|(mailbox, name)| format!("{mailbox}={name:?}"));
            format!("mailboxes-renamed {}", each.collect::<Vec<_>>().join(" "))
        }
        ListChange::Subscribe(name) => format!("subscribed {name:?}"),
        ListChange::Unsubscribe(name) => format!("unsubscribed {name:?}"),
        ListChange::Annotate { mailbox, entries } => {
            let each = entries.iter().map(|(entry, value)| match value {
                Some(value) => format!("{entry}={:?}", String::from_utf8_lossy(value)),
                None => format!("{entry}=none"),
            });
            let each = each.collect::<Vec<_>>().join(" ");
            match mailbox {
                Some(mailbox) => format!("annotated {mailbox} {each}"),
                None => format!("annotated {each}"),
            }
        }
    }
}
