//! Read-only views of messages: RFC 5322 bytes, as received, whatever they are.
//!
//! Everything here is a pure function of the bytes, total (no input is refused) and bounded in
//! time, depth and memory by the input and `limits.rs`. [`ListData`] is what is computed once,
//! when a message comes in, and stored beside it.

mod address;
mod attachments;
mod base64_lines;
mod base_subject;
mod body_structure;
mod charset;
mod content_type;
mod date;
mod encoded_word;
mod envelope;
mod field_texts;
mod header;
mod hot_fields;
mod imap_string;
mod list_data;
mod message_id;
mod parse;
mod preview;
mod recipe;
mod section;
mod sort_keys;
mod structure;
mod structure_codec;
mod text;
mod transfer;
mod varint;

pub use attachments::{AttachedPart, attachments};
pub use date::SentDate;
pub(crate) use encoded_word::push_decoded;
pub(crate) use field_texts::{TEXT_COLUMNS, TextName, WrittenTexts, is_mark, is_unheld};
pub use header::{HeaderField, HeaderFields, header_fields, header_len};
pub use hot_fields::FieldNames;
pub(crate) use hot_fields::HotFields;
pub use list_data::ListData;
pub(crate) use list_data::{push_without_extensions, take_body_structure};
pub use preview::preview;
pub(crate) use preview::preview_from;
pub use recipe::Recipe;
pub use section::{Located, Octets, Pieces, Section, SectionText};
pub use sort_keys::{SortKeys, SortKeysRef};
pub use structure::{Part, PartKind, Structure};
pub(crate) use text::{Octets as TextOctets, body_text_of, plain_value};
pub use text::{Visit, body_text, field_text, header_text};
pub use transfer::TransferDecoder;
