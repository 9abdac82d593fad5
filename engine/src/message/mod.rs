//! Read-only views of messages: RFC 5322 bytes, as received, whatever they are.
//!
//! Everything here is a pure function of the bytes, total (no input is refused) and bounded in
//! time, depth and memory by the input and `limits.rs`. [`ListData`] is what is computed once,
//! when a message comes in, and stored beside it.

mod address;
mod base_subject;
mod body_structure;
mod charset;
mod content_type;
mod date;
mod encoded_word;
mod envelope;
mod header;
mod imap_string;
mod list_data;
mod message_id;
mod parse;
mod section;
mod sort_keys;
mod structure;
mod structure_codec;
mod text;
mod transfer;
mod varint;

pub use date::SentDate;
pub use header::{HeaderField, HeaderFields, header_fields, header_len};
pub use list_data::ListData;
pub use section::{Located, Octets, Pieces, Section, SectionText};
pub use sort_keys::SortKeys;
pub use structure::{Part, PartKind, Structure};
pub use text::{Visit, body_text, field_text, header_text};
