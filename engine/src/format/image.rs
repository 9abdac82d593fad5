//! What a checkpoint is made of: history pages, mailbox images, and the shard's directory.
//!
//! Notation as in `record.rs`. An address is segment, offset.
//!
//! | kind | record       | payload                                                               |
//! |-----:|--------------|-----------------------------------------------------------------------|
//! |   65 | `HistoryPage`  | version (1 byte), list of expunges                                    |
//! |   66 | `MailboxImage` | version, mailbox, account, UIDVALIDITY, UIDNEXT (0 = spent), highest modseq, keywords, list of chunks, list of pages, list of expunges, list of list parts |
//! |   67 | Checkpoint   | version, replay from (address), next mailbox, next e-mail, list of (dictionary, address), list of places pages (addresses), list of blob table pages (addresses), list of image pages (addresses), number of accounts, list of buckets (addresses, 0 and 0 = none), list of graves |
//! |   68 | Places       | version, for each number of the page: segment (4 bytes), offset (4 bytes), both 0 = nowhere |
//! |   72 | Accounts     | version, list of accounts                                             |
//!
//! An expunge is: modseq, time z, uid set, message numbers (a string: zigzag varints of the distance to the one
//! before). A grave is: account, time z, message numbers. A page is: highest modseq, address. A chunk is: first UID, last
//! UID, rows, live, unseen, deleted, size, highest modseq, address of its columns, address of its marks. A list part is:
//! first UID, last UID, messages, length of the record's payload, address. An account is: id, last UIDVALIDITY, list of mailboxes, list of subscribed names, and in
//! version 2 of Accounts list of (whose, list of (entry, value as a string)).

use std::sync::Arc;

use crate::Fault;
use crate::format::reader::{Put, Reader};
use crate::format::record::{
    keywords, mailbox, modseq, owner, put_keywords, put_mailbox, put_owner, put_uids, uid_validity,
    uids,
};
use crate::ids::{AccountId, LogPos, MailboxId, RecordAddr, SegmentId};
use crate::image::{
    Checkpoint, ChunkRef, Grave, MailboxImage, PLACES_PAGE_LEN, PageRef, PartRef, StoredAccount,
    Summary, Vanished,
};
use crate::numbers::Numbers;

pub(super) const VERSION: u8 = 1;
/// Of a bucket of accounts; the first had no annotations.
const ACCOUNTS_VERSION: u8 = 2;

pub(super) fn version(input: &mut Reader<'_>) -> Result<(), Fault> {
    match input.u8()? {
        VERSION => Ok(()),
        value => Err(Fault::Unknown { field: "image version", value: value.into() }),
    }
}

pub(super) fn put_addr(addr: RecordAddr, out: &mut Vec<u8>) {
    out.put_varint(addr.segment.0);
    out.put_varint(addr.offset);
}

pub(super) fn addr(input: &mut Reader<'_>) -> Result<RecordAddr, Fault> {
    Ok(LogPos { segment: SegmentId(input.varint()?), offset: input.varint()? })
}

pub(super) fn list<T>(
    input: &mut Reader<'_>,
    each_min: usize,
    item: impl Fn(&mut Reader<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let count = input.count(each_min)?;
    (0..count).map(|_| item(input)).collect()
}

fn put_expunges(expunges: &[Arc<Vanished>], out: &mut Vec<u8>) {
    out.put_count(expunges.len());
    for expunge in expunges {
        out.put_varint(expunge.modseq);
        out.put_zigzag(expunge.at);
        put_uids(&expunge.uids, out);
        out.put_string(expunge.numbers.as_bytes());
    }
}

fn expunges(input: &mut Reader<'_>) -> Result<Vec<Arc<Vanished>>, Fault> {
    list(input, 4, |input| {
        Ok(Arc::new(Vanished {
            modseq: modseq(input)?.get(),
            at: input.zigzag()?,
            uids: uids(input)?,
            numbers: Numbers::from_bytes(input.string()?),
        }))
    })
}

/// A page of history as the payload of a record.
pub(crate) fn encode_history(expunges: &[Arc<Vanished>]) -> Vec<u8> {
    let mut out = vec![VERSION];
    put_expunges(expunges, &mut out);
    out
}

/// A page of history.
pub(crate) fn decode_history(payload: &[u8]) -> Result<Vec<Arc<Vanished>>, Fault> {
    let mut input = Reader::new(payload);
    version(&mut input)?;
    let expunges = expunges(&mut input)?;
    input.finish()?;
    Ok(expunges)
}

/// A mailbox as the payload of a record.
pub(crate) fn encode_mailbox(image: &MailboxImage) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.put_varint(image.mailbox.0);
    out.put_varint(image.account.0);
    out.put_varint(image.uid_validity.get().into());
    out.put_varint(image.uid_next.into());
    out.put_varint(image.highest_modseq);
    put_keywords(&image.keywords, &mut out);
    out.put_count(image.chunks.len());
    for chunk in &image.chunks {
        put_summary(&chunk.summary, &mut out);
        put_addr(chunk.base, &mut out);
        put_addr(chunk.marks, &mut out);
    }
    out.put_count(image.history_pages.len());
    for page in &image.history_pages {
        out.put_varint(page.modseq_max);
        put_addr(page.addr, &mut out);
    }
    put_expunges(&image.history_tail, &mut out);
    out.put_count(image.lists.len());
    image.lists.iter().for_each(|part| put_part(part, &mut out));
    out
}

fn put_part(part: &PartRef, out: &mut Vec<u8>) {
    for number in [part.first_uid, part.last_uid, part.rows, part.len] {
        out.put_varint(number.into());
    }
    put_addr(part.addr, out);
}

fn part(input: &mut Reader<'_>) -> Result<PartRef, Fault> {
    Ok(PartRef {
        first_uid: input.varint32()?,
        last_uid: input.varint32()?,
        rows: input.varint32()?,
        len: input.varint32()?,
        addr: addr(input)?,
    })
}

/// A mailbox.
pub(crate) fn decode_mailbox(payload: &[u8]) -> Result<MailboxImage, Fault> {
    let mut input = Reader::new(payload);
    version(&mut input)?;
    let image = MailboxImage {
        mailbox: MailboxId(input.varint()?),
        account: AccountId(input.varint()?),
        uid_validity: uid_validity(&mut input)?,
        uid_next: input.varint32()?,
        highest_modseq: modseq(&mut input)?.get(),
        keywords: keywords(&mut input)?,
        chunks: list(&mut input, 12, |input| {
            Ok(ChunkRef { summary: summary(input)?, base: addr(input)?, marks: addr(input)? })
        })?,
        history_pages: list(&mut input, 3, |input| {
            Ok(PageRef { modseq_max: input.varint()?, addr: addr(input)? })
        })?,
        history_tail: expunges(&mut input)?,
        lists: list(&mut input, 6, part)?,
    };
    input.finish()?;
    let mut last_uid = 0;
    for summary in image.chunks.iter().map(|chunk| chunk.summary) {
        if summary.first_uid <= last_uid || summary.last_uid < summary.first_uid {
            return Err(Fault::Invalid("chunk"));
        }
        last_uid = summary.last_uid;
    }
    let is_apart = |pair: &[PartRef]| match pair {
        [before, after] => before.last_uid < after.first_uid,
        _ => true,
    };
    if !image.lists.windows(2).all(is_apart) {
        return Err(Fault::Invalid("list parts"));
    }
    Ok(image)
}

fn put_summary(summary: &Summary, out: &mut Vec<u8>) {
    out.put_varint(summary.first_uid.into());
    out.put_varint(summary.last_uid.into());
    out.put_varint(summary.rows.into());
    out.put_varint(summary.live.into());
    out.put_varint(summary.unseen.into());
    out.put_varint(summary.deleted.into());
    out.put_varint(summary.size);
    out.put_varint(summary.modseq_max);
}

fn summary(input: &mut Reader<'_>) -> Result<Summary, Fault> {
    let summary = Summary {
        first_uid: input.varint32()?,
        last_uid: input.varint32()?,
        rows: input.varint32()?,
        live: input.varint32()?,
        unseen: input.varint32()?,
        deleted: input.varint32()?,
        size: input.varint()?,
        modseq_max: input.varint()?,
    };
    let counts = [summary.unseen, summary.deleted];
    let fits = summary.live > 0 && summary.live <= summary.rows && summary.rows <= 4096;
    if fits && counts.iter().all(|count| *count <= summary.live) {
        Ok(summary)
    } else {
        Err(Fault::Invalid("chunk"))
    }
}

/// A shard as the payload of a record.
pub(crate) fn encode_checkpoint(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut out = vec![VERSION];
    put_addr(checkpoint.replay_from, &mut out);
    out.put_varint(checkpoint.next_mailbox);
    out.put_varint(checkpoint.next_email);
    out.put_count(checkpoint.dictionaries.len());
    for (number, dictionary) in &checkpoint.dictionaries {
        out.put_varint((*number).into());
        put_addr(*dictionary, &mut out);
    }
    out.put_count(checkpoint.places.len());
    checkpoint.places.iter().for_each(|page| put_addr(*page, &mut out));
    out.put_count(checkpoint.blobs.len());
    checkpoint.blobs.iter().for_each(|page| put_addr(*page, &mut out));
    out.put_count(checkpoint.images.len());
    checkpoint.images.iter().for_each(|page| put_addr(*page, &mut out));
    out.put_varint(checkpoint.account_count);
    out.put_count(checkpoint.buckets.len());
    checkpoint.buckets.iter().for_each(|bucket| put_addr(*bucket, &mut out));
    out.put_count(checkpoint.graves.len());
    for grave in &checkpoint.graves {
        out.put_varint(grave.account.0);
        out.put_zigzag(grave.at);
        out.put_string(grave.numbers.as_bytes());
    }
    out
}

/// A bucket of accounts as the payload of a record.
pub(crate) fn encode_accounts<'a>(
    accounts: impl ExactSizeIterator<Item = &'a StoredAccount>,
) -> Vec<u8> {
    let mut out = vec![ACCOUNTS_VERSION];
    out.put_count(accounts.len());
    for account in accounts {
        out.put_varint(account.account.0);
        out.put_varint(account.last_uid_validity.into());
        out.put_count(account.mailboxes.len());
        account.mailboxes.iter().for_each(|stored| put_mailbox(stored, &mut out));
        out.put_count(account.subscribed.len());
        account.subscribed.iter().for_each(|name| out.put_string(name.as_bytes()));
        out.put_count(account.annotations.len());
        for (whose, entries) in &account.annotations {
            put_owner(*whose, &mut out);
            out.put_count(entries.len());
            for (entry, value) in entries {
                out.put_string(entry.as_bytes());
                out.put_string(value);
            }
        }
    }
    out
}

/// A bucket of accounts.
pub(crate) fn decode_accounts(payload: &[u8]) -> Result<Vec<StoredAccount>, Fault> {
    let mut input = Reader::new(payload);
    let has_annotations = match input.u8()? {
        VERSION => false,
        ACCOUNTS_VERSION => true,
        value => return Err(Fault::Unknown { field: "accounts version", value: value.into() }),
    };
    let accounts = list(&mut input, 4, |input| {
        let mut account = account(input)?;
        if has_annotations {
            account.annotations = list(input, 2, |input| {
                let entry =
                    |input: &mut Reader<'_>| Ok((input.text()?.into(), input.string()?.into()));
                Ok((owner(input)?, list(input, 2, entry)?))
            })?;
        }
        Ok(account)
    })?;
    input.finish()?;
    Ok(accounts)
}

/// A shard.
pub(crate) fn decode_checkpoint(payload: &[u8]) -> Result<Checkpoint, Fault> {
    let mut input = Reader::new(payload);
    version(&mut input)?;
    let checkpoint = Checkpoint {
        replay_from: addr(&mut input)?,
        next_mailbox: input.varint()?,
        next_email: input.varint()?,
        dictionaries: list(&mut input, 3, |input| Ok((input.varint32()?, addr(input)?)))?,
        places: list(&mut input, 2, addr)?,
        blobs: list(&mut input, 2, addr)?,
        images: list(&mut input, 2, addr)?,
        account_count: input.varint()?,
        buckets: list(&mut input, 2, addr)?,
        graves: list(&mut input, 3, |input| {
            Ok(Grave {
                account: AccountId(input.varint()?),
                at: input.zigzag()?,
                numbers: Numbers::from_bytes(input.string()?),
            })
        })?,
    };
    input.finish()?;
    if !checkpoint.buckets.is_empty() && !checkpoint.buckets.len().is_power_of_two() {
        return Err(Fault::Invalid("buckets"));
    }
    Ok(checkpoint)
}

/// A page of places as the payload of a record.
pub(crate) fn encode_places(places: &[u64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + places.len() * 8);
    out.put_u8(VERSION);
    for place in places {
        // The segment stands in the high half of a place and comes first on disk.
        out.put_u64(place.rotate_left(32));
    }
    out
}

/// A page of places.
pub(crate) fn decode_places(payload: &[u8]) -> Result<Vec<u64>, Fault> {
    let mut input = Reader::new(payload);
    version(&mut input)?;
    let (places, rest) = input.rest().as_chunks::<8>();
    if !rest.is_empty() || places.len() > PLACES_PAGE_LEN {
        return Err(Fault::Invalid("places"));
    }
    Ok(places.iter().map(|place| u64::from_le_bytes(*place).rotate_left(32)).collect())
}

fn account(input: &mut Reader<'_>) -> Result<StoredAccount, Fault> {
    Ok(StoredAccount {
        account: AccountId(input.varint()?),
        last_uid_validity: input.varint32()?,
        mailboxes: list(input, 4, mailbox)?,
        subscribed: list(input, 1, |input| Ok(input.text()?.into()))?,
        annotations: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::Keyword;
    use crate::ids::{Uid, UidValidity};
    use crate::record::NewMailbox;

    fn place(offset: u64) -> RecordAddr {
        LogPos { segment: SegmentId(2), offset }
    }

    fn mailbox_image() -> MailboxImage {
        let summary = Summary {
            first_uid: 1,
            last_uid: 9,
            rows: 9,
            live: 8,
            unseen: 3,
            deleted: 1,
            size: 5000,
            modseq_max: 40,
        };
        let uids = [3].into_iter().filter_map(Uid::new).collect();
        MailboxImage {
            mailbox: MailboxId(5),
            account: AccountId(1),
            uid_validity: UidValidity::new(300).unwrap(),
            uid_next: 10,
            highest_modseq: 41,
            keywords: vec![Keyword::new("$Work").unwrap()],
            chunks: vec![ChunkRef { summary, base: place(640), marks: place(600) }],
            history_pages: vec![PageRef { modseq_max: 7, addr: place(8) }],
            history_tail: vec![Arc::new(Vanished {
                modseq: 41,
                at: 100,
                uids,
                numbers: [70].into_iter().collect(),
            })],
            lists: vec![PartRef {
                first_uid: 1,
                last_uid: 9,
                rows: 8,
                len: 300,
                addr: place(1000),
            }],
        }
    }

    fn account() -> StoredAccount {
        let mailbox = NewMailbox {
            id: MailboxId(5),
            name: "INBOX".into(),
            uid_validity: UidValidity::new(300).unwrap(),
            special_use: None,
        };
        StoredAccount {
            account: AccountId(1),
            last_uid_validity: 300,
            mailboxes: vec![mailbox],
            subscribed: vec!["INBOX".into()],
            annotations: vec![
                (None, vec![("/private/x".into(), b"1"[..].into())]),
                (Some(MailboxId(5)), vec![("/shared/comment".into(), b"\0"[..].into())]),
            ],
        }
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            replay_from: place(4096),
            next_mailbox: 6,
            next_email: 99,
            dictionaries: vec![(1, place(900))],
            places: vec![place(800)],
            blobs: vec![place(850)],
            images: vec![place(700)],
            account_count: 1,
            buckets: vec![place(750), RecordAddr::default()],
            graves: vec![Grave {
                account: AccountId(1),
                at: 1000,
                numbers: [4, 5].into_iter().collect(),
            }],
        }
    }

    #[test]
    fn images_come_back_and_every_cut_is_a_fault() {
        let (image, shard) = (mailbox_image(), checkpoint());
        let (image_bytes, shard_bytes) = (encode_mailbox(&image), encode_checkpoint(&shard));
        let page = encode_history(&image.history_tail);
        assert_eq!(decode_history(&page), Ok(image.history_tail.clone()));
        assert_eq!(decode_mailbox(&image_bytes), Ok(image));
        assert_eq!(decode_checkpoint(&shard_bytes), Ok(shard));
        for len in 0..image_bytes.len() {
            assert!(decode_mailbox(&image_bytes[..len]).is_err());
        }
        for len in 0..shard_bytes.len() {
            assert!(decode_checkpoint(&shard_bytes[..len]).is_err());
        }
        let bucket = encode_accounts([&account()].into_iter());
        assert_eq!(decode_accounts(&bucket), Ok(vec![account()]));
        for len in 0..bucket.len() {
            assert!(decode_accounts(&bucket[..len]).is_err());
        }
        let without = StoredAccount { annotations: Vec::new(), ..account() };
        let bucket = encode_accounts([&without].into_iter());
        let first_version = [&[VERSION], &bucket[1..bucket.len() - 1]].concat();
        assert_eq!(decode_accounts(&first_version), Ok(vec![without]));
    }

    /// Pins the table above. Changing these bytes means a new version.
    #[test]
    fn golden_bytes() {
        let hex = |bytes: Vec<u8>| crate::format::reader::hex(&bytes);
        assert_eq!(
            hex(encode_mailbox(&mailbox_image())),
            "010501ac020a290105 24576f726b 01 01090908030188272802 8005 02d804 01070208 0129 c801 010300 028c01 01010908ac0202e807"
                .replace(' ', "")
        );
        assert_eq!(
            hex(encode_checkpoint(&checkpoint())),
            "010280200663 0101028407 0102a006 0102d206 0102bc05 01 02 02ee05 0000 01 01d00f020802"
                .replace(' ', "")
        );
        assert_eq!(
            hex(encode_accounts([&account()].into_iter())),
            concat!(
                "0201 01ac02 01 05ac020005494e424f58 01 05494e424f58 ",
                "02 00 01 0a2f707269766174652f78 0131 0105 01 0f2f7368617265642f636f6d6d656e74 0100"
            )
            .replace(' ', "")
        );
    }
}
