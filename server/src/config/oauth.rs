//! Who issues the tokens that clients log in with.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::limits;

/// One issuer of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct OAuthConfig {
    /// The name it has in tokens, a URL.
    pub issuer: String,
    /// The name we have in tokens.
    pub audience: String,
    /// What in a token is the user's address.
    pub claim: String,
    /// How far clocks may be apart.
    pub leeway: Duration,
    /// How a token is verified.
    pub check: TokenCheck,
}

/// How a token is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenCheck {
    /// It is a JWT, signed with one of the keys in this file (RFC 7517).
    KeysInFile(PathBuf),
    /// The same, with keys from this URL.
    KeysAt(String),
    /// The issuer is asked (RFC 7662).
    Introspection {
        /// Where.
        url: String,
        /// As whom.
        client_id: String,
        /// The password for that, in a file.
        client_secret_file: PathBuf,
    },
}

/// As it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    issuer: String,
    audience: String,
    #[serde(default = "email")]
    claim: String,
    #[serde(rename = "leeway_seconds", default = "leeway", deserialize_with = "limits::seconds")]
    leeway: Duration,
    keys: Option<String>,
    introspection: Option<String>,
    client_id: Option<String>,
    client_secret_file: Option<PathBuf>,
}

fn email() -> String {
    "email".to_owned()
}

fn leeway() -> Duration {
    Duration::from_mins(1)
}

impl TryFrom<Written> for OAuthConfig {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { issuer, audience, claim, leeway, .. } = written;
        let introspected = (written.introspection, written.client_id, written.client_secret_file);
        let check = match (written.keys, introspected) {
            (Some(keys), (None, None, None)) if is_url(&keys) => TokenCheck::KeysAt(safe(keys)?),
            (Some(keys), (None, None, None)) => TokenCheck::KeysInFile(keys.into()),
            (None, (Some(url), Some(client_id), Some(client_secret_file))) => {
                TokenCheck::Introspection { url: safe(url)?, client_id, client_secret_file }
            }
            _ => {
                return Err("give either keys, or introspection with client_id and \
                            client_secret_file"
                    .to_owned());
            }
        };
        Ok(Self { issuer, audience, claim, leeway, check })
    }
}

fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// Who could change what comes from there could log in as anybody.
fn safe(url: String) -> Result<String, String> {
    let rest = url.strip_prefix("http://").unwrap_or("localhost/");
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let is_here = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
    if is_url(&url) && is_here {
        Ok(url)
    } else {
        Err(format!("{url} must be https, or http on this machine"))
    }
}

impl OAuthConfig {
    /// Makes relative paths count from `dir`.
    pub(super) fn relative_to(&mut self, dir: &std::path::Path) {
        match &mut self.check {
            TokenCheck::KeysInFile(path)
            | TokenCheck::Introspection { client_secret_file: path, .. } => {
                *path = dir.join(&*path);
            }
            TokenCheck::KeysAt(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, TokenCheck};

    fn parse(text: &str) -> Result<TokenCheck, String> {
        let text = format!("[auth.oauth]\nissuer = 'i'\naudience = 'a'\n{text}");
        let config = Config::parse(&text, "f").map_err(|error| error.to_string())?;
        Ok(config.auth.oauth.expect("it is there").check)
    }

    #[test]
    fn keys_or_introspection_and_nothing_that_strangers_could_change() {
        assert_eq!(parse("keys = 'k.json'"), Ok(TokenCheck::KeysInFile("k.json".into())));
        let url = "https://id.example.org/keys";
        assert_eq!(parse(&format!("keys = '{url}'")), Ok(TokenCheck::KeysAt(url.to_owned())));
        assert!(parse("keys = 'http://127.0.0.1:80/keys'").is_ok());
        assert!(
            parse("introspection = 'https://x/'\nclient_id = 'c'\nclient_secret_file = 's'")
                .is_ok()
        );
        for wrong in [
            "",
            "keys = 'http://id.example.org/keys'",
            "keys = 'http://localhost.example.org/keys'",
            "introspection = 'https://x/'",
            "keys = 'k'\nintrospection = 'https://x/'",
            "keys = 'k'\nclient_id = 'c'",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
