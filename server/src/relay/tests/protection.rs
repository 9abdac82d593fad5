//! TLS: what is asked of it, what is done without it, and log-ins.

use std::path::PathBuf;

use tempfile::TempDir;

use super::super::{Outcome, TlsNeed};
use super::peer::Peer;
use super::scene::{Scene, brief, mail};
use super::{HELLO, TO_B};
use crate::config::TlsFiles;
use crate::tls::{TlsConfigs, ensure_self_signed};

pub(super) const OFFERS: &str =
    "S:220 peer.test\nC:EHLO us.test\nS:250-peer.test\nS:250 STARTTLS\nC:STARTTLS\n";
pub(super) const TAKES: &str =
    "C:MAIL\nS:250 OK\nC:RCPT\nS:250 OK\nC:DATA\nS:354 go\nM\nS:250 taken\n";

/// A certificate for `localhost`, 127.0.0.1 and the hosts of `x.test`.
pub(super) struct Certificate {
    tls: TlsConfigs,
    pub(super) file: PathBuf,
    _home: TempDir,
}

impl Certificate {
    pub(super) fn new() -> Self {
        let home = tempfile::tempdir().expect("directory");
        let file = home.path().join("c.pem");
        let files =
            TlsFiles { certificate: file.clone(), key: home.path().join("k.pem"), client_ca: None };
        ensure_self_signed(&files, &["localhost", "127.0.0.1", "mx.x.test", "mta-sts.x.test"])
            .expect("made");
        Self { tls: TlsConfigs::load(&files).expect("loads"), file, _home: home }
    }

    pub(super) async fn peer(&self, scripts: &[&str]) -> Peer {
        let address = "127.0.0.1:0".parse().expect("an address");
        Peer::start_at(address, scripts, Some(self.tls.acceptor().0)).await
    }

    /// A relay that sends all to this peer, and believes this certificate.
    async fn smarthost(&self, peer: &Peer, host: &str, rest: &str) -> Scene {
        let (port, ca) = (peer.address.port(), self.file.display());
        let smarthost = format!("[[outgoing.smarthost]]\nhost = '{host}'\nport = {port}\n{rest}");
        Scene::with(&format!("[outgoing]\nca = '{ca}'\n{smarthost}"), &["localhost A 127.0.0.1"])
            .await
    }
}

#[tokio::test]
async fn any_certificate_does_where_none_is_asked_for() {
    let certificate = Certificate::new();
    let script =
        format!("{OFFERS}S:220 go\nT\nC:EHLO us.test\nS:250-peer.test\nS:250 DSN\n{TAKES}H");
    let peer = certificate.peer(&[&script]).await;
    let scene = Scene::with_port(peer.address.port()).await;
    let outcomes = scene.send(&[TO_B]).await;
    let [Outcome::Accepted(acceptance)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert!(acceptance.is_tls && acceptance.reports, "what counts was said in TLS");
}

#[tokio::test]
async fn mail_goes_on_without_tls_where_it_is_only_tried() {
    let plain = format!("{HELLO}S:250 STARTTLS\n{TAKES}H");
    for fails in ["S:454 not now\nH", "S:220 go\n", "S:220 go\nS:250 injected\nT\nH", "H"] {
        let certificate = Certificate::new();
        let peer = certificate.peer(&[&format!("{OFFERS}{fails}"), &plain]).await;
        let scene = Scene::with_port(peer.address.port()).await;
        assert_eq!(scene.told(TO_B).await, "accepted 250 taken", "{fails}");
    }
}

#[tokio::test]
async fn a_smarthost_has_a_certificate_or_gets_nothing() {
    let certificate = Certificate::new();
    let good = format!("{OFFERS}S:220 go\nT\nC:EHLO\nS:250 X\n{TAKES}H");
    let cases = [
        (good.as_str(), "localhost", "", "accepted 250 taken"),
        (&good, "127.0.0.1", "", "accepted 250 taken"),
        (&good, "127.0.0.2", "", "deferred 4.4.1"),
        ("S:220 hi\nC:EHLO\nS:250 X\nC:QUIT\nS:221 bye\n", "localhost", "", "deferred 4.7.10"),
        (&format!("{OFFERS}S:454 no\nH"), "localhost", "", "deferred 4.7.5"),
        (&format!("{OFFERS}S:220 go\nS:250 injected\nT\nH"), "localhost", "", "deferred 4.7.5"),
        (
            "T\nS:220 hi\nC:EHLO\nS:250 X\nC:MAIL\nS:550 no\nH",
            "localhost",
            "tls = 'implicit'\n",
            "refused 5.0.0",
        ),
        ("S:220 plain\nH", "localhost", "tls = 'implicit'\n", "deferred 4.7.5"),
        (
            "S:220 hi\nC:EHLO\nS:250 STARTTLS\nC:MAIL\nS:550 no\nH",
            "localhost",
            "tls = 'off'\n",
            "refused 5.0.0",
        ),
    ];
    for (script, host, rest, expected) in cases {
        let peer = certificate.peer(&[script]).await;
        let scene = certificate.smarthost(&peer, host, rest).await;
        assert_eq!(scene.told("b@x.test").await, expected, "{script} {host} {rest}");
    }
    // Another's certificate.
    let stranger = Certificate::new();
    let peer = stranger.peer(&[&good]).await;
    let scene = certificate.smarthost(&peer, "localhost", "").await;
    assert_eq!(scene.told("b@x.test").await, "deferred 4.7.5");
}

#[tokio::test]
async fn requiretls_is_passed_on_or_the_message_comes_back() {
    let certificate = Certificate::new();
    for (offer, mail_line, expected) in [
        ("REQUIRETLS", "C:MAIL FROM:<alice@us.test> REQUIRETLS\nS:250 OK\n", "accepted 250 taken"),
        ("X", "H\n", "refused 5.7.30"),
    ] {
        let rest = TAKES.strip_prefix("C:MAIL\nS:250 OK\n").expect("it begins so");
        let script =
            format!("{OFFERS}S:220 go\nT\nC:EHLO\nS:250-peer\nS:250 {offer}\n{mail_line}{rest}H");
        let peer = certificate.peer(&[&script]).await;
        let scene = certificate.smarthost(&peer, "localhost", "").await;
        let mut mail = mail(&["b@x.test"]);
        mail.tls = TlsNeed::Required;
        assert_eq!(brief(&scene.send_mail(&mail).await[0]), expected, "{offer}");
    }
}

#[tokio::test]
async fn logging_in_by_what_is_offered() {
    let certificate = Certificate::new();
    let password = certificate.file.with_file_name("password");
    std::fs::write(&password, "secret\n").expect("written");
    let secure = format!("{OFFERS}S:220 go\nT\nC:EHLO\nS:250-peer\n");
    let cases = [
        // `\0u\0secret`, `u`, `secret`.
        ("S:250 AUTH LOGIN PLAIN\nC:AUTH PLAIN AHUAc2VjcmV0\nS:235 yes\n", true),
        (
            "S:250 AUTH LOGIN\nC:AUTH LOGIN\nS:334 VXNlcm5hbWU6\nC:dQ==\nS:334 UGFzc3dvcmQ6\nC:c2VjcmV0\nS:235 yes\n",
            true,
        ),
        ("S:250 AUTH PLAIN\nC:AUTH PLAIN\nS:535 5.7.8 no\nH\n", false),
        ("S:250 AUTH GSSAPI\nH\n", false),
        ("S:250 X\nH\n", false),
        (
            "S:250 AUTH SCRAM-SHA-256 PLAIN\nC:AUTH SCRAM-SHA-256\nS:334 cj1ub25jZQ==\nC:*\nS:501 no\nH\n",
            false,
        ),
    ];
    let login = format!("user = 'u'\npassword_file = '{}'\n", password.display());
    for (dialogue, is_in) in cases {
        let peer = certificate.peer(&[&format!("{secure}{dialogue}{TAKES}H")]).await;
        let scene = certificate.smarthost(&peer, "localhost", &login).await;
        let expected = if is_in { "accepted 250 taken" } else { "deferred 4.7.8" };
        assert_eq!(scene.told("b@x.test").await, expected, "{dialogue}");
    }
    std::fs::remove_file(&password).expect("removed");
    let peer = certificate.peer(&[]).await;
    let scene = certificate.smarthost(&peer, "localhost", &login).await;
    assert_eq!(scene.told("b@x.test").await, "deferred 4.3.5");
}
