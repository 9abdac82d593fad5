//! Sort keys read where they lie, without a copy of their own. What nobody asks for is passed over
//! unread: a sort by one key of a million messages is mostly this.

use super::{MESSAGE_ID, REPLY_OR_FORWARD, SortKeys};
use crate::error::Fault;
use crate::limits::{REFERENCES_MAX, SORT_ADDRESS_LEN_MAX, SORT_SUBJECT_LEN_MAX};
use crate::message::varint::take_varint;

/// Bytes of the hash of a message id.
const HASH_LEN: usize = 8;

/// The keys of one message, as [`SortKeys`] has them, borrowed from their encoding. A text that is
/// no UTF-8 reads as an empty one; [`SortKeysRef::to_owned`] is what finds fault with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SortKeysRef<'a> {
    base_subject: &'a [u8],
    from: &'a [u8],
    to: &'a [u8],
    cc: &'a [u8],
    display_from: &'a [u8],
    display_to: &'a [u8],
    references: &'a [u8],
    message_id: u64,
    is_reply_or_forward: bool,
}

impl<'a> SortKeysRef<'a> {
    /// Reads what [`SortKeys::encode`] wrote, as far as it must to find each key.
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
        Ok(Self {
            base_subject,
            from,
            to,
            cc,
            display_from,
            display_to,
            references: input,
            message_id,
            is_reply_or_forward: marks & REPLY_OR_FORWARD != 0,
        })
    }

    /// The subject without marks (RFC 5256, 2.1), not folded.
    pub fn base_subject(&self) -> &'a str {
        text(self.base_subject)
    }

    /// Whether it lost a mark of a reply or forward.
    pub fn is_reply_or_forward(&self) -> bool {
        self.is_reply_or_forward
    }

    /// The local part of the first From address.
    pub fn from(&self) -> &'a str {
        text(self.from)
    }

    /// The same of To.
    pub fn to(&self) -> &'a str {
        text(self.to)
    }

    /// The same of Cc.
    pub fn cc(&self) -> &'a str {
        text(self.cc)
    }

    /// How the first From address is shown (RFC 5957, 3).
    pub fn display_from(&self) -> &'a str {
        text(self.display_from)
    }

    /// The same of To.
    pub fn display_to(&self) -> &'a str {
        text(self.display_to)
    }

    /// Of the message's own id; 0 without one.
    pub fn message_id(&self) -> u64 {
        self.message_id
    }

    /// Of the ids that it answers, the oldest first.
    pub fn references(&self) -> impl DoubleEndedIterator<Item = u64> + use<'a> {
        let hashes = self.references.chunks_exact(HASH_LEN);
        hashes.map(|hash| hash.first_chunk().map_or(0, |hash| u64::from_le_bytes(*hash)))
    }

    /// A copy of its own, every byte of it looked at.
    pub fn to_owned(&self) -> Result<SortKeys, Fault> {
        if self.references().any(|hash| hash == 0) {
            return Err(Fault::Invalid("hash"));
        }
        Ok(SortKeys {
            base_subject: checked(self.base_subject)?,
            is_reply_or_forward: self.is_reply_or_forward,
            from: checked(self.from)?,
            to: checked(self.to)?,
            cc: checked(self.cc)?,
            display_from: checked(self.display_from)?,
            display_to: checked(self.display_to)?,
            message_id: self.message_id,
            references: self.references().collect(),
        })
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn checked(bytes: &[u8]) -> Result<String, Fault> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Fault::Invalid("sort key"))
}

#[inline]
fn take_text<'a>(input: &mut &'a [u8], len_max: usize) -> Result<&'a [u8], Fault> {
    // Most texts are short.
    let len = match input.split_first() {
        Some((len, rest)) if *len < 0x80 => {
            *input = rest;
            usize::from(*len)
        }
        _ => take_varint(input)?,
    };
    if len > len_max {
        return Err(Fault::Invalid("sort key length"));
    }
    let (text, rest) = input.split_at_checked(len).ok_or(Fault::Truncated)?;
    *input = rest;
    Ok(text)
}

/// No hash is 0.
fn take_hash(input: &mut &[u8]) -> Result<u64, Fault> {
    let (hash, rest) = input.split_first_chunk().ok_or(Fault::Truncated)?;
    *input = rest;
    Some(u64::from_le_bytes(*hash)).filter(|hash| *hash != 0).ok_or(Fault::Invalid("hash"))
}
