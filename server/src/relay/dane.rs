//! DANE (RFC 7672, RFC 6698): what DNS, signed, says of a server's certificate.

use std::sync::Arc;

use hickory_resolver::proto::rr::rdata::TLSA;
use hickory_resolver::proto::rr::rdata::tlsa::{CertUsage, Matching, Selector};
use ring::digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Records of one host that are looked at.
const RECORDS_MAX: usize = 32;

/// One usable record (RFC 7672, 3.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Association {
    usage: Usage,
    part: Part,
    matching: Match,
    data: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Usage {
    /// DANE-TA(2): somebody in the chain, who answers for the server's name.
    TrustAnchor,
    /// DANE-EE(3): the server's own certificate, whatever names and times it has.
    EndEntity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    Certificate,
    PublicKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Match {
    Exact,
    Sha256,
    Sha512,
}

impl Association {
    /// The usable ones of a host's records. None of several: its records say that there is TLS, and
    /// no more (RFC 7672, 2.2).
    pub(super) fn usable<'a>(records: impl Iterator<Item = &'a TLSA>) -> Vec<Self> {
        records.filter_map(Self::of).take(RECORDS_MAX).collect()
    }

    fn of(record: &TLSA) -> Option<Self> {
        let usage = match record.cert_usage {
            CertUsage::DaneTa => Usage::TrustAnchor,
            CertUsage::DaneEe => Usage::EndEntity,
            // RFC 7672, 3.1.3: what asks for public authorities besides is not usable for mail.
            _ => return None,
        };
        let part = match record.selector {
            Selector::Full => Part::Certificate,
            Selector::Spki => Part::PublicKey,
            _ => return None,
        };
        let (matching, len) = match record.matching {
            Matching::Raw => (Match::Exact, None),
            Matching::Sha256 => (Match::Sha256, Some(32)),
            Matching::Sha512 => (Match::Sha512, Some(64)),
            _ => return None,
        };
        let data = record.cert_data.clone();
        let is_whole = !data.is_empty() && len.is_none_or(|len| len == data.len());
        is_whole.then_some(Self { usage, part, matching, data })
    }

    fn matches(&self, certificate: &[u8]) -> bool {
        let parsed = X509Certificate::from_der(certificate);
        let part = match (self.part, &parsed) {
            (Part::Certificate, _) => certificate,
            (Part::PublicKey, Ok((_, parsed))) => parsed.public_key().raw,
            (Part::PublicKey, Err(_)) => return false,
        };
        match self.matching {
            Match::Exact => part == self.data,
            Match::Sha256 => digest::digest(&digest::SHA256, part).as_ref() == self.data,
            Match::Sha512 => digest::digest(&digest::SHA512, part).as_ref() == self.data,
        }
    }

    /// The certificate that stands in the record itself.
    fn own_certificate(&self) -> Option<CertificateDer<'static>> {
        let is_there = (self.part, self.matching) == (Part::Certificate, Match::Exact);
        is_there.then(|| CertificateDer::from(self.data.clone()))
    }
}

/// Takes certificates that records vouch for.
#[derive(Debug)]
pub(super) struct DaneVerifier {
    provider: Arc<CryptoProvider>,
    associations: Arc<[Association]>,
}

impl DaneVerifier {
    pub(super) fn new(provider: Arc<CryptoProvider>, associations: Arc<[Association]>) -> Self {
        Self { provider, associations }
    }

    fn with(&self, usage: Usage) -> impl Iterator<Item = &Association> {
        self.associations.iter().filter(move |one| one.usage == usage)
    }

    /// Whether somebody that a record names signed the certificate, for this name.
    fn is_anchored(
        &self,
        end_entity: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let mut roots = RootCertStore::empty();
        for anchor in self.with(Usage::TrustAnchor) {
            let shown =
                chain.iter().filter(|one| anchor.matches(one)).map(|one| one.clone().into_owned());
            for root in shown.chain(anchor.own_certificate()) {
                // What cannot be an anchor is none.
                let _ = roots.add(root);
            }
        }
        let unknown = || Error::InvalidCertificate(CertificateError::UnknownIssuer);
        if roots.is_empty() {
            return Err(unknown());
        }
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let known = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &roots, chain, now, known)?;
        verify_server_name(&certificate, name)
    }
}

impl ServerCertVerifier for DaneVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // RFC 7672, 3.1.1: neither names nor times of the certificate matter then.
        if self.with(Usage::EndEntity).any(|one| one.matches(end_entity)) {
            return Ok(ServerCertVerified::assertion());
        }
        self.is_anchored(end_entity, intermediates, server_name, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// An authority, and a server's certificate for `mx.test` by it.
    fn chain() -> (CertificateDer<'static>, CertificateDer<'static>) {
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("a key");
        let authority = params.self_signed(&key).expect("signed");
        let issuer = rcgen::Issuer::new(params, key);
        let params = rcgen::CertificateParams::new(vec!["mx.test".to_owned()]).expect("a name");
        let key = rcgen::KeyPair::generate().expect("a key");
        let server = params.signed_by(&key, &issuer).expect("signed");
        (authority.der().clone(), server.der().clone())
    }

    fn record(numbers: (u8, u8, u8), certificate: &[u8]) -> TLSA {
        let (_, parsed) = X509Certificate::from_der(certificate).expect("a certificate");
        let part = if numbers.1 == 1 { parsed.public_key().raw } else { certificate };
        let data = match numbers.2 {
            1 => digest::digest(&digest::SHA256, part).as_ref().to_vec(),
            2 => digest::digest(&digest::SHA512, part).as_ref().to_vec(),
            _ => part.to_vec(),
        };
        TLSA::new(numbers.0.into(), numbers.1.into(), numbers.2.into(), data)
    }

    fn verdict(records: &[TLSA], name: &str, shown: &[&CertificateDer<'static>]) -> bool {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = DaneVerifier::new(provider, Association::usable(records.iter()).into());
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_700_000_000));
        let rest: Vec<_> = shown.iter().skip(1).map(|one| (*one).clone()).collect();
        let first = shown.first().expect("a certificate");
        verifier.verify_server_cert(first, &rest, &name, &[], now).is_ok()
    }

    #[test]
    fn a_servers_own_certificate_needs_no_name() {
        let (_, server) = chain();
        let (_, other) = chain();
        for numbers in [(3, 0, 0), (3, 0, 1), (3, 0, 2), (3, 1, 0), (3, 1, 1), (3, 1, 2)] {
            let records = [record((3, 1, 1), &other), record(numbers, &server)];
            assert!(verdict(&records, "any.test", &[&server]), "{numbers:?}");
            assert!(!verdict(&records[1..], "mx.test", &[&other]), "{numbers:?}");
        }
    }

    #[test]
    fn an_anchor_answers_for_the_name() {
        let (authority, server) = chain();
        for numbers in [(2, 0, 0), (2, 0, 1), (2, 1, 1), (2, 1, 2)] {
            let records = [record(numbers, &authority)];
            assert!(verdict(&records, "mx.test", &[&server, &authority]), "{numbers:?}");
            assert!(!verdict(&records, "other.test", &[&server, &authority]), "{numbers:?}");
        }
        // Only a whole certificate in the record makes up for one that is not shown.
        assert!(verdict(&[record((2, 0, 0), &authority)], "mx.test", &[&server]));
        assert!(!verdict(&[record((2, 0, 1), &authority)], "mx.test", &[&server]));
    }

    #[test]
    fn what_is_not_for_mail_is_not_usable() {
        let (authority, _) = chain();
        let mut short = record((3, 1, 1), &authority);
        short.cert_data.pop();
        let records = [
            record((0, 0, 1), &authority),
            record((1, 1, 1), &authority),
            short,
            record((3, 9, 1), &authority),
        ];
        assert!(Association::usable(records.iter()).is_empty());
    }
}
