//! `fumikura shared`: accounts that nobody logs in to, whose mailboxes several users share.

use clap::Subcommand;

use super::directory::{address_of, with_directory};
use super::{CliError, output};
use crate::auth::{generate_password, store_password};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum SharedCommand {
    /// Add an account that nobody logs in to; it receives mail, and its owners find its mailboxes in
    /// `Shared Folders` and give rights to others
    Add {
        /// Its address, such as team@example.org
        address: String,
        /// A user who has all rights; may be given several times
        #[arg(long = "owner", value_name = "ADDRESS", required = true)]
        owners: Vec<String>,
    },
    /// Print all such accounts with their owners
    List,
}

pub(super) fn shared(config: &Config, command: SharedCommand) -> Result<(), CliError> {
    with_directory(config, async |directory| match command {
        SharedCommand::Add { address, owners } => {
            let address = address_of(&address)?;
            let owners: Vec<_> =
                owners.iter().map(|owner| address_of(owner)).collect::<Result<_, _>>()?;
            // Nobody is told it.
            let password = store_password(&generate_password(), &config.auth);
            let password = password.map_err(|error| CliError::Refused(error.to_string()))?;
            directory.add_shared_account(&address, password, &owners).await?;
            output::line(&format!(
                "{address} is shared; remove it with `fumikura user remove {address}`"
            ))
        }
        SharedCommand::List => {
            for (address, owners) in directory.shared_accounts().await? {
                output::line(&format!("{address} owned by {}", owners.join(", ")))?;
            }
            Ok(())
        }
    })
}
