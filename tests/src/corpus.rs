//! The corpus: some 6,500 real messages beside the repository, read into memory once.
//!
//! The files hold what their sources held: bare LF mostly, and an mbox `From ` line at the top of
//! a third. A server is given what a sending program would make of them: CRLF line ends, no
//! `From ` line.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::LazyLock;

use crate::binary::repository;

/// A message of the corpus, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorpusMessage {
    /// `FOLDER/NNNNN.eml`.
    pub name: String,
    /// Its octets, every line ended by CRLF.
    pub octets: Vec<u8>,
}

static MESSAGES: LazyLock<Vec<CorpusMessage>> = LazyLock::new(unpack);

/// All messages, sorted by name. A missing corpus fails the test: none passes without it.
pub fn messages() -> &'static [CorpusMessage] {
    &MESSAGES
}

/// Every n-th message, for tests that need variety and not all of them.
pub fn sample(every: usize) -> impl Iterator<Item = &'static CorpusMessage> {
    messages().iter().step_by(every)
}

fn archive() -> PathBuf {
    let beside = repository().join("../shared/corpus/mail.tar.zst");
    match std::env::var_os("FUMIKURA_CORPUS") {
        Some(named) => named.into(),
        None => beside,
    }
}

fn unpack() -> Vec<CorpusMessage> {
    let path = archive();
    let file = std::fs::File::open(&path).unwrap_or_else(|error| {
        panic!(
            "cannot open the corpus {}: {error}; put shared/corpus beside the repository or name \
             the archive in FUMIKURA_CORPUS",
            path.display()
        )
    });
    let mut plain = zstd::Decoder::new(file).expect("the corpus is a zstd file");
    plain.window_log_max(27).expect("27 is a window log that zstd allows");
    let mut tar = tar::Archive::new(plain);
    let mut messages = Vec::new();
    for entry in tar.entries().expect("the corpus is a tar file") {
        let mut entry = entry.expect("the corpus is whole");
        let path = entry.path().expect("names are UTF-8").into_owned();
        if path.extension().is_some_and(|extension| extension == "eml") {
            let name = path.display().to_string().trim_start_matches("./").to_owned();
            let mut octets = Vec::new();
            entry.read_to_end(&mut octets).expect("the corpus is whole");
            messages.push(CorpusMessage { name, octets: as_sent(&octets) });
        }
    }
    messages.sort_by(|one, other| one.name.cmp(&other.name));
    messages
}

/// What a sending program makes of a stored message: no `From ` line, every line end CRLF, the
/// last line ended too.
pub fn as_sent(stored: &[u8]) -> Vec<u8> {
    let mut rest = stored;
    if rest.starts_with(b"From ") {
        let end = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1);
        rest = &rest[end..];
    }
    let mut sent = Vec::with_capacity(rest.len() + rest.len() / 30 + 2);
    let mut bytes = rest.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&b'\n');
                sent.extend_from_slice(b"\r\n");
            }
            b'\n' => sent.extend_from_slice(b"\r\n"),
            byte => sent.push(byte),
        }
    }
    if !sent.ends_with(b"\r\n") {
        sent.extend_from_slice(b"\r\n");
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_become_crlf_and_the_from_line_goes() {
        assert_eq!(as_sent(b"From a\nS: x\n\nbody"), b"S: x\r\n\r\nbody\r\n");
        assert_eq!(as_sent(b"S: x\r\n\rbody\r\n"), b"S: x\r\n\r\nbody\r\n");
    }

    #[test]
    fn the_corpus_is_whole() {
        assert_eq!(messages().len(), 6493);
        assert!(messages().iter().all(|message| message.octets.ends_with(b"\r\n")));
    }
}
