//! What was read of messages, counted: a list command is to read list parts and nothing else.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How often each kind of piece was read, since the store was opened.
#[derive(Debug, Default)]
pub struct Reads {
    list_parts: AtomicU64,
    heads: AtomicU64,
    bodies: AtomicU64,
    chunks: AtomicU64,
}

impl Reads {
    /// List parts, each of many messages.
    pub fn list_parts(&self) -> u64 {
        self.list_parts.load(Relaxed)
    }

    /// Heads of messages: list data with the header.
    pub fn heads(&self) -> u64 {
        self.heads.load(Relaxed)
    }

    /// Bodies of messages, or stretches of them.
    pub fn bodies(&self) -> u64 {
        self.bodies.load(Relaxed)
    }

    /// Chunks of what stands by itself: attachments, and stretches of long bodies.
    pub fn chunks(&self) -> u64 {
        self.chunks.load(Relaxed)
    }

    pub(crate) fn list_part(&self) {
        self.list_parts.fetch_add(1, Relaxed);
    }

    pub(crate) fn head(&self) {
        self.heads.fetch_add(1, Relaxed);
    }

    pub(crate) fn body(&self) {
        self.bodies.fetch_add(1, Relaxed);
    }

    pub(crate) fn chunk(&self) {
        self.chunks.fetch_add(1, Relaxed);
    }
}
