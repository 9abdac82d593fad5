use std::net::Ipv4Addr;
use std::time::Duration;

use super::*;

pub(super) const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

pub(super) struct World {
    pub(super) directory: Directory,
    pub(super) auth: Authenticator,
    _dir: tempfile::TempDir,
}

pub(super) async fn world(failures_max: u32) -> World {
    let dir = tempfile::tempdir().expect("directory");
    let directory = Directory::open(&dir.path().join("d.sqlite"), "+").await.expect("opens");
    directory.add_domain("example.test").await.expect("domain");
    directory.add_user(&alice(), stored("right")).await.expect("user");
    let config =
        AuthConfig { failures_max, failure_delay: Duration::ZERO, ..AuthConfig::default() };
    World { auth: Authenticator::new(directory.clone(), config), directory, _dir: dir }
}

fn stored(password: &str) -> crate::directory::StoredPassword {
    store_password(password, &AuthConfig::default()).expect("hash")
}

pub(super) fn alice() -> Address {
    Address::parse("alice@example.test").expect("address")
}

#[tokio::test]
async fn the_right_password_finds_the_account_in_any_case_of_the_login() {
    let world = world(20).await;
    let identity = world.auth.verify("Alice@Example.TEST", "right", PEER).await.expect("log-in");
    assert_eq!(identity.address, alice());
    // Again, now from the cache.
    let again = world.auth.verify("alice@example.test", "right", PEER).await.expect("log-in");
    assert_eq!(again, identity);
}

#[tokio::test]
async fn every_failure_reads_the_same() {
    let world = world(20).await;
    let long = "x".repeat(CREDENTIAL_LEN_MAX + 1);
    let tries = [
        ("alice@example.test", "wrong"),
        ("alice@example.test", ""),
        ("nobody@example.test", "right"),
        ("alice@elsewhere.test", "right"),
        ("alice+x@example.test", "right"),
        ("alice", "right"),
        ("", ""),
        (&long, "right"),
    ];
    for (login, password) in tries {
        let failure = world.auth.verify(login, password, PEER).await.expect_err(login);
        assert_eq!(failure.to_string(), "wrong login or password", "{login}");
    }
}

#[tokio::test]
async fn a_changed_password_counts_at_once() {
    let world = world(20).await;
    world.auth.verify("alice@example.test", "right", PEER).await.expect("cached");
    world.directory.set_password(&alice(), stored("new")).await.expect("changed");
    assert!(world.auth.verify("alice@example.test", "right", PEER).await.is_err());
    world.auth.verify("alice@example.test", "new", PEER).await.expect("the new one");
}

#[tokio::test]
async fn a_removed_user_is_refused_at_once() {
    let world = world(20).await;
    world.auth.verify("alice@example.test", "right", PEER).await.expect("cached");
    world.directory.remove_user(&alice()).await.expect("removed");
    assert!(world.auth.verify("alice@example.test", "right", PEER).await.is_err());
}

#[tokio::test]
async fn after_too_many_failures_even_the_right_password_is_not_looked_at() {
    let world = world(2).await;
    for _ in 0..2 {
        let failure = world.auth.verify("alice@example.test", "wrong", PEER).await;
        assert!(matches!(failure, Err(AuthFailure::Wrong)));
    }
    let refused = world.auth.verify("alice@example.test", "right", PEER).await;
    assert!(matches!(refused, Err(AuthFailure::TooMany)));
    let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    world.auth.verify("alice@example.test", "right", elsewhere).await.expect("not locked out");
}

#[tokio::test]
async fn a_flood_of_log_ins_is_refused_rather_than_queued_without_end() {
    let world = world(20).await;
    let _all = world.auth.shared.waiting.acquire_many(256).await.expect("open");
    let refused = world.auth.verify("alice@example.test", "right", PEER).await;
    assert!(matches!(refused, Err(AuthFailure::Unavailable(None))));
}

#[tokio::test]
async fn plain_passwords_need_tls_or_this_machine() {
    let world = world(20).await;
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    assert!(world.auth.allows_password(true, PEER));
    assert!(!world.auth.allows_password(false, PEER));
    assert!(world.auth.allows_password(false, loopback));
    let strict = AuthConfig { plaintext_on_loopback: false, ..AuthConfig::default() };
    let strict = Authenticator::new(world.directory.clone(), strict);
    assert!(!strict.allows_password(false, loopback));
}
