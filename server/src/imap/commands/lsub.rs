//! LSUB (RFC 3501, 6.3.9).

use std::collections::BTreeMap;

use super::list::{names, push_line};
use crate::imap::dialogue::Dialogue;
use crate::imap::outcome::Outcome;
use crate::imap::pattern::Pattern;
use crate::imap::response::Done;
use crate::imap::session::Authenticated;

/// Lists subscribed names that match. A level that matches, and is only above subscribed names,
/// comes as `\Noselect`.
pub(crate) async fn lsub(
    session: &Authenticated,
    reference: &str,
    pattern: &str,
    dialogue: &mut Dialogue,
) -> Outcome {
    if pattern.is_empty() {
        dialogue.untagged("LSUB (\\Noselect) \"/\" \"\"");
        return Ok(Done::ok("LSUB completed"));
    }
    let mailboxes = session.account.mailboxes();
    let pattern = Pattern::new(reference, pattern);
    let names = names(&mailboxes);
    let mut lines: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, known) in names.iter().filter(|(_, known)| known.is_subscribed()) {
        if pattern.matches(name) {
            lines.insert(name, known.lsub_attributes());
            continue;
        }
        for (end, _) in name.match_indices('/') {
            let above = name.get(..end).unwrap_or_default();
            if pattern.matches(above) {
                lines.entry(above).or_insert_with(|| vec!["\\Noselect"]);
            }
        }
    }
    for (name, attributes) in lines {
        push_line(dialogue, "LSUB", &attributes, name);
        dialogue.connection.flush_if_full().await?;
    }
    Ok(Done::ok("LSUB completed"))
}
