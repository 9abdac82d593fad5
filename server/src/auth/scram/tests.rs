use std::num::NonZeroU32;

use super::*;

const NONE: Binding<'static> = Binding::Cannot;

fn keys(password: &str, hash: ScramHash, salt: &str) -> ScramKeys {
    let salt = STANDARD.decode(salt).expect("base64");
    let iterations = NonZeroU32::new(4096).expect("not 0");
    ScramKeys::with(password, hash, &salt, iterations).expect("a plain password")
}

/// RFC 5802, 5.
#[test]
fn the_example_of_sha_1() {
    let first = ClientFirst::parse(b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", NONE).expect("right");
    assert_eq!(first.login, "user");
    let keys = keys("pencil", ScramHash::Sha1, "QSXCR+Q6sek8bf92");
    let (scram, answer) = first.answer_with(keys, "3rfcNHYJY1ZVvWVs7j");
    let expected = "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
    assert_eq!(answer, expected);
    let last = "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,\
                p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
    let verdict = scram.finish(last.as_bytes());
    assert_eq!(verdict, Ok(Some("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=".to_owned())));
}

/// RFC 7677, 3.
#[test]
fn the_example_of_sha_256() {
    let first = ClientFirst::parse(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", NONE).expect("right");
    let keys = keys("pencil", ScramHash::Sha256, "W22ZaJ0SNY7soEsUEjb6gQ==");
    let (scram, answer) = first.answer_with(keys, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
    let expected = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                    s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    assert_eq!(answer, expected);
    let last = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    let verdict = scram.finish(last.as_bytes());
    let expected = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    assert_eq!(verdict, Ok(Some(expected.to_owned())));
}

#[test]
fn a_wrong_proof_is_no_error_of_form() {
    let begin = || {
        let first = ClientFirst::parse(b"n,,n=user,r=abc", NONE).expect("right");
        first.answer_with(keys("pencil", ScramHash::Sha1, "QSXCR+Q6sek8bf92"), "def").0
    };
    let nothing = STANDARD.encode([0; 20]);
    assert_eq!(begin().finish(format!("c=biws,r=abcdef,p={nothing}").as_bytes()), Ok(None));
    assert_eq!(begin().finish(b"c=biws,r=abcdef,p="), Ok(None));
    for wrong in ["", "c=biws,r=abcdef", "c=biws,r=abcdeg,p=AA==", "c=!,r=abcdef,p=AA==", "p=AA=="]
    {
        assert_eq!(begin().finish(wrong.as_bytes()), Err(SaslError::Malformed), "{wrong}");
    }
    // The header of the first message, changed on the way.
    let other = STANDARD.encode("y,,");
    let last = format!("c={other},r=abcdef,p=AA==");
    assert_eq!(begin().finish(last.as_bytes()), Err(SaslError::ChannelBinding));
}

#[test]
fn names_are_unescaped_and_act_for_nobody_else() {
    let login = |text: &str| ClientFirst::parse(text.as_bytes(), NONE).map(|first| first.login);
    assert_eq!(login("n,,n=a=2Cb=3Dc,r=x"), Ok("a,b=c".to_owned()));
    assert_eq!(login("n,a=tim,n=tim,r=x,x=later"), Ok("tim".to_owned()));
    assert_eq!(login("n,a=root,n=tim,r=x"), Err(SaslError::OtherUser));
    for wrong in
        ["", "n", "n,", "n,,", "x,,n=a,r=b", "n,,m=x,n=a,r=b", "n,,n=a", "n,,n=a,r=", "n,,n=,r=b"]
    {
        assert_eq!(login(wrong), Err(SaslError::Malformed), "{wrong}");
    }
    for wrong in ["n,,n==2,r=b", "n,,n=a=2c,r=b", "n,b,n=a,r=b", "n,,n=a,r=b c", "n,,n=\0,r=b"] {
        assert_eq!(login(wrong), Err(SaslError::Malformed), "{wrong}");
    }
}

/// RFC 5802, 6.
#[test]
fn a_channel_binding_is_used_where_the_mechanism_says_so_and_a_downgrade_is_noticed() {
    let bindings = Bindings { exporter: Some([7; 32]), end_point: None };
    let begin = |flag: &str, allowed: Binding<'_>| {
        ClientFirst::parse(format!("{flag},,n=a,r=b").as_bytes(), allowed)
            .map(|first| first.binding)
    };
    let bound = begin("p=tls-exporter", Binding::Must(&bindings));
    assert_eq!(bound, Ok([b"p=tls-exporter,,".as_slice(), &[7; 32]].concat()));
    for (flag, allowed) in [
        ("p=tls-unique", Binding::Must(&bindings)),
        ("p=tls-server-end-point", Binding::Must(&bindings)),
        ("n", Binding::Must(&bindings)),
        ("y", Binding::Must(&bindings)),
        ("y", Binding::CouldHave),
        ("p=tls-exporter", Binding::CouldHave),
        ("p=tls-exporter", Binding::Cannot),
    ] {
        assert_eq!(begin(flag, allowed), Err(SaslError::ChannelBinding), "{flag} {allowed:?}");
    }
    assert!(begin("n", Binding::CouldHave).is_ok() && begin("y", Binding::Cannot).is_ok());
}
