//! `fumikura capability`: what is hidden from whom.

use clap::{Args, Subcommand};

use super::directory::with_directory;
use super::{CliError, output};
use crate::config::Config;
use crate::directory::{
    Address, Audience, CapabilityName, DirectoryError, MaskRule, Viewer, Visibility, Whom,
};

#[derive(Debug, Subcommand)]
pub(super) enum CapabilityCommand {
    /// Hide a capability: it is told to nobody, its ENABLE is ignored, its command is unknown
    Hide(Rule),
    /// Offer a capability that is hidden by default, or for more people
    Offer(Rule),
    /// Forget a rule; the capability and the audience must be those it was made with
    Clear(Rule),
    /// Print all rules
    List,
    /// Print the rules for one capability, and what holds where none of them fits
    Show {
        /// Such as UIDONLY
        name: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Rule {
    /// Such as UIDONLY, AUTH=SCRAM-SHA-1 or CHUNKING; THREAD stands for every THREAD=…
    name: String,
    /// Only at listeners of this protocol, such as imaps, or with this port
    #[arg(long, default_value = "", hide_default_value = true)]
    listener: String,
    /// Only for IMAP clients in whose name and version, as ID tells them, this stands
    #[arg(long, default_value = "", hide_default_value = true)]
    client: String,
    /// Only for this user, from log-in on
    #[arg(long, conflicts_with = "domain")]
    user: Option<String>,
    /// Only for users of this domain, from log-in on
    #[arg(long)]
    domain: Option<String>,
}

impl Rule {
    fn parse(&self) -> Result<(CapabilityName, Audience), DirectoryError> {
        let whom = match (&self.user, &self.domain) {
            (Some(user), _) => Some(Whom::User(Address::parse(user)?)),
            (None, Some(domain)) => Some(Whom::domain(domain)?),
            (None, None) => None,
        };
        let audience = Audience::new(&self.listener, &self.client, whom)?;
        Ok((CapabilityName::parse(&self.name)?, audience))
    }
}

pub(super) fn capability(config: &Config, command: &CapabilityCommand) -> Result<(), CliError> {
    with_directory(config, async |directory| {
        let (rule, visibility) = match command {
            CapabilityCommand::Hide(rule) => (rule, Visibility::Hidden),
            CapabilityCommand::Offer(rule) => (rule, Visibility::Offered),
            CapabilityCommand::Clear(rule) => {
                let (capability, audience) = rule.parse()?;
                directory.clear_mask(&capability, &audience).await?;
                return output::line(&format!("{capability}: no rule {audience}"));
            }
            CapabilityCommand::List => {
                for rule in directory.mask_rules().await? {
                    output::line(&rule.to_string())?;
                }
                return Ok(());
            }
            CapabilityCommand::Show { name } => {
                let name = CapabilityName::parse(name).map_err(DirectoryError::from)?;
                let rules = directory.mask_rules().await?;
                for rule in rules.iter().filter(|rule| rule.capability.covers(name.as_str())) {
                    output::line(&rule.to_string())?;
                }
                let nobody = Viewer::at("", 0);
                let is_hidden = directory.masks().await.hide(name.as_str(), &nobody);
                let else_ = if is_hidden { "hidden" } else { "offered" };
                return output::line(&format!("{name} {else_} where no other rule fits"));
            }
        };
        let (capability, audience) = rule.parse()?;
        let rule = MaskRule { capability, visibility, audience };
        directory.set_mask(&rule).await?;
        output::line(&rule.to_string())
    })
}
