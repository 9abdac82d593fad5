//! Sessions that carry more than one message.

use super::HELLO;
use super::peer::Peer;
use super::scene::Scene;

const TAKES: &str = "C:MAIL\nS:250 OK\nC:RCPT\nS:250 OK\nB\nS:250 taken\n";
const TO_B: &str = "b@[127.0.0.1]";

#[tokio::test]
async fn the_next_message_takes_the_session_that_waits() {
    let script = format!("{HELLO}S:250 CHUNKING\n{TAKES}C:RSET\nS:250 OK\n{TAKES}H");
    let peer = Peer::start(&[&script]).await;
    let scene = Scene::with_port(peer.address.port()).await;
    assert_eq!(scene.told(TO_B).await, "accepted 250 taken");
    assert_eq!(scene.relay.pool.count(), 1);
    assert_eq!(scene.told(TO_B).await, "accepted 250 taken");
}

#[tokio::test]
async fn a_session_that_died_while_it_waited_costs_nothing() {
    let once = format!("{HELLO}S:250 CHUNKING\n{TAKES}");
    let told = format!("{once}S:421 idle\n");
    let refuses = format!("{once}C:RSET\nS:421 idle\n");
    let last = format!("{once}H");
    let peer = Peer::start(&[&once, &told, &refuses, &last]).await;
    let scene = Scene::with_port(peer.address.port()).await;
    for number in 0..4 {
        assert_eq!(scene.told(TO_B).await, "accepted 250 taken", "message {number}");
    }
}

#[tokio::test]
async fn a_session_has_a_bounded_number_of_messages_and_of_time() {
    let spent =
        format!("{HELLO}S:250-CHUNKING\nS:250 LIMITS MAILMAX=1\n{TAKES}C:QUIT\nS:221 bye\n");
    let again = format!("{HELLO}S:250 CHUNKING\n{TAKES}C:QUIT\nS:221 bye\n");
    let peer = Peer::start(&[&spent, &again]).await;
    let port = peer.address.port();
    let text = format!("[outgoing]\nport = {port}\nidle_ms = 1\nrecipients_max = 1\n");
    let scene = Scene::with(&text, &[]).await;
    let outcomes = scene.send(&["a@[127.0.0.1]", "b@[127.0.0.1]"]).await;
    assert_eq!(super::briefs(&outcomes), ["accepted 250 taken", "accepted 250 taken"]);
    while scene.relay.pool.count() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn no_room_or_no_time_to_wait_ends_a_session_at_once() {
    for setting in ["idle_ms = 0", "idle_connections_max = 0"] {
        let script = format!("{HELLO}S:250 CHUNKING\n{TAKES}C:QUIT\nS:221 bye\n");
        let peer = Peer::start(&[&script, &script]).await;
        let port = peer.address.port();
        let scene = Scene::with(&format!("[outgoing]\nport = {port}\n{setting}\n"), &[]).await;
        assert_eq!(scene.told(TO_B).await, "accepted 250 taken");
        assert_eq!(scene.relay.pool.count(), 0);
        assert_eq!(scene.told(TO_B).await, "accepted 250 taken");
    }
}
