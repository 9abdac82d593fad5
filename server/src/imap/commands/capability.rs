//! CAPABILITY (RFC 3501, 6.1.1), also as the response code of the greeting and of a log-in.

use super::{compress, status};
use crate::imap::dialogue::Dialogue;
use crate::imap::masking;
use crate::imap::message_limit;
use crate::imap::session::Session;

/// What is whole here, before and after log-in.
const ALWAYS: &str = concat!(
    "CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE IDLE NAMESPACE CHILDREN UNSELECT UIDPLUS MOVE",
    " MULTIAPPEND REPLACE CATENATE URL-PARTIAL BINARY CONDSTORE QRESYNC PREVIEW OBJECTID SAVEDATE UTF8=ACCEPT",
    // Hidden unless a rule offers it: see `masking`.
    " UIDONLY",
    // Searching.
    " ESEARCH SEARCHRES WITHIN PARTIAL CONTEXT=SEARCH MULTISEARCH SORT SORT=DISPLAY ESORT I18NLEVEL=1",
    " THREAD=ORDEREDSUBJECT THREAD=REFERENCES THREAD=REFS",
    // Waiting.
    " INPROGRESS NOTIFY",
    // Listing.
    " LIST-EXTENDED LIST-STATUS LIST-METADATA STATUS=SIZE CREATE-SPECIAL-USE SPECIAL-USE METADATA",
    // Sharing.
    " ACL RIGHTS=kxte LIST-MYRIGHTS QUOTA QUOTASET QUOTA=RES-STORAGE QUOTA=RES-MESSAGE",
);

/// The capabilities in a state of the session.
pub(crate) async fn capabilities(session: &Session, dialogue: &Dialogue) -> String {
    match session {
        Session::NotAuthenticated(_) => before_login(dialogue).await,
        _ => after_login(dialogue).await,
    }
}

/// Before log-in the ways to log in are told too; without TLS only that it must be started,
/// unless the client is on this machine (RFC 3501, 6.2.3: LOGINDISABLED).
pub(crate) async fn before_login(dialogue: &Dialogue) -> String {
    let start_tls = if dialogue.connection.is_tls() { "" } else { " STARTTLS" };
    let (_, mechanisms) = dialogue.mechanisms().await;
    let log_in = if dialogue.allows_password() {
        mechanisms.iter().flat_map(|mechanism| [" ", mechanism.capability()]).collect()
    } else {
        " LOGINDISABLED".to_owned()
    };
    masking::shown(&format!("{}{start_tls}{log_in}", always(dialogue)), dialogue).await
}

/// With the limit of APPEND, the same for all mailboxes (RFC 7889, 3), and that of commands.
fn always(dialogue: &Dialogue) -> String {
    let always = format!("{ALWAYS} APPENDLIMIT={}", status::append_limit(dialogue));
    match message_limit::capability(&dialogue.context) {
        Some(limit) => format!("{always} {limit}"),
        None => always,
    }
}

/// After log-in, compression is offered until it is active (RFC 4978, 3).
pub(crate) async fn after_login(dialogue: &Dialogue) -> String {
    let always = always(dialogue);
    let all = if compress::offers(dialogue) {
        format!("{always} UNAUTHENTICATE COMPRESS={}", compress::MECHANISM)
    } else {
        format!("{always} UNAUTHENTICATE")
    };
    masking::shown(&all, dialogue).await
}
