//! The bounds of everything the engine holds; what a server allows is configured and lower.

/// Parts deeper than this in a message are leaves whatever they claim to be; real mail nests
/// below 10.
pub(crate) const PART_DEPTH_MAX: usize = 50;
/// Parts of one message; what follows belongs to the last of them.
pub(crate) const PARTS_MAX: usize = 10_000;
/// Bytes of one string in ENVELOPE and BODYSTRUCTURE; a longer one is cut.
pub(crate) const STRUCTURE_STRING_LEN_MAX: usize = 16 << 10;
/// Parameters of one `Content-Type` or `Content-Disposition` in BODYSTRUCTURE.
pub(crate) const PARAMS_MAX: usize = 128;
/// Addresses of one ENVELOPE field.
pub(crate) const ADDRESSES_MAX: usize = 10_000;
/// Once an ENVELOPE or BODYSTRUCTURE is this long, the rest of it is written with NIL for
/// whatever may be NIL.
pub(crate) const STRUCTURE_LEN_SOFT: usize = 256 << 10;
/// Bytes of a base subject as SORT and THREAD compare it; far beyond what any list shows.
pub(crate) const SORT_SUBJECT_LEN_MAX: usize = 1000;
/// Bytes of a name or local part as SORT compares it.
pub(crate) const SORT_ADDRESS_LEN_MAX: usize = 256;
/// Ids of References that THREAD links a message by: the first ones, which start the
/// conversation, and the last ones, which the message answers.
pub(crate) const REFERENCES_MAX: usize = 100;
/// How many of them are the first ones.
pub(crate) const REFERENCES_FIRST: usize = 10;
/// Characters of a preview (RFC 8970, 3.1: 200 is good, 256 the most).
pub(crate) const PREVIEW_CHARS_MAX: usize = 200;
/// Parts of one message that are looked at for its preview.
pub(crate) const PREVIEW_PARTS_MAX: usize = 64;
/// Bytes that may follow the data of an encoded part that is stored decoded; more is a part of its
/// own kind.
pub(crate) const RECIPE_TAIL_LEN_MAX: usize = 1 << 10;
/// Bytes of a part that is stored decoded; beyond any message.
pub(crate) const RECIPE_DECODED_LEN_MAX: u64 = 1 << 40;

/// Decoded bytes of a part that is stored once for all messages that have it; few in tests, so
/// that short messages meet every edge.
pub(crate) const ATTACHMENT_LEN_MIN: usize = if cfg!(test) { 48 } else { 64 << 10 };
/// Bytes of a chunk of such a part.
pub(crate) const BLOB_CHUNK_LEN: u32 = if cfg!(test) { 40 } else { 256 << 10 };
/// Bytes between the attachments of a message, and of all of them together, that are stored with
/// the message.
pub(crate) const BODY_REST_LEN_MAX: usize = if cfg!(test) { 600 } else { 1 << 20 };
/// If all of them together are more, only stretches shorter than this stay.
pub(crate) const BODY_STRETCH_LEN_MIN: usize = if cfg!(test) { 30 } else { 4 << 10 };
/// Bytes of blobs written before changes that wait get their turn.
pub(crate) const BLOB_STEP_LEN_MAX: u64 = if cfg!(test) { 100 } else { 4 << 20 };

/// Bytes of a mailbox's whole name.
pub(crate) const MAILBOX_NAME_LEN_MAX: usize = 1000;

/// Levels of a mailbox's name.
pub(crate) const MAILBOX_NAME_LEVELS_MAX: usize = 50;

/// Mailboxes of one account, and names it is subscribed to.
pub(crate) const MAILBOXES_MAX: usize = 100_000;
/// Bytes of an annotation's name, and of its value.
pub(crate) const ANNOTATION_NAME_LEN_MAX: usize = 1000;
pub(crate) const ANNOTATION_LEN_MAX: usize = 64 << 10;
/// Annotations of an account and its mailboxes, and bytes of their names and values: the account is
/// written whole when a checkpoint finds a change of it.
pub(crate) const ANNOTATIONS_MAX: usize = 10_000;
pub(crate) const ANNOTATIONS_LEN_MAX: usize = 1 << 20;
/// Messages of one message block.
pub(crate) const BLOCK_MESSAGES_MAX: usize = 1024;
/// Messages of one list part.
pub(crate) const LIST_PART_ROWS_MAX: usize = 256;
/// Bytes of one raw header field kept in a list part; a longer one is read from the header.
pub(crate) const HOT_FIELD_LEN_MAX: usize = 16 << 10;
/// Bytes of all raw header fields of a message in a list part, the Received fields aside, and of
/// these.
pub(crate) const HOT_FIELDS_LEN_MAX: usize = 64 << 10;
/// Bytes of a compression dictionary.
pub(crate) const DICTIONARY_LEN_MAX: usize = 112 << 10;
/// Pages of message places of one shard: more messages than a shard is made for.
pub(crate) const PLACE_PAGES_MAX: usize = 1 << 24;
/// Records that the accounts of one shard are spread over.
pub(crate) const ACCOUNT_BUCKETS_MAX: usize = 1 << 16;
/// Bytes of all records of one frame: what one operation can write.
pub(crate) const FRAME_BODY_LEN_MAX: u64 = 1 << 30;
/// The first segment of a log, and the least any later one has; fewer only where configured.
pub(crate) const SEGMENT_LEN_FIRST: u64 = 16 << 20;
/// A segment is never shorter, whatever is configured.
pub(crate) const SEGMENT_LEN_MIN: u64 = 4096;
/// Bytes of a manifest: a million segments.
pub(crate) const MANIFEST_LEN_MAX: usize = 16 << 20;
/// Segments of one shard that are kept open for reading.
pub(crate) const OPEN_SEGMENTS_MAX: usize = 1024;
