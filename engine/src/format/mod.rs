//! Bytes to values and back: pure, total over arbitrary bytes, each format a table in its file.

pub(crate) mod blob;
pub(crate) mod block;
pub(crate) mod columns;
pub(crate) mod compress;
pub(crate) mod dictionary;
pub(crate) mod frame;
pub(crate) mod image;
pub(crate) mod list_part;
pub(crate) mod manifest;
pub(crate) mod message;
pub(crate) mod reader;
pub(crate) mod record;
pub(crate) mod segment;
