//! `verify`: reads everything, changes nothing, and says what does not fit.
//!
//! Every frame, record and piece against its checksum; the list piece of every message against
//! its bytes; and the state that the newest checkpoint gives against the state that the log
//! alone gives. Needs no lock, so it may run beside the server.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use crate::format::blob::{Blob, BlobChunk};
use crate::format::block::BlockTable;
use crate::format::compress;
use crate::format::message::{MessageTable, PieceKind};
use crate::ids::{LogPos, MailboxId, ShardId};
use crate::image::BlobUse;
use crate::io::{IoPath, StoreRoot, shard_disk};
use crate::log::{Damage, LogOptions, Scan};
use crate::message::{ListData, Structure};
use crate::record::Kind;
use crate::state::Snapshot;
use crate::store::body::StoredBody;
use crate::store::message::StoredMessage;
use crate::store::options::Options;
use crate::store::places;
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

/// How often a shard is read again because a segment was condensed while it was read.
const READS_MAX: usize = 5;

/// Checks the store in `dir`; `progress` is called now and then.
pub fn verify(dir: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Report, Error> {
    let root = StoreRoot::open_read_only(dir)?;
    let mut report = Report::default();
    for number in 0..root.shard_count() {
        let shard = ShardId(number);
        let disk = shard_disk(&root.shard_dir(shard), IoPath::Blocking)?;
        let segment_len_max = Options::default().segment_len_max;
        let options = LogOptions { store_id: root.store_id(), shard, segment_len_max };
        let mut read = 0;
        loop {
            let scan = Scan::open(Arc::clone(&disk), &options)?;
            let (before, mut found) = (scan.reader().sealed(), report.clone());
            let later = Vec::new();
            let checked = Verifier { shard, report: &mut found, progress: &mut *progress, later }
                .check(&scan);
            read += 1;
            let is_sound = checked.is_ok() && found.findings.len() == report.findings.len();
            // What does not fit may be a segment whose owner condensed it meanwhile.
            let after = Scan::open(Arc::clone(&disk), &options)?.reader().sealed();
            let is_same = after.get(..before.len()) == Some(&before[..]);
            if is_sound || is_same || read >= READS_MAX {
                checked?;
                report = found;
                break;
            }
        }
    }
    Ok(report)
}

pub(super) struct Verifier<'a> {
    shard: ShardId,
    report: &'a mut Report,
    progress: &'a mut dyn FnMut(Progress),
    /// Records that are checked once everything was seen.
    later: Vec<LogPos>,
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
        Verifier { shard, report: &mut report, progress: &mut |_| {}, later: Vec::new() }
            .check(&scan)?;
        Ok(report)
    }

    fn check(&mut self, scan: &Scan) -> Result<(), Error> {
        let shared = Shared::default();
        let mut from_log = Replay::from_nothing(scan.reader(), shared.clone());
        let mut last = LogPos::default();
        let damages = scan.scan(LogPos::default(), &mut |at, kind, payload| {
            last = at;
            self.read((at, kind, payload), &from_log);
            if let Err(error) = from_log.visit(at, kind, payload) {
                self.find(Some(at), error.to_string());
            }
            Ok(())
        })?;
        from_log.blobs.forget_incomplete();
        damages.iter().chain(&from_log.stray).for_each(|damage| self.damaged(*damage));
        self.check_the_rest(&from_log)?;
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

    /// Checks what refers to messages and blobs that compaction may have moved behind it.
    fn check_the_rest(&mut self, log: &Replay) -> Result<(), Error> {
        let mut live = Live::default();
        for at in std::mem::take(&mut self.later) {
            let (kind, payload) = log.reader.log().read_record(at)?;
            let checked = match Kind::from_byte(kind) {
                Some(Kind::ListPart) => check_list_part(&payload, log),
                Some(Kind::MessageBlock) => {
                    let live = live.get(log)?;
                    check_block(at, &payload, log, &|number| live.contains(&number))
                }
                Some(Kind::Blob) => check_blob(at, &payload, log),
                _ => match check_message(at, &payload, log) {
                    Err(_) if !is_anybodys(&payload, live.get(log)?) => Ok(()),
                    checked => checked,
                },
            };
            if let Err(error) = checked {
                self.find(Some(at), error.to_string());
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
                // Dictionaries and blobs stand before the first message that needs them, unless
                // they were moved behind it.
                if check_message(at, payload, log).is_err() {
                    self.later.push(at);
                }
                Ok(())
            }
            Some(Kind::BlobChunk) => BlobChunk::unpack_into(payload, &mut Vec::new()).map(drop),
            Some(Kind::Blob | Kind::ListPart) => {
                self.later.push(at);
                Ok(())
            }
            Some(Kind::BlobTable) => format::blob::decode_table(payload).map(drop),
            Some(Kind::MessageBlock) => BlockTable::decode(payload).map(|(table, _)| {
                self.report.messages += table.messages.len() as u64;
                if check_block(at, payload, log, &|_| true).is_err() {
                    self.later.push(at);
                }
            }),
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
        // One counted too often is held longer than it need be; one too rarely would be lost.
        let counted = from_checkpoint.blobs.all.all();
        let uses = |number| {
            let found = counted.binary_search_by_key(&number, |blob| blob.number).ok();
            found.and_then(|at| counted.get(at)).map_or(0, |blob| blob.uses)
        };
        let is_short = |blob: &BlobUse| uses(blob.number) < blob.uses;
        if from_log.blobs.all.all().iter().any(is_short) {
            // The log may still count messages that nobody has and the checkpoint knows to be gone.
            match Live::find(from_log) {
                Ok(live) => {
                    let counted = from_log.blobs.live_uses(&|number| live.contains(&number));
                    if counted.into_iter().any(|(blob, count)| uses(blob) < count) {
                        let what = "the checkpoint counts fewer messages of a blob than the log";
                        self.find(None, what.to_owned());
                    }
                }
                Err(error) => self.find(None, error.to_string()),
            }
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
fn check_blob(at: LogPos, payload: &[u8], log: &Replay) -> Result<(), Error> {
    let damaged = |fault| log.reader.damaged(at, fault);
    let blob = Blob::decode(payload).map_err(damaged)?;
    let place = log.reader.place(places::email_id(log.reader.shard().0, blob.number));
    if place.is_ok_and(|place| place != at) || log.blobs.all.uses(blob.number) == 0 {
        // It was moved, and its chunks with it; or no message has it, and none can get it.
        return Ok(());
    }
    let (mut hasher, mut chunk) = (blake3::Hasher::new(), Vec::new());
    for index in 0..blob.chunks.len() {
        log.reader.blob_chunk(&blob, index, &mut chunk)?;
        hasher.update(&chunk);
    }
    let is_same = *hasher.finalize().as_bytes() == blob.hash;
    if is_same { Ok(()) } else { Err(damaged(Fault::Invalid("hash of a blob"))) }
}

/// Rebuilds those messages of a block that `is_checked` names, and computes their part trees again.
fn check_block(
    at: LogPos,
    payload: &[u8],
    log: &Replay,
    is_checked: &dyn Fn(u64) -> bool,
) -> Result<(), Error> {
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
    for message in table.messages.iter().filter(|message| is_checked(message.number)) {
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
    Ok(())
}

/// The messages that any mailbox has; found out when somebody asks.
#[derive(Default)]
struct Live(Option<HashSet<u64>>);

impl Live {
    fn get(&mut self, log: &Replay) -> Result<&HashSet<u64>, Error> {
        let found = match self.0.take() {
            Some(found) => found,
            None => Self::find(log)?,
        };
        Ok(self.0.insert(found))
    }

    fn find(log: &Replay) -> Result<HashSet<u64>, Error> {
        let mut found = HashSet::new();
        for entry in log.accounts.values().flat_map(|listed| listed.list.iter()) {
            let snapshot = log.final_state(entry.id)?.snapshot();
            for row in snapshot.rows(&snapshot.all_uids()?) {
                found.insert(places::number(row?.email_id));
            }
        }
        Ok(found)
    }
}

/// Whether a mailbox has the message. What one had that nobody has may be given back before its
/// record is.
fn is_anybodys(payload: &[u8], live: &HashSet<u64>) -> bool {
    MessageTable::decode(payload).is_ok_and(|(table, _)| live.contains(&table.number))
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
