use proptest::prelude::*;

use super::super::command::{AddressText, Release};
use super::*;
use crate::relay::{DeliverBy, LateAction, Notify, Return};

fn parsed(line: &str) -> Result<Command, CommandError> {
    parse_command(line.as_bytes())
}

fn mail_of(line: &str) -> Mail {
    match parsed(line) {
        Ok(Command::Mail(mail)) => mail,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn words_are_known_in_any_case_and_with_blanks_behind_them() {
    for line in ["DATA", "data", "DaTa  ", "DATA\t"] {
        assert_eq!(parsed(line), Ok(Command::Data), "{line}");
    }
    assert_eq!(parsed("noop anything at all"), Ok(Command::Noop));
    assert_eq!(parsed("VRFY alice"), Ok(Command::Vrfy));
    assert_eq!(parsed("HELP RCPT"), Ok(Command::Help));
    assert_eq!(parsed("QUIT now"), Err(CommandError::Form("QUIT")));
    for line in ["", " ", "DAT", "DATAA", "GET / HTTP/1.1", "STARTTLSX", " NOOP"] {
        assert_eq!(parsed(line), Err(CommandError::Unrecognized), "{line}");
    }
}

#[test]
fn greetings_take_what_programs_send_for_a_name() {
    for name in ["client.example", "[192.0.2.1]", "[IPv6:::1]", "WIN_PC", "localhost", "::1"] {
        let expected = HelloName::new(name).expect("a name");
        assert_eq!(parsed(&format!("EHLO {name}")), Ok(Command::Hello(Greeting::Ehlo, expected)));
    }
    for line in ["EHLO", "EHLO ", "EHLO (comment)", "EHLO a\\b", "EHLO bücher.example"] {
        assert_eq!(parsed(line), Err(CommandError::Form("EHLO domain")), "{line}");
    }
}

#[test]
fn mail_has_its_parameters() {
    let mail = mail_of("MAIL FROM:<a@b.test> SIZE=1000 body=8bitmime SMTPUTF8 AUTH=<>");
    assert_eq!((mail.size, mail.text), (Some(1000), AddressText::Utf8));
    assert_eq!(mail.reverse_path.to_string(), "a@b.test");
    assert_eq!(mail_of("mail from: <>").reverse_path, ReversePath::Null);
    assert_eq!(mail_of("MAIL FROM:<> SIZE=99999999999999999999").size, Some(u64::MAX));
    for (line, error) in [
        ("MAIL", CommandError::Form("MAIL FROM:<address> [parameters]")),
        ("MAIL TO:<a@b.test>", CommandError::Form("MAIL FROM:<address> [parameters]")),
        ("MAIL FROM:a@b.test", CommandError::ReversePath),
        ("MAIL FROM:<a@b.test>SIZE=1", CommandError::ReversePath),
        ("MAIL FROM:<a@b.test> SIZE=x", CommandError::ParameterValue),
        ("MAIL FROM:<a@b.test> SIZE", CommandError::ParameterValue),
        ("MAIL FROM:<a@b.test> SIZE=", CommandError::ParameterValue),
        ("MAIL FROM:<a@b.test> SIZE=1 SIZE=1", CommandError::ParameterValue),
        ("MAIL FROM:<a@b.test> BODY=BINARYMIME", CommandError::ParameterValue),
        ("MAIL FROM:<a@b.test> SMTPUTF8=1", CommandError::ParameterValue),
        ("MAIL FROM:<a@b.test> TRANSID=1", CommandError::Parameter),
    ] {
        assert_eq!(parsed(line), Err(error), "{line}");
    }
}

#[test]
fn mail_says_how_it_is_to_be_treated() {
    let mail = mail_of("MAIL FROM:<a@b.test> RET=hdrs ENVID=QQ+3D1 REQUIRETLS MT-PRIORITY=-4");
    assert_eq!((mail.ret, mail.envelope_id.as_deref()), (Some(Return::Headers), Some("QQ+3D1")));
    assert_eq!((mail.require_tls, mail.priority), (true, Some(-4)));
    let by = |text| mail_of(&format!("MAIL FROM:<> BY={text}")).deliver_by.expect("a time");
    let expected = |seconds, late, is_traced| DeliverBy { seconds, late, is_traced };
    assert_eq!(by("120;R"), expected(120, LateAction::Return, false));
    assert_eq!(by("-1;nt"), expected(-1, LateAction::Notify, true));
    let release = |text| mail_of(&format!("MAIL FROM:<> {text}")).release;
    assert_eq!(release("HOLDFOR=60"), Some(Release::After(60)));
    let until = release("HOLDUNTIL=2026-11-24T10:25:45+01:00");
    assert_eq!(until, Some(Release::At(1_795_512_345)));
    for wrong in [
        "RET=ALL",
        "RET",
        "ENVID=a=b",
        "ENVID=a+3d",
        "ENVID=+",
        "REQUIRETLS=1",
        "MT-PRIORITY=10",
        "MT-PRIORITY=+1",
        "MT-PRIORITY=-0",
        "BY=5",
        "BY=0;R",
        "BY=-5;R",
        "BY=5;X",
        "BY=1234567890;R",
        "BY=;N",
        "HOLDFOR=-1",
        "HOLDFOR=1234567890",
        "HOLDUNTIL=tomorrow",
        "HOLDFOR=1 HOLDFOR=2",
        "HOLDFOR=1 HOLDUNTIL=2026-11-24T10:25:45Z",
    ] {
        let line = format!("MAIL FROM:<> {wrong}");
        assert_eq!(parsed(&line), Err(CommandError::ParameterValue), "{line}");
    }
}

#[test]
fn rcpt_says_when_the_sender_wants_to_hear_of_it() {
    let rcpt_of = |line: &str| match parsed(line) {
        Ok(Command::Rcpt(rcpt)) => rcpt,
        other => panic!("{line}: {other:?}"),
    };
    let plain = rcpt_of("RCPT TO:<Postmaster>");
    assert_eq!(plain, Rcpt { path: ForwardPath::Postmaster, notify: None, original: None });
    let asked = rcpt_of("RCPT TO:<a@b.test> notify=SUCCESS,delay ORCPT=rfc822;a+2Bx@b.test");
    let notify = Notify { success: true, failure: false, delay: true };
    assert_eq!(
        (asked.notify, asked.original.as_deref()),
        (Some(notify), Some("rfc822;a+2Bx@b.test"))
    );
    assert_eq!(rcpt_of("RCPT TO:<a@b.test> NOTIFY=NEVER").notify, Some(Notify::default()));
    assert!(rcpt_of("RCPT TO:<ö@b.test> ORCPT=utf-8;ö@b.test").original.is_some());
    for wrong in [
        "NOTIFY=NEVER,SUCCESS",
        "NOTIFY=",
        "NOTIFY",
        "NOTIFY=ALWAYS",
        "ORCPT=a@b.test",
        "ORCPT=;a",
        "ORCPT=rfc822;",
        "ORCPT=rfc822;ö",
        "NOTIFY=DELAY NOTIFY=DELAY",
    ] {
        let line = format!("RCPT TO:<a@b.test> {wrong}");
        assert_eq!(parsed(&line), Err(CommandError::ParameterValue), "{line}");
    }
    assert_eq!(parsed("RCPT TO:<a@b.test> SIZE=1"), Err(CommandError::Parameter));
    assert_eq!(parsed("RCPT TO:<>"), Err(CommandError::ForwardPath));
    assert_eq!(parsed("RCPT TO:a@b.test"), Err(CommandError::ForwardPath));
}

#[test]
fn a_chunk_has_a_size_or_is_the_end_of_trust() {
    let chunk = |len, place| Ok(Command::Bdat(Chunk { len, place }));
    assert_eq!(parsed("BDAT 5"), chunk(5, ChunkPlace::Inner));
    assert_eq!(parsed("bdat 0 last"), chunk(0, ChunkPlace::Last));
    for line in ["BDAT", "BDAT -1", "BDAT +1", "BDAT 5 FIRST", "BDAT 5 LAST x", "BDAT\t5", "BDATx"]
    {
        let error = parsed(line).expect_err(line);
        assert!(matches!(error, CommandError::ChunkSize | CommandError::Unrecognized), "{line}");
    }
    assert_eq!(parsed("BDAT 99999999999999999999"), Err(CommandError::ChunkSize));
    assert_eq!(parse_command(b"BDAT 5 \xff"), Err(CommandError::ChunkSize));
    assert_eq!(parse_command(b"BDAT 5\rX"), Err(CommandError::ChunkSize));
}

#[test]
fn auth_may_bring_an_initial_response() {
    let auth = |mechanism: &str, initial: Option<&str>| {
        Ok(Command::Auth(Auth {
            mechanism: mechanism.to_owned(),
            initial: initial.map(str::to_owned),
        }))
    };
    assert_eq!(parsed("AUTH LOGIN"), auth("LOGIN", None));
    assert_eq!(parsed("AUTH LOGIN "), auth("LOGIN", None));
    assert_eq!(parsed("AUTH PLAIN AHRlc3QAdGVzdA=="), auth("PLAIN", Some("AHRlc3QAdGVzdA==")));
    assert_eq!(parsed("AUTH"), Err(CommandError::Form("AUTH mechanism [initial-response]")));
    let shown = format!("{:?}", parsed("AUTH PLAIN c2VjcmV0"));
    assert!(!shown.contains("c2VjcmV0"), "{shown}");
}

#[test]
fn control_characters_and_broken_utf8_are_no_text() {
    for line in [&b"NOOP\0"[..], b"NOOP \r", b"NOOP \x1b[2J", b"RCPT TO:<\xff@b.test>"] {
        assert_eq!(parse_command(line), Err(CommandError::NotText), "{line:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_command_or_an_error(line in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = parse_command(&line);
    }

    #[test]
    fn any_arguments_are_judged(
        verb in "(EHLO|MAIL FROM:|RCPT TO:|BDAT|AUTH|VRFY|DATA)",
        rest in "[ <>@a-z0-9.=\"\\\\\\[\\]é-]{0,40}",
    ) {
        let _ = parse_command(format!("{verb} {rest}").as_bytes());
    }
}
