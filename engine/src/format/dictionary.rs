//! Compression dictionaries: what the messages of a store have in common, trained from some of
//! them, so that a small piece compresses as if it stood among its like.
//!
//! | field      | bytes                                                              |
//! |------------|--------------------------------------------------------------------|
//! | number     | varint: 1 and up, as the codec of a piece names it                 |
//! | purpose    | 1: 0 = heads of messages, 1 = bodies                               |
//! | piece      | its entry: a zstd dictionary                                       |
//! | dictionary | to the end: the piece as stored                                    |

use std::sync::{Arc, OnceLock};

use zstd::dict::{DecoderDictionary, EncoderDictionary};

use crate::Fault;
use crate::format::compress::{self, PieceEntry};
use crate::format::reader::{Put, Reader};
use crate::limits::DICTIONARY_LEN_MAX;

/// What a dictionary was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Purpose {
    /// Heads of messages.
    Head = 0,
    /// Bodies.
    Body = 1,
}

/// How much work compression is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// While somebody waits for the message to be stored.
    Arrival,
    /// In the background, of what is read often.
    Listing,
    /// Once for all, in the background.
    Archive,
}

impl Effort {
    /// The compression level.
    pub(crate) fn level(self) -> i32 {
        match self {
            Self::Arrival => 3,
            Self::Listing => 6,
            Self::Archive => 15,
        }
    }
}

/// Finds dictionaries by their numbers.
pub(crate) trait FindDictionary {
    /// The dictionary with this number, if it is known.
    fn dictionary(&self, number: u32) -> Option<Arc<Dictionary>>;
}

/// For pieces that need none.
impl FindDictionary for () {
    fn dictionary(&self, _: u32) -> Option<Arc<Dictionary>> {
        None
    }
}

/// A dictionary, ready to be used.
pub(crate) struct Dictionary {
    pub(crate) number: u32,
    pub(crate) purpose: Purpose,
    bytes: Vec<u8>,
    arrival: OnceLock<EncoderDictionary<'static>>,
    archive: OnceLock<EncoderDictionary<'static>>,
    decoder: OnceLock<DecoderDictionary<'static>>,
}

impl Dictionary {
    pub(crate) fn new(number: u32, purpose: Purpose, bytes: Vec<u8>) -> Self {
        let (arrival, archive, decoder) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { number, purpose, bytes, arrival, archive, decoder }
    }

    /// The payload of its record.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let piece = compress::pack(&self.bytes, Effort::Archive, None);
        let mut out = Vec::with_capacity(piece.bytes.len() + 20);
        out.put_varint(self.number.into());
        out.put_u8(self.purpose as u8);
        piece.entry.encode(&mut out);
        out.put(&piece.bytes);
        out
    }

    /// The dictionary of a record.
    pub(crate) fn decode(payload: &[u8]) -> Result<Self, Fault> {
        let mut input = Reader::new(payload);
        let number = input.varint32()?;
        let purpose = match input.u8()? {
            0 => Purpose::Head,
            1 => Purpose::Body,
            value => return Err(Fault::Unknown { field: "purpose", value: value.into() }),
        };
        let entry = PieceEntry::decode(&mut input)?;
        if number == 0 || entry.raw_len as usize > DICTIONARY_LEN_MAX {
            return Err(Fault::Invalid("dictionary"));
        }
        Ok(Self::new(number, purpose, compress::unpack(entry, input.rest(), &())?))
    }

    pub(crate) fn encoder(&self, effort: Effort) -> &EncoderDictionary<'static> {
        let slot = match effort {
            Effort::Arrival => &self.arrival,
            Effort::Listing | Effort::Archive => &self.archive,
        };
        slot.get_or_init(|| EncoderDictionary::copy(&self.bytes, effort.level()))
    }

    pub(crate) fn decoder(&self) -> &DecoderDictionary<'static> {
        self.decoder.get_or_init(|| DecoderDictionary::copy(&self.bytes))
    }
}

impl PartialEq for Dictionary {
    fn eq(&self, other: &Self) -> bool {
        (self.number, self.purpose, &self.bytes) == (other.number, other.purpose, &other.bytes)
    }
}

impl std::fmt::Debug for Dictionary {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (number, purpose, len) = (self.number, self.purpose, self.bytes.len());
        write!(out, "Dictionary({number}, {purpose:?}, {len} bytes)")
    }
}

/// Trains a dictionary; `None` where the samples are too few to learn anything from.
pub(crate) fn train(number: u32, purpose: Purpose, samples: &[Vec<u8>]) -> Option<Dictionary> {
    let mut bytes = zstd::dict::from_samples(samples, DICTIONARY_LEN_MAX).ok()?;
    // The id in a dictionary's own header is random and takes four bytes of every frame; ours
    // takes one or two. zstd reserves nothing below 32,768 but for its public registry.
    bytes.get_mut(4..8)?.copy_from_slice(&number.to_le_bytes());
    Some(Dictionary::new(number, purpose, bytes))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Messages that have something in common.
    pub(crate) fn samples() -> Vec<Vec<u8>> {
        let sample = |number: u32| {
            let text = format!(
                "Received: from mx{}.example.test by mail.example.test with ESMTPS; Tue, {} Nov \
                 2026 10:{:02}:00 +0000\r\nFrom: sender {number} <s{number}@example.test>\r\n",
                number % 5,
                number % 28 + 1,
                number % 60,
            );
            text.into_bytes()
        };
        (0..3000).map(sample).collect()
    }

    #[test]
    fn a_trained_dictionary_comes_back_from_its_record() {
        let trained = train(3, Purpose::Head, &samples()).expect("trained");
        let payload = trained.encode();
        assert_eq!(payload[..2], *b"\x03\0", "number, purpose");
        let len = trained.bytes.len();
        assert!(payload.len() < len, "{} of {len} bytes", payload.len());
        assert_eq!(Dictionary::decode(&payload), Ok(trained));
        for at in [0, 1, 2, 8, 100] {
            let mut payload = payload.clone();
            payload[at] ^= 0x20;
            let number_aside = at > 0;
            assert_eq!(Dictionary::decode(&payload).is_err(), number_aside, "byte {at}");
        }
        assert!(Dictionary::decode(&[&[0], &payload[1..]].concat()).is_err(), "no number");
        assert!(train(1, Purpose::Body, &[]).is_none());
    }
}
