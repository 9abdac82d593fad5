//! Message ids, and the one that a conversation is known by.
//!
//! A thread is known by its first message: the first id of References, else that of In-Reply-To,
//! else the message's own. A message without any of them is a thread of its own, known by its
//! header; joining by subject would put every "Hello" into one conversation.

use std::borrow::Cow;

use super::header::header_fields;

/// Hashes, for they have one size and need no order. Never 0 where there is something to hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ids {
    /// 0 without Message-ID.
    pub(super) message_id: u64,
    pub(super) thread: u64,
}

impl Ids {
    pub(super) fn of(header: &[u8]) -> Self {
        let (mut own, mut references, mut in_reply_to) = (None, None, None);
        for field in header_fields(header) {
            if field.is_named(b"message-id") {
                own = own.or_else(|| own_id(field.value));
            } else if field.is_named(b"references") {
                references = references.or_else(|| ids_in(field.value).next());
            } else if field.is_named(b"in-reply-to") {
                in_reply_to = in_reply_to.or_else(|| ids_in(field.value).next());
            }
        }
        let thread = references.or(in_reply_to).or(own);
        Self {
            message_id: own.unwrap_or(0),
            thread: thread.unwrap_or_else(|| hash(b"header", header)),
        }
    }
}

/// The hash of the id in a Message-ID field; one without brackets is its first word.
pub(super) fn own_id(value: &[u8]) -> Option<u64> {
    let word = || value.trim_ascii().split(u8::is_ascii_whitespace).next().and_then(id_hash);
    if value.contains(&b'<') { ids_in(value).next() } else { word() }
}

/// The hashes of the ids in a References or In-Reply-To field, in order: what stands in angle
/// brackets. Where nothing does, the words with an `@` are ids; in `Your message of Monday`
/// there is none.
pub(super) fn ids_in(value: &[u8]) -> impl Iterator<Item = u64> {
    let is_bracketed = value.contains(&b'<');
    let opened = value.split(|byte| *byte == b'<').skip(1);
    let bracketed = opened.filter_map(|rest| rest.split(|byte| *byte == b'>').next());
    let words = value.split(u8::is_ascii_whitespace);
    let words = words.filter(move |word| !is_bracketed && word.contains(&b'@'));
    bracketed.chain(words).filter_map(id_hash)
}

/// An id without white space, and without the quoting that its left side may have: quoted or
/// not, it is the same id (RFC 5256, 3).
fn id_hash(id: &[u8]) -> Option<u64> {
    let is_plain = |byte: &u8| *byte > b' ' && !matches!(byte, b'"' | b'\\');
    let id: Cow<'_, [u8]> = if id.iter().all(is_plain) {
        Cow::Borrowed(id)
    } else {
        let mut kept = Vec::with_capacity(id.len());
        let mut bytes = id.iter();
        while let Some(byte) = bytes.next() {
            let byte =
                if *byte == b'\\' { bytes.next() } else { Some(byte).filter(|b| **b != b'"') };
            kept.extend(byte.filter(|byte| **byte > b' '));
        }
        Cow::Owned(kept)
    };
    (!id.is_empty()).then(|| hash(b"id", &id))
}

fn hash(domain: &[u8], bytes: &[u8]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(domain).update(&[0]).update(bytes);
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_known_by_its_first_message() {
        let first = Ids::of(b"Message-ID: <1@x>\r\n");
        let reply = Ids::of(b"Message-ID: <2@x>\r\nIn-Reply-To: <1@x>\r\n");
        let third = Ids::of(b"In-Reply-To: <2@x>\r\nReferences:\r\n < 1@x>\r\n <2@x>\r\n");
        assert_eq!(first.thread, first.message_id);
        assert_eq!([reply.thread, third.thread], [first.thread; 2]);
        assert_ne!(reply.message_id, first.message_id);
        assert_eq!(third.message_id, 0);
    }

    #[test]
    fn ids_are_found_where_the_grammar_and_where_life_puts_them() {
        let hashes = |value: &[u8]| ids_in(value).collect::<Vec<_>>();
        let id = |id: &[u8]| hash(b"id", id);
        for (value, ids) in [
            (&b" <a@x>\r\n\t<b@x>,<c@x>"[..], &[&b"a@x"[..], b"b@x", b"c@x"][..]),
            // The example of RFC 5256, 3.
            (b"<\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>", &[b"01KF8JCEOCBS0045PS@xxx.yyy.com"]),
            (b"<01KF8JCEOCBS0045PS@xxx.yyy.com>", &[b"01KF8JCEOCBS0045PS@xxx.yyy.com"]),
            (b"<\"a\\\"b\"@x>", &[b"a\"b@x"]),
            (b"Your message of Monday <a@x>", &[b"a@x"]),
            (b"Your message of Monday", &[]),
            (b"a@x b@x", &[b"a@x", b"b@x"]),
            (b"<><<a@x <b@x", &[b"a@x", b"b@x"]),
            (b"<>", &[]),
            (b"<", &[]),
            (b" ", &[]),
            (b"", &[]),
        ] {
            let ids: Vec<u64> = ids.iter().copied().map(id).collect();
            assert_eq!(hashes(value), ids, "{}", String::from_utf8_lossy(value));
        }
        assert_eq!(own_id(b" 1 2"), Some(id(b"1")));
        assert_eq!(own_id(b" <>"), None);
    }

    #[test]
    fn messages_without_ids_are_threads_of_their_own() {
        let one = Ids::of(b"Subject: hello\r\nDate: 1\r\n");
        let other = Ids::of(b"Subject: hello\r\nDate: 2\r\n");
        assert_ne!(one.thread, other.thread);
        assert_eq!(one.message_id, 0);
    }
}
