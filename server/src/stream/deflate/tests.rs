use flate2::{Decompress, FlushDecompress};

use super::*;

/// What a client makes of `packed`, all at once.
fn unpacked(decompress: &mut Decompress, packed: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(4 << 20);
    decompress.decompress_vec(packed, &mut whole, FlushDecompress::Sync).expect("sound");
    whole
}

fn lines(len: usize) -> Vec<u8> {
    let line = |at: usize| format!("* {at} FETCH (FLAGS (\\Seen) UID {})\r\n", at * 7).into_bytes();
    (1..).flat_map(line).take(len).collect()
}

#[test]
fn each_piece_can_be_read_whole_as_soon_as_it_has_come() {
    let mut decompress = Decompress::new(false);
    for len in [1, 2, STORED_LEN_MAX, STORED_LEN_MAX + 1, 1000, 70_000, 1_000_000, 3] {
        let mut packed = Vec::new();
        pack(&lines(len), &mut packed);
        assert!(unpacked(&mut decompress, &packed) == lines(len), "{len}");
    }
}

#[test]
fn what_cannot_be_made_shorter_grows_by_little() {
    let mut noise = vec![0_u8; 64 << 10];
    let mut state = 1_u64;
    for octet in &mut noise {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *octet = (state >> 56) as u8;
    }
    let mut packed = Vec::new();
    pack(&noise, &mut packed);
    assert!(packed.len() < noise.len() + 100);
    assert!(unpacked(&mut Decompress::new(false), &packed) == noise);
    let mut stored = Vec::new();
    store(&noise.repeat(3), &mut stored);
    assert!(unpacked(&mut Decompress::new(false), &stored) == noise.repeat(3));
}

#[test]
fn a_piece_is_not_smaller_for_what_was_in_another() {
    let piece = lines(20_000);
    let (mut first, mut again) = (Vec::new(), Vec::new());
    pack(&piece, &mut first);
    pack(&piece, &mut again);
    assert!(first.len() < piece.len() / 2);
    assert_eq!(first, again);
}

#[test]
fn few_compressors_are_kept() {
    let workers: Vec<_> = (0..2 * KEPT_MAX)
        .map(|_| std::thread::spawn(|| (0..20).for_each(|_| pack(&lines(60_000), &mut Vec::new()))))
        .collect();
    workers.into_iter().for_each(|worker| worker.join().expect("it packs"));
    assert!(lock().len() <= KEPT_MAX);
}
