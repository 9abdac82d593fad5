//! Doors for the fuzz targets, in fuzzing builds only: what reads bytes and is private otherwise.

/// Reads one SMTP command line.
pub fn smtp_command(line: &[u8]) {
    crate::smtp::fuzz_command(line);
}
