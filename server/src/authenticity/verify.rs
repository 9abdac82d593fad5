//! The checks of a message that another server sent: SPF, DKIM, ARC, and on them DMARC.
//!
//! All questions about one message end at one time; what was not answered by then is a temporary
//! error and harms nobody. Name servers are asked for a bounded number of messages at once.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_auth::common::crypto::{Algorithm, CryptoError};
use mail_auth::common::headers::Header;
use mail_auth::dkim::{DkimError, Signature};
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{
    ArcOutput, AuthenticatedMessage, DkimOutput, DkimResult, DmarcOutput, DmarcResult, DnsError,
    Error, MessageAuthenticator, SpfOutput, SpfResult,
};
use tokio::time::{Instant, timeout_at};

use super::fields::fields;
use super::reading::Whole;
use super::results::{Results, in_our_name};
use super::verdicts::{
    ArcVerdict, DkimVerdict, DmarcVerdict, Outcome, Policy, Signer, SpfVerdict, Verdicts,
};
use crate::context::Context;

/// Signatures of one message that are verified; each costs a question.
const SIGNATURES_MAX: usize = 16;

/// Where a message comes from, as its client says and shows.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The client's address.
    pub ip: IpAddr,
    /// Its name in EHLO.
    pub helo: &'a str,
    /// Local part and domain in MAIL; `None` for `<>`.
    pub mail_from: Option<(&'a str, &'a str)>,
}

/// What was found, and the field that tells it.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What was found.
    pub verdicts: Verdicts,
    /// `Authentication-Results`, with its line end.
    pub field: String,
}

impl Verified {
    /// The results as the field's value has them.
    pub(super) fn results(&self) -> &str {
        self.field.split_once(": ").map_or("", |(_, value)| value)
    }
}

/// Checks a message.
pub async fn verify(context: &Context, origin: Origin<'_>, message: &Whole) -> Verified {
    let (now, time) = (Instant::now(), context.config.authenticity.check_time);
    let _turn = timeout_at(now + time, context.authenticity.turn()).await;
    let checks = Checks {
        verifier: super::Authenticity::verifier(context),
        hostname: &context.config.hostname,
        deadline: now + time * 2 / 3,
        last_deadline: now + time,
    };
    let verdicts = checks.all(origin, message).await;
    let field = Results { hostname: &context.config.hostname, verdicts: &verdicts }.field();
    Verified { verdicts, field }
}

/// Where the names of fields stand that others wrote in our name.
pub fn forged_fields(context: &Context, message: &Whole) -> Vec<usize> {
    in_our_name(message.header(), &context.config.hostname)
}

struct Checks<'a> {
    verifier: MessageAuthenticator,
    hostname: &'a str,
    deadline: Instant,
    /// Of the question that the sender has no part in: what the author's domain wants. Otherwise
    /// slow answers of a sender's own name server would keep it from being asked.
    last_deadline: Instant,
}

impl Checks<'_> {
    async fn all(&self, origin: Origin<'_>, message: &Whole) -> Verdicts {
        let helo = a_label(origin.helo);
        let sender = origin.mail_from.map(|(local, domain)| (local, a_label(domain)));
        let sender = sender.map(|(local, domain)| format!("{local}@{domain}")).unwrap_or_default();
        let parsed = message.message();
        let author = parsed.as_ref().and_then(|parsed| author(message, parsed));
        let Sorted { akin, others, unfit } = sorted(message, author.as_deref());
        let (of_helo, of_sender, of_akin, of_others, arc) = tokio::join!(
            self.spf(SpfParameters::verify_ehlo(origin.ip, &helo, self.hostname)),
            self.spf(SpfParameters::verify_mail_from(origin.ip, &helo, self.hostname, &sender)),
            self.signatures(akin.as_ref()),
            self.signatures(others.as_ref()),
            self.arc(parsed.as_ref()),
        );
        let is_unsure = of_akin.iter().any(|it| matches!(it.result(), DkimResult::TempError(_)));
        let signatures = [of_akin, of_others].concat();
        let mut dkim: Vec<_> = signatures.iter().map(dkim_verdict).collect();
        dkim.extend(unfit);
        let domain = sender.rsplit_once('@').map_or(helo.as_str(), |(_, domain)| domain);
        let dmarc = match (author, parsed.as_ref()) {
            (Some(author), Some(parsed)) => {
                let spf = of_sender.clone().unwrap_or_default();
                let is_late = of_sender.is_none() || spf.result() == SpfResult::TempError;
                let parameters = DmarcParameters {
                    message: parsed,
                    dkim_output: &signatures,
                    dkim2_output: None,
                    rfc5321_mail_from_domain: domain,
                    spf_output: &spf,
                };
                let asked = self.verifier.verify_dmarc(parameters);
                let found = timeout_at(self.last_deadline, asked).await;
                let is_unsure = is_unsure || is_late && is_akin(domain, &author);
                dmarc_verdict(author, found.ok(), is_unsure)
            }
            _ => DmarcVerdict { outcome: Outcome::PermError, author: None, policy: Policy::None },
        };
        let spf = |output: Option<SpfOutput>, identity: &str| SpfVerdict {
            outcome: output.map_or(Outcome::TempError, |output| spf_outcome(output.result())),
            identity: identity.to_owned(),
        };
        Verdicts {
            helo: spf(of_helo, origin.helo),
            mail_from: spf(of_sender, &sender),
            dkim,
            arc,
            dmarc,
        }
    }

    async fn spf(&self, parameters: SpfParameters<'_>) -> Option<SpfOutput> {
        timeout_at(self.deadline, self.verifier.verify_spf(parameters)).await.ok()
    }

    /// The signatures that could be verified in time, and all others as temporary errors.
    async fn signatures<'m>(
        &self,
        message: Option<&'m AuthenticatedMessage<'m>>,
    ) -> Vec<DkimOutput<'m>> {
        let Some(message) = message else { return Vec::new() };
        let verified = timeout_at(self.deadline, self.verifier.verify_dkim(message)).await;
        verified.unwrap_or_else(|_| message.dkim_headers.iter().map(unanswered).collect())
    }

    async fn arc(&self, message: Option<&AuthenticatedMessage<'_>>) -> ArcVerdict {
        let none = |outcome| ArcVerdict { outcome, sealer: None, saw_pass: false };
        let Some(message) = message else { return none(Outcome::None) };
        match timeout_at(self.deadline, self.verifier.verify_arc(message)).await {
            Ok(output) => arc_verdict(&output),
            Err(_) => none(Outcome::TempError),
        }
    }
}

fn unanswered<'m>(header: &'m Header<'m, Signature>) -> DkimOutput<'m> {
    let error = Error::Dns(DnsError::Resolver("no answer in time".to_owned()));
    DkimOutput::temp_err(error).with_signature(&header.header)
}

/// The signatures of a message, by what they may say.
#[derive(Default)]
struct Sorted<'m> {
    /// Those of the author's domain, of one above or below it. Only these can make the author's
    /// domain stand behind the message, and only of these a missing answer leaves that open: nobody
    /// else shall be able to keep it open by a name server of his own.
    akin: Option<AuthenticatedMessage<'m>>,
    others: Option<AuthenticatedMessage<'m>>,
    /// Those that are not verified.
    unfit: Vec<DkimVerdict>,
}

fn sorted<'m>(message: &'m Whole, author: Option<&str>) -> Sorted<'m> {
    let (Some(mut akin), Some(mut others)) = (message.message(), message.message()) else {
        return Sorted::default();
    };
    akin.errors.clear();
    others.errors.truncate(SIGNATURES_MAX);
    others.dkim_headers.truncate(SIGNATURES_MAX);
    akin.dkim_headers.truncate(SIGNATURES_MAX);
    let unfit = others.dkim_headers.iter().filter_map(|header| unfit(&header.header)).collect();
    let is_akin =
        |signature: &Signature| author.is_some_and(|author| self::is_akin(&signature.d, author));
    let is_fit = |signature: &Signature| self::unfit(signature).is_none();
    akin.dkim_headers.retain(|header| is_akin(&header.header) && is_fit(&header.header));
    others.dkim_headers.retain(|header| !is_akin(&header.header) && is_fit(&header.header));
    Sorted { akin: Some(akin), others: Some(others), unfit }
}

/// What is said of a signature that is not verified: by SHA-1, which is worth nothing (RFC 8301,
/// 3.1), or with a key whose name is none, which no name server could be asked for.
fn unfit(signature: &Signature) -> Option<DkimVerdict> {
    let why = if signature.a == Algorithm::RsaSha1 {
        "it is by SHA-1"
    } else if !is_name(&signature.d) || !is_name(&signature.s) {
        "it names no key"
    } else {
        return None;
    };
    let signer = Some(signer(signature));
    Some(DkimVerdict { outcome: Outcome::PermError, why: Some(why), signer })
}

fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let is_text = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(is_text)
    };
    name.len() <= 120 && name.split('.').all(is_label)
}

/// Whether one of two domains is the other, or above it.
fn is_akin(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
    let is_below = |low: &str, high: &str| {
        low.strip_suffix(high).is_some_and(|front| front.is_empty() || front.ends_with('.'))
    };
    is_below(&one, &other) || is_below(&other, &one)
}

/// The one domain of the one From field; `None` if it is not so, or is not read alike by all:
/// where there are two, programs show one and this server might check the other.
fn author(message: &Whole, parsed: &AuthenticatedMessage<'_>) -> Option<String> {
    let count = fields(message.header()).filter(|field| field.is("From")).count();
    let is_from = |name: &[u8]| name.trim_ascii().eq_ignore_ascii_case(b"From");
    let seen = parsed.headers.iter().filter(|(name, _)| is_from(name)).count();
    if (count, seen) != (1, 1) {
        return None;
    }
    let mut author = None;
    for address in &parsed.from {
        let domain = idna::domain_to_ascii(address.rsplit_once('@')?.1).ok()?;
        if domain.is_empty() || *author.get_or_insert_with(|| domain.clone()) != domain {
            return None;
        }
    }
    author
}

fn a_label(domain: &str) -> String {
    idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_owned())
}

fn spf_outcome(result: SpfResult) -> Outcome {
    match result {
        SpfResult::Pass => Outcome::Pass,
        SpfResult::Fail => Outcome::Fail,
        SpfResult::SoftFail => Outcome::SoftFail,
        SpfResult::Neutral => Outcome::Neutral,
        SpfResult::TempError => Outcome::TempError,
        SpfResult::PermError => Outcome::PermError,
        SpfResult::None => Outcome::None,
    }
}

fn signer(signature: &Signature) -> Signer {
    let mut beginning = STANDARD.encode(&signature.b);
    beginning.truncate(8);
    Signer {
        domain: signature.d.clone(),
        selector: signature.s.clone(),
        algorithm: signature.a.name(),
        beginning,
    }
}

fn dkim_verdict(output: &DkimOutput<'_>) -> DkimVerdict {
    let (outcome, why) = match output.result() {
        DkimResult::Pass => (Outcome::Pass, None),
        DkimResult::None => (Outcome::None, None),
        DkimResult::Neutral(Error::Dkim(DkimError::FailedBodyHashMatch)) => {
            (Outcome::Fail, Some("the body was changed"))
        }
        DkimResult::Neutral(Error::Dkim(DkimError::SignatureExpired)) => {
            (Outcome::Fail, Some("it has expired"))
        }
        DkimResult::Neutral(error) => (Outcome::Neutral, Some(reason(error))),
        DkimResult::Fail(error) => (Outcome::Fail, Some(reason(error))),
        DkimResult::PermError(error) => (Outcome::PermError, Some(reason(error))),
        DkimResult::TempError(error) => (Outcome::TempError, Some(reason(error))),
    };
    DkimVerdict { outcome, why, signer: output.signature().map(signer) }
}

fn reason(error: &Error) -> &'static str {
    match error {
        Error::Crypto(CryptoError::FailedVerification | CryptoError::Library(_)) => {
            "it does not verify"
        }
        Error::Crypto(CryptoError::IncompatibleAlgorithms) => "the key is of another kind",
        Error::Dns(DnsError::RecordNotFound(_)) => "there is no key",
        Error::Dns(DnsError::InvalidRecordType) => "the key cannot be read",
        Error::Dns(DnsError::Resolver(_)) => "no answer from DNS",
        Error::Dkim(DkimError::RevokedPublicKey) => "the key was revoked",
        Error::Dkim(DkimError::SignatureLength) => "it covers a part of the body",
        Error::Dkim(DkimError::FailedAuidMatch) => "i= is of another domain",
        _ => "it cannot be read",
    }
}

fn arc_verdict(output: &ArcOutput<'_>) -> ArcVerdict {
    let outcome = match output.result() {
        DkimResult::Pass => Outcome::Pass,
        DkimResult::None => Outcome::None,
        DkimResult::TempError(_) => Outcome::TempError,
        DkimResult::Neutral(_) | DkimResult::Fail(_) | DkimResult::PermError(_) => Outcome::Fail,
    };
    let last = output.sets().last();
    let saw_pass = last.is_some_and(|set| {
        let results = set.results.value.to_ascii_lowercase();
        memchr::memmem::find(&results, b"dmarc=pass").is_some()
    });
    ArcVerdict { outcome, sealer: last.map(|set| set.seal.header.d.clone()), saw_pass }
}

/// `is_unsure`: that it did not pass may be for want of an answer alone.
fn dmarc_verdict(author: String, output: Option<DmarcOutput>, is_unsure: bool) -> DmarcVerdict {
    let Some(output) = output else {
        let (outcome, author) = (Outcome::TempError, Some(author));
        return DmarcVerdict { outcome, author, policy: Policy::None };
    };
    let policy = match output.policy() {
        mail_auth::dmarc::Policy::Reject => Policy::Reject,
        mail_auth::dmarc::Policy::Quarantine => Policy::Quarantine,
        mail_auth::dmarc::Policy::None | mail_auth::dmarc::Policy::Unspecified => Policy::None,
    };
    let results = [output.spf_result(), output.dkim_result()];
    let any = |wanted: fn(&DmarcResult) -> bool| results.into_iter().any(wanted);
    let outcome = if any(|result| matches!(result, DmarcResult::Pass)) {
        Outcome::Pass
    } else if output.dmarc_record().is_some() {
        if is_unsure { Outcome::TempError } else { Outcome::Fail }
    } else if any(|result| matches!(result, DmarcResult::TempError(_))) {
        Outcome::TempError
    } else if any(|result| matches!(result, DmarcResult::PermError(_))) {
        Outcome::PermError
    } else {
        Outcome::None
    };
    DmarcVerdict { outcome, author: Some(author), policy }
}
