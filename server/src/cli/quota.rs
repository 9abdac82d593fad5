//! `fumikura quota`: how much the messages of users may take.

use clap::Subcommand;

use super::directory::{address_of, with_directory};
use super::{CliError, output};
use crate::config::Config;
use crate::directory::{QuotaLimits, QuotaTarget};

#[derive(Debug, Subcommand)]
pub(super) enum QuotaCommand {
    /// Set the limits of a user, or of all users of a domain that have none of their own; a limit
    /// that is not given is none
    Set {
        /// An address, or a domain
        target: String,
        /// What all messages together may take, in units of 1024 octets
        #[arg(long, value_name = "KIB")]
        storage: Option<u64>,
        /// How many messages there may be
        #[arg(long)]
        messages: Option<u64>,
    },
    /// Forget the limits of a user, for whom those of the domain hold then, or of a domain
    Clear {
        /// An address, or a domain
        target: String,
    },
    /// Print the limits that hold for a user
    Show {
        /// The user's address
        address: String,
    },
    /// Let a user change the limits of users of the same domain by IMAP, or no longer
    Admin {
        /// The user's address
        address: String,
        /// No longer
        #[arg(long)]
        revoke: bool,
    },
}

pub(super) fn quota(config: &Config, command: QuotaCommand) -> Result<(), CliError> {
    with_directory(config, async |directory| match command {
        QuotaCommand::Set { target, storage, messages } => {
            let limits = QuotaLimits { kib: storage, messages };
            directory.set_quota(&target_of(&target)?, Some(limits)).await?;
            output::line(&format!("{target}: {}", words(limits)))
        }
        QuotaCommand::Clear { target } => {
            directory.set_quota(&target_of(&target)?, None).await?;
            output::line(&format!("{target}: no limits of its own"))
        }
        QuotaCommand::Show { address } => {
            let address = address_of(&address)?;
            let Some(found) = directory.quota_of(&address).await? else {
                return Err(CliError::Refused(format!("there is no user {address}")));
            };
            output::line(&format!("{address}: {}", words(found.limits)))
        }
        QuotaCommand::Admin { address, revoke } => {
            let address = address_of(&address)?;
            directory.set_quota_admin(&address, !revoke).await?;
            let may = if revoke { "may no longer" } else { "may" };
            output::line(&format!("{address} {may} change limits of {}", address.domain()))
        }
    })
}

fn target_of(text: &str) -> Result<QuotaTarget, CliError> {
    if text.contains('@') {
        address_of(text).map(QuotaTarget::User)
    } else {
        Ok(QuotaTarget::Domain(text.to_owned()))
    }
}

fn words(limits: QuotaLimits) -> String {
    let storage = limits.kib.map_or("any size".to_owned(), |kib| format!("{kib} KiB"));
    let messages = limits.messages.map_or("any number of".to_owned(), |count| count.to_string());
    format!("{storage}, {messages} messages")
}
