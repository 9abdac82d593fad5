//! swaks: SMTP between servers, submission with both SASL mechanisms, LMTP.

use super::scene::{ALICE, MESSAGE, PASSWORD, Scene};

/// Sends the message; returns what alice then has.
fn sent(scene: &Scene, port_of: &str, arguments: &[&str]) -> String {
    let file = scene.file("message", MESSAGE);
    let (port, certificate) = (scene.port(port_of), scene.certificate());
    let program = scene.program("swaks").args(["--server", "127.0.0.1", "--port", &port]);
    let program = program.args(["--helo", "client.test", "--to", ALICE]);
    let program = program.args(["--data", &format!("@{file}"), "--tls-ca-path", &certificate]);
    program.args(arguments).succeed();
    let mut stored = scene.stored("INBOX");
    assert_eq!(stored.len(), 1, "{port_of}");
    // swaks ends its message with an empty line.
    let message = stored.remove(0);
    message.strip_suffix("\r\n").expect("a line end").to_owned()
}

const FROM_CAROL: [&str; 2] = ["--from", "carol@elsewhere.test"];

#[test]
fn swaks_sends_to_each_kind_of_smtp_port() {
    for (port_of, tls) in [
        ("smtp", &[][..]),
        ("smtp", &["--tls", "--tls-verify"]),
        ("smtps", &["--tls-on-connect", "--tls-verify"]),
        ("lmtp", &["--protocol", "LMTP"]),
    ] {
        let scene = Scene::new();
        let stored = sent(&scene, port_of, &[&FROM_CAROL, tls].concat());
        assert!(stored.starts_with("Return-Path: <carol@elsewhere.test>\r\n"), "{stored}");
        assert!(stored.ends_with(MESSAGE), "{port_of} {tls:?}: {stored}");
    }
}

#[test]
fn swaks_submits_after_a_log_in() {
    let user = ["--from", ALICE, "--auth-user", ALICE, "--auth-password", PASSWORD];
    for (port_of, tls) in [
        ("submission", &[][..]),
        ("submission", &["--tls", "--tls-verify"]),
        ("submissions", &["--tls-on-connect", "--tls-verify"]),
    ] {
        for mechanism in ["PLAIN", "LOGIN"] {
            let scene = Scene::new();
            let stored = sent(&scene, port_of, &[&user, tls, &["--auth", mechanism]].concat());
            let body = MESSAGE.split_once("\r\n\r\n").expect("a header").1;
            assert!(stored.ends_with(body), "{port_of} {tls:?} {mechanism}: {stored}");
        }
    }
}

#[test]
fn swaks_sees_its_wrong_password_and_unknown_recipient_refused() {
    let scene = Scene::new();
    let port = scene.port("submission");
    let wrong = scene.program("swaks").args(["--server", "127.0.0.1", "--port", &port]);
    let wrong = wrong.args(["--to", ALICE, "--from", ALICE, "--auth", "PLAIN"]);
    let wrong = wrong.args(["--auth-user", ALICE, "--auth-password", "wrong"]).run();
    assert_eq!(wrong.status.code(), Some(28), "authentication failed, says swaks");
    let port = scene.port("smtp");
    let unknown = scene.program("swaks").args(["--server", "127.0.0.1", "--port", &port]);
    let unknown = unknown.args(FROM_CAROL).args(["--to", "nobody@example.test"]).run();
    assert_eq!(unknown.status.code(), Some(24), "no recipient was taken, says swaks");
    assert!(String::from_utf8_lossy(&unknown.stdout).contains("550"));
}
