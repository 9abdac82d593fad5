//! curl: each of the three protocols, each transport.

use tests::mail_program::MailProgram;

use super::scene::{ALICE, MESSAGE, PASSWORD, SHORT, Scene, TRANSPORTS, Transport};

/// curl on its way to a URL, logged in if there is a user.
fn curl(scene: &Scene, transport: Transport, protocol: &str, path: &str) -> MailProgram {
    let scheme = transport.protocol(protocol);
    url(scene, transport, &scheme, &scheme, path)
}

fn url(
    scene: &Scene,
    transport: Transport,
    scheme: &str,
    port_of: &str,
    path: &str,
) -> MailProgram {
    let url = format!("{scheme}://127.0.0.1:{}/{path}", scene.port(port_of));
    let program = scene.program("curl");
    let certificate = scene.certificate();
    let program =
        program.args(["--silent", "--show-error", "--cacert", &certificate, "--url", &url]);
    if transport == Transport::StartTls { program.args(["--ssl-reqd"]) } else { program }
}

fn user() -> [String; 2] {
    ["--user".to_owned(), format!("{ALICE}:{PASSWORD}")]
}

const ENVELOPE: [&str; 4] =
    ["--mail-from", "carol@elsewhere.test", "--mail-rcpt", "alice@example.test"];

#[test]
fn curl_sends_by_smtp() {
    for transport in TRANSPORTS {
        let scene = Scene::new();
        let file = scene.file("message", MESSAGE);
        let program = curl(&scene, transport, "smtp", "client.test");
        program.args(ENVELOPE).args(["--upload-file", &file]).succeed();
        let stored = scene.stored("INBOX");
        assert_eq!(stored.len(), 1, "{transport:?}");
        assert!(stored[0].ends_with(MESSAGE), "{transport:?}: {}", stored[0]);
    }
}

#[test]
fn curl_submits_what_its_user_wrote() {
    for (transport, scheme, port_of) in [
        (Transport::Plain, "smtp", "submission"),
        (Transport::StartTls, "smtp", "submission"),
        (Transport::Tls, "smtps", "submissions"),
    ] {
        let scene = Scene::new();
        let file = scene.file("message", MESSAGE);
        let program = url(&scene, transport, scheme, port_of, "client.test").args(user());
        let envelope = ["--mail-from", ALICE, "--mail-rcpt", ALICE];
        program.args(envelope).args(["--upload-file", &file]).succeed();
        let stored = scene.stored("INBOX");
        assert_eq!(stored.len(), 1, "{transport:?}");
        let body = MESSAGE.split_once("\r\n\r\n").expect("a header").1;
        assert!(stored[0].ends_with(body), "{transport:?}: {}", stored[0]);
    }
}

#[test]
fn curl_reads_lists_and_uploads_by_imap() {
    for transport in TRANSPORTS {
        let scene = Scene::new();
        scene.append("INBOX", MESSAGE);
        let read = curl(&scene, transport, "imap", "INBOX;UID=1").args(user()).succeed();
        assert_eq!(String::from_utf8_lossy(&read), MESSAGE, "{transport:?}");
        let listed = curl(&scene, transport, "imap", "").args(user()).succeed();
        let listed = String::from_utf8_lossy(&listed).into_owned();
        for name in ["INBOX", "Drafts", "Sent", "Trash", "Junk", "Archive"] {
            assert!(listed.contains(name), "{transport:?}: {name} is not in {listed}");
        }
        let file = scene.file("short", SHORT);
        let upload = curl(&scene, transport, "imap", "Drafts").args(user());
        upload.args(["--upload-file", &file]).succeed();
        assert_eq!(scene.stored("Drafts"), [SHORT], "{transport:?}");
        let found = curl(&scene, transport, "imap", "INBOX?HEADER%20Subject%20folded").args(user());
        let found = found.succeed();
        assert_eq!(String::from_utf8_lossy(&found).trim_end(), "* SEARCH 1", "{transport:?}");
    }
}

#[test]
fn curl_reads_lists_and_deletes_by_pop3() {
    for transport in TRANSPORTS {
        let scene = Scene::new();
        scene.append("INBOX", MESSAGE);
        scene.append("INBOX", SHORT);
        let read = curl(&scene, transport, "pop3", "1").args(user()).succeed();
        assert_eq!(String::from_utf8_lossy(&read), MESSAGE, "{transport:?}");
        let listed = curl(&scene, transport, "pop3", "").args(user()).succeed();
        let expected = format!("1 {}\r\n2 {}\r\n", MESSAGE.len(), SHORT.len());
        assert_eq!(String::from_utf8_lossy(&listed), expected, "{transport:?}");
        let delete = curl(&scene, transport, "pop3", "1").args(user());
        delete.args(["--request", "DELE", "--list-only"]).succeed();
        assert_eq!(scene.stored("INBOX"), [SHORT], "{transport:?}");
    }
}
