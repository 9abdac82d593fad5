//! Certificates: loaded from PEM, made for a first run, replaced without restart.

pub(crate) mod certificate;

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsFiles;

/// What new TLS connections are served with.
#[derive(Debug)]
pub struct TlsConfigs {
    files: TlsFiles,
    current: RwLock<Arc<Current>>,
}

/// What one handshake is done with.
#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    end_point: Option<Arc<[u8]>>,
}

/// Why certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or holds no such thing.
    #[error("cannot read {what} from {file}: {reason}")]
    Unreadable {
        /// The certificate or the key.
        what: &'static str,
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// Both are readable but do not serve.
    #[error("the certificate {file} cannot be used with its key: {source}")]
    Unusable {
        /// The certificate's file.
        file: String,
        /// What rustls says.
        source: rustls::Error,
    },
    /// A self-signed certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Generate(#[from] rcgen::Error),
    /// It could not be written.
    #[error("cannot write {file}: {source}")]
    Unwritable {
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
}

impl TlsConfigs {
    /// Loads certificate and key.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let current = RwLock::new(Arc::new(Current::load(files)?));
        Ok(Self { files: files.clone(), current })
    }

    /// Loads both again. After an error the old ones stay in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = Arc::new(Current::load(&self.files)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// For one handshake; with what binds to the certificate, `tls-server-end-point`
    /// (RFC 5929, 4), if its signature names a hash.
    pub fn acceptor(&self) -> (TlsAcceptor, Option<Arc<[u8]>>) {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        (TlsAcceptor::from(Arc::clone(&current.config)), current.end_point.clone())
    }
}

impl Current {
    fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let certificate = files.certificate.display().to_string();
        let chain = CertificateDer::pem_file_iter(&files.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unreadable("the certificate", &files.certificate, &error))?;
        let key = PrivateKeyDer::from_pem_file(&files.key)
            .map_err(|error| unreadable("the key", &files.key, &error))?;
        let end_point = chain.first().and_then(|leaf| certificate::end_point(leaf));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients = client_verifier(files, &provider)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder.with_client_cert_verifier(clients).with_single_cert(chain, key)
            })
            .map_err(|source| TlsError::Unusable { file: certificate, source })?;
        // After STARTTLS the client speaks first, and tickets would cross its first command. Clients
        // that read and write in two threads, such as OfflineIMAP, now and then hang over that.
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config), end_point })
    }
}

/// Asks clients for a certificate if there is somebody to believe; they need not have one.
fn client_verifier(
    files: &TlsFiles,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let Some(file) = &files.client_ca else { return Ok(WebPkiClientVerifier::no_client_auth()) };
    let what = "who signs the certificates of clients";
    let mut roots = RootCertStore::empty();
    let unusable =
        |reason: String| TlsError::Unreadable { what, file: file.display().to_string(), reason };
    for certificate in
        CertificateDer::pem_file_iter(file).map_err(|error| unreadable(what, file, &error))?
    {
        let certificate = certificate.map_err(|error| unreadable(what, file, &error))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .allow_unauthenticated()
        .build()
        .map(|verifier| verifier as Arc<dyn ClientCertVerifier>)
        .map_err(|error| unusable(error.to_string()))
}

fn unreadable(what: &'static str, file: &Path, reason: &rustls::pki_types::pem::Error) -> TlsError {
    let reason = match reason {
        rustls::pki_types::pem::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    };
    TlsError::Unreadable { what, file: file.display().to_string(), reason }
}

/// Writes a self-signed certificate for `names` (host names or addresses), valid for ten years,
/// unless both files exist. The key is readable by its owner only.
pub fn ensure_self_signed(files: &TlsFiles, names: &[&str]) -> Result<(), TlsError> {
    if files.certificate.exists() && files.key.exists() {
        return Ok(());
    }
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let subject = names.first().cloned().unwrap_or_else(|| "localhost".to_owned());
    let mut params = rcgen::CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, subject);
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    params.not_after = rcgen::date_time_ymd(2044, 1, 1);
    let key = rcgen::KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    write_private(&files.key, key.serialize_pem().as_bytes())?;
    write_private(&files.certificate, certificate.pem().as_bytes())
}

/// Writes a file that only its owner can read.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), TlsError> {
    crate::private_file::write(path, bytes)
        .map_err(|source| TlsError::Unwritable { file: path.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn files(dir: &tempfile::TempDir) -> TlsFiles {
        TlsFiles {
            certificate: dir.path().join("c.pem"),
            key: dir.path().join("k.pem"),
            client_ca: None,
        }
    }

    #[test]
    fn a_certificate_that_exists_is_not_replaced() {
        let dir = tempfile::tempdir().expect("directory");
        ensure_self_signed(&files(&dir), &["localhost"]).expect("made");
        let first = fs::read(&files(&dir).certificate).expect("read");
        ensure_self_signed(&files(&dir), &["localhost"]).expect("there");
        assert_eq!(fs::read(&files(&dir).certificate).expect("read"), first);
    }

    #[test]
    fn a_reload_takes_new_files_and_keeps_the_old_certificate_if_they_are_bad() {
        let dir = tempfile::tempdir().expect("directory");
        let files = files(&dir);
        ensure_self_signed(&files, &["localhost"]).expect("made");
        let tls = TlsConfigs::load(&files).expect("loads");
        let current = || Arc::clone(&tls.current.read().expect("lock"));
        let first = current();
        fs::write(&files.certificate, "not a certificate").expect("write");
        assert!(matches!(
            tls.reload(),
            Err(TlsError::Unusable { .. } | TlsError::Unreadable { .. })
        ));
        assert!(Arc::ptr_eq(&first, &current()));
        fs::remove_file(&files.key).expect("remove");
        ensure_self_signed(&files, &["localhost"]).expect("made again");
        tls.reload().expect("reloads");
        assert!(!Arc::ptr_eq(&first, &current()));
    }

    #[test]
    fn a_missing_file_is_named() {
        let dir = tempfile::tempdir().expect("directory");
        let error = TlsConfigs::load(&files(&dir)).expect_err("nothing there").to_string();
        assert!(error.contains("c.pem"), "{error}");
    }
}
