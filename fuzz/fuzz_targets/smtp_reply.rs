//! Anything is replies, whatever pieces it comes in, or a fault.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| server::fuzzing::smtp_reply(octets));
