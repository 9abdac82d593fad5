//! Any bytes are a command or a fault, whole or in pieces, and nothing in between.
#![no_main]

use libfuzzer_sys::fuzz_target;
use server::imap::dialect::Dialect;
use server::imap::parse::{Assembler, Limits, Step, parse_command, parse_command_in};

const LIMITS: Limits =
    Limits { command_len_max: 4096, literals_len_max: 4096, message_len_max: 4096 };

fuzz_target!(|bytes: &[u8]| {
    let _ = parse_command(bytes);
    let everything = Dialect { utf8_accept: true, rev2: true, uid_only: true };
    let _ = parse_command_in(bytes, everything);
    // However the bytes are split, the assembler finds the same first command.
    assert_eq!(assembled(bytes, bytes.len().max(1)), assembled(bytes, 1));
});

/// The first command that comes out when the bytes arrive in pieces of this length.
fn assembled(bytes: &[u8], piece_len: usize) -> Option<Vec<u8>> {
    let mut assembler = Assembler::new(LIMITS);
    for piece in bytes.chunks(piece_len) {
        let mut rest = piece;
        loop {
            let (used, step) = assembler.push(rest);
            rest = &rest[used..];
            match step {
                Step::Complete(command) => {
                    let _ = parse_command(&command);
                    return Some(command);
                }
                Step::Refused(..) | Step::Hopeless => return None,
                Step::Continuation => {}
                Step::More => break,
            }
        }
    }
    None
}
