//! From a mailbox's durable image to its state, and back.

use std::sync::Arc;

use crate::Error;
use crate::Fault;
use crate::ids::{AccountId, MailboxId, ModSeq, RecordAddr};
use crate::image::{MailboxImage, PageRef};
use crate::state::{Chunk, History, Lists, MailboxState, Page, Snapshot};
use crate::store::cells::MailboxCell;
use crate::store::heal;
use crate::store::reader::ShardReader;

/// The newest snapshot of a mailbox, read from its image if nobody has opened it before.
pub(crate) fn snapshot(cell: &MailboxCell, reader: &ShardReader) -> Result<Arc<Snapshot>, Error> {
    cell.snapshot(|| peek(cell, reader))
}

/// The newest snapshot of a mailbox, without keeping it in memory where nobody has opened it.
pub(crate) fn peek(cell: &MailboxCell, reader: &ShardReader) -> Result<Arc<Snapshot>, Error> {
    if let Some(snapshot) = cell.resident_snapshot() {
        return Ok(snapshot);
    }
    let place = || reader.image(cell.id)?.ok_or(Error::NoSuchMailbox);
    let mut addr = place()?;
    loop {
        let error = match load(addr, reader) {
            Ok((_, state)) => return Ok(state.snapshot()),
            Err(error) => error,
        };
        // It may have been written elsewhere between the two looks.
        let moved = place()?;
        if moved == addr {
            reader.note_mailbox(cell.id, &error);
            return Err(error);
        }
        addr = moved;
    }
}

/// Reads a mailbox's image, and whose it is. Its columns are read when they are needed.
pub(crate) fn load(
    addr: RecordAddr,
    reader: &ShardReader,
) -> Result<(AccountId, MailboxState), Error> {
    let image = reader.mailbox(addr)?;
    let invalid = || reader.damaged(addr, Fault::Invalid("mod-sequence"));
    let source = heal::source(reader, image.mailbox);
    let chunks = image.chunks.iter();
    let state = MailboxState {
        uid_validity: image.uid_validity,
        uid_next: image.uid_next,
        highest_modseq: ModSeq::new(image.highest_modseq).ok_or_else(invalid)?,
        keywords: image.keywords.into(),
        chunks: chunks.map(|chunk| Arc::new(Chunk::stored(chunk))).collect(),
        history: History {
            pages: image.history_pages.into_iter().map(Page::stored).map(Arc::new).collect(),
            tail: Arc::new(image.history_tail),
        },
        lists: Arc::new(Lists::new(image.lists)),
        source,
    };
    Ok((image.account, state))
}

/// The image of a mailbox all of whose chunks and pages are in the log; `None` if one is not.
pub(crate) fn of(
    (account, mailbox): (AccountId, MailboxId),
    state: &MailboxState,
) -> Option<MailboxImage> {
    let chunks = state.chunks.iter().map(|chunk| chunk.stored_at());
    let page = |page: &Arc<Page>| {
        Some(PageRef { modseq_max: page.modseq_max, addr: page.piece().stored_at()? })
    };
    Some(MailboxImage {
        mailbox,
        account,
        uid_validity: state.uid_validity,
        uid_next: state.uid_next,
        highest_modseq: state.highest_modseq.get(),
        keywords: state.keywords.to_vec(),
        chunks: chunks.collect::<Option<_>>()?,
        history_pages: state.history.pages.iter().map(page).collect::<Option<_>>()?,
        history_tail: state.history.tail.to_vec(),
        lists: state.lists.parts().to_vec(),
    })
}
