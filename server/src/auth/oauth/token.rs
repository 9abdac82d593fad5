//! A bearer token (RFC 6750) to an address: a JWT verified with the issuer's keys, or a text that the
//! issuer is asked about (RFC 7662).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use super::http::HttpClient;
use super::keys::Keys;
use crate::config::{OAuthConfig, TokenCheck};
use crate::directory::Address;

/// Signatures with public keys: whoever can verify must not be able to sign.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Tokens that may wait for the issuer at one time; more are refused.
const WAITING_MAX: usize = 256;

/// Verifies tokens of one issuer.
#[derive(Debug)]
pub(in crate::auth) struct Tokens {
    pub(super) config: OAuthConfig,
    keys: Keys,
    http: HttpClient,
    /// Apart from those who wait for a hash: an issuer that hangs keeps nobody's password out.
    waiting: Semaphore,
}

/// Why a token opens nothing.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::auth) enum TokenFault {
    /// It is wrong; for the log.
    Wrong(String),
    /// Nobody can tell at the moment.
    Unknown(String),
}

impl Tokens {
    pub(in crate::auth) fn new(config: OAuthConfig) -> Result<Self, rustls::Error> {
        Ok(Self {
            config,
            keys: Keys::default(),
            http: HttpClient::new()?,
            waiting: Semaphore::new(WAITING_MAX),
        })
    }

    /// Whose token it is.
    pub(in crate::auth) async fn address(&self, token: &str) -> Result<Address, TokenFault> {
        let place = self.waiting.try_acquire();
        let _place = place.map_err(|_| TokenFault::Unknown("too many wait".to_owned()))?;
        let claims = match &self.config.check {
            TokenCheck::Introspection { url, client_id, client_secret_file } => {
                let as_whom = (client_id.as_str(), client_secret_file.as_path());
                self.introspect(token, url, as_whom).await?
            }
            _ => self.verify(token).await?,
        };
        let wrong = |why: &str| TokenFault::Wrong(why.to_owned());
        // An address that its owner was never asked about proves nothing.
        if self.config.claim == "email" && claims.get("email_verified") == Some(&Value::Bool(false))
        {
            return Err(wrong("the address is not verified"));
        }
        let address = claims.get(&self.config.claim).and_then(Value::as_str);
        let address = address.ok_or_else(|| wrong("it names no address"))?;
        Address::parse(address).map_err(|error| wrong(&error.to_string()))
    }

    async fn verify(&self, token: &str) -> Result<Map<String, Value>, TokenFault> {
        let wrong = |error: jsonwebtoken::errors::Error| TokenFault::Wrong(error.to_string());
        let header = decode_header(token).map_err(wrong)?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(TokenFault::Wrong(format!("{:?} is no signature", header.alg)));
        }
        let from = (&self.config.check, &self.http);
        let key = self.keys.find(header.kid.as_deref(), header.alg, from).await;
        let key = key.map_err(TokenFault::Unknown)?;
        let key = key.ok_or_else(|| TokenFault::Wrong("its key is not the issuer's".to_owned()))?;
        let mut validation = Validation::new(header.alg);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[&self.config.issuer]);
        validation.set_audience(&[&self.config.audience]);
        validation.validate_nbf = true;
        validation.leeway = self.config.leeway.as_secs();
        decode(token, &key, &validation).map(|token| token.claims).map_err(wrong)
    }

    async fn introspect(
        &self,
        token: &str,
        url: &str,
        (client_id, secret_file): (&str, &std::path::Path),
    ) -> Result<Map<String, Value>, TokenFault> {
        let secret = tokio::fs::read_to_string(secret_file).await.map_err(|error| {
            TokenFault::Unknown(format!("cannot read {}: {error}", secret_file.display()))
        })?;
        let (id, secret) = (form(client_id), form(secret.trim_end()));
        let credentials = STANDARD.encode(format!("{id}:{secret}"));
        let body = format!("token={}&token_type_hint=access_token", form(token));
        let request = Request::post("/")
            .header(AUTHORIZATION, format!("Basic {credentials}"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| TokenFault::Unknown(error.to_string()))?;
        let told = self.http.ask(url, request).await.map_err(TokenFault::Unknown)?;
        let told: Map<String, Value> = serde_json::from_slice(&told)
            .map_err(|error| TokenFault::Unknown(format!("{url}: {error}")))?;
        let verdict = self.judge(&told, engine::clock::unix_seconds());
        verdict.map(|()| told).map_err(|why| TokenFault::Wrong(why.to_owned()))
    }

    /// What an issuer says of a token (RFC 7662, 2.2). It may leave out issuer and audience, having
    /// been asked by us about its own.
    fn judge(&self, told: &Map<String, Value>, now: i64) -> Result<(), &'static str> {
        if told.get("active") != Some(&Value::Bool(true)) {
            return Err("it is not active");
        }
        let leeway = i64::try_from(self.config.leeway.as_secs()).unwrap_or(i64::MAX);
        if told
            .get("exp")
            .and_then(Value::as_i64)
            .is_some_and(|end| end.saturating_add(leeway) < now)
        {
            return Err("it has expired");
        }
        if told.get("iss").is_some_and(|issuer| *issuer != self.config.issuer.as_str()) {
            return Err("it is of another issuer");
        }
        let is_ours = |audience: &Value| match audience {
            Value::Array(several) => {
                several.iter().any(|one| *one == self.config.audience.as_str())
            }
            one => *one == self.config.audience.as_str(),
        };
        if told.get("aud").is_some_and(|audience| !is_ours(audience)) {
            return Err("it is for somebody else");
        }
        Ok(())
    }
}

/// As a form writes it: everything but what needs no escape, escaped.
fn form(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_an_issuer_says_of_a_token_is_judged() {
        let tokens = Tokens::new(OAuthConfig {
            issuer: "https://id.test".to_owned(),
            audience: "mail".to_owned(),
            claim: "email".to_owned(),
            leeway: Duration::from_secs(10),
            check: TokenCheck::KeysAt("https://id.test/keys".to_owned()),
        });
        let tokens = tokens.expect("TLS can be set up");
        let judge = |text: &str| {
            let told = serde_json::from_str(text).expect("an object");
            tokens.judge(&told, 1000).is_ok()
        };
        assert!(judge(r#"{"active": true}"#));
        assert!(judge(r#"{"active": true, "exp": 991, "iss": "https://id.test", "aud": "mail"}"#));
        assert!(judge(r#"{"active": true, "aud": ["x", "mail"]}"#));
        for wrong in [
            "{}",
            r#"{"active": false}"#,
            r#"{"active": "true"}"#,
            r#"{"active": true, "exp": 989}"#,
            r#"{"active": true, "iss": "https://other.test"}"#,
            r#"{"active": true, "aud": ["x"]}"#,
        ] {
            assert!(!judge(wrong), "{wrong}");
        }
    }

    #[test]
    fn forms_are_escaped() {
        assert_eq!(form("a-1._~&= +%\u{e4}"), "a-1._~%26%3D%20%2B%25%C3%A4");
    }
}
