//! Which hosts are asked, and what name servers can do to that.

use super::HELLO;
use super::peer::Peer;
use super::scene::Scene;

const TAKES: &str = "C:MAIL\nS:250 OK\nC:RCPT\nS:250 OK\nC:DATA\nS:354 go\nM\n";

fn takes(name: &str) -> String {
    format!("{HELLO}S:250 8BITMIME\n{TAKES}S:250 {name}\nH")
}

/// Peers on neighbouring addresses with one port.
async fn peers(scripts: &[&[&str]]) -> Vec<Peer> {
    let mut peers: Vec<Peer> = Vec::new();
    for (number, scripts) in (1..).zip(scripts) {
        let port = peers.first().map_or(0, |first| first.address.port());
        let address = format!("127.0.0.{number}:{port}").parse().expect("an address");
        peers.push(Peer::start_at(address, scripts, None).await);
    }
    peers
}

async fn scene(peers: &[Peer], records: &[&str]) -> Scene {
    let port = peers.first().map_or(1, |first| first.address.port());
    Scene::with(&format!("[outgoing]\nport = {port}\n"), records).await
}

#[tokio::test]
async fn the_best_host_is_asked_first_and_the_next_when_it_fails() {
    let busy = "S:421 busy\n";
    let grey =
        format!("{HELLO}S:250 X\nC:MAIL\nS:250 OK\nC:RCPT\nS:450 4.7.1 grey\nC:RSET\nS:250 OK\nH");
    let (second, third) = (takes("second"), takes("third"));
    let peers = peers(&[&[busy, &grey], &[&second], &[&third]]).await;
    let records = [
        "x.test MX 10 mx1.test",
        "x.test MX 20 mx2.test",
        "x.test MX 5 gone.test",
        "x.test MX 7 dead.test",
        "dead.test A 127.0.0.99",
        "mx1.test A 127.0.0.1",
        "mx2.test A 127.0.0.2",
        "y.test MX 1 mx1.test",
        "y.test MX 2 mx3.test",
        "mx3.test A 127.0.0.3",
    ];
    let scene = scene(&peers, &records).await;
    assert_eq!(scene.told("b@x.test").await, "accepted 250 second");
    // A recipient that is put off by one host may be taken by another.
    assert_eq!(scene.told("b@y.test").await, "accepted 250 third");
}

#[tokio::test]
async fn a_domain_without_mx_is_its_own_host() {
    let script = takes("itself");
    let peers = peers(&[&[&script, &script]]).await;
    let records = ["x.test A 127.0.0.1", "y.test CNAME x.test."];
    let scene = scene(&peers, &records).await;
    assert_eq!(scene.told("b@x.test").await, "accepted 250 itself");
}

#[tokio::test]
async fn what_name_servers_say_for_good_and_for_now() {
    let records = [
        "null.test MX 0 .",
        "fail.test FAIL",
        "text.test TXT nothing else",
        "lost.test MX 1 no.test",
        "half.test MX 1 fail.test",
        "us2.test MX 1 us.test",
        "us2.test MX 5 mx.test",
        "mx.test A 127.0.0.1",
        "some.test MX 0 .",
        "some.test MX 1 dead.test",
        "dead.test A 127.0.0.99",
    ];
    let scene = scene(&[], &records).await;
    let cases = [
        ("b@missing.test", "refused 5.1.2"),
        ("b@null.test", "refused 5.1.10"),
        ("b@fail.test", "deferred 4.4.3"),
        ("b@text.test", "refused 5.4.4"),
        ("b@lost.test", "refused 5.4.4"),
        ("b@half.test", "deferred 4.4.3"),
        ("b@us2.test", "refused 5.4.6"),
        ("b@some.test", "deferred 4.4.1"),
    ];
    for (recipient, expected) in cases {
        assert_eq!(scene.told(recipient).await, expected, "{recipient}");
    }
    scene.names.set(&[]);
}

#[tokio::test]
async fn a_try_connects_to_a_bounded_number_of_addresses() {
    let records: Vec<String> = (1..20)
        .map(|number| format!("x.test MX {number} m{number}.test"))
        .chain((1..20).map(|number| format!("m{number}.test A 127.0.1.{number}")))
        .collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let scene = scene(&[], &records).await;
    assert_eq!(scene.told("b@x.test").await, "deferred 4.4.1");
}

#[tokio::test]
async fn mail_does_not_go_to_our_own_port() {
    let peer = Peer::start(&["H"]).await;
    let own = peer.address;
    let text = format!(
        "[outgoing]\nport = {}\n[[listener]]\nprotocol = 'smtp'\naddress = '0.0.0.0:{}'\n",
        own.port(),
        own.port()
    );
    let scene = Scene::with(&text, &[]).await;
    assert_eq!(scene.told("b@[127.0.0.1]").await, "refused 5.4.6");
}
