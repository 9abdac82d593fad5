//! What signatures need of a message, taken while it arrives: its header, and hashes of its body.
//! The body itself is not kept.

use mail_auth::AuthenticatedMessage;
use mail_auth::common::crypto::HashAlgorithm;
use mail_auth::dkim::Canonicalization;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256};

use super::body::BodyHash;
use super::fields::fields;
use crate::limits::ByteShare;

/// The longest header that is read; one that is longer is not taken, since what stands behind
/// the part that was looked at would be believed unseen.
const HEADER_LEN_MAX: usize = 1 << 20;

/// A message while it arrives.
pub struct Reading {
    purpose: Purpose,
    header: Vec<u8>,
    /// Where the line begins that has not ended yet.
    line: usize,
    share: ByteShare,
    bodies: Vec<(BodyKind, BodyHash)>,
    is_body: bool,
}

/// What it is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It will be signed.
    Sign,
    /// Its signatures will be verified.
    Verify,
}

/// A form of a body and how it is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BodyKind {
    form: Canonicalization,
    algorithm: HashAlgorithm,
}

/// A message that came whole.
pub struct Whole {
    header: Vec<u8>,
    _share: ByteShare,
    hashes: Vec<(BodyKind, Vec<u8>)>,
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadingFault {
    /// Its header does not end.
    #[error("the header is too long")]
    HeaderTooLong,
    /// The server holds too much unfinished mail.
    #[error("too much mail is arriving")]
    NoRoom,
}

impl BodyKind {
    /// What we sign, and most others do.
    pub(super) const OURS: Self =
        Self { form: Canonicalization::Relaxed, algorithm: HashAlgorithm::Sha256 };

    fn hash(self) -> BodyHash {
        let algorithm = match self.algorithm {
            HashAlgorithm::Sha256 => &SHA256,
            HashAlgorithm::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
        };
        BodyHash::new(self.form, algorithm)
    }
}

impl Reading {
    /// Nothing came yet; the header counts against `share`.
    pub fn new(purpose: Purpose, share: ByteShare) -> Self {
        Self { purpose, header: Vec::new(), line: 0, share, bodies: Vec::new(), is_body: false }
    }

    /// Takes the next piece of the message.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), ReadingFault> {
        let mut rest = piece;
        while !self.is_body && !rest.is_empty() {
            let line_end = memchr::memchr(b'\n', rest).map(|at| at + 1);
            let (part, next) = rest.split_at(line_end.unwrap_or(rest.len()));
            self.keep(part)?;
            rest = next;
            if line_end.is_some() {
                self.end_line();
            }
        }
        self.bodies.iter_mut().for_each(|(_, body)| body.push(rest));
        Ok(())
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), ReadingFault> {
        let len = self.header.len() + part.len();
        if len > HEADER_LEN_MAX {
            return Err(ReadingFault::HeaderTooLong);
        }
        if !self.share.cover(len) {
            return Err(ReadingFault::NoRoom);
        }
        self.header.extend_from_slice(part);
        Ok(())
    }

    fn end_line(&mut self) {
        let line = self.header.get(self.line..).unwrap_or_default();
        if line == b"\r\n" || line == b"\n" {
            self.header.truncate(self.line);
            self.begin_body();
        } else if self.line == 0 && self.purpose == Purpose::Sign && fields(line).next().is_none() {
            // Submission puts an empty line in front of what has no header: all of it is body.
            let text = std::mem::take(&mut self.header);
            self.begin_body();
            self.bodies.iter_mut().for_each(|(_, body)| body.push(&text));
        } else {
            self.line = self.header.len();
        }
    }

    fn begin_body(&mut self) {
        self.is_body = true;
        let mut kinds = vec![BodyKind::OURS];
        if self.purpose == Purpose::Verify
            && let Some(message) = AuthenticatedMessage::parse(&self.header)
        {
            for (form, algorithm, ..) in message.body_hashes {
                let kind = BodyKind { form, algorithm };
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
        }
        self.bodies = kinds.into_iter().map(|kind| (kind, kind.hash())).collect();
    }

    /// Nothing of the message follows any more.
    pub fn finish(mut self) -> Whole {
        if !self.is_body {
            // A last line without its end is a line too.
            self.end_line();
        }
        if !self.is_body {
            self.begin_body();
        }
        let hashes = self.bodies.into_iter().map(|(kind, body)| (kind, body.finish())).collect();
        Whole { header: self.header, _share: self.share, hashes }
    }
}

impl Whole {
    /// Of a message that is there already.
    pub fn of(message: &[u8], purpose: Purpose, share: ByteShare) -> Result<Self, ReadingFault> {
        let mut reading = Reading::new(purpose, share);
        reading.push(message)?;
        Ok(reading.finish())
    }

    /// The header, without the empty line that ends it.
    pub(super) fn header(&self) -> &[u8] {
        &self.header
    }

    /// The hash of the body in one of its forms.
    pub(super) fn body_hash(&self, wanted: BodyKind) -> &[u8] {
        let found = self.hashes.iter().find(|(kind, _)| *kind == wanted);
        found.map(|(_, hash)| hash.as_slice()).unwrap_or_default()
    }

    /// The hash of the body in the form of our signatures, as mail-auth has it.
    pub(super) fn own_body_hash(&self) -> (Canonicalization, HashAlgorithm, u64, Vec<u8>) {
        let kind = BodyKind::OURS;
        (kind.form, kind.algorithm, 0, self.body_hash(kind).to_vec())
    }

    /// The domains of the From field, in the order in which they stand there, as A-labels.
    pub(super) fn author_domains(&self) -> Vec<String> {
        let parsed = AuthenticatedMessage::parse(&self.header);
        let addresses = parsed.map(|message| message.from).unwrap_or_default();
        let mut domains: Vec<String> = Vec::new();
        for address in &addresses {
            let domain = address.rsplit_once('@').map(|(_, domain)| domain);
            let domain = domain.and_then(|domain| idna::domain_to_ascii(domain).ok());
            domains.extend(domain.filter(|domain| !domain.is_empty()));
        }
        domains.dedup();
        domains
    }

    /// The message as mail-auth takes it, with the hashes of a body that it does not see; `None`
    /// without a header. Signatures of a part of the body (`l=`) are not among those it verifies.
    pub(super) fn message(&self) -> Option<AuthenticatedMessage<'_>> {
        let mut message = AuthenticatedMessage::parse(&self.header)?;
        for (form, algorithm, _, hash) in &mut message.body_hashes {
            let kind = BodyKind { form: *form, algorithm: *algorithm };
            *hash = self.body_hash(kind).to_vec();
        }
        Some(message)
    }
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Reading").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Whole {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Whole").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use ring::digest::digest;

    use super::*;
    use crate::limits::ByteBudget;

    fn share() -> ByteShare {
        ByteBudget::new(8 << 20).share()
    }

    fn whole(purpose: Purpose, message: &[u8], len: usize) -> Whole {
        let mut reading = Reading::new(purpose, share());
        message.chunks(len).for_each(|piece| reading.push(piece).expect("room"));
        reading.finish()
    }

    #[test]
    fn header_and_body_are_told_apart_however_they_are_cut() {
        for (message, header, body) in [
            (
                &b"From: a@b.test\r\nTo: c\r\n\r\nbody\r\n"[..],
                &b"From: a@b.test\r\nTo: c\r\n"[..],
                &b"body\r\n"[..],
            ),
            (b"From: a@b.test\r\n", b"From: a@b.test\r\n", b""),
            (b"From: a@b.test", b"From: a@b.test", b""),
            (b"\r\nbody\r\n", b"", b"body\r\n"),
            (b"no header\r\n\r\nbody\r\n", b"", b"no header\r\n\r\nbody\r\n"),
            (b"no header", b"", b"no header\r\n"),
            (b"", b"", b""),
        ] {
            for len in 1..=message.len().max(1) {
                let whole = whole(Purpose::Sign, message, len);
                assert_eq!(whole.header(), header, "{message:?}");
                let expected = digest(&SHA256, body);
                assert_eq!(whole.body_hash(BodyKind::OURS), expected.as_ref(), "{message:?}");
            }
        }
        // A stranger's message is taken as it is.
        assert_eq!(whole(Purpose::Verify, b"no header\r\n\r\n", 3).header(), b"no header\r\n");
    }

    #[test]
    fn the_forms_that_signatures_name_are_hashed() {
        let message =
            b"DKIM-Signature: v=1; a=rsa-sha1; c=simple/simple; d=a.test; s=b; h=From;\r\n \
            bh=AAAA; b=AAAA\r\nFrom: x@a.test\r\n\r\nbody  \r\n";
        let whole = whole(Purpose::Verify, message, 10);
        let parsed = whole.message().expect("it has a header");
        let simple = digest(&SHA1_FOR_LEGACY_USE_ONLY, b"body  \r\n");
        assert_eq!(parsed.body_hashes.len(), 1);
        assert_eq!(parsed.body_hashes[0].3, simple.as_ref());
    }

    #[test]
    fn a_header_without_end_is_refused_and_so_is_one_without_room() {
        let mut reading = Reading::new(Purpose::Verify, share());
        let line = [b"X: ".to_vec(), b"y".repeat(1000), b"\r\n".to_vec()].concat();
        let fault = (0..2000).find_map(|_| reading.push(&line).err());
        assert_eq!(fault, Some(ReadingFault::HeaderTooLong));
        let mut reading = Reading::new(Purpose::Verify, ByteBudget::new(4096).share());
        assert_eq!(reading.push(&line), Ok(()));
        let fault = (0..9).find_map(|_| reading.push(&line).err());
        assert_eq!(fault, Some(ReadingFault::NoRoom));
    }
}
