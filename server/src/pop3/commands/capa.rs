//! CAPA (RFC 2449, 5): what is offered now; each is whole.

use super::super::reply::ok;
use super::super::session::{Session, State};
use super::auth::mechanisms;
use crate::auth::sasl::Mechanism;

const FIXED: [&str; 7] =
    ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER", "UTF8 USER"];

/// Lists the capabilities.
pub(in super::super) async fn capa(session: &mut Session, state: State) -> State {
    let may_log_in = matches!(state, State::Authorization(_)) && session.allows_password();
    let may_start_tls = matches!(state, State::Authorization(_)) && !session.lines.peek().is_tls();
    let mut all = FIXED.to_vec();
    if may_start_tls {
        all.push("STLS");
    }
    let mechanisms = if may_log_in { mechanisms(session).await.1 } else { Vec::new() };
    let sasl = format!("SASL {}", Mechanism::names(&mechanisms));
    if may_log_in {
        all.push("USER");
    }
    if !mechanisms.is_empty() {
        all.push(&sasl);
    }
    all.push("IMPLEMENTATION Fumikura");
    let masks = session.context.directory.masks().await;
    all.retain(|line| {
        let name = line.split(' ').next().unwrap_or_default();
        !masks.hide(name, &session.viewer)
    });
    let out = session.lines.connection().output();
    ok("Capabilities", out);
    for line in all {
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    state
}
