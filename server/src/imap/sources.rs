//! Which mailboxes a filter means (RFC 5465, 6; RFC 7377, 4).

use engine::MailboxList;

use super::command::{MailboxFilter, MailboxName};

/// Whether a filter means a name; the selected mailbox is for the caller to know.
pub(crate) fn is_meant(filter: &MailboxFilter, name: &str, list: &MailboxList) -> bool {
    match filter {
        MailboxFilter::Selected => false,
        MailboxFilter::Inboxes => name == "INBOX",
        MailboxFilter::Personal => true,
        MailboxFilter::Subscribed => list.is_subscribed(name),
        MailboxFilter::Mailboxes(names) => names.iter().any(|named| named.as_str() == name),
        MailboxFilter::Subtree(tops) => tops.iter().any(|top| depth_below(top, name).is_some()),
        MailboxFilter::SubtreeOne(tops) => {
            tops.iter().any(|top| depth_below(top, name).is_some_and(|depth| depth <= 1))
        }
    }
}

/// How many levels below the top a name is; 0 for the top itself.
fn depth_below(top: &MailboxName, name: &str) -> Option<usize> {
    let rest = name.strip_prefix(top.as_str())?;
    if rest.is_empty() || rest.starts_with('/') { Some(rest.matches('/').count()) } else { None }
}
