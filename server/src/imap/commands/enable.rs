//! ENABLE (RFC 5161).

use crate::imap::dialogue::Dialogue;
use crate::imap::response::Done;
use crate::imap::session::Authenticated;
use crate::imap::watch::Watch;

/// CONDSTORE, QRESYNC and METADATA are all there is to enable; other names are ignored, and the answer is
/// sent even if nothing was enabled (CLIENTS.md rule 14).
pub(crate) fn enable(
    session: &mut Authenticated,
    names: &[String],
    dialogue: &mut Dialogue,
) -> Done {
    dialogue.out().extend_from_slice(b"* ENABLED");
    for known in ["CONDSTORE", "QRESYNC", "METADATA"] {
        if names.iter().any(|name| name == known) {
            if known == "METADATA" {
                session.watch_annotations();
            } else {
                // QRESYNC is a CONDSTORE enabling command too (RFC 7162, 3.2.3).
                session.condstore = true;
                session.qresync |= known == "QRESYNC";
            }
            dialogue.out().push(b' ');
            dialogue.out().extend_from_slice(known.as_bytes());
        }
    }
    dialogue.out().extend_from_slice(b"\r\n");
    Done::ok("ENABLE completed")
}

impl Authenticated {
    /// From now on the client hears of annotations that others change (RFC 5464, 4.1).
    fn watch_annotations(&mut self) {
        if self.watch.is_none() {
            self.watch = Some(Box::new(Watch::new(&self.account)));
        }
    }
}
