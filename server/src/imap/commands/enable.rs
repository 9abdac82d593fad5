//! ENABLE (RFC 5161; RFC 5464, 4.1; RFC 7162, 3.2.3; RFC 9051, 6.3.1;
//! RFC 9586, 3; RFC 9755, 3).

use crate::imap::dialogue::Dialogue;
use crate::imap::response::Done;
use crate::imap::session::Authenticated;
use crate::imap::watch::Watch;

/// What can be enabled, as the answer writes it.
const KNOWN: [&str; 6] =
    ["CONDSTORE", "QRESYNC", "METADATA", "UTF8=ACCEPT", "UIDONLY", "IMAP4rev2"];

/// Other names are ignored, and the answer is sent even if nothing was enabled (CLIENTS.md rule 14).
pub(crate) fn enable(
    session: &mut Authenticated,
    names: &[String],
    dialogue: &mut Dialogue,
) -> Done {
    dialogue.out().extend_from_slice(b"* ENABLED");
    for known in KNOWN {
        if !names.iter().any(|name| name.eq_ignore_ascii_case(known)) {
            continue;
        }
        match known {
            "CONDSTORE" => session.condstore = true,
            // It is a CONDSTORE enabling command too (RFC 7162, 3.2.3).
            "QRESYNC" => (session.condstore, session.qresync) = (true, true),
            "METADATA" => session.watch_annotations(),
            "UTF8=ACCEPT" => dialogue.dialect.utf8_accept = true,
            "UIDONLY" => dialogue.dialect.uid_only = true,
            _ => dialogue.dialect.rev2 = true,
        }
        dialogue.out().push(b' ');
        dialogue.out().extend_from_slice(known.as_bytes());
    }
    dialogue.out().extend_from_slice(b"\r\n");
    Done::ok("ENABLE completed")
}

impl Authenticated {
    /// From now on the client hears of annotations that others change (RFC 5464, 4.1).
    fn watch_annotations(&mut self) {
        if self.watch.is_none() {
            self.watch = Some(Box::new(Watch::of_annotations(&self.account)));
        }
    }
}
