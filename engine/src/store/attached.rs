//! What of a message's body is stored by itself: attachments, decoded, that other messages may
//! have too, and stretches so long that they are not to be held in memory.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::Error;
use crate::format::compress::{self, Piece};
use crate::format::dictionary::Effort;
use crate::format::message::Attachment;
use crate::io::MessageSource;
use crate::limits::{
    ATTACHMENT_LEN_MIN, BLOB_CHUNK_LEN, BLOB_STEP_LEN_MAX, BODY_REST_LEN_MAX, BODY_STRETCH_LEN_MIN,
};
use crate::message::{Recipe, Structure, attachments};

/// A stretch of a body that is stored by itself.
pub(crate) struct Attached {
    /// Where in the body it starts.
    start: usize,
    recipe: Recipe,
    /// BLAKE3 of what it is decoded.
    pub(crate) hash: [u8; 32],
    chunks: Chunks,
}

enum Chunks {
    /// Ready to be written.
    Packed(Vec<Piece>),
    /// Too many to be held: made when they are written, from this range of the source.
    Source(MessageSource, Range<usize>),
}

/// A stretch to be cut out of a message.
type Cut = (Range<usize>, Recipe);

impl Attached {
    /// Where it is in the message.
    fn range(&self, header_len: usize) -> Range<usize> {
        let start = header_len + self.start;
        start..start + usize::try_from(self.recipe.encoded_len()).unwrap_or(usize::MAX)
    }

    /// Its line in the table of a message, with the blob that holds it.
    pub(crate) fn entry(&self, blob: u64) -> Attachment {
        let mut recipe = Vec::new();
        self.recipe.encode(&mut recipe);
        let encoded_len = self.recipe.encoded_len();
        Attachment { start: self.start as u64, encoded_len, blob, recipe }
    }

    /// Decoded bytes.
    pub(crate) fn len(&self) -> u64 {
        self.recipe.decoded_len()
    }

    pub(crate) fn chunk_count(&self) -> u64 {
        self.len().div_ceil(BLOB_CHUNK_LEN.into())
    }

    /// A chunk as it is stored.
    pub(crate) fn chunk(&self, index: usize) -> Result<Cow<'_, Piece>, Error> {
        let changed = || Error::Unusable("the bytes of a message changed under way".to_owned());
        match &self.chunks {
            Chunks::Packed(pieces) => pieces.get(index).map(Cow::Borrowed).ok_or_else(changed),
            Chunks::Source(source, range) => {
                let bytes = (**source).as_ref().get(range.clone()).ok_or_else(changed)?;
                let mut raw = Vec::new();
                let decoded = self.recipe.decode_range(bytes, chunk_range(index as u64), &mut raw);
                decoded.map_err(|_| changed())?;
                Ok(Cow::Owned(compress::pack(&raw, Effort::Arrival, None)))
            }
        }
    }
}

/// The stretches of a message that are stored by themselves, in order, and what is left of its
/// body. `source` is what the bytes are part of, where somebody keeps them.
pub(crate) fn cut<'a>(
    message: &'a [u8],
    structure: &Structure,
    source: Option<&MessageSource>,
) -> (Vec<Attached>, Cow<'a, [u8]>) {
    let header_len = structure.header_len();
    let body = message.get(header_len..).unwrap_or_default();
    if body.len() < ATTACHMENT_LEN_MIN {
        return (Vec::new(), Cow::Borrowed(body));
    }
    let cuts = cuts(message, structure);
    if cuts.is_empty() {
        return (Vec::new(), Cow::Borrowed(body));
    }
    let decoded_len: u64 = cuts.iter().map(|(_, recipe)| recipe.decoded_len()).sum();
    let is_held = decoded_len <= BLOB_STEP_LEN_MAX;
    let attached = cuts.into_iter().map(|(range, recipe)| {
        let bytes = message.get(range.clone()).unwrap_or_default();
        let (hash, pieces) = read(bytes, &recipe, is_held);
        let chunks = match (pieces, source) {
            (Some(pieces), _) => Chunks::Packed(pieces),
            (None, Some(source)) => Chunks::Source(Arc::clone(source), range.clone()),
            (None, None) => Chunks::Source(Arc::new(bytes.to_vec()), 0..bytes.len()),
        };
        Attached { start: range.start - header_len, recipe, hash, chunks }
    });
    let attached: Vec<_> = attached.collect();
    let taken: Vec<_> = attached.iter().map(|attached| attached.range(header_len)).collect();
    let rest = gaps(&taken, header_len..message.len());
    let rest = rest.map(|gap| message.get(gap).unwrap_or_default()).collect::<Vec<_>>().concat();
    (attached, Cow::Owned(rest))
}

fn cuts(message: &[u8], structure: &Structure) -> Vec<Cut> {
    let parts = attachments(message, structure, ATTACHMENT_LEN_MIN);
    let parts = parts.into_iter().filter_map(|part| {
        let recipe = Recipe::of(&part.encoding, message.get(part.body.clone())?)?;
        (recipe.decoded_len() >= ATTACHMENT_LEN_MIN as u64).then_some((part.body, recipe))
    });
    let mut cuts: Vec<Cut> = parts.collect();
    let body = structure.header_len()..message.len();
    for longest in [BODY_REST_LEN_MAX, BODY_STRETCH_LEN_MIN] {
        let taken: Vec<_> = cuts.iter().map(|(range, _)| range.clone()).collect();
        let left: Vec<_> = gaps(&taken, body.clone()).collect();
        if left.iter().map(Range::len).sum::<usize>() <= BODY_REST_LEN_MAX {
            break;
        }
        let long = left.into_iter().filter(|gap| gap.len() > longest);
        cuts.extend(long.map(|gap| (gap.clone(), Recipe::identity(gap.len() as u64))));
        cuts.sort_by_key(|(range, _)| range.start);
    }
    cuts
}

/// What ranges in order leave of a whole.
fn gaps(taken: &[Range<usize>], whole: Range<usize>) -> impl Iterator<Item = Range<usize>> + '_ {
    let starts = std::iter::once(whole.start).chain(taken.iter().map(|range| range.end));
    let ends = taken.iter().map(|range| range.start).chain(std::iter::once(whole.end));
    starts.zip(ends).map(|(start, end)| start..end).filter(|gap| !gap.is_empty())
}

fn chunk_range(index: u64) -> Range<u64> {
    let len = u64::from(BLOB_CHUNK_LEN);
    index * len..(index + 1) * len
}

/// The hash of what is encoded here, and its chunks where they are to be held.
fn read(encoded: &[u8], recipe: &Recipe, is_held: bool) -> ([u8; 32], Option<Vec<Piece>>) {
    let (mut hasher, mut raw, mut pieces) = (blake3::Hasher::new(), Vec::new(), Vec::new());
    for index in 0..recipe.decoded_len().div_ceil(BLOB_CHUNK_LEN.into()) {
        raw.clear();
        let decoded = recipe.decode_range(encoded, chunk_range(index), &mut raw);
        decoded.expect("the recipe was tried out on these bytes");
        hasher.update(&raw);
        if is_held {
            pieces.push(compress::pack(&raw, Effort::Arrival, None));
        }
    }
    (*hasher.finalize().as_bytes(), is_held.then_some(pieces))
}
