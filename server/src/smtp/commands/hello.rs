//! EHLO and HELO (RFC 5321, 4.1.1.1), LHLO (RFC 2033, 4.1), and the banner before them.

use std::borrow::Cow;

use super::super::command::Greeting;
use super::super::reply::Reply;
use super::super::session::{Client, Session, State};
use super::auth;
use crate::auth::sasl::Mechanism;
use crate::calendar::Rfc3339;
use crate::config::Role;

/// What the server says first.
pub(in super::super) fn banner(session: &Session) -> Reply {
    let protocol = if session.role == Role::Lmtp { "LMTP" } else { "ESMTP" };
    let hostname = &session.context.config.hostname;
    Reply::bare(220, Cow::Owned(format!("{hostname} {protocol} Fumikura")))
}

/// A greeting ends a mail transaction (RFC 5321, 4.1.4).
pub(in super::super) async fn hello(session: &mut Session, state: State, client: Client) -> State {
    // Neither protocol may be taken for the other (RFC 2033, 4.1).
    if (session.role == Role::Lmtp) != (client.greeting == Greeting::Lhlo) {
        session.refuse(&Reply::UNRECOGNIZED);
        return state;
    }
    let hostname = &session.context.config.hostname;
    let text = match client.greeting {
        Greeting::Helo => hostname.clone(),
        Greeting::Ehlo | Greeting::Lhlo => format!("{hostname}\n{}", extensions(session).await),
    };
    session.reply(&Reply::bare(250, Cow::Owned(text)));
    State::Ready(client)
}

/// What is offered now; each is whole.
async fn extensions(session: &Session) -> String {
    let size_max = session.context.config.limits.message_bytes_max;
    let mut lines = vec![
        "PIPELINING".to_owned(),
        format!("SIZE {size_max}"),
        "8BITMIME".to_owned(),
        "SMTPUTF8".to_owned(),
        "CHUNKING".to_owned(),
    ];
    if session.role != Role::Lmtp {
        lines.extend(["DSN", "DELIVERBY", "MT-PRIORITY"].map(str::to_owned));
        lines.push(format!("LIMITS RCPTMAX={}", session.context.config.limits.recipients_max));
    }
    if session.role == Role::Submission {
        let seconds = session.release_max();
        let latest = Rfc3339(engine::clock::unix_seconds().saturating_add(seconds));
        lines.push(format!("FUTURERELEASE {seconds} {latest}"));
    }
    if !session.lines.peek().is_tls() {
        lines.push("STARTTLS".to_owned());
    } else if session.role != Role::Lmtp {
        lines.push("REQUIRETLS".to_owned());
    }
    let (_, mechanisms) = auth::mechanisms(session).await;
    if !mechanisms.is_empty() {
        lines.push(format!("AUTH {}", Mechanism::names(&mechanisms)));
    }
    lines.push("ENHANCEDSTATUSCODES".to_owned());
    let masks = session.context.directory.masks().await;
    lines.retain(|line| {
        let name = line.split(' ').next().unwrap_or_default();
        !masks.hide(name, &session.viewer)
    });
    lines.join("\n")
}

impl Session {
    /// Whether a password may come this way.
    pub(super) fn allows_password(&self) -> bool {
        let connection = self.lines.peek();
        self.context.auth.allows_password(connection.is_tls(), connection.peer().ip())
    }
}
