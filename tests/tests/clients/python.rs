//! Python's own libraries and imapclient; each script in `tests/clients/` checks what it sees and
//! ends with an error where that is wrong.

use tests::binary::repository;
use tests::mail_program::MailProgram;
use tests::server::TestServer;

use super::scene::{ALICE, MESSAGE, PASSWORD, SHORT, Scene};

const PORTS: [&str; 8] =
    ["smtp", "smtps", "submission", "submissions", "pop3", "pop3s", "imap", "imaps"];

/// Runs a script for one transport: `plain`, `starttls` or `tls`.
fn run(scene: &Scene, script: &str, transport: &str) {
    run_with(scene, script, transport, &[]);
}

/// The same, with more in its environment.
fn run_with(scene: &Scene, script: &str, transport: &str, environment: &[(&str, &str)]) {
    let file = repository().join("tests/clients").join(script);
    let mut program = MailProgram::python(&scene.home()).args([file.as_os_str()]);
    for port in PORTS {
        program = program.env(&format!("{}_PORT", port.to_uppercase()), scene.port(port));
    }
    for (name, value) in environment {
        program = program.env(name, value);
    }
    let message = scene.file("message", MESSAGE);
    let short = scene.file("short", SHORT);
    let program = program.env("MESSAGE", message).env("SHORT", short);
    let program = program.env("LOGIN", ALICE).env("PASSWORD", PASSWORD);
    program.env("CERTIFICATE", scene.certificate()).args([transport]).succeed();
}

const TRANSPORTS: [&str; 3] = ["plain", "starttls", "tls"];

#[test]
fn imaplib_stores_reads_flags_copies_and_removes() {
    for transport in TRANSPORTS {
        let scene = Scene::new();
        run(&scene, "with_imaplib.py", transport);
        assert_eq!(scene.stored("Archive"), [MESSAGE], "{transport}");
        assert_eq!(scene.stored("INBOX"), [SHORT], "{transport}");
    }
}

/// What zlib makes of each kind of flush; the partial one ends inside an octet.
#[test]
fn imaplib_does_the_same_through_zlib() {
    for transport in TRANSPORTS {
        for flush in ["Z_PARTIAL_FLUSH", "Z_SYNC_FLUSH", "Z_FULL_FLUSH"] {
            let scene = Scene::new();
            run_with(&scene, "with_imaplib.py", transport, &[("FLUSH", flush)]);
            assert_eq!(scene.stored("Archive"), [MESSAGE], "{transport}, {flush}");
            assert_eq!(scene.stored("INBOX"), [SHORT], "{transport}, {flush}");
        }
    }
}

#[test]
fn poplib_reads_and_deletes() {
    for transport in TRANSPORTS {
        let scene = Scene::new();
        scene.append("INBOX", MESSAGE);
        scene.append("INBOX", SHORT);
        run(&scene, "with_poplib.py", transport);
        assert_eq!(scene.stored("INBOX"), [SHORT], "{transport}");
    }
}

#[test]
fn smtplib_sends_and_submits() {
    for transport in TRANSPORTS {
        let scene = Scene::new();
        run(&scene, "with_smtplib.py", transport);
        let stored = scene.stored("INBOX");
        assert_eq!(stored.len(), 2, "{transport}");
        assert!(stored[0].ends_with(MESSAGE), "{transport}: {}", stored[0]);
        assert!(stored[1].ends_with("\r\n\r\nonly this\r\n"), "{transport}: {}", stored[1]);
    }
}

#[test]
fn python_logs_in_by_scram_and_binds_to_the_certificate() {
    for transport in TRANSPORTS {
        let server = TestServer::with(&["limits.log_in_failures_max = 100"]);
        run(&Scene { server }, "with_scram.py", transport);
    }
}

#[test]
fn imapclient_stores_reads_searches_moves_and_waits() {
    for transport in TRANSPORTS {
        let scene = Scene::new();
        run(&scene, "with_imapclient.py", transport);
        assert_eq!(scene.stored("Archive"), [SHORT], "{transport}");
        let flags = scene.flags("INBOX");
        assert_eq!(flags.len(), 1, "{transport}: {flags:?}");
        assert!(flags[0].contains("\\Flagged") && flags[0].contains("Later"), "{flags:?}");
    }
}
