//! The SASL exchanges that all protocols share (RFC 4422): what goes between the client's
//! base64 lines and ours. PLAIN (RFC 4616), and LOGIN, which is no standard but what many
//! programs speak.
//!
//! The protocol wraps the challenge in its own words (`+ `, `334 `) and verifies the credentials.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::directory::{Masks, Viewer};

/// The longest line a client may send in an exchange (RFC 4954, 4 names 12288).
pub const LINE_LEN_MAX: usize = 12_288;

/// How the client wants to prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Login and password in one line.
    Plain,
    /// Login, then password.
    Login,
}

/// What the client claims.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// An address.
    pub login: String,
    /// In clear text.
    pub password: String,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this challenge, already base64 and maybe empty; give the answer to
    /// [`Exchange::answer`].
    Challenge(&'static str),
    /// The exchange is over: verify these.
    Credentials(Credentials),
}

/// Why an exchange ended without credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaslError {
    /// The client sent `*`.
    #[error("authentication cancelled")]
    Cancelled,
    /// Not base64, not the mechanism's form, or not UTF-8.
    #[error("malformed authentication response")]
    Malformed,
    /// The client wants to act for another user.
    #[error("acting for another user is not supported")]
    OtherUser,
}

/// An exchange under way.
#[derive(Debug)]
pub struct Exchange {
    expected: Expected,
}

#[derive(Debug)]
enum Expected {
    Plain,
    LoginName,
    LoginPassword { login: String },
}

impl Mechanism {
    /// All of them, strongest first, as capability lists name them.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Login];

    /// Finds a mechanism by its name, in any case.
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Those that are not hidden from a client.
    pub fn shown(masks: &Masks, viewer: &Viewer) -> Vec<Self> {
        Self::ALL.into_iter().filter(|one| !masks.hide(one.capability(), viewer)).collect()
    }

    /// Its name among capabilities.
    pub fn capability(self) -> &'static str {
        match self {
            Self::Plain => "AUTH=PLAIN",
            Self::Login => "AUTH=LOGIN",
        }
    }

    /// Its registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }
}

impl Exchange {
    /// Starts an exchange. `initial` is the initial response as the client sent it: base64, or
    /// `=` for an empty one.
    pub fn start(mechanism: Mechanism, initial: Option<&[u8]>) -> Result<(Self, Step), SaslError> {
        let (expected, challenge) = match mechanism {
            Mechanism::Plain => (Expected::Plain, ""),
            // "Username:"
            Mechanism::Login => (Expected::LoginName, "VXNlcm5hbWU6"),
        };
        let mut exchange = Self { expected };
        let step = match initial {
            None => Step::Challenge(challenge),
            Some(b"=") => exchange.respond(&[])?,
            Some(initial) => exchange.respond(&decode(initial)?)?,
        };
        Ok((exchange, step))
    }

    /// Takes the client's next line, without its line end.
    pub fn answer(&mut self, line: &[u8]) -> Result<Step, SaslError> {
        if line == b"*" {
            return Err(SaslError::Cancelled);
        }
        self.respond(&decode(line)?)
    }

    fn respond(&mut self, response: &[u8]) -> Result<Step, SaslError> {
        match std::mem::replace(&mut self.expected, Expected::LoginName) {
            Expected::Plain => plain(response).map(Step::Credentials),
            Expected::LoginName => {
                self.expected = Expected::LoginPassword { login: text(response)? };
                // "Password:"
                Ok(Step::Challenge("UGFzc3dvcmQ6"))
            }
            Expected::LoginPassword { login } => {
                Ok(Step::Credentials(Credentials { login, password: text(response)? }))
            }
        }
    }
}

/// `[authzid] NUL authcid NUL passwd` (RFC 4616, 2).
fn plain(response: &[u8]) -> Result<Credentials, SaslError> {
    let mut fields = response.split(|byte| *byte == 0);
    let (Some(acting_for), Some(login), Some(password), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(SaslError::Malformed);
    };
    if login.is_empty() || password.is_empty() {
        return Err(SaslError::Malformed);
    }
    if !acting_for.is_empty() && acting_for != login {
        return Err(SaslError::OtherUser);
    }
    Ok(Credentials { login: text(login)?, password: text(password)? })
}

fn decode(line: &[u8]) -> Result<Vec<u8>, SaslError> {
    if line.len() > LINE_LEN_MAX {
        return Err(SaslError::Malformed);
    }
    STANDARD.decode(line).map_err(|_| SaslError::Malformed)
}

fn text(bytes: &[u8]) -> Result<String, SaslError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text.to_owned()),
        _ => Err(SaslError::Malformed),
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Credentials").field("login", &self.login).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(login: &str, password: &str) -> Step {
        Step::Credentials(Credentials { login: login.to_owned(), password: password.to_owned() })
    }

    fn base64(text: &str) -> Vec<u8> {
        STANDARD.encode(text).into_bytes()
    }

    #[test]
    fn plain_comes_with_the_command_or_after_an_empty_challenge() {
        let line = base64("\0tim\0tanstaaftanstaaf");
        let (_, step) = Exchange::start(Mechanism::Plain, Some(&line)).expect("starts");
        assert_eq!(step, credentials("tim", "tanstaaftanstaaf"));
        let (mut exchange, step) = Exchange::start(Mechanism::Plain, None).expect("starts");
        assert_eq!(step, Step::Challenge(""));
        assert_eq!(exchange.answer(&line), Ok(credentials("tim", "tanstaaftanstaaf")));
    }

    #[test]
    fn plain_acts_for_nobody_else() {
        let start = |text| Exchange::start(Mechanism::Plain, Some(&base64(text))).map(|(_, s)| s);
        assert_eq!(start("tim\0tim\0p"), Ok(credentials("tim", "p")));
        assert_eq!(start("root\0tim\0p"), Err(SaslError::OtherUser));
    }

    #[test]
    fn malformed_responses_are_refused() {
        for text in ["", "tim", "\0tim", "\0\0p", "\0tim\0", "\0tim\0p\0", "\0t\0p\0q"] {
            let answer = Exchange::start(Mechanism::Plain, Some(&base64(text)));
            assert_eq!(answer.map(|(_, step)| step), Err(SaslError::Malformed), "{text:?}");
        }
        let (mut exchange, _) = Exchange::start(Mechanism::Plain, None).expect("starts");
        assert_eq!(exchange.answer(b"not base64!"), Err(SaslError::Malformed));
        let line = STANDARD.encode(b"\0\xff\0p").into_bytes();
        let answer = Exchange::start(Mechanism::Plain, Some(&line));
        assert_eq!(answer.map(|(_, step)| step), Err(SaslError::Malformed));
    }

    #[test]
    fn login_asks_for_name_and_password() {
        let (mut exchange, step) = Exchange::start(Mechanism::Login, None).expect("starts");
        assert_eq!(step, Step::Challenge("VXNlcm5hbWU6"));
        assert_eq!(exchange.answer(&base64("tim")), Ok(Step::Challenge("UGFzc3dvcmQ6")));
        assert_eq!(exchange.answer(&base64("pass word")), Ok(credentials("tim", "pass word")));
    }

    #[test]
    fn login_takes_the_name_with_the_command() {
        let (mut exchange, step) =
            Exchange::start(Mechanism::Login, Some(&base64("tim"))).expect("starts");
        assert_eq!(step, Step::Challenge("UGFzc3dvcmQ6"));
        assert_eq!(exchange.answer(&base64("p")), Ok(credentials("tim", "p")));
    }

    #[test]
    fn a_star_cancels() {
        let (mut exchange, _) = Exchange::start(Mechanism::Login, None).expect("starts");
        assert_eq!(exchange.answer(b"*"), Err(SaslError::Cancelled));
    }

    #[test]
    fn mechanisms_are_found_in_any_case() {
        assert_eq!(Mechanism::parse(b"plain"), Some(Mechanism::Plain));
        assert_eq!(Mechanism::parse(b"Login"), Some(Mechanism::Login));
        assert_eq!(Mechanism::parse(b"CRAM-MD5"), None);
    }

    #[test]
    fn passwords_stay_out_of_logs() {
        let shown = format!("{:?}", credentials("tim", "sesame"));
        assert!(!shown.contains("sesame"), "{shown}");
    }
}
