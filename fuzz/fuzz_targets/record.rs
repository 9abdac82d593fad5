//! Any payload is a record of its kind or a fault; what is a record can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| engine::fuzzing::record(bytes));
