//! Message ids, and the one that a conversation is known by.
//!
//! A thread is known by its first message: the first id of References, else that of In-Reply-To,
//! else the message's own. A message without any of them is a thread of its own, known by its
//! header; joining by subject would put every "Hello" into one conversation.

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
            let slot = if field.is_named(b"message-id") {
                &mut own
            } else if field.is_named(b"references") {
                &mut references
            } else if field.is_named(b"in-reply-to") {
                &mut in_reply_to
            } else {
                continue;
            };
            if slot.is_none() {
                *slot = first_id(field.value);
            }
        }
        let thread = references.or(in_reply_to).or(own.clone());
        Self {
            message_id: own.map_or(0, |id| hash(b"id", &id)),
            thread: thread.map_or_else(|| hash(b"header", header), |id| hash(b"id", &id)),
        }
    }
}

/// What stands between the first `<` and its `>`, without white space; else the first word.
fn first_id(value: &[u8]) -> Option<Vec<u8>> {
    let bracketed = memchr::memchr(b'<', value).and_then(|at| value.get(at + 1..));
    let id = match bracketed {
        Some(rest) => rest.split(|byte| *byte == b'>').next(),
        None => value.trim_ascii().split(u8::is_ascii_whitespace).next(),
    };
    let id: Vec<u8> = id?.iter().copied().filter(|byte| *byte > b' ').collect();
    (!id.is_empty()).then_some(id)
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
    fn messages_without_ids_are_threads_of_their_own() {
        let one = Ids::of(b"Subject: hello\r\nDate: 1\r\n");
        let other = Ids::of(b"Subject: hello\r\nDate: 2\r\n");
        assert_ne!(one.thread, other.thread);
        assert_eq!(one.message_id, 0);
    }
}
