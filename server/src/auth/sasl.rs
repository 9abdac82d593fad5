//! SASL's mechanisms (RFC 4422) by their names, and the messages of the simple ones: PLAIN
//! (RFC 4616), and LOGIN, which is no standard but what many programs speak.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::oauth::TokenForm;
use super::scram::ScramHash;

/// The longest line a client may send in an exchange (RFC 4954, 4 names 12288).
pub const LINE_LEN_MAX: usize = 12_288;

/// How the client wants to prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// SCRAM with SHA-256 and a channel binding (RFC 7677).
    ScramSha256Plus,
    /// SCRAM with SHA-1 and a channel binding (RFC 5802).
    ScramSha1Plus,
    /// SCRAM with SHA-256.
    ScramSha256,
    /// SCRAM with SHA-1.
    ScramSha1,
    /// A token of an OAuth issuer (RFC 7628).
    OAuthBearer,
    /// The same, as it was before there was a standard.
    XOAuth2,
    /// The certificate that the client showed in TLS (RFC 4422, appendix A).
    External,
    /// Login and password in one line.
    Plain,
    /// Login, then password.
    Login,
}

/// Whether a mechanism binds the log-in to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IsBound {
    /// A -PLUS.
    Yes,
    /// None.
    No,
}

/// What the client claims.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// An address.
    pub login: String,
    /// In clear text.
    pub password: String,
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
    /// The client binds to another connection than this, to none where it must, or was not shown
    /// that it could.
    #[error("the channel binding is not that of this connection")]
    ChannelBinding,
    /// The client wants to act for another user.
    #[error("acting for another user is not supported")]
    OtherUser,
}

impl Mechanism {
    /// All of them, strongest first, as capability lists name them.
    pub const ALL: [Self; 9] = [
        Self::ScramSha256Plus,
        Self::ScramSha1Plus,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::OAuthBearer,
        Self::XOAuth2,
        Self::External,
        Self::Plain,
        Self::Login,
    ];

    /// Finds a mechanism by its name, in any case, among those that are offered.
    pub fn find(name: &[u8], offered: &[Self]) -> Option<Self> {
        let mut known = offered.iter().copied();
        known.find(|known| known.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Its name among capabilities.
    pub fn capability(self) -> &'static str {
        match self {
            Self::ScramSha256Plus => "AUTH=SCRAM-SHA-256-PLUS",
            Self::ScramSha1Plus => "AUTH=SCRAM-SHA-1-PLUS",
            Self::ScramSha256 => "AUTH=SCRAM-SHA-256",
            Self::ScramSha1 => "AUTH=SCRAM-SHA-1",
            Self::OAuthBearer => "AUTH=OAUTHBEARER",
            Self::XOAuth2 => "AUTH=XOAUTH2",
            Self::External => "AUTH=EXTERNAL",
            Self::Plain => "AUTH=PLAIN",
            Self::Login => "AUTH=LOGIN",
        }
    }

    /// Its registered name.
    pub fn name(self) -> &'static str {
        self.capability().strip_prefix("AUTH=").unwrap_or_default()
    }

    /// The names of several, as capability lists have them.
    pub fn names(mechanisms: &[Self]) -> String {
        let names: Vec<&str> = mechanisms.iter().map(|mechanism| mechanism.name()).collect();
        names.join(" ")
    }

    /// Which SCRAM it is, and whether it binds to the channel.
    pub(super) fn scram(self) -> Option<(ScramHash, IsBound)> {
        match self {
            Self::ScramSha256Plus => Some((ScramHash::Sha256, IsBound::Yes)),
            Self::ScramSha1Plus => Some((ScramHash::Sha1, IsBound::Yes)),
            Self::ScramSha256 => Some((ScramHash::Sha256, IsBound::No)),
            Self::ScramSha1 => Some((ScramHash::Sha1, IsBound::No)),
            _ => None,
        }
    }

    /// How a token is written, if it is one that logs in.
    pub(super) fn token_form(self) -> Option<TokenForm> {
        match self {
            Self::OAuthBearer => Some(TokenForm::OAuthBearer),
            Self::XOAuth2 => Some(TokenForm::XOAuth2),
            _ => None,
        }
    }
}

/// `[authzid] NUL authcid NUL passwd` (RFC 4616, 2).
pub(super) fn plain(response: &[u8]) -> Result<Credentials, SaslError> {
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

/// What stands on a line of the client.
pub(super) fn decode(line: &[u8]) -> Result<Vec<u8>, SaslError> {
    if line.len() > LINE_LEN_MAX {
        return Err(SaslError::Malformed);
    }
    STANDARD.decode(line).map_err(|_| SaslError::Malformed)
}

/// Text without NUL.
pub(super) fn text(bytes: &[u8]) -> Result<String, SaslError> {
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

    fn credentials(login: &str, password: &str) -> Credentials {
        Credentials { login: login.to_owned(), password: password.to_owned() }
    }

    #[test]
    fn plain_acts_for_nobody_else() {
        assert_eq!(plain(b"\0tim\0tanstaaf"), Ok(credentials("tim", "tanstaaf")));
        assert_eq!(plain(b"tim\0tim\0p"), Ok(credentials("tim", "p")));
        assert_eq!(plain(b"root\0tim\0p"), Err(SaslError::OtherUser));
    }

    #[test]
    fn malformed_responses_are_refused() {
        for text in ["", "tim", "\0tim", "\0\0p", "\0tim\0", "\0tim\0p\0", "\0t\0p\0q"] {
            assert_eq!(plain(text.as_bytes()), Err(SaslError::Malformed), "{text:?}");
        }
        assert_eq!(plain(b"\0\xff\0p"), Err(SaslError::Malformed));
        assert_eq!(decode(b"not base64!"), Err(SaslError::Malformed));
        assert_eq!(decode(&[b'A'; LINE_LEN_MAX + 4]), Err(SaslError::Malformed));
    }

    #[test]
    fn mechanisms_are_found_in_any_case_if_they_are_offered() {
        let all = Mechanism::ALL;
        assert_eq!(Mechanism::find(b"plain", &all), Some(Mechanism::Plain));
        assert_eq!(Mechanism::find(b"Scram-Sha-256-plus", &all), Some(Mechanism::ScramSha256Plus));
        assert_eq!(Mechanism::find(b"CRAM-MD5", &all), None);
        assert_eq!(Mechanism::find(b"PLAIN", &[Mechanism::Login]), None);
        for mechanism in all {
            assert_eq!(mechanism.capability(), format!("AUTH={}", mechanism.name()));
        }
    }

    #[test]
    fn passwords_stay_out_of_logs() {
        let shown = format!("{:?}", credentials("tim", "sesame"));
        assert!(!shown.contains("sesame"), "{shown}");
    }
}
