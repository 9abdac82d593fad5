//! MTA-STS (RFC 8461): policies from a web server, kept to, remembered, and done without.

use super::super::TlsNeed;
use super::peer::Peer;
use super::protection::{Certificate, OFFERS, TAKES};
use super::scene::{Scene, brief, mail};

const RECORDS: [&str; 4] = [
    "x.test MX 1 mx.x.test",
    "mx.x.test A 127.0.0.1",
    "_mta-sts.x.test TXT v=STSv1; id=1;",
    "mta-sts.x.test A 127.0.0.1",
];

/// A web server's answer to the one question.
fn page(status: &str, kind: &str, lines: &[&str]) -> String {
    let body = lines.iter().map(|line| format!("S:{line}\n")).collect::<Vec<_>>().concat();
    let len: usize = lines.iter().map(|line| line.len() + 2).sum();
    format!(
        "T\nC:GET /.well-known/mta-sts.txt HTTP/1.1\nC:host: mta-sts.x.test\nC:\nS:HTTP/1.1 {status}\n\
         S:Content-Type: {kind}\nS:Content-Length: {len}\nS:\n{body}"
    )
}

fn policy(mode: &str, mx: &str) -> String {
    let (mode, mx) = (format!("mode: {mode}"), format!("mx: {mx}"));
    page("200 OK", "text/plain", &["version: STSv1", &mode, &mx, "max_age: 86400"])
}

/// A server that takes mail in TLS.
fn secure() -> String {
    format!("{OFFERS}S:220 go\nT\nC:EHLO\nS:250-peer\nS:250 REQUIRETLS\n{TAKES}H")
}

/// One that takes it without.
fn open() -> String {
    format!("S:220 hi\nC:EHLO\nS:250 X\n{TAKES}H")
}

/// One that should get nothing.
const BARE: &str = "S:220 hi\nC:EHLO\nS:250 X\nC:QUIT\nS:221 bye\n";

struct World {
    certificate: Certificate,
    _web: Peer,
    _mx: Peer,
    config: String,
    scene: Scene,
}

impl World {
    async fn new(page: &str, mx: &[&str]) -> Self {
        let certificate = Certificate::new();
        let web = certificate.peer(&[page]).await;
        let mx = certificate.peer(mx).await;
        let (port, web_port) = (mx.address.port(), web.address.port());
        let ca = certificate.file.display();
        let config = format!(
            "[outgoing]\nport = {port}\nmta_sts_port = {web_port}\nidle_ms = 0\nca = '{ca}'\n"
        );
        let scene = Scene::with(&config, &RECORDS).await;
        Self { certificate, _web: web, _mx: mx, config, scene }
    }
}

#[tokio::test]
async fn a_policy_is_kept_to() {
    let cases = [
        (policy("enforce", "mx.x.test"), secure(), "accepted 250 taken"),
        (policy("enforce", "*.x.test"), secure(), "accepted 250 taken"),
        (policy("enforce", "mx.x.test"), BARE.to_owned(), "deferred 4.7.10"),
        (policy("enforce", "other.test"), BARE.to_owned(), "deferred 4.7.0"),
        (policy("testing", "other.test"), open(), "accepted 250 taken"),
        (policy("none", "mx.x.test"), open(), "accepted 250 taken"),
    ];
    for (page, mx, expected) in cases {
        let world = World::new(&page, &[&mx]).await;
        assert_eq!(world.scene.told("b@x.test").await, expected, "{page}");
    }
}

#[tokio::test]
async fn what_is_no_policy_is_as_none() {
    let lines = ["version: STSv1", "mode: enforce", "mx: other.test", "max_age: 86400"];
    let long = "x".repeat(70_000);
    for page in [
        page("404 Not Found", "text/plain", &lines),
        // RFC 8461, 3.3: a redirect is not followed.
        page("301 Moved", "text/plain", &lines),
        page("200 OK", "text/html", &lines),
        page("200 OK", "text/plain", &lines[1..]),
        page("200 OK", "text/plain", &[&lines[..], &[long.as_str()]].concat()),
        "S:not TLS\nH".to_owned(),
    ] {
        let world = World::new(&page, &[&open()]).await;
        assert_eq!(world.scene.told("b@x.test").await, "accepted 250 taken", "{page:.200}");
    }
}

#[tokio::test]
async fn a_policy_outlives_its_record_and_a_restart() {
    let polite = secure().replace("\nH", "\nC:QUIT\nS:221 bye\n");
    let world = World::new(&policy("enforce", "mx.x.test"), &[&polite, BARE]).await;
    assert_eq!(world.scene.told("b@x.test").await, "accepted 250 taken");
    // Who could change the record could otherwise take the policy away (RFC 8461, 3.3).
    let records = [RECORDS[0], RECORDS[1]];
    let again = world.scene.again(&world.config, &records).await;
    assert_eq!(again.told("b@x.test").await, "deferred 4.7.10");
    // A new version that cannot be fetched leaves the old one in force.
    let records = [RECORDS[0], RECORDS[1], "_mta-sts.x.test TXT v=STSv1; id=2;"];
    let again = world.scene.again(&world.config, &records).await;
    let told = again.told("b@x.test").await;
    assert!(told.starts_with("deferred 4.4."), "the peer has played all its scripts: {told}");
    assert!(world.certificate.file.exists());
}

#[tokio::test]
async fn senders_may_ask_for_more_or_less() {
    let send = async |world: &World, need: TlsNeed| {
        let mut mail = mail(&["b@x.test"]);
        mail.tls = need;
        brief(&world.scene.send_mail(&mail).await[0])
    };
    // TLS-Required: no (RFC 8689, 5).
    let world = World::new(&policy("enforce", "other.test"), &[&open()]).await;
    assert_eq!(send(&world, TlsNeed::Optional).await, "accepted 250 taken");
    // REQUIRETLS (RFC 8689, 4.2.1): a policy vouches for the host.
    let world = World::new(&policy("testing", "mx.x.test"), &[&secure()]).await;
    assert_eq!(send(&world, TlsNeed::Required).await, "accepted 250 taken");
    let world = World::new(&policy("none", "mx.x.test"), &[&secure()]).await;
    assert_eq!(send(&world, TlsNeed::Required).await, "refused 5.7.30");
}
