//! Makes what a configuration names and what does not exist yet: certificate, directory, store.

use engine::Store;

use crate::config::Config;
use crate::directory::{Directory, DirectoryError};
use crate::tls::{self, TlsError};

/// Why something could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The store.
    #[error(transparent)]
    Store(#[from] engine::Error),
}

/// Makes the self-signed certificate, the directory and the store, those that do not exist;
/// returns the directory. The certificate is for the host name, `localhost` and `127.0.0.1`.
pub async fn set_up(config: &Config) -> Result<Directory, SetUpError> {
    if !config.store.path.exists() {
        Store::create(&config.store.path, &config.store.options())?.close();
    }
    tls::ensure_self_signed(&config.tls, &[&config.hostname, "localhost", "127.0.0.1"])?;
    Ok(Directory::open(&config.directory.path, &config.directory.separator).await?)
}
