//! Standard output, where a reader that has gone is no fault.

use std::io::Write as _;

use super::CliError;

/// Prints one line.
pub(super) fn line(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(CliError::io("cannot print"))
}
