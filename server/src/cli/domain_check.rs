//! `fumikura domain check`: whether DNS says of a domain what other servers want to hear.

use super::{CliError, output};
use crate::authenticity::{Grade, Subject, check};
use crate::config::Config;
use crate::directory::{Directory, DirectoryError};
use crate::dns::Dns;

pub(super) async fn run(
    config: &Config,
    directory: &Directory,
    domain: &str,
) -> Result<(), CliError> {
    let Some(domain) = directory.local_domain(domain).await? else {
        return Err(DirectoryError::NoSuchDomain(domain.to_owned()).into());
    };
    let dns = Dns::new(&config.dns).map_err(|error| CliError::Refused(error.to_string()))?;
    let keys = directory.dkim_keys(Some(&domain)).await?;
    let subject = Subject { domain: &domain, hostname: &config.hostname, keys: &keys };
    let findings = check(&dns, subject).await;
    findings.iter().try_for_each(|finding| output::line(&finding.to_string()))?;
    match findings.iter().filter(|finding| finding.grade == Grade::Wrong).count() {
        0 => Ok(()),
        1 => Err(CliError::Refused(format!("one thing is wrong with {domain}"))),
        count => Err(CliError::Refused(format!("{count} things are wrong with {domain}"))),
    }
}
