//! TLS as a client: trusts one certificate and nothing else.

use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ConfigBuilder, RootCertStore, StreamOwned};

/// The certificate that the server under test must show.
#[derive(Clone, Debug)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Trusts the certificate of a PEM file, for the name `localhost`.
    pub fn in_file(file: &Path) -> Self {
        Self(Arc::new(Self::in_file_by(file).with_no_client_auth()))
    }

    /// The same, and shows a certificate of its own, PEM like its key.
    pub fn with_certificate(file: &Path, certificate: &str, key: &str) -> Self {
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a readable key");
        let chain = vec![certificate.expect("a readable certificate")];
        let config = Self::in_file_by(file).with_client_auth_cert(chain, key);
        Self(Arc::new(config.expect("they belong together")))
    }

    fn in_file_by(file: &Path) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(file).expect("a readable certificate");
        roots.add(certificate).expect("a usable certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring serves the default versions")
            .with_root_certificates(roots)
    }

    pub(super) fn handshake(
        &self,
        mut stream: TcpStream,
    ) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let mut connection =
            ClientConnection::new(Arc::clone(&self.0), name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(StreamOwned::new(connection, stream))
    }
}
