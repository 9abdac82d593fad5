//! GNU SASL's own client: SCRAM by IMAP and submission, bound to the TLS connection where there is one
//! (`tls-exporter`).

use super::scene::{ALICE, PASSWORD, Scene, Transport};

#[test]
fn gsasl_logs_in_by_scram_with_and_without_channel_binding() {
    let scene = Scene::new();
    let certificate = scene.certificate();
    for (protocol, port_of) in [("--imap", "imap"), ("--smtp", "submission")] {
        for (transport, mechanisms) in [
            (Transport::Plain, &["SCRAM-SHA-1", "SCRAM-SHA-256"][..]),
            (Transport::StartTls, &["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"]),
        ] {
            for mechanism in mechanisms {
                let server = format!("localhost:{}", scene.port(port_of));
                let program = scene.program("gsasl").args([protocol, "--connect", &server]);
                let program = program.args(["--mechanism", mechanism, "--no-client-first"]);
                let program = program.args(["--authentication-id", ALICE, "--password", PASSWORD]);
                let program = program.args(["--authorization-id", ALICE]);
                if transport == Transport::Plain {
                    program.args(["--no-starttls"]).succeed();
                } else {
                    let trust = ["--starttls", "--x509-ca-file", &certificate];
                    program.args(trust).succeed();
                }
            }
        }
    }
    assert_eq!(scene.server.log().matches("logged in").count(), 8);
}
