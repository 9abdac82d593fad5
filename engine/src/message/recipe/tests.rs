use proptest::prelude::*;

use super::*;

/// Base64 in lines, made the plain way.
fn encoded(decoded: &[u8], line_len: usize, line_end: &str, is_padded: bool) -> Vec<u8> {
    let alphabet = if is_padded { base64_simd::STANDARD } else { base64_simd::STANDARD_NO_PAD };
    let text = alphabet.encode_to_string(decoded);
    let lines = text.as_bytes().chunks(line_len);
    lines.collect::<Vec<_>>().join(line_end.as_bytes())
}

fn decoded(recipe: &Recipe, encoded: &[u8], range: Range<u64>) -> Vec<u8> {
    let mut out = Vec::new();
    recipe.decode_range(encoded, range, &mut out).expect("tried out");
    out
}

fn rebuilt(recipe: &Recipe, decoded: &[u8], range: Range<u64>) -> Vec<u8> {
    let needed = recipe.decoded_range_for(range.clone());
    let mut out = Vec::new();
    let bytes = &decoded[places(needed.clone())];
    recipe.rebuild(bytes, needed.start, range, &mut out).expect("covered");
    out
}

/// Pins the table above. Changing these bytes means a new format version.
#[test]
fn golden_bytes() {
    let part = encoded(&[7; 300], 76, "\r\n", true);
    let cases: [(&[u8], Vec<u8>, &[u8]); 5] = [
        (b"", vec![b'a'; 300], b"\0\xac\x02"),
        (b"base64", [&part[..], b"\r\n"].concat(), b"\x02\xac\x02\x4c\0\r\n"),
        (b"base64", b"aGVs\nbG8=\n--\n".to_vec(), b"\x01\x05\x04\x01\n--\n"),
        (b"base64", b"aGVs\nbG8\n".to_vec(), b"\x01\x05\x04\0\n"),
        (b"base64", b"aGk=".to_vec(), b"\x01\x02\0\x01"),
    ];
    for (encoding, part, golden) in cases {
        let recipe = Recipe::of(encoding, &part).expect("regular");
        let mut bytes = Vec::new();
        recipe.encode(&mut bytes);
        assert_eq!(bytes, golden);
        assert_eq!(Recipe::decode(golden), Ok(recipe.clone()));
        assert_eq!(recipe.encoded_len(), part.len() as u64);
    }
}

#[test]
fn what_no_recipe_makes_is_refused() {
    let wrong: [(&[u8], &[u8]); 9] = [
        (b"quoted-printable", b"plain"),
        (b"x-unknown", b"plain"),
        (b"base64", b""),
        (b"base64", b"\r\n"),
        (b"base64", b"a"),
        (b"base64", b"aGl="),
        (b"base64", b"aGVs\nb!8h\nbG8="),
        (b"base64", b"aGV\nsbG\n8="),
        (b"base64", b"aGV\nsbG\n8hb\nG8="),
    ];
    for (encoding, part) in wrong {
        assert_eq!(Recipe::of(encoding, part), None, "{}", part.escape_ascii());
    }
    assert_eq!(Recipe::of(b"base64", &[b"aGk=", &[b'-'; 1025][..]].concat()), None);
    assert!(Recipe::of(b"base64", &[b"aGk=", &[b'-'; 1024][..]].concat()).is_some());
}

#[test]
fn damaged_recipes_are_faults() {
    for bytes in [
        &b""[..],
        b"\0",
        b"\x03\x05",
        b"\0\x05x",
        b"\x01\0\0\0",
        b"\x02\x05\0\x01",
        b"\x01\x05\x03\x01",
        b"\x01\x05\xe7\x07\x01",
        b"\x01\x05\x04\x02",
        b"\0\xff\xff\xff\xff\xff\xff\x7f",
    ] {
        assert!(Recipe::decode(bytes).is_err(), "{bytes:?}");
    }
    assert!(Recipe::decode(&[b"\x01\x05\x04\x01", &[b'-'; 1025][..]].concat()).is_err());
}

proptest! {
    /// Whatever a part is: it is made again to the byte, in any stretches, or refused.
    #[test]
    fn regular_base64_is_made_again_whole_and_in_any_range(
        bytes in prop::collection::vec(any::<u8>(), 1..3000),
        line_len in prop_oneof![Just(76_usize), Just(60), 4..=998_usize],
        (is_crlf, is_padded) in any::<(bool, bool)>(),
        tail in prop_oneof![Just(""), Just("\r\n"), Just("\n"), Just("\r\n\r\n-- \r\nlist\r\n")],
        cuts in (0_u64..5000, 0_u64..5000, 0_u64..3000, 0_u64..3000),
    ) {
        let line_end = if is_crlf { "\r\n" } else { "\n" };
        let mut part = encoded(&bytes, line_len, line_end, is_padded);
        // Padding that is broken over two lines has no recipe.
        let is_whole = !part.ends_with(format!("={line_end}=").as_bytes())
            && !part.ends_with(format!("{line_end}=").as_bytes())
            && !part.ends_with(format!("{line_end}==").as_bytes());
        part.extend_from_slice(tail.as_bytes());
        let Some(recipe) = Recipe::of(b"base64", &part) else {
            prop_assert!(!is_whole);
            return Ok(());
        };
        prop_assert_eq!(recipe.decoded_len(), bytes.len() as u64);
        let len = part.len() as u64;
        prop_assert_eq!(recipe.encoded_len(), len);
        prop_assert_eq!(&decoded(&recipe, &part, 0..bytes.len() as u64), &bytes);
        prop_assert_eq!(&rebuilt(&recipe, &bytes, 0..len), &part);

        let ordered = |a: u64, b: u64, len: u64| a.min(b).min(len)..a.max(b).min(len);
        let range = ordered(cuts.0, cuts.1, len);
        prop_assert_eq!(&rebuilt(&recipe, &bytes, range.clone()), &part[places(range)]);
        let range = ordered(cuts.2, cuts.3, bytes.len() as u64);
        prop_assert_eq!(&decoded(&recipe, &part, range.clone()), &bytes[places(range)]);

        let mut stored = Vec::new();
        recipe.encode(&mut stored);
        prop_assert_eq!(Recipe::decode(&stored), Ok(recipe));
    }

    #[test]
    fn a_recipe_of_anything_is_exact_or_there_is_none(
        part in "([A-Za-z0-9+/]{0,9}|[A-Z]{8}\r?\n|={1,2}|\r\n|\n|[ -~])*",
    ) {
        let part = part.as_bytes();
        if let Some(recipe) = Recipe::of(b"base64", part) {
            let bytes = decoded(&recipe, part, 0..recipe.decoded_len());
            prop_assert_eq!(bytes.len() as u64, recipe.decoded_len());
            prop_assert_eq!(rebuilt(&recipe, &bytes, 0..recipe.encoded_len()), part);
        }
    }

    #[test]
    fn a_damaged_part_is_not_made_of_the_same_recipe(
        bytes in prop::collection::vec(any::<u8>(), 100..300),
        at in 0_usize..400,
        other: u8,
    ) {
        let mut part = encoded(&bytes, 76, "\r\n", true);
        let at = at % part.len();
        part[at] = other;
        if let Some(recipe) = Recipe::of(b"base64", &part) {
            let bytes = decoded(&recipe, &part, 0..recipe.decoded_len());
            prop_assert_eq!(rebuilt(&recipe, &bytes, 0..recipe.encoded_len()), part);
        }
    }

    #[test]
    fn any_bytes_decode_to_a_recipe_or_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(recipe) = Recipe::decode(&bytes) {
            let mut again = Vec::new();
            recipe.encode(&mut again);
            prop_assert_eq!(Recipe::decode(&again), Ok(recipe.clone()));
            let middle = recipe.encoded_len() / 2;
            let needed = recipe.decoded_range_for(middle..middle + 9);
            prop_assert!(needed.end <= recipe.decoded_len());
        }
    }
}
