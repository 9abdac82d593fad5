//! What is hidden from a client (CLIENTS.md rule 12) is not told, cannot be enabled, and its
//! command is unknown. What it adds to other commands is not looked for: who uses it unasked is
//! served.

use engine::search::ThreadAlgorithm;

use super::command::{Body, Thread};
use super::dialogue::Dialogue;
use super::parse::FaultKind;
use super::response::Refusal;

/// A list of capabilities without those that are hidden.
pub(super) async fn shown(capabilities: &str, dialogue: &Dialogue) -> String {
    let masks = dialogue.context.directory.masks().await;
    masks.shown(capabilities, &dialogue.viewer)
}

/// Refuses a hidden command, and takes hidden names out of ENABLE.
pub(super) async fn admit(body: &mut Body, dialogue: &Dialogue) -> Result<(), Refusal> {
    let Some(capability) = capability_of(body) else { return Ok(()) };
    let masks = dialogue.context.directory.masks().await;
    if masks.hide(capability, &dialogue.viewer) {
        return Err(FaultKind::UnknownCommand.into());
    }
    if let Body::Enable(names) = body {
        names.retain(|name| !masks.hide(name, &dialogue.viewer));
    }
    Ok(())
}

/// The capability that a command is there by; `None` for those of the protocol itself.
fn capability_of(body: &Body) -> Option<&'static str> {
    match body {
        Body::Id(_) => Some("ID"),
        Body::StartTls => Some("STARTTLS"),
        Body::Unauthenticate => Some("UNAUTHENTICATE"),
        Body::Enable(_) => Some("ENABLE"),
        Body::Compress(_) => Some("COMPRESS=DEFLATE"),
        Body::Namespace => Some("NAMESPACE"),
        Body::GetQuota(_) | Body::GetQuotaRoot(_) => Some("QUOTA"),
        Body::SetQuota(_) => Some("QUOTASET"),
        Body::SetAcl(_)
        | Body::DeleteAcl { .. }
        | Body::GetAcl(_)
        | Body::ListRights { .. }
        | Body::MyRights(_) => Some("ACL"),
        Body::GetMetadata(_) | Body::SetMetadata(_) => Some("METADATA"),
        Body::Replace(_) => Some("REPLACE"),
        Body::Idle => Some("IDLE"),
        Body::Notify(_) => Some("NOTIFY"),
        Body::Unselect => Some("UNSELECT"),
        Body::Expunge(Some(_)) => Some("UIDPLUS"),
        Body::MultiSearch(_) => Some("MULTISEARCH"),
        Body::CancelUpdate(_) => Some("CONTEXT=SEARCH"),
        Body::Sort(_) => Some("SORT"),
        Body::Thread(Thread { algorithm, .. }) => Some(match algorithm {
            ThreadAlgorithm::OrderedSubject => "THREAD=ORDEREDSUBJECT",
            ThreadAlgorithm::References => "THREAD=REFERENCES",
            ThreadAlgorithm::Refs => "THREAD=REFS",
        }),
        Body::Move(_) => Some("MOVE"),
        _ => None,
    }
}
