//! The arguments of SETACL, DELETEACL and LISTRIGHTS (RFC 4314, 7).

use super::cursor::{Cursor, Malformed};
use super::{next_mailbox, utf8};
use crate::imap::command::{AclChange, Body, SetAcl};

/// What follows `SETACL`. Which letters are rights is for who knows them.
pub(super) fn set(cursor: &mut Cursor<'_>) -> Result<Body, Malformed> {
    let (mailbox, identifier) = (next_mailbox(cursor)?, next_text(cursor)?);
    let letters = next_text(cursor)?;
    let (change, letters) = match letters.strip_prefix(['+', '-']) {
        Some(rest) if letters.starts_with('+') => (AclChange::Add, rest.to_owned()),
        Some(rest) => (AclChange::Remove, rest.to_owned()),
        None => (AclChange::Replace, letters),
    };
    Ok(Body::SetAcl(SetAcl { mailbox, identifier, change, letters }))
}

/// What follows `DELETEACL`.
pub(super) fn delete(cursor: &mut Cursor<'_>) -> Result<Body, Malformed> {
    Ok(Body::DeleteAcl { mailbox: next_mailbox(cursor)?, identifier: next_text(cursor)? })
}

/// What follows `LISTRIGHTS`.
pub(super) fn list_rights(cursor: &mut Cursor<'_>) -> Result<Body, Malformed> {
    Ok(Body::ListRights { mailbox: next_mailbox(cursor)?, identifier: next_text(cursor)? })
}

fn next_text(cursor: &mut Cursor<'_>) -> Result<String, Malformed> {
    cursor.space()?;
    utf8(cursor.astring()?.into_owned())
}
