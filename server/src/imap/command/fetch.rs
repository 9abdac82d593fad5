//! What FETCH can be asked for (RFC 3501, 6.4.5).

use std::num::{NonZeroU32, NonZeroU64};

/// The items of one FETCH: the cheap ones as marks, the sections of messages in the order asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchItems {
    /// Everything that is not a section, in the order asked, none twice.
    pub attributes: Vec<FetchAttribute>,
    /// `BODY[…]` and the RFC822 items.
    pub sections: Vec<SectionPart>,
}

impl FetchItems {
    /// Adds an attribute unless it is there.
    pub fn insert(&mut self, attribute: FetchAttribute) {
        if !self.attributes.contains(&attribute) {
            self.attributes.push(attribute);
        }
    }

    /// Adds what others ask for.
    pub fn join(&mut self, others: &Self) {
        others.attributes.iter().for_each(|attribute| self.insert(*attribute));
        for section in &others.sections {
            if !self.sections.contains(section) {
                self.sections.push(section.clone());
            }
        }
    }

    /// Whether the attribute is asked for.
    pub fn wants(&self, attribute: FetchAttribute) -> bool {
        self.attributes.contains(&attribute)
    }

    /// Whether answering sets `\Seen` (RFC 3501, 6.4.5: `BODY[…]`, RFC822, RFC822.TEXT).
    pub fn marks_seen(&self) -> bool {
        self.sections.iter().any(|section| section.marks_seen)
    }

    /// Whether answering needs what clients list messages by.
    pub fn lists_messages(&self) -> bool {
        use FetchAttribute::{Body, BodyStructure, Envelope, Preview};
        let is_listed = |section: &SectionPart| {
            let SectionPath { parts, fields } = &section.path;
            parts.is_empty() && matches!(fields, HeaderFields::Only(_))
        };
        [Body, BodyStructure, Envelope, Preview].into_iter().any(|item| self.wants(item))
            || self.sections.iter().any(is_listed)
    }

    /// Whether answering needs a message's bytes or list data, not only its row.
    pub fn reads_messages(&self) -> bool {
        use FetchAttribute::{Body, BodyStructure, Envelope, Preview};
        let read = [Body, BodyStructure, Envelope, Preview];
        !self.sections.is_empty() || read.into_iter().any(|item| self.wants(item))
    }
}

/// An item without arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchAttribute {
    /// `UID`.
    Uid,
    /// `FLAGS`.
    Flags,
    /// `INTERNALDATE`.
    InternalDate,
    /// `RFC822.SIZE`.
    Size,
    /// `MODSEQ` (RFC 7162, 3.1.4).
    ModSeq,
    /// `ENVELOPE`.
    Envelope,
    /// `BODY` without brackets: the structure without extension data.
    Body,
    /// `BODYSTRUCTURE`.
    BodyStructure,
    /// `SAVEDATE` (RFC 8514).
    SaveDate,
    /// `EMAILID` (RFC 8474, 5.1).
    EmailId,
    /// `THREADID` (RFC 8474, 5.2).
    ThreadId,
    /// `X-GUID`: the email id, as Dovecot's clients ask for it.
    Guid,
    /// `PREVIEW` (RFC 8970), lazy or not: one is made as fast as one is looked up.
    Preview,
}

/// A section of a message, how much of it, and how it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionPart {
    /// The item's name in the answer, such as `BODY[1.2]` or `RFC822.TEXT`, without `<origin>`.
    pub label: String,
    /// Which part of which part.
    pub path: SectionPath,
    /// A slice of it.
    pub partial: Option<Partial>,
    /// False for `.PEEK` and for `RFC822.HEADER`.
    pub marks_seen: bool,
    /// Whether it is decoded first.
    pub form: SectionForm,
}

/// In which form a section is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionForm {
    /// `BODY[…]`: as it came in.
    AsItIs,
    /// `BINARY[…]`: without its content transfer encoding (RFC 3516, 4.2).
    Decoded,
    /// `BINARY.SIZE[…]`: how many octets that is.
    DecodedSize,
}

/// `<origin.len>`: the bytes of a section to answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// The first byte wanted.
    pub origin: u64,
    /// How many at most.
    pub len: NonZeroU64,
}

/// `section-spec`: a body part by number, and what of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SectionPath {
    /// Part numbers from the outside in; empty for the message itself.
    pub parts: Vec<NonZeroU32>,
    /// What of the part.
    pub fields: HeaderFields,
}

/// What of a part is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HeaderFields {
    /// All of it: `[]` or `[1.2]`.
    #[default]
    Whole,
    /// `HEADER`.
    Header,
    /// `HEADER.FIELDS (…)`.
    Only(Vec<String>),
    /// `HEADER.FIELDS.NOT (…)`.
    Except(Vec<String>),
    /// `TEXT`.
    Text,
    /// `MIME`.
    Mime,
}
