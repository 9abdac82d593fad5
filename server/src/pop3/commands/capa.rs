//! CAPA (RFC 2449, 5): what is offered now; each is whole.

use super::super::reply::ok;
use super::super::session::{Session, State};
use crate::auth::sasl::Mechanism;

/// Lists the capabilities.
pub(in super::super) fn capa(session: &mut Session, state: State) -> State {
    let may_log_in = matches!(state, State::Authorization(_)) && session.allows_password();
    let may_start_tls = matches!(state, State::Authorization(_)) && !session.lines.peek().is_tls();
    let out = session.lines.connection().output();
    ok("Capabilities", out);
    out.extend_from_slice(
        b"TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n\
          UTF8 USER\r\n",
    );
    if may_start_tls {
        out.extend_from_slice(b"STLS\r\n");
    }
    if may_log_in {
        let mechanisms = Mechanism::ALL.map(Mechanism::name).join(" ");
        out.extend_from_slice(format!("USER\r\nSASL {mechanisms}\r\n").as_bytes());
    }
    out.extend_from_slice(b"IMPLEMENTATION Fumikura\r\n.\r\n");
    state
}
