//! The arguments of GETQUOTA and SETQUOTA (RFC 9208, 7).

use super::cursor::{Cursor, Malformed};
use super::utf8;
use crate::imap::command::{Body, SetQuota};

/// Resources in one SETQUOTA, those that come twice counted twice.
const RESOURCES_MAX: usize = 10;

/// What follows `GETQUOTA`.
pub(super) fn get(cursor: &mut Cursor<'_>) -> Result<Body, Malformed> {
    cursor.space()?;
    Ok(Body::GetQuota(utf8(cursor.astring()?.into_owned())?))
}

/// What follows `SETQUOTA`. Limits have 63 bits.
pub(super) fn set(cursor: &mut Cursor<'_>) -> Result<Body, Malformed> {
    cursor.space()?;
    let root = utf8(cursor.astring()?.into_owned())?;
    cursor.space()?;
    cursor.expect(b'(', "limits in parentheses")?;
    let mut limits = Vec::new();
    cursor.skip_spaces();
    while !cursor.eat(b')') {
        let resource = cursor.upper_word();
        if resource.is_empty() || limits.len() >= RESOURCES_MAX {
            return Err(Malformed::Expected("a resource"));
        }
        cursor.space()?;
        let limit = cursor.number64()?;
        if i64::try_from(limit).is_err() {
            return Err(Malformed::Expected("a limit below 2^63"));
        }
        limits.push((resource, limit));
        cursor.skip_spaces();
    }
    Ok(Body::SetQuota(SetQuota { root, limits }))
}
