//! `fumikura dkim`: the keys that mail of our domains is signed with. A running server signs with
//! what is here, at once.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::directory::with_directory;
use super::{CliError, output};
use crate::authenticity::{KeyKind, SigningKey, record_name, selector_of, zone_line};
use crate::config::Config;
use crate::directory::{Directory, DkimRow};

#[derive(Debug, Subcommand)]
pub(super) enum DkimCommand {
    /// Make a key for a domain, and print the record that belongs in its DNS
    Generate {
        /// A domain that this server receives for
        domain: String,
        /// The key's name in DNS; else made of the algorithm and a number
        #[arg(long)]
        selector: Option<String>,
        /// Every receiver knows rsa; some prefer ed25519. Keys of both can sign together
        #[arg(long, value_enum, default_value = "rsa")]
        algorithm: Algorithm,
    },
    /// Take a key that is in use already, from a file in PEM
    Import {
        /// A domain that this server receives for
        domain: String,
        /// The key's name in DNS
        selector: String,
        /// The private key: PKCS #8, or PKCS #1 as openssl writes it
        file: PathBuf,
    },
    /// Print all keys
    List,
    /// Print the record of a key once more
    Show {
        /// Its domain
        domain: String,
        /// Its name in DNS
        selector: String,
    },
    /// Sign no more with a key; leave its record in DNS for some days, while mail is on its way
    Remove {
        /// Its domain
        domain: String,
        /// Its name in DNS
        selector: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Algorithm {
    Rsa,
    Ed25519,
}

impl From<Algorithm> for KeyKind {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Rsa => Self::Rsa,
            Algorithm::Ed25519 => Self::Ed25519,
        }
    }
}

pub(super) fn dkim(config: &Config, command: DkimCommand) -> Result<(), CliError> {
    with_directory(config, async |directory| match command {
        DkimCommand::Generate { domain, selector, algorithm } => {
            let kind = KeyKind::from(algorithm);
            let selector = selector.unwrap_or_else(|| default_selector(kind));
            let key = SigningKey::generate(kind).map_err(refused)?;
            add(directory, &domain, &selector, &key).await
        }
        DkimCommand::Import { domain, selector, file } => {
            let what = || format!("cannot read {}", file.display());
            let pem = std::fs::read(&file).map_err(CliError::io(what()))?;
            let key = SigningKey::from_pem(&pem).map_err(refused)?;
            add(directory, &domain, &selector, &key).await
        }
        DkimCommand::List => {
            for row in directory.dkim_keys(None).await? {
                let key = SigningKey::from_pkcs8(&row.private_key).map_err(refused)?;
                let DkimRow { domain, selector, .. } = &row;
                let (kind, bits) = (key.kind().name(), key.bits());
                output::line(&format!("{domain} {selector} {kind} {bits} bits"))?;
            }
            Ok(())
        }
        DkimCommand::Show { domain, selector } => {
            let rows = directory.dkim_keys(Some(&domain)).await?;
            let Some(row) = rows.iter().find(|row| row.selector.eq_ignore_ascii_case(&selector))
            else {
                return Err(CliError::Refused(format!("{domain} has no key {selector}")));
            };
            let key = SigningKey::from_pkcs8(&row.private_key).map_err(refused)?;
            output::line(&zone_line(&record_name(&row.selector, &row.domain), &key.record()))
        }
        DkimCommand::Remove { domain, selector } => {
            let selector = selector_of(&selector).map_err(refused)?;
            directory.remove_dkim_key(&domain, &selector).await?;
            output::line(&format!("mail of {domain} is signed with {selector} no more"))
        }
    })
}

async fn add(
    directory: &Directory,
    domain: &str,
    selector: &str,
    key: &SigningKey,
) -> Result<(), CliError> {
    let selector = selector_of(selector).map_err(refused)?;
    let domain = directory.add_dkim_key(domain, &selector, key.pkcs8()).await?;
    output::line(&format!("mail of {domain} is signed with {selector} from now on; its record:"))?;
    output::line(&zone_line(&record_name(&selector, &domain), &key.record()))
}

/// Such as `rsa-3f9c`: says what it is, and is no older key's, which DNS may still remember.
fn default_selector(kind: KeyKind) -> String {
    format!("{}-{:04x}", kind.name(), rand::random::<u16>())
}

fn refused(error: impl std::fmt::Display) -> CliError {
    CliError::Refused(error.to_string())
}
