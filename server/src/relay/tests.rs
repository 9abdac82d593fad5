//! The relay against servers that do what scripts say: the dialogue and its faults.

mod names;
mod peer;
mod protection;
mod reuse;
mod routes;
mod scene;
mod sts;

use std::fmt::Write as _;
use std::sync::Arc;

use super::{Body, Notify, Outcome, OutgoingMail};
use peer::Peer;
use scene::{Scene, brief, briefs, mail};

const HELLO: &str = "S:220 peer.test\nC:EHLO us.test\nS:250-peer.test\nS:250-SIZE 1000000\n";
const TO_B: &str = "b@[127.0.0.1]";

/// What comes of mail to recipients at a peer that plays this.
async fn played(script: &str, recipients: &[&str]) -> (Vec<String>, Vec<String>) {
    let peer = Peer::start(&[script]).await;
    let scene = Scene::with_port(peer.address.port()).await;
    let outcomes = scene.send(recipients).await;
    (briefs(&outcomes), peer.heard())
}

#[tokio::test]
async fn a_pipelined_transaction_by_data() {
    let script = format!(
        "{HELLO}S:250-PIPELINING\nS:250 DSN\nC:MAIL FROM:<alice@us.test> SIZE=20\n\
         C:RCPT TO:<b@[127.0.0.1]>\nC:DATA\nS:250 2.1.0 OK\nS:250 OK\nS:354 go\nM\n\
         S:250 2.0.0 queued as 7\nC:QUIT\nS:221 bye"
    );
    let peer = Peer::start(&[&script]).await;
    let scene = Scene::with_port(peer.address.port()).await;
    let outcomes = scene.send(&[TO_B]).await;
    let [Outcome::Accepted(acceptance)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(acceptance.reply.to_string(), "250 2.0.0 queued as 7");
    assert_eq!(acceptance.host.to_string(), "[127.0.0.1]");
    assert_eq!(acceptance.host.address, Some(peer.ip()));
    assert!(acceptance.reports && !acceptance.is_tls);
    let message = "Subject: a\r\n\r\n..dot\r\n.\r\n".to_owned();
    assert!(peer.heard().contains(&message), "{:?}", peer.heard());
}

#[tokio::test]
async fn a_chunk_goes_as_it_is() {
    let script =
        format!("{HELLO}S:250 CHUNKING\nC:MAIL\nS:250 OK\nC:RCPT\nS:250 OK\nB\nS:250 done\nH");
    let (outcomes, heard) = played(&script, &[TO_B]).await;
    assert_eq!(outcomes, ["accepted 250 done"]);
    assert_eq!(heard.last().map(String::as_str), Some("BDAT Subject: a\r\n\r\n.dot\r\n"));
}

#[tokio::test]
async fn a_server_that_knows_only_helo_is_told_nothing_else() {
    let script = "S:220 old\nC:EHLO\nS:500 what?\nC:HELO us.test\nS:250 hello\n\
                  C:MAIL FROM:<alice@us.test>\nS:250 OK\nC:RCPT TO:<b@[127.0.0.1]>\nS:251 will forward\n\
                  C:DATA\nS:354 go\nM\nS:250 OK\nH";
    let peer = Peer::start(&[script]).await;
    let scene = Scene::with_port(peer.address.port()).await;
    let mut mail = mail(&[TO_B]);
    mail.body = Body::EightBit;
    mail.recipients[0].notify = Some(Notify::default());
    assert_eq!(briefs(&scene.send_mail(&mail).await), ["accepted 250 OK"]);
    assert!(peer.heard().contains(&"MAIL FROM:<alice@us.test>".to_owned()));
    assert!(peer.heard().contains(&"RCPT TO:<b@[127.0.0.1]>".to_owned()));
}

#[tokio::test]
async fn each_recipient_has_an_outcome_of_its_own() {
    let to = ["a@[127.0.0.1]", "b@[127.0.0.1]", "c@[127.0.0.1]", "d>@[127.0.0.1]"];
    let script = format!(
        "{HELLO}S:250 PIPELINING\nC:MAIL\nC:RCPT\nC:RCPT\nC:RCPT\nC:DATA\nS:250 OK\n\
         S:550 5.1.1 unknown\nS:250 OK\nS:450 4.2.1 later\nS:354 go\nM\nS:250 OK\nH"
    );
    let (outcomes, _) = played(&script, &to).await;
    assert_eq!(outcomes, ["refused 5.1.1", "accepted 250 OK", "deferred 4.2.1", "refused 5.1.3"]);
}

#[tokio::test]
async fn a_refusal_is_for_good_or_not_at_every_stage() {
    let before = format!("{HELLO}S:250 8BITMIME\n");
    let rcpt = format!("{before}C:MAIL\nS:250 OK\nC:RCPT\n");
    let data = format!("{rcpt}S:250 OK\nC:DATA\n");
    let cases = [
        ("S:554 5.3.2 no service\nH".to_owned(), "refused 5.3.2"),
        ("S:421 4.3.2 busy\nH".to_owned(), "deferred 4.3.2"),
        ("S:220 hi\nC:EHLO\nS:421 no\n".to_owned(), "deferred 4.0.0"),
        ("S:220 hi\nC:EHLO\nS:550 no\nC:HELO\nS:550 no\nH".to_owned(), "refused 5.0.0"),
        (format!("{before}C:MAIL\nS:550 5.7.1 not you\nC:RSET\nS:250 OK\nH"), "refused 5.7.1"),
        (format!("{before}C:MAIL\nS:451 4.7.1 later\nC:RSET\nS:250 OK\nH"), "deferred 4.7.1"),
        (format!("{before}C:MAIL\nS:421 4.7.0 enough\n"), "deferred 4.7.0"),
        (format!("{rcpt}S:550 no\nC:RSET\nS:250 OK\nH"), "refused 5.0.0"),
        (format!("{rcpt}S:421 4.7.0 enough\n"), "deferred 4.7.0"),
        (format!("{data}S:554 5.7.1 no\nC:RSET\nS:250 OK\nH"), "refused 5.7.1"),
        (format!("{data}S:451 later\nC:RSET\nS:250 OK\nH"), "deferred 4.0.0"),
        (format!("{data}S:250 what?\nC:RSET\nS:250 OK\nH"), "deferred 4.5.0"),
        (format!("{data}S:354 go\nM\nS:552 5.3.4 too large\nH"), "refused 5.3.4"),
        (format!("{data}S:354 go\nM\nS:451 4.7.1 scanned\nH"), "deferred 4.7.1"),
    ];
    for (script, outcome) in cases {
        assert_eq!(played(&script, &[TO_B]).await.0, [outcome], "{script}");
    }
}

/// RFC 5321, 4.2.5 and 6.1: only behind the dot is it unknown who has the message.
#[tokio::test]
async fn a_connection_that_is_lost_defers_and_behind_the_dot_the_message_may_have_arrived() {
    let steps = [
        "S:220 hi",
        "C:EHLO",
        "S:250 8BITMIME",
        "C:MAIL",
        "S:250 OK",
        "C:RCPT",
        "S:250 OK",
        "C:DATA",
        "S:354 go",
        "M",
    ];
    for count in 0..=steps.len() {
        let script = steps.get(..count).expect("in range").join("\n");
        let expected =
            if count == steps.len() { "deferred 4.4.2 perhaps" } else { "deferred 4.4.2" };
        let (outcomes, _) = played(&script, &[TO_B]).await;
        // The message is short enough to be sent whole before anybody sees that the peer has gone.
        if count == steps.len() - 1 {
            assert!(outcomes[0].starts_with("deferred 4.4.2"), "{outcomes:?}");
        } else {
            assert_eq!(outcomes, [expected], "closed behind {script:?}");
        }
    }
}

#[tokio::test]
async fn silence_ends_at_every_stage() {
    let stages = [
        "",
        "C:EHLO\n",
        "C:EHLO\nS:250 X\nC:MAIL\nS:250 OK\nC:RCPT\nS:250 OK\nC:DATA\nS:354 go\nM\n",
    ];
    for (stage, expected) in
        stages.into_iter().zip(["deferred 4.4.2", "deferred 4.4.2", "deferred 4.4.2 perhaps"])
    {
        let greeting = if stage.is_empty() { "" } else { "S:220 hi\n" };
        let (outcomes, _) = played(&format!("{greeting}{stage}H"), &[TO_B]).await;
        assert_eq!(outcomes, [expected], "{stage:?}");
    }
}

#[tokio::test]
async fn lines_without_end_and_nonsense_end_the_session() {
    let long = format!("L:{}\nH", "2".repeat(100_000));
    let mut many = "S:220 hi\nC:EHLO\n".to_owned();
    (0..10_000).for_each(|_| many.push_str("S:250-X\n"));
    for script in [&long, &many, "S:hello\nH", "S:220 hi\nC:EHLO\nS:25\nH"] {
        assert_eq!(played(script, &[TO_B]).await.0, ["deferred 4.4.2"]);
    }
}

#[tokio::test]
async fn a_message_for_nobody_is_not_sent() {
    let script = format!(
        "{HELLO}S:250 PIPELINING\nC:MAIL\nC:RCPT\nC:DATA\nS:250 OK\nS:550 5.1.1 no\nS:354 go\nH"
    );
    let (outcomes, heard) = played(&script, &[TO_B]).await;
    assert_eq!(outcomes, ["refused 5.1.1"]);
    assert_eq!(heard.last().map(String::as_str), Some("DATA"), "no dot: {heard:?}");
}

#[tokio::test]
async fn too_many_recipients_go_in_another_transaction() {
    let transaction =
        "C:MAIL\nS:250 OK\nC:RCPT\nS:250 OK\nC:RCPT\nS:452 4.5.3 too many\nB\nS:250 one\n";
    let script = format!(
        "{HELLO}S:250 CHUNKING\n{transaction}C:MAIL\nS:250 OK\nC:RCPT TO:<b@\nS:250 OK\nB\nS:250 two\nH"
    );
    let (outcomes, _) = played(&script, &["a@[127.0.0.1]", "b@[127.0.0.1]"]).await;
    assert_eq!(outcomes, ["accepted 250 one", "accepted 250 two"]);
    // RFC 9422: told beforehand, so that nobody has to refuse.
    let one = "C:MAIL\nS:250 OK\nC:RCPT\nS:250 OK\nB\nS:250 OK\n";
    let script = format!("{HELLO}S:250-CHUNKING\nS:250 LIMITS RCPTMAX=1\n{one}{one}H");
    let (outcomes, _) = played(&script, &["a@[127.0.0.1]", "b@[127.0.0.1]"]).await;
    assert_eq!(outcomes, ["accepted 250 OK", "accepted 250 OK"]);
}

#[tokio::test]
async fn hundreds_of_recipients_go_in_groups() {
    let recipients: Vec<String> = (0..120).map(|number| format!("r{number}@[127.0.0.1]")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let transaction = |count: usize| {
        let mut script = String::new();
        // Read and answered one by one: the client must not wait for the end of a group.
        let _ = write!(script, "C:MAIL\n{}", "C:RCPT\n".repeat(count.min(49)));
        let _ = write!(script, "S:250 OK\n{}", "S:250 OK\n".repeat(count.min(49)));
        let rest = count.saturating_sub(49);
        for group in [rest.min(50), rest.saturating_sub(50)] {
            let _ = write!(script, "{}{}", "C:RCPT\n".repeat(group), "S:250 OK\n".repeat(group));
        }
        script + "B\nS:250 OK\n"
    };
    let script = format!(
        "{HELLO}S:250-PIPELINING\nS:250 CHUNKING\n{}{}H",
        transaction(100),
        transaction(20)
    );
    let (outcomes, heard) = played(&script, &recipients).await;
    assert!(outcomes.iter().all(|outcome| outcome == "accepted 250 OK"), "{outcomes:?}");
    assert_eq!(heard.iter().filter(|line| line.starts_with("RCPT")).count(), 120);
}

#[tokio::test]
async fn what_a_server_says_while_it_stops_to_take_a_message_is_heard() {
    let peer = Peer::start(&[&format!(
        "{HELLO}S:250 8BITMIME\nC:MAIL\nS:250 OK\nC:RCPT\nS:250 OK\nC:DATA\nS:354 go\n\
         S:552 5.3.4 too large after all\n"
    )])
    .await;
    let scene = Scene::with_port(peer.address.port()).await;
    let message = Arc::new(b"line\r\n".repeat(100_000));
    let outcome = scene.send_mail(&OutgoingMail::plain("", &[TO_B], message)).await;
    assert_eq!(brief(&outcome[0]), "refused 5.3.4");
}

#[tokio::test]
async fn a_reply_too_many_is_not_taken_for_the_messages_own() {
    for (extension, end) in [("CHUNKING", "B\n"), ("8BITMIME", "C:DATA\nS:354 go\nM\n")] {
        let script = format!(
            "{HELLO}S:250 {extension}\nC:MAIL\nS:250 OK\nC:RCPT\nL:250 OK\\r\\n250 OK\\r\\n\n{end}S:451 no\nH"
        );
        assert_eq!(played(&script, &[TO_B]).await.0, ["deferred 4.4.2"], "{extension}");
    }
}
