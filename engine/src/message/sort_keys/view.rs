//! Sort keys read where they lie, without a copy of their own.

use super::{MESSAGE_ID, REPLY_OR_FORWARD, SortKeys};
use crate::error::Fault;
use crate::limits::{REFERENCES_MAX, SORT_ADDRESS_LEN_MAX, SORT_SUBJECT_LEN_MAX};
use crate::message::varint::take_varint;

/// Bytes of the hash of a message id.
const HASH_LEN: usize = 8;

/// The keys of one message, as [`SortKeys`] has them, borrowed from their encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SortKeysRef<'a> {
    /// The subject without marks (RFC 5256, 2.1), not folded.
    pub base_subject: &'a str,
    /// Whether it lost a mark of a reply or forward.
    pub is_reply_or_forward: bool,
    /// The local part of the first From address.
    pub from: &'a str,
    /// The same of To.
    pub to: &'a str,
    /// The same of Cc.
    pub cc: &'a str,
    /// How the first From address is shown (RFC 5957, 3).
    pub display_from: &'a str,
    /// The same of To.
    pub display_to: &'a str,
    /// Of the message's own id; 0 without one.
    pub message_id: u64,
    references: &'a [u8],
}

impl<'a> SortKeysRef<'a> {
    /// Reads what [`SortKeys::encode`] wrote, and nothing else.
    pub fn decode(mut input: &'a [u8]) -> Result<Self, Fault> {
        let (marks, rest) = input.split_first().ok_or(Fault::Truncated)?;
        input = rest;
        if *marks & !(REPLY_OR_FORWARD | MESSAGE_ID) != 0 {
            return Err(Fault::Unknown { field: "sort key marks", value: (*marks).into() });
        }
        let base_subject = take_text(&mut input, SORT_SUBJECT_LEN_MAX)?;
        let mut address = || take_text(&mut input, SORT_ADDRESS_LEN_MAX);
        let (from, to, cc) = (address()?, address()?, address()?);
        let (display_from, display_to) = (address()?, address()?);
        let has_id = marks & MESSAGE_ID != 0;
        let message_id = if has_id { take_hash(&mut input)? } else { 0 };
        let count = take_varint(&mut input)?;
        if count > REFERENCES_MAX {
            return Err(Fault::Invalid("references count"));
        }
        if input.len() != count * HASH_LEN {
            let is_short = input.len() < count * HASH_LEN;
            return Err(if is_short { Fault::Truncated } else { Fault::Invalid("sort keys") });
        }
        let is_reply_or_forward = marks & REPLY_OR_FORWARD != 0;
        let keys = Self {
            base_subject,
            is_reply_or_forward,
            from,
            to,
            cc,
            display_from,
            display_to,
            message_id,
            references: input,
        };
        if keys.references().any(|hash| hash == 0) {
            return Err(Fault::Invalid("hash"));
        }
        Ok(keys)
    }

    /// Of the ids that it answers, the oldest first.
    pub fn references(&self) -> impl DoubleEndedIterator<Item = u64> + use<'a> {
        let hashes = self.references.chunks_exact(HASH_LEN);
        hashes.map(|hash| hash.first_chunk().map_or(0, |hash| u64::from_le_bytes(*hash)))
    }

    /// A copy of its own.
    pub fn to_owned(&self) -> SortKeys {
        SortKeys {
            base_subject: self.base_subject.to_owned(),
            is_reply_or_forward: self.is_reply_or_forward,
            from: self.from.to_owned(),
            to: self.to.to_owned(),
            cc: self.cc.to_owned(),
            display_from: self.display_from.to_owned(),
            display_to: self.display_to.to_owned(),
            message_id: self.message_id,
            references: self.references().collect(),
        }
    }
}

fn take_text<'a>(input: &mut &'a [u8], len_max: usize) -> Result<&'a str, Fault> {
    let len = take_varint(input)?;
    if len > len_max {
        return Err(Fault::Invalid("sort key length"));
    }
    let (text, rest) = input.split_at_checked(len).ok_or(Fault::Truncated)?;
    *input = rest;
    std::str::from_utf8(text).map_err(|_| Fault::Invalid("sort key"))
}

/// No hash is 0.
fn take_hash(input: &mut &[u8]) -> Result<u64, Fault> {
    let (hash, rest) = input.split_first_chunk().ok_or(Fault::Truncated)?;
    *input = rest;
    Some(u64::from_le_bytes(*hash)).filter(|hash| *hash != 0).ok_or(Fault::Invalid("hash"))
}
