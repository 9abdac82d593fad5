//! Any line is a command or an error with a reply for it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| server::fuzzing::smtp_command(line));
