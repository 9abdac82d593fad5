//! The keys of an issuer (RFC 7517): read when they are first needed, again after a while, and when
//! a token names one that is not among them, but not more often than strangers' tokens should cost.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::http::HttpClient;
use crate::config::TokenCheck;

/// How long keys are believed.
const BELIEVED_FOR: Duration = Duration::from_mins(30);
/// At least so long between two readings, whether the first succeeded or not.
const PAUSE: Duration = Duration::from_secs(10);
/// Keys of one issuer.
const KEYS_MAX: usize = 100;
/// The longest file of keys.
const FILE_LEN_MAX: usize = 256 << 10;

/// The keys of an issuer.
#[derive(Debug, Default)]
pub(super) struct Keys(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    keys: Vec<Jwk>,
    read: Option<Instant>,
    tried: Option<Instant>,
}

impl Keys {
    /// The key that a token says it is signed with. `Ok(None)`: there is none.
    pub(super) async fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        from: (&TokenCheck, &HttpClient),
    ) -> Result<Option<DecodingKey>, String> {
        let mut known = self.0.lock().await;
        let now = Instant::now();
        let is_since = |moment: Option<Instant>, time| {
            moment.is_some_and(|moment| now.duration_since(moment) < time)
        };
        let is_fresh = is_since(known.read, BELIEVED_FOR);
        let is_known = chosen(&known.keys, id, algorithm).is_some();
        if !(is_fresh && is_known || is_since(known.tried, PAUSE)) {
            known.tried = Some(now);
            match read(from).await {
                Ok(keys) => {
                    known.keys = keys;
                    known.read = Some(now);
                }
                // The old ones go on; whoever took one of them back cannot be reached.
                Err(error) if is_known => tracing::error!(%error, "cannot read an issuer's keys"),
                Err(error) => return Err(error),
            }
        }
        let Some(key) = chosen(&known.keys, id, algorithm) else { return Ok(None) };
        DecodingKey::from_jwk(key)
            .map(Some)
            .map_err(|error| format!("a key of the issuer: {error}"))
    }
}

fn chosen<'a>(keys: &'a [Jwk], id: Option<&str>, algorithm: Algorithm) -> Option<&'a Jwk> {
    let serves = |key: &&Jwk| {
        let is_for_signing =
            matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
        let same_algorithm = key.common.key_algorithm.is_none_or(|its| is_same(its, algorithm));
        is_for_signing && same_algorithm
    };
    let mut fitting = keys.iter().filter(serves);
    match id {
        Some(id) => fitting.find(|key| key.common.key_id.as_deref() == Some(id)),
        // Without a name there must be no choice.
        None => fitting.next().filter(|_| fitting.next().is_none()),
    }
}

fn is_same(of_key: KeyAlgorithm, algorithm: Algorithm) -> bool {
    of_key.to_string() == format!("{algorithm:?}")
}

async fn read((check, http): (&TokenCheck, &HttpClient)) -> Result<Vec<Jwk>, String> {
    let text = match check {
        TokenCheck::KeysInFile(path) => {
            let told = |error| format!("cannot read {}: {error}", path.display());
            Bytes::from(tokio::fs::read(path).await.map_err(told)?)
        }
        TokenCheck::KeysAt(url) => http.ask(url, Request::new(Full::default())).await?,
        TokenCheck::Introspection { .. } => return Ok(Vec::new()),
    };
    if text.len() > FILE_LEN_MAX {
        return Err("the issuer's keys are too long".to_owned());
    }
    let set: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| format!("the issuer's keys: {error}"))?;
    let keys = set.get("keys").and_then(serde_json::Value::as_array);
    let keys = keys.ok_or("the issuer's keys are no JWKS")?;
    // One of a kind that nobody here knows leaves the others good.
    let known = keys.iter().filter_map(|key| serde_json::from_value(key.clone()).ok());
    Ok(known.take(KEYS_MAX).collect())
}
