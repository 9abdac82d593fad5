//! Mailboxes of others (RFC 4314): whose a name is, what may be done there, and by whom.

mod acl;
mod place;
mod rights;

pub(crate) use acl::{Acl, ENTRY};
pub(crate) use place::{Foreign, OTHER_USERS, Place, SHARED, foreign};
pub(crate) use rights::Rights;
