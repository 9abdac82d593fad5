//! `fumikura domain`, `user` and `alias`: they change the directory's file, also while the
//! server runs, which sees it at once.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Subcommand;

use super::{CliError, block_on, domain_check, output};
use crate::auth::{generate_password, store_password};
use crate::config::Config;
use crate::directory::{Address, Directory, RETENTION_DAYS_MAX, StoredPassword};

#[derive(Debug, Subcommand)]
pub(super) enum DomainCommand {
    /// Receive for one more domain
    Add {
        /// Such as example.org
        domain: String,
    },
    /// Print all domains
    List,
    /// Ask DNS whether everything that others need to know of a domain is there and right
    Check {
        /// The domain
        domain: String,
    },
    /// Change what holds for a domain
    Set {
        /// The domain
        domain: String,
        /// How many days what its users expunge or delete is held; `default` is as long as the
        /// configuration says
        #[arg(long, value_parser = retention_days)]
        retention_days: RetentionDays,
    },
    /// No longer receive for a domain; its users and aliases must be removed first
    Remove {
        /// The domain
        domain: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a user; prints a new password, unless one is given
    Add {
        /// Address and login, such as alice@example.org
        address: String,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Print all users with their account numbers
    List,
    /// Remove a user; the messages stay in the store
    Remove {
        /// The user's address
        address: String,
    },
    /// Give a user another password; prints a new one, unless one is given
    Password {
        /// The user's address
        address: String,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AliasCommand {
    /// Make an address lead to others
    Add {
        /// The address to receive for
        alias: String,
        /// Where its messages go: users or aliases of local domains
        #[arg(required = true)]
        targets: Vec<String>,
    },
    /// Print all aliases with their targets
    List,
    /// Remove an alias, or some of its targets
    Remove {
        /// The alias
        alias: String,
        /// Only these targets
        targets: Vec<String>,
    },
}

/// Days, or what the configuration says.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetentionDays(Option<u16>);

fn retention_days(text: &str) -> Result<RetentionDays, String> {
    match text.parse() {
        Ok(days) if days <= RETENTION_DAYS_MAX => Ok(RetentionDays(Some(days))),
        Err(_) if text == "default" => Ok(RetentionDays(None)),
        _ => Err(format!("a number of days up to {RETENTION_DAYS_MAX}, or `default`")),
    }
}

pub(super) fn domain(config: &Config, command: DomainCommand) -> Result<(), CliError> {
    with_directory(config, async |directory| match command {
        DomainCommand::Check { domain } => domain_check::run(config, directory, &domain).await,
        DomainCommand::Add { domain } => {
            let domain = directory.add_domain(&domain).await?;
            output::line(&format!("receiving for {domain}"))
        }
        DomainCommand::List => {
            for domain in directory.domains().await? {
                match directory.retention_days(&domain).await? {
                    Some(days) => output::line(&format!("{domain} retention {days} days"))?,
                    None => output::line(&domain)?,
                }
            }
            Ok(())
        }
        DomainCommand::Set { domain, retention_days: RetentionDays(days) } => {
            directory.set_retention_days(&domain, days).await?;
            output::line(&match days {
                Some(days) => format!("{domain} holds what is expunged for {days} days"),
                None => format!("{domain} holds what is expunged as the configuration says"),
            })
        }
        DomainCommand::Remove { domain } => {
            directory.remove_domain(&domain).await?;
            output::line(&format!("no longer receiving for {domain}"))
        }
    })
}

pub(super) fn user(config: &Config, command: UserCommand) -> Result<(), CliError> {
    with_directory(config, async |directory| match command {
        UserCommand::Add { address, password_stdin } => {
            let address = address_of(&address)?;
            let password = Password::choose(password_stdin)?;
            directory.add_user(&address, password.stored(config)?).await?;
            password.announce(&address)
        }
        UserCommand::List => {
            for (address, account) in directory.users().await? {
                output::line(&format!("{address} account {account}"))?;
            }
            Ok(())
        }
        UserCommand::Remove { address } => {
            let address = address_of(&address)?;
            directory.remove_user(&address).await?;
            output::line(&format!(
                "removed {address}; the messages stay in the store until they are erased"
            ))
        }
        UserCommand::Password { address, password_stdin } => {
            let address = address_of(&address)?;
            let password = Password::choose(password_stdin)?;
            directory.set_password(&address, password.stored(config)?).await?;
            password.announce(&address)
        }
    })
}

pub(super) fn alias(config: &Config, command: AliasCommand) -> Result<(), CliError> {
    with_directory(config, async |directory| match command {
        AliasCommand::Add { alias, targets } => {
            let alias = address_of(&alias)?;
            for target in targets {
                let target = address_of(&target)?;
                directory.add_alias(&alias, &target).await?;
                output::line(&format!("{alias} leads to {target}"))?;
            }
            Ok(())
        }
        AliasCommand::List => {
            for (alias, target) in directory.aliases().await? {
                output::line(&format!("{alias} {target}"))?;
            }
            Ok(())
        }
        AliasCommand::Remove { alias, targets } => {
            let alias = address_of(&alias)?;
            if targets.is_empty() {
                directory.remove_alias(&alias, None).await?;
            }
            for target in targets {
                directory.remove_alias(&alias, Some(&address_of(&target)?)).await?;
            }
            output::line(&format!("removed {alias}"))
        }
    })
}

pub(super) fn with_directory(
    config: &Config,
    work: impl AsyncFnOnce(&Directory) -> Result<(), CliError>,
) -> Result<(), CliError> {
    block_on(async {
        let settings = &config.directory;
        let directory = Directory::open(&settings.path, &settings.separator).await?;
        let done = work(&directory).await;
        directory.close().await;
        done
    })
}

pub(super) fn address_of(text: &str) -> Result<Address, CliError> {
    Address::parse(text).map_err(|error| CliError::Refused(format!("{text}: {error}")))
}

/// A password that was given, or one that the user must be told.
enum Password {
    Given(String),
    Generated(String),
}

impl Password {
    fn choose(from_stdin: bool) -> Result<Self, CliError> {
        if !from_stdin {
            return Ok(Self::Generated(generate_password()));
        }
        let input = std::io::stdin();
        if input.is_terminal() {
            eprintln!("Type the password and press Enter; it is shown while you type.");
        }
        let mut line = String::new();
        input.lock().read_line(&mut line).map_err(CliError::io("cannot read the password"))?;
        let password = line.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(CliError::Refused("the password on standard input is empty".to_owned()));
        }
        Ok(Self::Given(password.to_owned()))
    }

    fn text(&self) -> &str {
        match self {
            Self::Given(text) | Self::Generated(text) => text,
        }
    }

    fn stored(&self, config: &Config) -> Result<StoredPassword, CliError> {
        store_password(self.text(), &config.auth)
            .map_err(|error| CliError::Refused(error.to_string()))
    }

    /// Prints a password that nobody knows yet; one that was given stays where it came from.
    fn announce(&self, address: &Address) -> Result<(), CliError> {
        match self {
            Self::Given(_) => output::line(&format!("{address} has the password given")),
            Self::Generated(text) => output::line(&format!("{address} password: {text}")),
        }
    }
}
