//! `fumikura init`: a new directory with everything a server needs.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{CliError, block_on, output};
use crate::config::{Config, Listener, commented};
use crate::directory::DirectoryError;
use crate::set_up::set_up;

/// What to make, and where.
#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// The directory; made if it does not exist
    dir: PathBuf,
    /// The first domain to receive for
    #[arg(long)]
    domain: String,
    /// The server's own name, under which other servers find it; `mail.` and the domain if not
    /// given
    #[arg(long)]
    hostname: Option<String>,
}

pub(super) fn run(arguments: &InitArguments) -> Result<(), CliError> {
    output::line(&make(arguments)?)
}

/// Makes it; returns what to say about it.
fn make(arguments: &InitArguments) -> Result<String, CliError> {
    let hostname =
        arguments.hostname.clone().unwrap_or_else(|| format!("mail.{}", arguments.domain));
    let file = write_config(&arguments.dir, &hostname, &Listener::standard(), Existing::Refuse)?;
    block_on(prepare(&Config::load(&file)?, &arguments.domain))?;
    let shown = file.display();
    Ok(format!(
        "Made {shown}, with a store and a self-signed certificate for {hostname}.\n\
         Next: add a user, then serve.\n  \
         fumikura --config {shown} user add you@{domain}\n  \
         fumikura serve --config {shown}",
        domain = arguments.domain,
    ))
}

/// What to do with a configuration that exists.
#[derive(Clone, Copy)]
pub(super) enum Existing {
    Refuse,
    Replace,
}

/// Writes the commented configuration; returns where.
pub(super) fn write_config(
    dir: &Path,
    hostname: &str,
    listeners: &[Listener],
    existing: Existing,
) -> Result<PathBuf, CliError> {
    if !hostname.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)) {
        return Err(CliError::Refused(format!(
            "{hostname} is not a host name; give an ASCII one with --hostname"
        )));
    }
    let file = dir.join("fumikura.toml");
    if matches!(existing, Existing::Refuse) && file.exists() {
        return Err(CliError::Refused(format!(
            "{} exists; choose another directory, or edit that file",
            file.display()
        )));
    }
    // Messages and password hashes are nobody else's to read.
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(CliError::io(format!("cannot make {}", dir.display())))?;
    fs::write(&file, commented(hostname, listeners))
        .map_err(CliError::io(format!("cannot write {}", file.display())))?;
    Ok(file)
}

/// Makes store, directory and certificate, and the domain, unless they exist.
pub(super) async fn prepare(config: &Config, domain: &str) -> Result<(), CliError> {
    let directory = set_up(config).await?;
    match directory.add_domain(domain).await {
        Ok(_) | Err(DirectoryError::Exists(_)) => {}
        Err(error) => return Err(error.into()),
    }
    directory.close().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_init_makes_can_be_loaded_and_is_not_overwritten() {
        let dir = tempfile::tempdir().expect("directory");
        let arguments = InitArguments {
            dir: dir.path().join("new"),
            domain: "example.test".to_owned(),
            hostname: None,
        };
        make(&arguments).expect("init");
        let config = Config::load(&arguments.dir.join("fumikura.toml")).expect("config");
        assert_eq!(config.hostname, "mail.example.test");
        assert!(config.tls.key.starts_with(&arguments.dir) && config.tls.key.exists());
        assert!(make(&arguments).expect_err("exists").to_string().contains("exists"));
    }
}
