//! List parts that upkeep made: written, and shown to readers.

use std::sync::Arc;

use crate::Error;
use crate::image::PartRef;
use crate::record::Kind;
use crate::state::MailboxState;
use crate::store::cells::MailboxCell;
use crate::store::upkeep::NewPart;
use crate::store::writer::Writer;

impl Writer {
    /// Writes list parts of a mailbox in the place of others.
    pub(crate) fn replace_list_parts(
        &mut self,
        cell: &Arc<MailboxCell>,
        old: &[PartRef],
        new: &[NewPart],
    ) -> Result<(), Error> {
        let state = self.state(cell)?.clone();
        let lists = Arc::new(state.lists.without(old));
        self.advance(cell.id, MailboxState { lists, ..state });
        self.put_list_parts(cell, new)
    }

    /// Writes list parts of a mailbox.
    pub(crate) fn put_list_parts(
        &mut self,
        cell: &Arc<MailboxCell>,
        parts: &[NewPart],
    ) -> Result<(), Error> {
        let state = self.state(cell)?.clone();
        let mut refs = Vec::with_capacity(parts.len());
        for (uids, payload) in parts {
            let addr = self.write_frame(Kind::ListPart as u8, payload)?;
            refs.push(PartRef::of(uids, payload.len(), addr));
        }
        let lists = Arc::new(state.lists.with(&refs));
        self.advance(cell.id, MailboxState { lists, ..state });
        Ok(())
    }
}
