//! Any bytes in a segment or manifest are read as frames, or told from them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| engine::fuzzing::frame(bytes));
