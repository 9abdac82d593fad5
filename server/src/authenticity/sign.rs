//! DKIM signatures for mail of our domains (RFC 6376, 5; RFC 8463).
//!
//! Signed is what readers see and programs act on. Most of these fields are signed once more than
//! they are there, so that nobody can add another one (RFC 6376, 5.4.2). The body is signed whole:
//! no `l=`, under which anything could be put behind it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_auth::common::crypto::SigningKey as _;
use mail_auth::common::headers::{HeaderWriter as _, Writable, Writer};
use mail_auth::dkim::canonicalize::CanonicalHeaders;
use mail_auth::dkim::{Canonicalization, Signature};

use super::fields::{Field, fields};
use super::keyring::DomainKey;
use super::reading::{BodyKind, Whole};
use crate::context::Context;

/// Fields of which there may be no more than there are.
pub(super) const CLOSED: [&str; 12] = [
    "From",
    "Reply-To",
    "Subject",
    "Date",
    "To",
    "Cc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];
/// Fields that are signed where they are there; others may add theirs on the way (RFC 6376, 5.4.1).
const OPEN: [&str; 20] = [
    "Sender",
    "Resent-Date",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Resent-Cc",
    "Resent-Message-ID",
    "List-Id",
    "List-Help",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Subscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
    "Content-ID",
    "Content-Description",
    "Content-Disposition",
    "Content-Language",
    "Autocrypt",
];
/// Fields that one signature names; a header with more of these is no mail.
const NAMES_MAX: usize = 200;
/// Keys of a domain that sign; two are in use, and two more while they are replaced.
const KEYS_MAX: usize = 4;

/// The fields to put in front of a message that somebody sends who speaks for `domains`: one
/// signature for each key of the first domain in its From field that is among them, or else of the first
/// of them that has a key. So nobody's signature makes others believe that another of our domains
/// sent it. `added` are fields that stand in front of the message already. Empty if there is no key.
pub async fn sign(context: &Context, domains: &[&str], added: &str, message: &Whole) -> String {
    let keys = match keys(context, domains, message).await {
        Ok(keys) => keys,
        Err(error) => {
            // Unsigned mail is better than none.
            tracing::error!(%error, "mail goes without a signature");
            return String::new();
        }
    };
    let now = engine::clock::unix_seconds();
    let mut lines = String::new();
    for key in keys.iter().take(KEYS_MAX) {
        match signature(key, now, added, message) {
            Ok(signature) => lines.push_str(&signature.to_header()),
            Err(error) => {
                tracing::warn!(selector = key.selector, %error, "mail goes without a signature");
            }
        }
    }
    lines
}

type Keys = std::sync::Arc<[DomainKey]>;

async fn keys(
    context: &Context,
    domains: &[&str],
    message: &Whole,
) -> Result<Keys, crate::directory::DirectoryError> {
    let own = domains.iter().filter_map(|domain| idna::domain_to_ascii(domain).ok());
    let own: Vec<String> = own.collect();
    let authors = message.author_domains();
    for domain in authors.iter().filter(|author| own.contains(author)).chain(&own) {
        let keys = context.authenticity.keyring().of(&context.directory, domain).await?;
        if !keys.is_empty() {
            return Ok(keys);
        }
    }
    Ok(Keys::default())
}

/// What is wrong with a message that cannot be signed.
#[derive(Debug, thiserror::Error)]
enum SignError {
    #[error("there is no From field")]
    NoFrom,
    #[error("there are more than {NAMES_MAX} fields to sign")]
    TooManyFields,
    #[error(transparent)]
    Key(#[from] mail_auth::Error),
}

fn signature(
    key: &DomainKey,
    now: i64,
    added: &str,
    message: &Whole,
) -> Result<Signature, SignError> {
    let all: Vec<_> = fields(added.as_bytes()).chain(fields(message.header())).collect();
    let Chosen { names, fields } = choose(&all)?;
    let mut signature = Signature {
        v: 1,
        a: key.signer.algorithm(),
        d: key.domain.clone(),
        s: key.selector.clone(),
        bh: STANDARD.encode(message.body_hash(BodyKind::OURS)).into_bytes(),
        h: names,
        t: now.unsigned_abs(),
        ch: Canonicalization::Relaxed,
        cb: Canonicalization::Relaxed,
        ..Signature::default()
    };
    // Written from the last to the first.
    let fields = fields.iter().rev().map(|field| (field.name, field.value)).collect();
    let headers = Canonicalization::Relaxed.canonical_headers(fields);
    let bytes = key.signer.sign(ToSign { headers, signature: &signature })?;
    signature.b = STANDARD.encode(bytes).into_bytes();
    Ok(signature)
}

/// What a signature is of.
struct ToSign<'a> {
    headers: CanonicalHeaders<'a>,
    signature: &'a Signature,
}

impl Writable for ToSign<'_> {
    fn write(self, writer: &mut impl Writer) {
        self.headers.write(writer);
        self.signature.write(writer, false);
    }
}

/// The names of a signature and the fields they stand for, in that order; of fields of one name
/// the lowest comes first (RFC 6376, 5.4.2).
#[derive(Debug)]
struct Chosen<'a> {
    names: Vec<String>,
    fields: Vec<Field<'a>>,
}

fn choose<'a>(all: &[Field<'a>]) -> Result<Chosen<'a>, SignError> {
    if !all.iter().any(|field| field.is("From")) {
        return Err(SignError::NoFrom);
    }
    let (mut names, mut fields) = (Vec::new(), Vec::new());
    for name in CLOSED.iter().chain(&OPEN) {
        for field in all.iter().rev().filter(|field| field.is(name)) {
            names.push((*name).to_owned());
            fields.push(field.clone());
        }
        if CLOSED.contains(name) {
            names.push((*name).to_owned());
        }
    }
    if names.len() > NAMES_MAX {
        Err(SignError::TooManyFields)
    } else {
        Ok(Chosen { names, fields })
    }
}

#[cfg(test)]
mod tests;
