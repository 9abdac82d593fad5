//! Log-in by a token of somebody else (RFC 6750): OAUTHBEARER (RFC 7628), and XOAUTH2, which came
//! before it and is what many programs still speak.

mod http;
mod keys;
mod token;

use super::sasl::SaslError;
pub(super) use token::{TokenFault, Tokens};

/// How the client's message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenForm {
    /// RFC 7628, 3.1.
    OAuthBearer,
    /// `user=…^Aauth=Bearer …^A^A`.
    XOAuth2,
}

/// What the client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// Whom it wants to be, if it says so.
    pub(super) user: Option<String>,
    pub(super) token: String,
}

impl Claim {
    pub(super) fn parse(message: &[u8], form: TokenForm) -> Result<Self, SaslError> {
        let message = std::str::from_utf8(message).map_err(|_| SaslError::Malformed)?;
        let message = message.strip_suffix("\u{1}\u{1}").ok_or(SaslError::Malformed)?;
        let mut fields = message.split('\u{1}');
        let first = fields.next().unwrap_or_default();
        let user = match form {
            TokenForm::XOAuth2 => Some(first.strip_prefix("user=").ok_or(SaslError::Malformed)?),
            TokenForm::OAuthBearer => acting_for(first)?,
        };
        let credentials = fields.filter_map(|field| field.split_once('='));
        let mut credentials = credentials.filter(|(name, _)| name.eq_ignore_ascii_case("auth"));
        let (_, credentials) = credentials.next().ok_or(SaslError::Malformed)?;
        let (scheme, token) = credentials.split_once(' ').ok_or(SaslError::Malformed)?;
        let token = token.trim();
        // b64token (RFC 6750, 2.1)
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        let is_token = !token.is_empty() && token.bytes().all(is_letter);
        if !scheme.eq_ignore_ascii_case("Bearer") || !is_token || user == Some("") {
            return Err(SaslError::Malformed);
        }
        Ok(Self { user: user.map(str::to_owned), token: token.to_owned() })
    }
}

/// The header of GS2 (RFC 5801, 4), without escapes: an address needs none.
fn acting_for(header: &str) -> Result<Option<&str>, SaslError> {
    let header = header.strip_suffix(',').ok_or(SaslError::Malformed)?;
    match header.split_once(',') {
        Some(("n" | "y", "")) => Ok(None),
        Some(("n" | "y", user)) => user.strip_prefix("a=").map(Some).ok_or(SaslError::Malformed),
        Some((flag, _)) if flag.starts_with("p=") => Err(SaslError::ChannelBinding),
        _ => Err(SaslError::Malformed),
    }
}

impl Tokens {
    /// What a client is told of a token that opens nothing (RFC 7628, 3.2.2): where it may get
    /// another one.
    pub(super) fn refusal(&self, form: TokenForm) -> String {
        let issuer = self.config.issuer.trim_end_matches('/');
        match form {
            TokenForm::OAuthBearer => serde_json::json!({
                "status": "invalid_token",
                "openid-configuration": format!("{issuer}/.well-known/openid-configuration"),
            }),
            TokenForm::XOAuth2 => serde_json::json!({ "status": "401", "schemes": "bearer" }),
        }
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let of = |text: &str, form| Claim::parse(text.replace("^A", "\u{1}").as_bytes(), form);
        let claim = |user: Option<&str>, token: &str| {
            Ok(Claim { user: user.map(str::to_owned), token: token.to_owned() })
        };
        // RFC 7628, 4.1.
        let example = "n,a=user@example.com,^Ahost=server.example.com^Aport=143^A\
                       auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==^A^A";
        let token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
        let bearer = |text: &str| of(text, TokenForm::OAuthBearer);
        assert_eq!(bearer(example), claim(Some("user@example.com"), token));
        assert_eq!(bearer("y,,^Aauth=bearer x^A^A"), claim(None, "x"));
        let x = |text: &str| of(text, TokenForm::XOAuth2);
        assert_eq!(x("user=a@b^Aauth=Bearer x^A^A"), claim(Some("a@b"), "x"));
        for wrong in [
            "",
            "^A^A",
            "n,,^A^A",
            "n,,^Aauth=Bearer x",
            "n,,^Aauth=Basic x^A^A",
            "n,,^Aauth=Bearer ^A^A",
            "n,,^Aauth=Bearer a b^A^A",
            "n,b=c,^Aauth=Bearer x^A^A",
            "n,a=,^Aauth=Bearer x^A^A",
            "x,,^Aauth=Bearer x^A^A",
            "n,^Aauth=Bearer x^A^A",
        ] {
            assert_eq!(bearer(wrong), Err(SaslError::Malformed), "{wrong}");
            assert_eq!(x(wrong), Err(SaslError::Malformed), "{wrong}");
        }
        let bound = bearer("p=tls-exporter,,^Aauth=Bearer x^A^A");
        assert_eq!(bound, Err(SaslError::ChannelBinding));
    }
}
