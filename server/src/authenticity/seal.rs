//! ARC seals (RFC 8617) on mail that is passed on to another server: what was found here stays known
//! there, where the client is this server and signatures may have been broken on the way.

use mail_auth::arc::ArcSealer;
use mail_auth::common::headers::HeaderWriter as _;
use mail_auth::{AuthenticationResults, DkimResult, MessageAuthenticator};
use tokio::time::timeout;

use super::keyring::DomainKey;
use super::reading::Whole;
use super::sign::CLOSED;
use super::verify::Verified;
use crate::context::Context;

/// What a seal's signature covers besides what a signature of ours closes: what a reader sees of lists,
/// and the signatures (RFC 8617, 4.1.2).
const ALSO_COVERED: [&str; 4] =
    ["List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "DKIM-Signature"];
/// The field that carries what was found.
const RESULTS: &str = "ARC-Authentication-Results: ";

/// The three fields of a seal by a key of `domain`, in whose name the message is passed on; empty if
/// there is no key, or if the message has seals already that are not whole.
pub async fn seal(context: &Context, domain: &str, message: &Whole, verified: &Verified) -> String {
    let keys = match context.authenticity.keyring().of(&context.directory, domain).await {
        Ok(keys) => keys,
        Err(error) => {
            tracing::error!(%error, "mail is passed on without a seal");
            return String::new();
        }
    };
    let Some(key) = chosen(&keys) else { return String::new() };
    match sealed(context, key, message, verified).await {
        Ok(fields) => fields,
        Err(error) => {
            tracing::warn!(selector = key.selector, %error, "mail is passed on without a seal");
            String::new()
        }
    }
}

/// RSA, if there is such a key: not every verifier of seals knows another.
fn chosen(keys: &[DomainKey]) -> Option<&DomainKey> {
    use mail_auth::common::crypto::{Algorithm, SigningKey as _};
    let rsa = keys.iter().find(|key| key.signer.algorithm() == Algorithm::RsaSha256);
    rsa.or(keys.first())
}

async fn sealed(
    context: &Context,
    key: &DomainKey,
    message: &Whole,
    verified: &Verified,
) -> mail_auth::Result<String> {
    let Some(mut parsed) = message.message() else { return Ok(String::new()) };
    // The sealer would otherwise hash a body that is not there.
    parsed.body_hashes.push(message.own_body_hash());
    // Asked for a second time, and remembered from the first.
    let name_servers = MessageAuthenticator(context.dns.resolver().clone());
    let asked = name_servers.verify_arc(&parsed);
    let Ok(chain) = timeout(context.config.authenticity.check_time, asked).await else {
        return Ok(String::new());
    };
    let is_first = parsed.as_headers.is_empty()
        && parsed.ams_headers.is_empty()
        && parsed.aar_headers.is_empty()
        && !parsed.has_arc_errors;
    // A broken chain stays broken, and no seal makes anybody believe it (RFC 8617, 5.1).
    if !is_first && *chain.result() != DkimResult::Pass {
        return Ok(String::new());
    }
    // In one line, as the relaxed form has it; the crate hashes it as it is.
    let found: Vec<_> = verified.results().split_ascii_whitespace().collect();
    let found = found.join(" ");
    let results = AuthenticationResults::new(&found);
    let sealer = ArcSealer::from_key(key.signer.clone())
        .domain(key.domain.clone())
        .selector(key.selector.clone())
        .headers(CLOSED.iter().chain(&ALSO_COVERED).copied());
    let fields = sealer.seal(&parsed, &results, &chain)?.to_header();
    // Folding is nothing to the relaxed form.
    let at = fields.rfind(RESULTS).map_or(fields.len(), |at| at + RESULTS.len());
    let (front, results) = fields.split_at(at);
    Ok(format!("{front}{}", results.replace("; ", ";\r\n\t")))
}
