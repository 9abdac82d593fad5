//! `fumikura hold` and `fumikura history`: mail that waits in the Outbox of its sender.

use clap::{Args, Subcommand};

use super::directory::{address_of, with_directory};
use super::{CliError, output};
use crate::calendar::HeaderDate;
use crate::config::Config;
use crate::directory::{HOLD_SECONDS_MAX, HistoryRow, HoldTarget};

#[derive(Debug, Subcommand)]
pub(super) enum HoldCommand {
    /// Set how long mail waits that a user submits, or all users of a domain that have no setting
    /// of their own
    Set {
        /// An address, or a domain
        target: String,
        /// How long, in seconds, a week at most; 0 is not at all
        #[arg(value_parser = clap::value_parser!(u32).range(..=i64::from(HOLD_SECONDS_MAX)))]
        seconds: u32,
    },
    /// Forget the setting of a user, for whom that of the domain holds then, or of a domain
    Clear {
        /// An address, or a domain
        target: String,
    },
    /// Print all settings
    List,
}

#[derive(Debug, Args)]
pub(super) struct HistoryArguments {
    /// Of a message, by its name in the queue
    #[arg(long)]
    id: Option<String>,
    /// Of what came from this address
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// How many lines at most
    #[arg(long, default_value_t = 1000)]
    limit: u32,
}

pub(super) fn hold(config: &Config, command: HoldCommand) -> Result<(), CliError> {
    with_directory(config, async |directory| match command {
        HoldCommand::Set { target, seconds } => {
            directory.set_hold(&target_of(&target)?, Some(seconds)).await?;
            output::line(&format!("{target}: {}", words(seconds)))
        }
        HoldCommand::Clear { target } => {
            directory.set_hold(&target_of(&target)?, None).await?;
            output::line(&format!("{target}: no setting of its own"))
        }
        HoldCommand::List => {
            for row in directory.holds().await? {
                output::line(&format!("{}: {}", row.target, words(row.seconds)))?;
            }
            Ok(())
        }
    })
}

pub(super) fn history(config: &Config, arguments: &HistoryArguments) -> Result<(), CliError> {
    let HistoryArguments { id, sender, limit } = arguments;
    with_directory(config, async |directory| {
        for row in directory.history(id.as_deref(), sender.as_deref(), *limit).await? {
            output::line(&shown(&row))?;
        }
        Ok(())
    })
}

fn target_of(text: &str) -> Result<HoldTarget, CliError> {
    if text.contains('@') {
        address_of(text).map(HoldTarget::User)
    } else {
        Ok(HoldTarget::Domain(text.to_owned()))
    }
}

fn words(seconds: u32) -> String {
    match seconds {
        0 => "mail is sent at once".to_owned(),
        seconds => format!("mail waits {seconds} seconds in the Outbox"),
    }
}

fn shown(row: &HistoryRow) -> String {
    let HistoryRow { at, message, sender, event, actor, note } = row;
    let mut text =
        format!("{}  {message}  {}  from <{sender}> by {actor}", HeaderDate(*at), event.word());
    if !note.is_empty() {
        text.extend([": ", note]);
    }
    text
}
