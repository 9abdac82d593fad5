//! How connections to other servers are protected: what is asked of TLS, and who is believed.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::dane::{Association, DaneVerifier};
use super::outcome::RemoteHost;
use crate::tls::TlsError;

/// What is asked of TLS. Connections are used again only for what asks the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Guard {
    /// Nothing, and it is not even tried.
    Off,
    /// STARTTLS where it is offered, with any certificate: who listens along learns nothing, who
    /// sits between could have taken the offer away (RFC 7435).
    Opportunistic,
    /// STARTTLS, with any certificate.
    Encrypted,
    /// STARTTLS, and a certificate that one of these vouches for.
    Dane(Arc<[Association]>),
    /// STARTTLS, and a certificate for the host's name from somebody who is believed.
    Verified,
    /// The same, with TLS from the first octet.
    Implicit,
}

/// What TLS connections are opened with.
#[derive(Clone, Debug)]
pub(super) struct ClientTls {
    provider: Arc<CryptoProvider>,
    any: Arc<ClientConfig>,
    /// Made when it is first needed: the system believes many.
    verified: Arc<OnceLock<Arc<ClientConfig>>>,
    extra: Arc<[CertificateDer<'static>]>,
}

impl ClientTls {
    /// Believes whom the system believes, and those in this file.
    pub(super) fn new(ca: Option<&Path>) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Arc::new(AnyCertificate(Arc::clone(&provider)));
        let any = builder(&provider)
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        let extra = ca.map_or_else(|| Ok(Vec::new()), read)?;
        Ok(Self { provider, any: Arc::new(any), verified: Arc::default(), extra: extra.into() })
    }

    /// For one handshake.
    pub(super) fn config(&self, guard: &Guard) -> Arc<ClientConfig> {
        match guard {
            Guard::Off | Guard::Opportunistic | Guard::Encrypted => Arc::clone(&self.any),
            Guard::Dane(associations) => self.associated(associations),
            Guard::Verified | Guard::Implicit => self.verified(),
        }
    }

    /// A new one each time: a session that is resumed is not looked at again, so it must not outlive
    /// the records.
    fn associated(&self, associations: &Arc<[Association]>) -> Arc<ClientConfig> {
        let verifier = DaneVerifier::new(Arc::clone(&self.provider), Arc::clone(associations));
        let builder = builder(&self.provider).dangerous();
        let builder = builder.with_custom_certificate_verifier(Arc::new(verifier));
        Arc::new(builder.with_no_client_auth())
    }

    /// That which believes in names.
    pub(super) fn verified(&self) -> Arc<ClientConfig> {
        let make = || {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots.add_parsable_certificates(self.extra.iter().cloned());
            let builder = builder(&self.provider).with_root_certificates(roots);
            Arc::new(builder.with_no_client_auth())
        };
        Arc::clone(self.verified.get_or_init(make))
    }
}

fn builder(
    provider: &Arc<CryptoProvider>,
) -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .expect("ring has ciphers for both versions")
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    certificates.map_err(|error| TlsError::Unreadable {
        what: "whom to believe",
        file: file.display().to_string(),
        reason: error.to_string(),
    })
}

/// What a certificate must be for, and what the server is told it is wanted for.
pub(super) fn server_name(host: &RemoteHost) -> Option<ServerName<'static>> {
    let name = host.name.trim_end_matches('.');
    match (ServerName::try_from(name.to_owned()), host.address) {
        (Ok(name), _) => Some(name),
        (Err(_), Some(address)) => Some(ServerName::IpAddress(address.into())),
        (Err(_), None) => None,
    }
}

/// Takes any certificate, as long as the server has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
