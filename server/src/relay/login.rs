//! How we log in to a smarthost (RFC 4954): by SCRAM where it is offered, else with the password.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::outcome::{Concern, Trouble};
use super::reply::{EnhancedStatus, Reply};
use super::scram::{Hash, ScramClient};
use super::wire::{Wire, WireError};

/// As whom we log in.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Why a log-in failed. All of it can be mended, here or there, so mail waits for that.
#[derive(Debug)]
enum Failure {
    Wire(WireError),
    Refused(Reply),
    /// The server does not know the password that it asks for, or breaks the protocol.
    Unproved,
    NoMechanism,
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

/// Logs in by the best mechanism that is offered.
pub(super) async fn log_in(
    wire: &mut Wire,
    login: &Login,
    offered: &[String],
    within: Duration,
) -> Result<(), Trouble> {
    let mut exchange = Exchange { wire, within };
    let offers = |name: &str| offered.iter().any(|word| word == name);
    let done = if offers("SCRAM-SHA-256") {
        exchange.scram("SCRAM-SHA-256", Hash::Sha256, login).await
    } else if offers("SCRAM-SHA-1") {
        exchange.scram("SCRAM-SHA-1", Hash::Sha1, login).await
    } else if offers("PLAIN") {
        exchange.plain(login).await
    } else if offers("LOGIN") {
        exchange.login(login).await
    } else {
        Err(Failure::NoMechanism)
    };
    done.map_err(trouble)
}

fn trouble(failure: Failure) -> Trouble {
    let credentials = EnhancedStatus::new(4, 7, 8);
    let own = |status, text: String| Trouble::own(status, Concern::Destination, text);
    match failure {
        Failure::Wire(error) => {
            own(EnhancedStatus::new(4, 4, 2), format!("{error} during the log-in"))
        }
        Failure::Refused(reply) => {
            let text = "does not let us log in".to_owned();
            Trouble { reply: Some(reply), ..own(credentials, text) }
        }
        Failure::Unproved => {
            own(credentials, "does not prove that it knows the password".to_owned())
        }
        Failure::NoMechanism => own(credentials, "offers no way to log in that we know".to_owned()),
    }
}

struct Exchange<'a> {
    wire: &'a mut Wire,
    within: Duration,
}

impl Exchange<'_> {
    /// RFC 4616.
    async fn plain(&mut self, login: &Login) -> Result<(), Failure> {
        let message = STANDARD.encode(format!("\0{}\0{}", login.user, login.password));
        let reply = self.say(&format!("AUTH PLAIN {message}")).await?;
        done(reply)
    }

    async fn login(&mut self, login: &Login) -> Result<(), Failure> {
        let asked = self.say("AUTH LOGIN").await?;
        challenge(asked)?;
        let asked = self.say(&STANDARD.encode(&login.user)).await?;
        challenge(asked)?;
        let reply = self.say(&STANDARD.encode(&login.password)).await?;
        done(reply)
    }

    /// RFC 5802. The server's proof comes as one more challenge, or with the last reply (RFC 4954, 4).
    async fn scram(&mut self, name: &str, hash: Hash, login: &Login) -> Result<(), Failure> {
        let (client, first) = ScramClient::begin(hash, &login.user, &login.password);
        let asked = self.say(&format!("AUTH {name} {}", STANDARD.encode(first))).await?;
        let server_first = challenge(asked)?;
        // Thousands of hashes, off the threads that serve.
        let answered = tokio::task::spawn_blocking(move || client.answer(&server_first)).await;
        let Some((last, proof)) = answered.ok().flatten() else {
            // RFC 4954, 4: cancels.
            self.say("*").await?;
            return Err(Failure::Unproved);
        };
        let reply = self.say(&STANDARD.encode(last)).await?;
        if reply.code == 334 {
            if !proof.is_given_by(&challenge(reply)?) {
                self.say("*").await?;
                return Err(Failure::Unproved);
            }
            let reply = self.say("").await?;
            return done(reply);
        }
        let given = reply.lines.first().and_then(|text| STANDARD.decode(text.trim()).ok());
        let is_proved = given.is_some_and(|given| proof.is_given_by(&given));
        done(reply)?;
        if is_proved { Ok(()) } else { Err(Failure::Unproved) }
    }

    async fn say(&mut self, line: &str) -> Result<Reply, WireError> {
        self.wire.ask(line, self.within).await
    }
}

fn challenge(reply: Reply) -> Result<Vec<u8>, Failure> {
    let text = reply.lines.first().map(|text| text.trim().to_owned());
    match (reply.code, text.and_then(|text| STANDARD.decode(text).ok())) {
        (334, Some(octets)) => Ok(octets),
        (334, None) => Err(Failure::Unproved),
        _ => Err(Failure::Refused(reply)),
    }
}

fn done(reply: Reply) -> Result<(), Failure> {
    if reply.code == 235 { Ok(()) } else { Err(Failure::Refused(reply)) }
}
