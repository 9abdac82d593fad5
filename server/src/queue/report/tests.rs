use super::super::envelope::Trouble;
use super::super::envelope::tests::envelope;
use super::*;

const HEADER: &[u8] =
    b"From: a@example.test\r\nMessage-ID: <one@example.test>\r\nSubject: x\r\n\r\n";

fn failed() -> Reported {
    let recipient = QueuedRecipient {
        address: "b@example.org".to_owned(),
        original: Some("rfc822;b+2Bx@example.org".to_owned()),
        ..QueuedRecipient::default()
    };
    let trouble = Trouble {
        status: "5.1.1".to_owned(),
        host: Some("mx.example.org".to_owned()),
        text: "550-5.1.1 No such user\r\n550 5.1.1 here".to_owned(),
        is_reply: true,
    };
    Reported { recipient, action: Action::Failed, trouble }
}

fn text(envelope: &Envelope, recipients: &[Reported], original: Original<'_>) -> String {
    let report = Report {
        hostname: "mx.test",
        id: "beef",
        now: 1_795_512_345,
        envelope,
        recipients,
        original,
    };
    String::from_utf8(report.compose()).expect("text")
}

#[test]
fn a_failure_is_told_to_people_and_to_programs() {
    let options = MailOptions { envelope_id: Some("QQ+3D1".to_owned()), ..MailOptions::default() };
    let envelope = Envelope { options, ..envelope() };
    let expected = "From: Mail delivery <mailer-daemon@mx.test>\r\n\
        To: <a@example.test>\r\n\
        Subject: Your message could not be delivered\r\n\
        Date: Tue, 24 Nov 2026 09:25:45 +0000\r\n\
        Message-ID: <beef@mx.test>\r\n\
        In-Reply-To: <one@example.test>\r\n\
        References: <one@example.test>\r\n\
        Auto-Submitted: auto-replied\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: multipart/report; report-type=delivery-status;\r\n\
        \tboundary=\"report-beef\"\r\n\
        \r\n\
        --report-beef\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: 8bit\r\n\
        \r\n\
        This is the mail server mx.test.\r\n\
        \r\n\
        Your message could not be delivered to these recipients:\r\n\
        \r\n  <b@example.org>\r\n    mx.example.org said: 550-5.1.1 No such user 550 5.1.1 here\r\n\
        \r\n\
        --report-beef\r\n\
        Content-Type: message/delivery-status\r\n\
        \r\n\
        Reporting-MTA: dns; mx.test\r\n\
        Original-Envelope-Id: QQ=1\r\n\
        Arrival-Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n\
        \r\n\
        Original-Recipient: rfc822; b+x@example.org\r\n\
        Final-Recipient: rfc822; b@example.org\r\n\
        Action: failed\r\n\
        Status: 5.1.1\r\n\
        Remote-MTA: dns; mx.example.org\r\n\
        Diagnostic-Code: smtp; 550-5.1.1 No such user 550 5.1.1 here\r\n\
        Last-Attempt-Date: Tue, 24 Nov 2026 09:25:45 +0000\r\n\
        \r\n\
        --report-beef\r\n\
        Content-Type: text/rfc822-headers\r\n\
        \r\n\
        From: a@example.test\r\n\
        Message-ID: <one@example.test>\r\n\
        Subject: x\r\n\
        --report-beef--\r\n";
    let with_body = [HEADER, b"secret\r\n"].concat();
    assert_eq!(text(&envelope, &[failed()], Original::Header(&with_body)), expected);
}

#[test]
fn a_delay_says_until_when_and_a_success_that_it_is_one() {
    let delayed = Reported { action: Action::Delayed, ..failed() };
    let delay = text(&envelope(), &[delayed], Original::Header(HEADER));
    assert!(delay.contains("Subject: Your message is delayed\r\n"), "{delay}");
    assert!(delay.contains("\r\nAction: delayed\r\n"), "{delay}");
    assert!(delay.contains("\r\nWill-Retry-Until: Sun, 19 Nov 2023 22:13:20 +0000\r\n"), "{delay}");
    let delivered = Reported { action: Action::Delivered, ..failed() };
    let success = text(&envelope(), &[delivered], Original::Header(HEADER));
    assert!(success.contains("Subject: Your message was delivered\r\n"), "{success}");
}

#[test]
fn the_whole_message_comes_back_to_who_asked_for_it() {
    let ask = |ret, size| {
        let options = MailOptions { ret, ..MailOptions::default() };
        returns_all(&Envelope { options, size, ..envelope() }, &[failed()])
    };
    assert!(ask(Some(Return::Full), 1000) && !ask(Some(Return::Headers), 1000) && !ask(None, 1000));
    assert!(!ask(Some(Return::Full), RETURNED_LEN_MAX + 1));
    let message = [HEADER, b"body without an end"].concat();
    let report = text(&envelope(), &[failed()], Original::Full(&message));
    assert!(report.contains("Content-Type: message/rfc822\r\n\r\nFrom: a@"), "{report}");
    assert!(report.ends_with("\r\n\r\nbody without an end\r\n--report-beef--\r\n"), "{report}");
}

#[test]
fn what_strangers_wrote_breaks_no_field() {
    let mut hostile = failed();
    hostile.trouble.text = "550 x\r\nX-Evil: 1\0\u{85}y".to_owned();
    hostile.recipient.original = Some("rfc822;a+0D+0AEvil:".to_owned());
    let message = b"Message-ID: <a b>\r\nSubject: y\r\n\r\n";
    let report = text(&envelope(), &[hostile], Original::Header(message));
    assert!(!report.contains("\r\nX-Evil") && !report.contains("Evil:\r\n"), "{report}");
    assert!(!report.contains("Original-Recipient") && !report.contains("In-Reply-To"), "{report}");
    assert!(report.contains("Diagnostic-Code: smtp; 550 x X-Evil: 1 y\r\n"), "{report}");
    let long = "x: y\r\n".repeat(20_000);
    assert!(
        header(long.as_bytes()).len() <= HEADER_LEN_MAX
            && header(long.as_bytes()).ends_with(b"\r\n")
    );
}

#[test]
fn addresses_in_utf_8_make_an_internationalized_report() {
    let mut global = failed();
    global.recipient.address = "ö@example.org".to_owned();
    let options = MailOptions { smtputf8: true, ..MailOptions::default() };
    let report = text(&Envelope { options, ..envelope() }, &[global], Original::Header(HEADER));
    for part in [
        "report-type=global-delivery-status",
        "Content-Type: message/global-delivery-status\r\n",
        "Final-Recipient: utf-8; ö@example.org\r\n",
        "Content-Type: message/global-headers\r\n",
    ] {
        assert!(report.contains(part), "{part} in {report}");
    }
}
