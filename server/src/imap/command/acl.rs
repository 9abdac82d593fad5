//! Access control lists, as a client changes them (RFC 4314).

use super::MailboxName;

/// SETACL's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAcl {
    /// The mailbox.
    pub mailbox: MailboxName,
    /// Whose rights are changed.
    pub identifier: String,
    /// How.
    pub change: AclChange,
    /// The letters of the rights, as they came.
    pub letters: String,
}

/// What SETACL does with rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AclChange {
    /// They are all there are.
    Replace,
    /// They come to those there are.
    Add,
    /// They go.
    Remove,
}
