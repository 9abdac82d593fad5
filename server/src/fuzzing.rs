//! Doors for the fuzz targets, in fuzzing builds only: what reads bytes and is private otherwise.

/// Reads what another server answers.
pub fn smtp_reply(octets: &[u8]) {
    crate::relay::fuzz_reply(octets);
}

/// Reads one SMTP command line.
pub fn smtp_command(line: &[u8]) {
    crate::smtp::fuzz_command(line);
}
