//! Records to bytes and back. The kind is in the record's header; this is the payload.
//!
//! Integers are LEB128 varints unless said otherwise; `z` is a zigzag varint; a list is its
//! count and its elements; text and UID sets are as in the notes below.
//!
//! | kind | record           | payload                                                            |
//! |-----:|------------------|--------------------------------------------------------------------|
//! |    2 | Appended         | mailbox, modseq, keywords, rows                                    |
//! |    3 | `FlagsChanged`     | mailbox, modseq, keywords, action (1 byte), flags, uid set         |
//! |    4 | Expunged         | mailbox, modseq, time z, uid set                                   |
//! |    5 | Transferred      | from, to, moved (0 or modseq), uid set, to modseq, keywords, rows  |
//! |   16 | `AccountCreated`   | account, list of mailboxes                                         |
//! |   17 | `MailboxesCreated` | account, list of mailboxes                                         |
//! |   18 | `MailboxDeleted`   | account, mailbox, time z                                           |
//! |   19 | `MailboxesRenamed` | account, list of (mailbox, name)                                   |
//! |   20 | Subscribed       | account, name                                                      |
//! |   21 | Unsubscribed     | account, name                                                      |
//! |   22 | Annotated        | account, whose, list of (entry, value)                             |
//!
//! A mailbox is: id, UIDVALIDITY, special use (1 byte, 0 = none), name. Flags are their low 64 bits
//! and their high 64 bits. Whose an annotation is: a byte 0 for the account, or 1 and the mailbox; its value: a byte 0
//! for none, or 1 and a string. Text is its length and
//! UTF-8. A UID set is a list of (first less the end of the range before, length less 1). A row
//! is: UID less the UID before, flags (low and high 64 bits), size, internal date z and zone z, save date z
//! less the internal date, sent date z less the internal date, its zone z, e-mail id, thread id
//! (8 bytes).

use std::sync::Arc;

use crate::Fault;
use crate::columns::{InternalDate, NewRow};
use crate::flags::{FlagBits, Keyword};
use crate::format::reader::{Put, Reader};
use crate::ids::{AccountId, EmailId, MailboxId, ModSeq, ThreadId, Uid, UidValidity};
use crate::record::{
    Annotation, Change, FlagAction, Kind, ListChange, NewMailbox, Record, SpecialUse, Transfer,
};
use crate::uid_set::UidSet;

/// The kind and payload of a record.
pub(crate) fn encode(record: &Record) -> (Kind, Vec<u8>) {
    let mut out = Vec::new();
    let kind = match record {
        Record::Changed { mailbox, change } => {
            out.put_varint(mailbox.0);
            put_change(change, &mut out)
        }
        Record::Transferred(transfer) => {
            put_transfer(transfer, &mut out);
            Kind::Transferred
        }
        Record::Listed { account, change } => {
            out.put_varint(account.0);
            put_list_change(change, &mut out)
        }
    };
    (kind, out)
}

/// The record of a kind and a payload; `None` for kinds that are not in the table above.
pub(crate) fn decode(kind: Kind, payload: &[u8]) -> Result<Option<Record>, Fault> {
    let mut input = Reader::new(payload);
    let record = match kind {
        Kind::Appended | Kind::FlagsChanged | Kind::Expunged => {
            let mailbox = MailboxId(input.varint()?);
            Record::Changed { mailbox, change: change(kind, &mut input)? }
        }
        Kind::Transferred => Record::Transferred(transfer(&mut input)?),
        Kind::AccountCreated
        | Kind::MailboxesCreated
        | Kind::MailboxDeleted
        | Kind::MailboxesRenamed
        | Kind::Subscribed
        | Kind::Unsubscribed
        | Kind::Annotated => {
            let account = AccountId(input.varint()?);
            Record::Listed { account, change: list_change(kind, &mut input)? }
        }
        Kind::Message
        | Kind::Dictionary
        | Kind::BlobChunk
        | Kind::Blob
        | Kind::BlobTable
        | Kind::MessageBlock
        | Kind::Columns
        | Kind::Marks
        | Kind::Accounts
        | Kind::Places
        | Kind::ListPart
        | Kind::HistoryPage
        | Kind::MailboxImage
        | Kind::Checkpoint => return Ok(None),
    };
    input.finish()?;
    Ok(Some(record))
}

fn put_change(change: &Change, out: &mut Vec<u8>) -> Kind {
    match change {
        Change::Append { modseq, new_keywords, rows } => {
            out.put_varint(modseq.get());
            put_keywords(new_keywords, out);
            put_rows(rows, out);
            Kind::Appended
        }
        Change::Flags { modseq, new_keywords, uids, action, flags } => {
            out.put_varint(modseq.get());
            put_keywords(new_keywords, out);
            out.put_u8(*action as u8);
            put_flags(*flags, out);
            put_uids(uids, out);
            Kind::FlagsChanged
        }
        Change::Expunge { modseq, at, uids } => {
            out.put_varint(modseq.get());
            out.put_zigzag(*at);
            put_uids(uids, out);
            Kind::Expunged
        }
    }
}

fn change(kind: Kind, input: &mut Reader<'_>) -> Result<Change, Fault> {
    let modseq = modseq(input)?;
    Ok(match kind {
        Kind::Appended => {
            Change::Append { modseq, new_keywords: keywords(input)?, rows: rows(input)? }
        }
        Kind::FlagsChanged => {
            let new_keywords = keywords(input)?;
            let action = match input.u8()? {
                0 => FlagAction::Add,
                1 => FlagAction::Remove,
                2 => FlagAction::Replace,
                value => return Err(Fault::Unknown { field: "action", value: value.into() }),
            };
            let flags = flags(input)?;
            Change::Flags { modseq, new_keywords, uids: uids(input)?, action, flags }
        }
        _ => Change::Expunge { modseq, at: input.zigzag()?, uids: uids(input)? },
    })
}

fn put_transfer(transfer: &Transfer, out: &mut Vec<u8>) {
    out.put_varint(transfer.from.0);
    out.put_varint(transfer.to.0);
    out.put_varint(transfer.moved.map_or(0, ModSeq::get));
    put_uids(&transfer.uids, out);
    out.put_varint(transfer.to_modseq.get());
    put_keywords(&transfer.new_keywords, out);
    put_rows(&transfer.rows, out);
}

fn transfer(input: &mut Reader<'_>) -> Result<Transfer, Fault> {
    Ok(Transfer {
        from: MailboxId(input.varint()?),
        to: MailboxId(input.varint()?),
        moved: ModSeq::new(input.varint()?),
        uids: uids(input)?,
        to_modseq: modseq(input)?,
        new_keywords: keywords(input)?,
        rows: rows(input)?,
    })
}

fn put_list_change(change: &ListChange, out: &mut Vec<u8>) -> Kind {
    match change {
        ListChange::Account(made) | ListChange::Create(made) => {
            out.put_count(made.len());
            made.iter().for_each(|mailbox| put_mailbox(mailbox, out));
            if matches!(change, ListChange::Account(_)) {
                Kind::AccountCreated
            } else {
                Kind::MailboxesCreated
            }
        }
        ListChange::Delete(mailbox, at) => {
            out.put_varint(mailbox.0);
            out.put_zigzag(*at);
            Kind::MailboxDeleted
        }
        ListChange::Rename(names) => {
            out.put_count(names.len());
            for (mailbox, name) in names {
                out.put_varint(mailbox.0);
                out.put_string(name.as_bytes());
            }
            Kind::MailboxesRenamed
        }
        ListChange::Subscribe(name) => {
            out.put_string(name.as_bytes());
            Kind::Subscribed
        }
        ListChange::Unsubscribe(name) => {
            out.put_string(name.as_bytes());
            Kind::Unsubscribed
        }
        ListChange::Annotate { mailbox, entries } => {
            put_owner(*mailbox, out);
            out.put_count(entries.len());
            for (entry, value) in entries {
                out.put_string(entry.as_bytes());
                out.put_u8(u8::from(value.is_some()));
                if let Some(value) = value {
                    out.put_string(value);
                }
            }
            Kind::Annotated
        }
    }
}

fn list_change(kind: Kind, input: &mut Reader<'_>) -> Result<ListChange, Fault> {
    Ok(match kind {
        Kind::AccountCreated => ListChange::Account(mailboxes(input)?),
        Kind::MailboxesCreated => ListChange::Create(mailboxes(input)?),
        Kind::MailboxDeleted => ListChange::Delete(MailboxId(input.varint()?), input.zigzag()?),
        Kind::MailboxesRenamed => {
            let count = input.count(2)?;
            let name = |input: &mut Reader<'_>| -> Result<(MailboxId, Arc<str>), Fault> {
                Ok((MailboxId(input.varint()?), input.text()?.into()))
            };
            ListChange::Rename((0..count).map(|_| name(input)).collect::<Result<_, _>>()?)
        }
        Kind::Subscribed => ListChange::Subscribe(input.text()?.into()),
        Kind::Unsubscribed => ListChange::Unsubscribe(input.text()?.into()),
        _ => {
            let mailbox = owner(input)?;
            let count = input.count(2)?;
            let entry = |input: &mut Reader<'_>| -> Result<(Arc<str>, Annotation), Fault> {
                let name = input.text()?.into();
                let value = if is_there(input)? { Some(input.string()?.into()) } else { None };
                Ok((name, value))
            };
            let entries = (0..count).map(|_| entry(input)).collect::<Result<_, _>>()?;
            ListChange::Annotate { mailbox, entries }
        }
    })
}

/// Whose annotations follow: the account's, or a mailbox's.
pub(crate) fn put_owner(mailbox: Option<MailboxId>, out: &mut Vec<u8>) {
    out.put_u8(u8::from(mailbox.is_some()));
    if let Some(mailbox) = mailbox {
        out.put_varint(mailbox.0);
    }
}

pub(crate) fn owner(input: &mut Reader<'_>) -> Result<Option<MailboxId>, Fault> {
    if is_there(input)? { Ok(Some(MailboxId(input.varint()?))) } else { Ok(None) }
}

fn is_there(input: &mut Reader<'_>) -> Result<bool, Fault> {
    match input.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        value => Err(Fault::Unknown { field: "presence", value: value.into() }),
    }
}

fn mailboxes(input: &mut Reader<'_>) -> Result<Vec<NewMailbox>, Fault> {
    let count = input.count(4)?;
    (0..count).map(|_| mailbox(input)).collect()
}

pub(crate) fn put_mailbox(mailbox: &NewMailbox, out: &mut Vec<u8>) {
    out.put_varint(mailbox.id.0);
    out.put_varint(mailbox.uid_validity.get().into());
    out.put_u8(mailbox.special_use.map_or(0, |special_use| special_use as u8));
    out.put_string(mailbox.name.as_bytes());
}

pub(crate) fn mailbox(input: &mut Reader<'_>) -> Result<NewMailbox, Fault> {
    let id = MailboxId(input.varint()?);
    let uid_validity = uid_validity(input)?;
    let special_use = match input.u8()? {
        0 => None,
        value => {
            let known = SpecialUse::ALL.into_iter().find(|known| *known as u8 == value);
            let unknown = Fault::Unknown { field: "special use", value: value.into() };
            Some(known.ok_or(unknown)?)
        }
    };
    Ok(NewMailbox { id, name: input.text()?.into(), uid_validity, special_use })
}

pub(crate) fn uid_validity(input: &mut Reader<'_>) -> Result<UidValidity, Fault> {
    UidValidity::new(input.varint32()?).ok_or(Fault::Invalid("UIDVALIDITY"))
}

pub(crate) fn modseq(input: &mut Reader<'_>) -> Result<ModSeq, Fault> {
    ModSeq::new(input.varint()?).ok_or(Fault::Invalid("mod-sequence"))
}

pub(crate) fn put_keywords(keywords: &[Keyword], out: &mut Vec<u8>) {
    out.put_count(keywords.len());
    keywords.iter().for_each(|keyword| out.put_string(keyword.as_str().as_bytes()));
}

pub(crate) fn keywords(input: &mut Reader<'_>) -> Result<Vec<Keyword>, Fault> {
    let count = input.count(1)?;
    let keyword =
        |input: &mut Reader<'_>| Keyword::new(input.text()?).ok_or(Fault::Invalid("keyword"));
    (0..count).map(|_| keyword(input)).collect()
}

pub(crate) fn put_uids(uids: &UidSet, out: &mut Vec<u8>) {
    out.put_count(uids.ranges().len());
    let mut before = 0;
    for range in uids.ranges() {
        out.put_varint(u64::from(range.start() - before));
        out.put_varint(u64::from(range.end() - range.start()));
        before = *range.end();
    }
}

pub(crate) fn uids(input: &mut Reader<'_>) -> Result<UidSet, Fault> {
    let count = input.count(2)?;
    let (mut uids, mut before) = (UidSet::new(), 0_u32);
    for _ in 0..count {
        let first = before.checked_add(input.varint32()?).and_then(Uid::new);
        let first = first.filter(|first| first.get() > before).ok_or(Fault::Invalid("UID set"))?;
        let last = first.get().checked_add(input.varint32()?).and_then(Uid::new);
        let last = last.ok_or(Fault::Invalid("UID set"))?;
        uids.insert_range(first, last);
        before = last.get();
    }
    Ok(uids)
}

fn put_rows(rows: &[NewRow], out: &mut Vec<u8>) {
    out.put_count(rows.len());
    let mut before = 0;
    for row in rows {
        let arrived = row.internal_date.seconds;
        out.put_varint(u64::from(row.uid.wrapping_sub(before)));
        put_flags(row.flags, out);
        out.put_varint(row.size.into());
        out.put_zigzag(arrived);
        out.put_zigzag(row.internal_date.zone_minutes.into());
        out.put_zigzag(row.save_date.wrapping_sub(arrived));
        out.put_zigzag(row.sent_date.wrapping_sub(arrived));
        out.put_zigzag(row.sent_zone_minutes.into());
        out.put_varint(row.email_id.0);
        out.put_u64(row.thread_id.0);
        before = row.uid;
    }
}

fn put_flags(flags: FlagBits, out: &mut Vec<u8>) {
    let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0);
    out.put_varint(half(flags.0));
    out.put_varint(half(flags.0 >> 64));
}

fn flags(input: &mut Reader<'_>) -> Result<FlagBits, Fault> {
    let (low, high) = (input.varint()?, input.varint()?);
    Ok(FlagBits(u128::from(high) << 64 | u128::from(low)))
}

/// Bytes that a row has at least.
const ROW_LEN_MIN: usize = 18;

fn zone(input: &mut Reader<'_>) -> Result<i16, Fault> {
    i16::try_from(input.zigzag()?).map_err(|_| Fault::Invalid("zone"))
}

fn rows(input: &mut Reader<'_>) -> Result<Vec<NewRow>, Fault> {
    let count = input.count(ROW_LEN_MIN)?;
    let (mut rows, mut before) = (Vec::with_capacity(count), 0_u32);
    for _ in 0..count {
        let uid = before.checked_add(input.varint32()?).filter(|uid| *uid > before);
        before = uid.ok_or(Fault::Invalid("UID"))?;
        let flags = flags(input)?;
        let size = input.varint32()?;
        let seconds = input.zigzag()?;
        let zone_minutes = zone(input)?;
        rows.push(NewRow {
            uid: before,
            flags,
            size,
            internal_date: InternalDate { seconds, zone_minutes },
            save_date: input.zigzag()?.wrapping_add(seconds),
            sent_date: input.zigzag()?.wrapping_add(seconds),
            sent_zone_minutes: zone(input)?,
            email_id: EmailId(input.varint()?),
            thread_id: ThreadId(input.u64()?),
        });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample_row(uid: u32) -> NewRow {
        NewRow {
            uid,
            flags: FlagBits(0b1001),
            size: 300,
            internal_date: InternalDate { seconds: 1_700_000_000, zone_minutes: 540 },
            save_date: 1_700_000_001,
            sent_date: 1_699_999_000,
            sent_zone_minutes: -60,
            email_id: EmailId(5),
            thread_id: ThreadId(0x0102_0304_0506_0708),
        }
    }

    fn samples() -> Vec<Record> {
        let modseq = ModSeq::new(7).unwrap();
        let word = |word| Keyword::new(word).unwrap();
        let uids: UidSet = [1, 2, 3, 9].into_iter().filter_map(Uid::new).collect();
        let mailbox = NewMailbox {
            id: MailboxId(3),
            name: "INBOX/a".into(),
            uid_validity: UidValidity::new(77).unwrap(),
            special_use: Some(SpecialUse::Junk),
        };
        let changed = |change| Record::Changed { mailbox: MailboxId(3), change };
        let listed = |change| Record::Listed { account: AccountId(2), change };
        let rows = vec![sample_row(4), sample_row(9)];
        vec![
            changed(Change::Append { modseq, new_keywords: vec![word("$Label1")], rows }),
            changed(Change::Flags {
                modseq,
                new_keywords: vec![word("x")],
                uids: uids.clone(),
                action: FlagAction::Remove,
                flags: FlagBits(1 << 127 | 1),
            }),
            changed(Change::Expunge { modseq, at: 9, uids: uids.clone() }),
            Record::Transferred(Transfer {
                from: MailboxId(3),
                to: MailboxId(4),
                moved: Some(modseq),
                uids,
                to_modseq: modseq,
                new_keywords: vec![word("y")],
                rows: vec![sample_row(4)],
            }),
            listed(ListChange::Account(vec![mailbox.clone()])),
            listed(ListChange::Create(vec![mailbox])),
            listed(ListChange::Delete(MailboxId(8), 9)),
            listed(ListChange::Rename(vec![(MailboxId(8), "b".into())])),
            listed(ListChange::Subscribe("c".into())),
            listed(ListChange::Unsubscribe("d".into())),
            listed(ListChange::Annotate {
                mailbox: Some(MailboxId(8)),
                entries: vec![
                    ("/private/comment".into(), Some(b"\0a"[..].into())),
                    ("/shared/x".into(), None),
                ],
            }),
            listed(ListChange::Annotate { mailbox: None, entries: Vec::new() }),
        ]
    }

    #[test]
    fn every_record_comes_back_and_every_cut_is_a_fault() {
        for record in samples() {
            let (kind, payload) = encode(&record);
            assert_eq!(decode(kind, &payload), Ok(Some(record)));
            for len in 0..payload.len() {
                assert!(decode(kind, &payload[..len]).is_err(), "{kind:?} cut to {len}");
            }
        }
    }

    /// Pins the table above. Changing these bytes means a new format version.
    #[test]
    fn golden_bytes() {
        let hex = |record: &Record| {
            let (kind, payload) = encode(record);
            format!("{}:{}", kind as u8, crate::format::reader::hex(&payload))
        };
        let all: Vec<String> = samples().iter().map(hex).collect();
        let row = "0900ac0280c49fd50cb808";
        let rest = "02cf0f77050807060504030201";
        assert_eq!(
            all[0],
            format!("2:030701072 44c6162656c3102 04{row}{rest}05{row}{rest}").replace(' ', "")
        );
        assert_eq!(all[1], "3:030701017801018080808080808080800102010206 00".replace(' ', ""));
        assert_eq!(all[2], "4:0307120201020600");
        assert_eq!(all[3], format!("5:03040702010206000701017901 04{row}{rest}").replace(' ', ""));
        assert_eq!(all[4], "16:0201034d0507494e424f582f61");
        assert_eq!(all[7], "19:0201080162");
        let entry = "102f707269766174652f636f6d6d656e74";
        assert_eq!(all[10], format!("22:02010802{entry}01020061092f7368617265642f7800"));
        assert_eq!(all[11], "22:020000");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_record_or_a_fault(
            kind in 0..Kind::ALL.len(),
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Ok(Some(record)) = decode(Kind::ALL[kind], &bytes) {
                let (kind, payload) = encode(&record);
                prop_assert_eq!(decode(kind, &payload), Ok(Some(record)));
            }
        }
    }
}
