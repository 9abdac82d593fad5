//! fetchmail: POP3 and IMAP, each transport; what it fetched is gone from the server.

use super::scene::{ALICE, MESSAGE, PASSWORD, SHORT, Scene, TRANSPORTS, Transport, with_lf};

fn configuration(scene: &Scene, transport: Transport, protocol: &str) -> String {
    let port = scene.port(&transport.protocol(protocol));
    let certificate = scene.certificate();
    let tls = match transport {
        Transport::Plain => "sslproto ''".to_owned(),
        Transport::StartTls => format!("sslproto 'TLS1.2+' sslcertck sslcertfile '{certificate}'"),
        Transport::Tls => format!("ssl sslcertck sslcertfile '{certificate}'"),
    };
    let out = scene.path("out");
    let text = format!(
        "poll localhost protocol {protocol} port {port} auth password user '{ALICE}' \
         password '{PASSWORD}' {tls} fetchall no keep no rewrite mda 'cat >> {out}'\n"
    );
    scene.file("fetchmailrc", &text)
}

#[test]
fn fetchmail_fetches_everything_and_deletes_it() {
    for protocol in ["pop3", "imap"] {
        for transport in TRANSPORTS {
            let scene = Scene::new();
            scene.append("INBOX", MESSAGE);
            scene.append("INBOX", SHORT);
            let config = configuration(&scene, transport, protocol);
            let program = scene.program("fetchmail").env("FETCHMAILHOME", scene.path(""));
            let arguments = ["--nodetach", "--nosyslog", "--invisible", "-v", "-f", &config];
            program.args(arguments).succeed();
            let out = scene.read("out");
            for message in [MESSAGE, SHORT] {
                let message = with_lf(message);
                let body = message.split_once("\n\n").expect("a header").1;
                assert!(out.contains(body), "{protocol} {transport:?}: {out}");
                let id = message.lines().find(|line| line.starts_with("Message-ID")).expect("one");
                assert_eq!(out.matches(id).count(), 1, "{protocol} {transport:?}: {out}");
            }
            assert!(scene.stored("INBOX").is_empty(), "{protocol} {transport:?}");
        }
    }
}
