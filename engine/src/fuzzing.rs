//! Doors for the fuzz targets, in fuzzing builds only: what reads bytes from the disk and is
//! private otherwise.

use crate::format;
use crate::format::dictionary::Dictionary;
use crate::format::frame::{FrameHeader, HEADER_LEN, Seed};
use crate::format::manifest::Manifest;
use crate::format::message::MessageTable;
use crate::format::segment::{SegmentFooter, SegmentHeader};
use crate::ids::{LogPos, ShardId};
use crate::record::Kind;

/// Reads a frame with whatever records follow, and the files' own headers.
pub fn frame(bytes: &[u8]) {
    let seed = Seed::new(7, ShardId(0));
    let at = LogPos::default();
    // With its own checksum put right, so that what stands behind it is reached too.
    let (header, body) = bytes.split_at_checked(HEADER_LEN).unwrap_or((bytes, &[]));
    let body_len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let record_count = u32::from(header.first().copied().unwrap_or(0));
    let made = FrameHeader { at, batch_start: 0, body_len, record_count };
    // A count of records that the body has no room for is refused whatever the checksum says.
    if let Ok(read) = FrameHeader::decode(&made.encode(seed), at, seed) {
        assert_eq!(read, made);
    }
    let _ = made.check_body(body);
    for record in made.records(body) {
        let _ = record;
    }
    let _ = FrameHeader::decode(bytes, at, seed);
    let _ = SegmentHeader::decode(bytes);
    let _ = SegmentFooter::decode(bytes);
    if let Ok(manifest) = Manifest::decode(bytes) {
        assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest));
    }
}

/// Reads a record's payload as the kind that its first byte names; what can be read can be
/// written and read again.
pub fn record(bytes: &[u8]) {
    let Some((kind, payload)) = bytes.split_first() else { return };
    let kind = Kind::ALL.get(usize::from(*kind) % Kind::ALL.len());
    match kind.expect("a remainder is below the length") {
        Kind::Message => {
            if let Ok((table, _)) = MessageTable::decode(payload) {
                let _ = (table.pieces_len(), table.body_len());
            }
        }
        Kind::MessageBlock => {
            let _ = format::block::BlockTable::decode(payload);
        }
        Kind::ListPart => {
            let _ = format::list_part::check(payload);
        }
        Kind::Dictionary => {
            let _ = Dictionary::decode(payload).map(|dictionary| dictionary.encode());
        }
        Kind::Columns => {
            if let Ok(columns) = format::columns::decode(payload) {
                assert_eq!(
                    format::columns::decode(&format::columns::encode(&columns)),
                    Ok(columns)
                );
            }
        }
        Kind::Marks => {
            if let Ok((marks, rows)) = format::columns::decode_marks(payload) {
                let again = format::columns::encode_marks(&marks, rows);
                assert_eq!(format::columns::decode_marks(&again), Ok((marks, rows)));
            }
        }
        Kind::HistoryPage => {
            if let Ok(page) = format::image::decode_history(payload) {
                let again = format::image::encode_history(&page);
                assert_eq!(format::image::decode_history(&again), Ok(page));
            }
        }
        Kind::Places => {
            if let Ok(places) = format::image::decode_places(payload) {
                assert_eq!(format::image::encode_places(&places), payload);
            }
        }
        Kind::Accounts => {
            if let Ok(accounts) = format::image::decode_accounts(payload) {
                let again = format::image::encode_accounts(accounts.iter());
                assert_eq!(format::image::decode_accounts(&again), Ok(accounts));
            }
        }
        Kind::MailboxImage => {
            if let Ok(image) = format::image::decode_mailbox(payload) {
                let again = format::image::encode_mailbox(&image);
                assert_eq!(format::image::decode_mailbox(&again), Ok(image));
            }
        }
        Kind::Checkpoint => {
            if let Ok(checkpoint) = format::image::decode_checkpoint(payload) {
                let again = format::image::encode_checkpoint(&checkpoint);
                assert_eq!(format::image::decode_checkpoint(&again), Ok(checkpoint));
            }
        }
        kind => {
            if let Ok(Some(record)) = format::record::decode(*kind, payload) {
                let (kind, again) = format::record::encode(&record);
                assert_eq!(format::record::decode(kind, &again), Ok(Some(record)));
            }
        }
    }
}
