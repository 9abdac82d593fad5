//! `verify`: reads everything, changes nothing, and says what does not fit.
//!
//! Every frame, record and piece against its checksum; the list piece of every message against
//! its bytes; and the state that the newest checkpoint gives against the state that the log
//! alone gives. Needs no lock, so it may run beside the server.

use std::path::Path;
use std::sync::Arc;

use crate::format::blob::{Blob, BlobChunk};
use crate::format::block::BlockTable;
use crate::format::compress;
use crate::format::message::{MessageTable, PieceKind};
use crate::ids::{LogPos, MailboxId, ShardId};
use crate::io::{IoPath, StoreRoot, shard_disk};
use crate::log::{Damage, LogOptions, Scan};
use crate::message::{ListData, Structure};
use crate::record::Kind;
use crate::state::Snapshot;
use crate::store::body::StoredBody;
use crate::store::message::StoredMessage;
use crate::store::options::Options;
use crate::store::reader::Shared;
use crate::store::recover::Replay;
use crate::store::upkeep::list as list_part;
use crate::{Error, Fault, format};

/// How far `verify` is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The shard being read.
    pub shard: ShardId,
    /// The place in its log.
    pub at: LogPos,
    /// Records read so far.
    pub records: u64,
    /// Messages among them.
    pub messages: u64,
}

/// Something that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The shard.
    pub shard: ShardId,
    /// The place in its log, where there is one.
    pub at: Option<LogPos>,
    /// What is wrong, in words.
    pub what: String,
}

/// What `verify` saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Records read.
    pub records: u64,
    /// Messages read and rebuilt.
    pub messages: u64,
    /// Mailboxes whose checkpoint was compared with the log.
    pub mailboxes: u64,
    /// What does not fit; empty for a sound store.
    pub findings: Vec<Finding>,
}

/// Checks the store in `dir`; `progress` is called now and then.
pub fn verify(dir: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Report, Error> {
    let root = StoreRoot::open_read_only(dir)?;
    let mut report = Report::default();
    for number in 0..root.shard_count() {
        let shard = ShardId(number);
        let disk = shard_disk(&root.shard_dir(shard), IoPath::Blocking)?;
        let segment_len_max = Options::default().segment_len_max;
        let options = LogOptions { store_id: root.store_id(), shard, segment_len_max };
        let scan = Scan::open(disk, &options)?;
        Verifier { shard, report: &mut report, progress: &mut *progress }.check(&scan)?;
    }
    Ok(report)
}

pub(super) struct Verifier<'a> {
    shard: ShardId,
    report: &'a mut Report,
    progress: &'a mut dyn FnMut(Progress),
}

/// Records between two calls of `progress`.
const PROGRESS_EVERY: u64 = 1000;

impl Verifier<'_> {
    /// Checks the one shard of a simulated disk.
    #[cfg(test)]
    pub(super) fn report(
        disk: std::sync::Arc<dyn crate::io::Disk>,
        store_id: u128,
    ) -> Result<Report, Error> {
        let (shard, segment_len_max) = (ShardId(0), Options::default().segment_len_max);
        let scan = Scan::open(disk, &LogOptions { store_id, shard, segment_len_max })?;
        let mut report = Report::default();
        Verifier { shard, report: &mut report, progress: &mut |_| {} }.check(&scan)?;
        Ok(report)
    }

    fn check(&mut self, scan: &Scan) -> Result<(), Error> {
        let shared = Shared::default();
        let mut from_log = Replay::from_nothing(scan.reader(), shared.clone());
        let mut last = LogPos::default();
        let damages = scan.scan(LogPos::default(), &mut |at, kind, payload| {
            last = at;
            self.read((at, kind, payload), &from_log);
            if Kind::from_byte(kind) == Some(Kind::ListPart)
                && let Err(error) = check_list_part(payload, &from_log)
            {
                self.find(Some(at), format!("a list part: {error}"));
            }
            if let Err(error) = from_log.visit(at, kind, payload) {
                self.find(Some(at), error.to_string());
            }
            Ok(())
        })?;
        damages.iter().chain(&from_log.stray).for_each(|damage| self.damaged(*damage));
        if let Some(addr) = scan.checkpoint().filter(|addr| *addr <= last) {
            match Replay::from_checkpoint(scan.reader(), shared, addr) {
                Ok(mut from_checkpoint) => {
                    from_checkpoint.until = Some(last);
                    // What is damaged in the tail was found above.
                    from_checkpoint.run()?;
                    self.compare(&from_log, &from_checkpoint);
                }
                Err(error) => self.find(Some(addr), error.to_string()),
            }
        }
        Ok(())
    }

    fn find(&mut self, at: Option<LogPos>, what: String) {
        self.report.findings.push(Finding { shard: self.shard, at, what });
    }

    fn damaged(&mut self, Damage { at, fault }: Damage) {
        self.find(Some(at), fault.to_string());
    }

    fn read(&mut self, (at, kind, payload): (LogPos, u8, &[u8]), log: &Replay) {
        self.report.records += 1;
        let checked = match Kind::from_byte(kind) {
            Some(Kind::Message) => {
                self.report.messages += 1;
                // Dictionaries and blobs stand before the first message that needs them.
                match check_message(at, payload, log) {
                    Ok(()) => Ok(()),
                    Err(Error::Damaged { fault, .. }) => Err(fault),
                    Err(error) => return self.find(Some(at), error.to_string()),
                }
            }
            Some(Kind::BlobChunk) => BlobChunk::unpack_into(payload, &mut Vec::new()).map(drop),
            Some(Kind::Blob) => match check_blob(payload, log) {
                Ok(()) => Ok(()),
                Err(error) => return self.find(Some(at), format!("a blob: {error}")),
            },
            Some(Kind::BlobTable) => format::blob::decode_table(payload).map(drop),
            Some(Kind::MessageBlock) => match check_block(at, payload, log) {
                Ok(count) => {
                    self.report.messages += count;
                    Ok(())
                }
                Err(Error::Damaged { fault, .. }) => Err(fault),
                Err(error) => return self.find(Some(at), error.to_string()),
            },
            Some(Kind::Columns) => format::columns::decode(payload).map(drop),
            Some(Kind::Accounts) => format::image::decode_accounts(payload).map(drop),
            Some(Kind::Marks) => format::columns::decode_marks(payload).map(drop),
            Some(Kind::HistoryPage) => format::image::decode_history(payload).map(drop),
            Some(Kind::MailboxImage) => format::image::decode_mailbox(payload).map(drop),
            Some(Kind::Places) => format::image::decode_places(payload).map(drop),
            Some(Kind::Checkpoint) => format::image::decode_checkpoint(payload).map(drop),
            // The others are decoded by replay.
            _ => Ok(()),
        };
        if let Err(fault) = checked {
            self.damaged(Damage { at, fault });
        }
        if self.report.records.is_multiple_of(PROGRESS_EVERY) {
            let (records, messages) = (self.report.records, self.report.messages);
            (self.progress)(Progress { shard: self.shard, at, records, messages });
        }
    }

    fn compare(&mut self, from_log: &Replay, from_checkpoint: &Replay) {
        if from_log.blobs.all() != from_checkpoint.blobs.all() {
            self.find(None, "the checkpoint counts blobs otherwise than the log".to_owned());
        }
        let others = from_checkpoint.each_account(&mut |account| {
            if !from_log.accounts.contains_key(&account) {
                self.find(None, format!("account {account}: only the checkpoint has it"));
            }
        });
        if let Err(error) = others {
            self.find(None, format!("the directory of accounts: {error}"));
        }
        for (account, listed) in &from_log.accounts {
            match from_checkpoint.final_list(*account) {
                Ok(Some(list)) if list == listed.list => {}
                Ok(_) => {
                    let what = format!("account {account}: the checkpoint lists other mailboxes");
                    self.find(None, what);
                }
                Err(error) => self.find(None, format!("account {account}: {error}")),
            }
            for entry in listed.list.iter() {
                self.report.mailboxes += 1;
                let whose = format!("account {account}, mailbox {}", entry.name);
                match is_same_mailbox(entry.id, from_log, from_checkpoint) {
                    Ok(true) => {}
                    Ok(false) => {
                        self.find(None, format!("{whose}: the checkpoint differs from the log"));
                    }
                    Err(error) => self.find(None, format!("{whose}: {error}")),
                }
            }
        }
    }
}

fn is_same_mailbox(
    mailbox: MailboxId,
    from_log: &Replay,
    from_checkpoint: &Replay,
) -> Result<bool, Error> {
    let log = from_log.final_state(mailbox)?.snapshot();
    let checkpoint = from_checkpoint.final_state(mailbox)?.snapshot();
    Ok(same(&log, &checkpoint)? && same_places(&log, from_log, from_checkpoint)?)
}

/// Rebuilds the message, and computes its list piece again.
fn check_message(at: LogPos, payload: &[u8], log: &Replay) -> Result<(), Error> {
    let damaged = |fault| log.reader.damaged(at, fault);
    let (table, pieces_start) = MessageTable::decode(payload).map_err(damaged)?;
    if pieces_start + table.pieces_len() != payload.len() {
        return Err(damaged(Fault::Invalid("piece lengths")));
    }
    let piece = |kind| {
        let (entry, start) = (table.piece(kind), pieces_start + table.piece_offset(kind));
        let stored = payload.get(start..start + entry.stored_len as usize);
        compress::unpack(entry, stored.ok_or(Fault::Truncated)?, log.reader.dictionaries())
    };
    let head = piece(PieceKind::Head).and_then(ListData::decode).map_err(damaged)?;
    let rest = piece(PieceKind::Body).map_err(damaged)?;
    let mut bytes = head.header().to_vec();
    let mut body = StoredBody::new(log.reader.clone(), at, rest, &table.attachments)?;
    if body.len() != table.body_len() {
        return Err(damaged(Fault::Invalid("length of a body")));
    }
    body.read(0..u64::MAX, &mut bytes)?;
    let is_same = ListData::of(&bytes) == head;
    if is_same { Ok(()) } else { Err(damaged(Fault::Invalid("list data"))) }
}

/// Reads a blob whole and compares its hash.
fn check_blob(payload: &[u8], log: &Replay) -> Result<(), Error> {
    let damaged = |fault| log.reader.damaged(LogPos::default(), fault);
    let blob = Blob::decode(payload).map_err(damaged)?;
    let (mut hasher, mut chunk) = (blake3::Hasher::new(), Vec::new());
    for index in 0..blob.chunks.len() {
        log.reader.blob_chunk(&blob, index, &mut chunk)?;
        hasher.update(&chunk);
    }
    let is_same = *hasher.finalize().as_bytes() == blob.hash;
    if is_same { Ok(()) } else { Err(damaged(Fault::Invalid("hash of a blob"))) }
}

/// Rebuilds the messages of a block, and computes their part trees again.
fn check_block(at: LogPos, payload: &[u8], log: &Replay) -> Result<u64, Error> {
    let damaged = |fault| log.reader.damaged(at, fault);
    let (table, start) = BlockTable::decode(payload).map_err(damaged)?;
    if start + table.pieces_len() != payload.len() {
        return Err(damaged(Fault::Invalid("piece lengths")));
    }
    let pieces = payload.get(start..).unwrap_or_default();
    let (heads, bodies) = pieces.split_at(table.heads.stored_len as usize);
    let unpack =
        |entry, stored| compress::unpack(entry, stored, log.reader.dictionaries()).map_err(damaged);
    let (heads, bodies) = (unpack(table.heads, heads)?, unpack(table.bodies, bodies)?);
    for message in &table.messages {
        let [tree, header] = [&message.structure, &message.header]
            .map(|range| heads.get(range.clone()).unwrap_or_default());
        let rest = bodies.get(message.body.clone()).unwrap_or_default().to_vec();
        let mut bytes = header.to_vec();
        let mut body = StoredBody::new(log.reader.clone(), at, rest, &message.attachments)?;
        body.read(0..u64::MAX, &mut bytes)?;
        if Structure::decode(tree).map_err(damaged)? != Structure::of(&bytes) {
            return Err(damaged(Fault::Invalid("part tree")));
        }
    }
    Ok(table.messages.len() as u64)
}

/// Compares a list part with the messages that are in it and still in the mailbox.
fn check_list_part(payload: &[u8], log: &Replay) -> Result<(), Error> {
    let damaged = |fault| log.reader.damaged(LogPos::default(), fault);
    let table = format::list_part::check(payload).map_err(damaged)?;
    let snapshot = match log.final_state(table.mailbox) {
        Ok(state) => state.snapshot(),
        Err(Error::NoSuchMailbox) => return Ok(()),
        Err(error) => return Err(error),
    };
    for (at, uid) in table.uids.iter().enumerate() {
        if let Some(row) = snapshot.row(uid)? {
            let message = StoredMessage::new(log.reader.clone(), row.email_id);
            let told = format::list_part::stretches_at(payload, at).map_err(damaged)?;
            let told = told.each_ref().map(Vec::as_slice);
            if told != list_part::stretches_of(&message)?.each_ref().map(Vec::as_slice) {
                return Err(damaged(Fault::Invalid("what a message is listed by")));
            }
        }
    }
    Ok(())
}

/// Whether the messages of a mailbox are where both say.
fn same_places(snapshot: &Snapshot, left: &Replay, right: &Replay) -> Result<bool, Error> {
    for row in snapshot.rows(&snapshot.all_uids()?) {
        let id = row?.email_id;
        if left.reader.place(id)? != right.reader.place(id)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether two snapshots show a client the same.
fn same(left: &Arc<Snapshot>, right: &Arc<Snapshot>) -> Result<bool, Error> {
    let facts = |of: &Snapshot| {
        (
            (of.uid_validity(), of.uid_next(), of.highest_modseq(), of.exists()),
            (of.unseen(), of.deleted(), of.size_total(), of.keywords().to_vec()),
        )
    };
    if facts(left) != facts(right) {
        return Ok(false);
    }
    if left.expunged_since(1)? != right.expunged_since(1)? {
        return Ok(false);
    }
    let (left_uids, right_uids) = (left.all_uids()?, right.all_uids()?);
    let mut right_rows = right.rows(&right_uids);
    for row in left.rows(&left_uids) {
        if right_rows.next().transpose()? != Some(row?) {
            return Ok(false);
        }
    }
    Ok(right_rows.next().is_none())
}
