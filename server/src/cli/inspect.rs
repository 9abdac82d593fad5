//! `fumikura verify` and `fumikura dump`: readers of a store that no server is running on.

use super::CliError;
use crate::config::Config;

pub(super) fn verify(config: &Config) -> Result<(), CliError> {
    Err(CliError::Damage(config.store.path.display().to_string()))
}

pub(super) fn dump(config: &Config) -> Result<(), CliError> {
    Err(CliError::Refused(config.store.path.display().to_string()))
}
