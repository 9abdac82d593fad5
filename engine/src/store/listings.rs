//! What clients list messages by, message after message, for as many as are asked for: from list
//! parts where there are some, else from the messages' own heads. Holds one part at a time.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::Error;
use crate::format::list_part::{ListPartTable, Section, Sections, TEXTS};
use crate::ids::MailboxId;
use crate::image::PartRef;
use crate::message::{
    FieldNames, ListData, WrittenTexts, push_without_extensions, take_body_structure,
};
use crate::search::{self, Needle};
use crate::state::{Lists, Row, Run};
use crate::store::cells::MailboxCell;
use crate::store::field_scan::FieldScan;
use crate::store::message::StoredMessage;
use crate::store::reader::ShardReader;

/// Reads what messages of one mailbox are listed by.
pub struct Listings {
    reader: ShardReader,
    cell: Arc<MailboxCell>,
    lists: Arc<Lists>,
    part: OpenPart,
    scan: FieldScan,
    current: Current,
}

/// Where the message in question is.
enum Current {
    /// In the open part, at this place.
    InPart { row: Row, at: usize },
    /// In no part; its head, once it was read.
    Alone { message: StoredMessage, head: Option<ListData> },
    /// Nobody has asked yet.
    Nowhere,
}

impl Listings {
    pub(crate) fn new(reader: ShardReader, cell: Arc<MailboxCell>, lists: Arc<Lists>) -> Self {
        let (part, current) = (OpenPart::default(), Current::Nowhere);
        let scan = FieldScan::new(reader.clone(), cell.id);
        Self { reader, cell, lists, part, scan, current }
    }

    /// Goes to a message; everything else is about it. Quick for one near the one before.
    pub fn seek(&mut self, row: &Row) -> Result<(), Error> {
        self.current = match self.find(row)? {
            Some(at) => Current::InPart { row: *row, at },
            None => self.alone(row),
        };
        Ok(())
    }

    fn alone(&self, row: &Row) -> Current {
        let message = StoredMessage::new(self.reader.clone(), row.email_id);
        Current::Alone { message, head: None }
    }

    fn find(&mut self, row: &Row) -> Result<Option<usize>, Error> {
        let uid = row.uid.get();
        let is_open = |part: &PartRef| (part.first_uid..=part.last_uid).contains(&uid);
        if !self.part.at.as_ref().is_some_and(is_open) {
            let Some(part) = self.lists.find(row.uid) else { return Ok(None) };
            if let Err(error) = self.part.open(part, self.cell.id, &self.reader) {
                return self.find_again(row, part, &error);
            }
        }
        Ok(self.part.place_of(uid))
    }

    /// The part may have been written elsewhere since; and what is listed by a part that is
    /// damaged can be read from the message itself.
    fn find_again(
        &mut self,
        row: &Row,
        was: PartRef,
        error: &Error,
    ) -> Result<Option<usize>, Error> {
        let newest = self.cell.resident_snapshot();
        self.lists = newest.map_or_else(Arc::default, |snapshot| Arc::clone(&snapshot.lists));
        match self.lists.find(row.uid) {
            Some(part) if part.addr != was.addr => self.find(row),
            _ => {
                tracing::warn!(%error, "a list part cannot be read; its messages are");
                self.lists = Arc::new(self.lists.without(&[was]));
                self.reader.note_part(&self.cell, was);
                Ok(None)
            }
        }
    }

    /// Adds ENVELOPE to `out`, ready to send.
    pub fn push_envelope(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let Self { current, part, reader, .. } = self;
        match current {
            Current::InPart { at, .. } => {
                out.extend_from_slice(part.stretch(Section::Envelopes, *at, reader)?);
            }
            alone => alone.head()?.push_envelope(out),
        }
        Ok(())
    }

    /// BODYSTRUCTURE, ready to send.
    pub fn body_structure(&mut self) -> Result<&[u8], Error> {
        self.structure().map(|(text, _)| text)
    }

    /// Adds BODY to `out`, ready to send.
    pub fn push_body(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let (text, extensions) = self.structure()?;
        let pushed = push_without_extensions(text, extensions, out);
        pushed.map_err(|fault| self.part.damaged(fault, &self.reader))
    }

    /// BODYSTRUCTURE, and what BODY leaves out of it.
    fn structure(&mut self) -> Result<(&[u8], &[u8]), Error> {
        let Self { current, part, reader, .. } = self;
        match current {
            Current::InPart { at, .. } => {
                part.stretch(Section::Structures, *at, reader).map(take_body_structure)
            }
            alone => alone.head().map(|head| (head.body_structure(), head.extensions())),
        }
    }

    /// The first words of the text (RFC 8970); empty where there is none.
    pub fn preview(&mut self) -> Result<String, Error> {
        let Self { current, part, reader, .. } = self;
        match current {
            Current::InPart { at, .. } => {
                let words = part.stretch(Section::Previews, *at, reader)?;
                Ok(String::from_utf8_lossy(words).into_owned())
            }
            Current::Alone { message, .. } => message.preview(),
            Current::Nowhere => Err(Error::NoSuchMessage),
        }
    }

    /// Whether certainly no message of a run has a field of these names that contains the text. Quick,
    /// and false where that takes more to know.
    pub fn none_contains(&mut self, run: &Run, names: &FieldNames, needle: &Needle) -> bool {
        let Some(name) = names.text_name() else { return false };
        let said = self.scan.none_has(&self.lists, run.uids(), (name, needle));
        // Each message is looked at then, and who reads it is told.
        said.unwrap_or(false)
    }

    /// Whether a field of these names of a message contains the text. What else was sought stays or is
    /// sought again.
    pub fn field_contains(
        &mut self,
        row: &Row,
        names: &FieldNames,
        needle: &Needle,
    ) -> Result<bool, Error> {
        if let Some(name) = names.text_name()
            && let Ok(Some(has)) = self.scan.has(&self.lists, row.uid.get(), (name, needle))
        {
            return Ok(has);
        }
        self.seek(row)?;
        if let Current::InPart { at, .. } = &self.current
            && let Some(contains) = self.part.field_contains(names, needle, *at, &self.reader)?
        {
            return Ok(contains);
        }
        let mut fields = Vec::new();
        self.push_fields(names, &mut fields)?;
        let mut each = names.names().iter();
        Ok(each.any(|name| search::field_contains(&fields, name, needle)))
    }

    /// Adds the answer to HEADER.FIELDS with these names to `out`, its empty line included.
    pub fn push_fields(&mut self, names: &FieldNames, out: &mut Vec<u8>) -> Result<(), Error> {
        if let Current::InPart { row, at } = &self.current {
            if names.are_held() && self.part.push_fields(names, *at, &self.reader, out)? {
                return Ok(());
            }
            let head = self.alone(row).head()?.fields(names.names());
            out.extend_from_slice(&head);
            return Ok(());
        }
        out.extend_from_slice(&self.current.head()?.fields(names.names()));
        Ok(())
    }
}

impl Current {
    /// The head of a message that is in no part.
    fn head(&mut self) -> Result<&ListData, Error> {
        match self {
            Self::Alone { message, head } => {
                let read = match head.take() {
                    Some(read) => read,
                    None => message.list()?,
                };
                Ok(head.insert(read))
            }
            Self::InPart { .. } | Self::Nowhere => Err(Error::NoSuchMessage),
        }
    }
}

/// The list part that is open: what it holds, as far as somebody asked for it.
#[derive(Default)]
struct OpenPart {
    at: Option<PartRef>,
    table: Option<(ListPartTable, usize)>,
    payload: Vec<u8>,
    uids: Vec<u32>,
    sections: Sections,
    /// For the text of one field after the other.
    folded: Vec<u8>,
    /// Where the last message was found; the next one is most often behind it.
    last: usize,
}

impl OpenPart {
    fn open(
        &mut self,
        part: PartRef,
        mailbox: MailboxId,
        reader: &ShardReader,
    ) -> Result<(), Error> {
        self.at = None;
        self.sections.clear();
        self.payload = reader.read_list_part(part)?;
        let damaged = |fault| reader.damaged(part.addr, fault);
        let (table, start) = ListPartTable::decode(&self.payload).map_err(damaged)?;
        if table.mailbox != mailbox {
            return Err(damaged(crate::Fault::Invalid("mailbox of a list part")));
        }
        self.uids.clear();
        self.uids.extend(table.uids.iter().map(crate::Uid::get));
        self.table = Some((table, start));
        (self.at, self.last) = (Some(part), 0);
        Ok(())
    }

    fn place_of(&mut self, uid: u32) -> Option<usize> {
        let is_at = |at: &usize| self.uids.get(*at) == Some(&uid);
        let found = [self.last + 1, self.last].into_iter().find(is_at);
        let found = found.or_else(|| self.uids.binary_search(&uid).ok())?;
        self.last = found;
        Some(found)
    }

    fn stretch(
        &mut self,
        section: Section,
        at: usize,
        reader: &ShardReader,
    ) -> Result<&[u8], Error> {
        self.read(section, reader)?;
        Ok(self.sections.of(section).at(at))
    }

    fn read(&mut self, section: Section, reader: &ShardReader) -> Result<(), Error> {
        if let Some((table, start)) = &self.table {
            let read = table.open(section, (&self.payload, *start), &mut self.sections);
            read.map_err(|fault| self.damaged(fault, reader))?;
        }
        Ok(())
    }

    fn push_fields(
        &mut self,
        names: &FieldNames,
        at: usize,
        reader: &ShardReader,
        out: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        self.read(Section::Fields, reader)?;
        if names.want_received() {
            self.read(Section::Received, reader)?;
        }
        for (section, _) in
            TEXTS.iter().zip(names.text_columns()).filter(|(_, is_wanted)| *is_wanted)
        {
            self.read(*section, reader)?;
        }
        let of = |section| self.sections.of(section).at(at);
        let others = (of(Section::Received), WrittenTexts(TEXTS.map(of)));
        let pushed = names.push(of(Section::Fields), others, out);
        pushed.map_err(|fault| self.damaged(fault, reader))
    }

    /// `None` where only the header itself can tell.
    fn field_contains(
        &mut self,
        names: &FieldNames,
        needle: &Needle,
        at: usize,
        reader: &ShardReader,
    ) -> Result<Option<bool>, Error> {
        if !names.are_held() {
            return Ok(None);
        }
        self.read(Section::Fields, reader)?;
        let Self { sections, folded, .. } = self;
        let visited = names.visit(sections.of(Section::Fields).at(at), |field| {
            let is_found = needle.is_in_field(field, folded);
            if is_found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let visited = visited.map_err(|fault| self.damaged(fault, reader))?;
        Ok(visited.map(|visited| visited.is_break()))
    }

    fn damaged(&self, fault: crate::Fault, reader: &ShardReader) -> Error {
        reader.damaged(self.at.map(|part| part.addr).unwrap_or_default(), fault)
    }
}
