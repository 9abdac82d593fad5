use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;

use super::*;

/// What a client sends: one flush for each piece.
fn packed(pieces: &[&[u8]], flush: FlushCompress) -> Vec<Vec<u8>> {
    let mut compress = Compress::new(Compression::best(), false);
    let pack = |piece: &&[u8]| {
        let mut packed = Vec::with_capacity(piece.len() + 1000);
        compress.compress_vec(piece, &mut packed, flush).expect("room");
        packed
    };
    pieces.iter().map(pack).collect()
}

/// All that comes of `input`, taken as it comes.
fn inflated(inflater: &mut Inflater, mut input: &[u8]) -> Result<Vec<u8>, Damaged> {
    let mut whole = Vec::new();
    loop {
        let used = inflater.inflate(input)?;
        input = &input[used..];
        let ready = inflater.ready();
        assert!(ready.len() <= PIECE_LEN);
        if used == 0 && ready.is_empty() {
            return Ok(whole);
        }
        whole.extend_from_slice(ready);
        inflater.take(usize::MAX);
    }
}

/// Octets that repeat nothing.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..len).map(next).collect()
}

const COMMANDS: [&[u8]; 4] =
    [b"a1 SELECT INBOX\r\n", b"a2 IDLE\r\n", b"DONE\r\n", b"a3 SELECT Archive\r\n"];

/// Whatever flush the client uses, and however the network cuts it, a command is whole once its
/// flush has come (CLIENTS.md rule 19).
#[test]
fn every_flush_yields_all_that_was_sent_before_it() {
    for flush in [FlushCompress::Partial, FlushCompress::Sync, FlushCompress::Full] {
        let mut inflater = Inflater::new();
        for (command, packed) in COMMANDS.iter().zip(packed(&COMMANDS, flush)) {
            let mut whole = Vec::new();
            for octet in packed {
                whole.extend(inflated(&mut inflater, &[octet]).expect("sound"));
                inflater.rest();
            }
            assert_eq!(whole, *command);
        }
    }
}

#[test]
fn at_rest_it_holds_what_the_client_said_and_no_more() {
    for flush in [FlushCompress::Sync, FlushCompress::Full] {
        let mut inflater = Inflater::new();
        let said: usize = COMMANDS.iter().map(|command| command.len()).sum();
        for packed in packed(&COMMANDS, flush) {
            inflated(&mut inflater, &packed).expect("sound");
        }
        inflater.rest();
        assert!(matches!(inflater.state, State::Boundary(_)));
        assert!(inflater.window.capacity() <= said);
    }
    let mut inflater = Inflater::new();
    let long = noise(3 * HISTORY_LEN);
    for packed in packed(&[&long], FlushCompress::Sync) {
        inflated(&mut inflater, &packed).expect("sound");
    }
    inflater.rest();
    assert!(inflater.window.capacity() <= HISTORY_LEN);
}

#[test]
fn what_came_last_can_be_referred_to_after_a_rest() {
    let mut inflater = Inflater::new();
    // The longest distance is 32,768; compressors stop a little before it.
    let long = noise(HISTORY_LEN - 300);
    let all = packed(&[&long, &long, &long], FlushCompress::Sync);
    assert!(all[2].len() < 1000, "the third time is a reference to the second");
    for packed in all {
        assert_eq!(inflated(&mut inflater, &packed).expect("sound"), long);
        inflater.rest();
    }
}

#[test]
fn a_little_that_inflates_to_much_comes_in_pieces() {
    let zeros = vec![0; 8 << 20];
    let bomb = packed(&[&zeros], FlushCompress::Sync).concat();
    assert!(bomb.len() < 16 << 10);
    let mut inflater = Inflater::new();
    let used = inflater.inflate(&bomb).expect("sound");
    assert_eq!(inflater.ready().len(), PIECE_LEN);
    assert!(inflater.window.capacity() <= 2 * (HISTORY_LEN + PIECE_LEN));
    inflater.take(usize::MAX);
    let rest = inflated(&mut inflater, &bomb[used..]).expect("sound");
    assert_eq!(rest.len(), zeros.len() - PIECE_LEN);
    assert!(inflater.window.capacity() <= 2 * (HISTORY_LEN + PIECE_LEN));
}

#[test]
fn damage_is_an_error_and_an_end_is_an_end() {
    let mut inflater = Inflater::new();
    // Block type 3 does not exist.
    assert_eq!(inflater.inflate(&[0b0000_0110]), Err(Damaged));
    // A distance beyond what was sent.
    let far = packed(&[&noise(5000), &noise(5000)], FlushCompress::Sync);
    assert_eq!(inflated(&mut Inflater::new(), &far[1]), Err(Damaged));
    let mut inflater = Inflater::new();
    let last = packed(&[b"bye"], FlushCompress::Finish).concat();
    assert_eq!(inflated(&mut inflater, &last).expect("sound"), b"bye");
    assert!(inflater.is_finished());
}

proptest! {
    #[test]
    fn any_octets_in_any_pieces_are_an_answer(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..64), 0..16),
    ) {
        let mut inflater = Inflater::new();
        for piece in pieces {
            if inflated(&mut inflater, &piece).is_err() || inflater.is_finished() {
                break;
            }
            inflater.rest();
        }
    }

    #[test]
    fn a_flipped_bit_is_damage_or_other_text_and_never_a_panic(
        bit in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut all = packed(&COMMANDS, FlushCompress::Partial).concat();
        let bit = bit.index(all.len() * 8);
        all[bit / 8] ^= 1 << (bit % 8);
        let (front, back) = all.split_at(cut.index(all.len()));
        let mut inflater = Inflater::new();
        if inflated(&mut inflater, front).is_ok() {
            inflater.rest();
            let _ = inflated(&mut inflater, back);
        }
    }
}
