use std::net::{IpAddr, Ipv4Addr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::config::Listener;
use crate::limits::Admission;
use crate::set_up::set_up;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub(crate) struct World {
    config: Config,
    _dir: tempfile::TempDir,
}

pub(crate) async fn world(protocols: &[Protocol]) -> World {
    let dir = tempfile::tempdir().expect("directory");
    let mut config = Config::default().relative_to(dir.path());
    config.listeners = protocols
        .iter()
        .map(|&protocol| Listener { protocol, address: SocketAddr::from((LOOPBACK, 0)) })
        .collect();
    set_up(&config).await.expect("set up").close().await;
    World { config, _dir: dir }
}

impl World {
    pub(crate) async fn start(&self) -> Server {
        Server::start(self.config.clone()).await.expect("starts")
    }
}

/// Everything the server says until it closes the connection.
async fn heard(server: &Server, protocol: Protocol, says: &str) -> String {
    let address = server.address(protocol).expect("listens");
    let mut client = TcpStream::connect(address).await.expect("connects");
    client.write_all(says.as_bytes()).await.expect("sends");
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).await.expect("closed by the server");
    String::from_utf8(heard).expect("text")
}

async fn get(server: &Server, path: &str) -> String {
    heard(server, Protocol::Http, &format!("GET {path} HTTP/1.0\r\n\r\n")).await
}

#[tokio::test]
async fn who_is_over_the_limit_is_told_so_in_the_protocols_words() {
    let mut world =
        world(&[Protocol::Imap, Protocol::Pop3, Protocol::Smtp, Protocol::Lmtp, Protocol::Imaps])
            .await;
    world.config.limits.connections_per_address_max = 3;
    let server = world.start().await;
    let limits = server.connection_limits();
    let others: Vec<Admission> = (0..3).map(|_| limits.admit(LOOPBACK).expect("room")).collect();
    for (protocol, words) in [
        (Protocol::Imap, "* BYE [UNAVAILABLE] Too many connections\r\n"),
        (Protocol::Pop3, "-ERR [SYS/TEMP] Too many connections\r\n"),
        (Protocol::Smtp, "421 localhost Too many connections\r\n"),
        (Protocol::Lmtp, "421 localhost Too many connections\r\n"),
        (Protocol::Imaps, ""),
    ] {
        assert_eq!(heard(&server, protocol, "").await, words);
    }
    drop(others);
    server.stop().await;
}

#[tokio::test]
async fn health_readiness_and_metrics_are_told() {
    let world = world(&[Protocol::Imap, Protocol::Http]).await;
    let server = world.start().await;
    assert!(get(&server, "/healthz").await.starts_with("HTTP/1.0 200 "));
    assert!(get(&server, "/readyz").await.starts_with("HTTP/1.0 200 "));
    let metrics = get(&server, "/metrics").await;
    assert!(metrics.contains("fumikura_connections_total{protocol=\"imap\"} 0\n"), "{metrics}");
    assert!(get(&server, "/other").await.starts_with("HTTP/1.0 404 "));
    server.stop().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_and_everything_is_given_back() {
    let world = world(&[Protocol::Imap]).await;
    let first = world.start().await;
    let taken = first.address(Protocol::Imap).expect("listens");
    let mut config = world.config.clone();
    config.listeners[0].address = taken;
    let refusal = Server::start(config.clone()).await.expect_err("taken").to_string();
    assert!(refusal.contains(&taken.to_string()) && refusal.contains("imap"), "{refusal}");
    first.stop().await;
    let again = Server::start(config).await.expect("free again");
    again.stop().await;
}

#[tokio::test]
async fn a_server_without_ports_does_not_start() {
    let world = world(&[]).await;
    assert!(matches!(Server::start(world.config).await, Err(StartError::NoListeners)));
}

#[tokio::test]
async fn a_missing_certificate_says_how_to_make_one() {
    let world = world(&[Protocol::Imap]).await;
    std::fs::remove_file(&world.config.tls.key).expect("removed");
    let refusal = Server::start(world.config).await.expect_err("no key").to_string();
    assert!(refusal.contains("key.pem") && refusal.contains("fumikura init"), "{refusal}");
}

#[tokio::test]
async fn a_spool_that_cannot_be_written_is_told_at_the_start() {
    let mut world = world(&[Protocol::Imap]).await;
    world.config.store.spool = Some("/dev/null".into());
    let error = Server::start(world.config.clone()).await.err().map(|error| error.to_string());
    assert!(error.as_deref().is_some_and(|error| error.contains("/dev/null")), "{error:?}");
}
