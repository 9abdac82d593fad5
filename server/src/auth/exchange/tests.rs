use super::*;
use crate::auth::tests::{PEER, World, alice, world};

async fn start<'a>(
    world: &'a World,
    mechanism: Mechanism,
    initial: Option<&[u8]>,
) -> Result<(Exchange<'a>, Step), LogInError> {
    let initial = initial.map(|initial| STANDARD.encode(initial).into_bytes());
    let offered = (mechanism, Mechanism::ALL.as_slice());
    Exchange::start(&world.auth, channel(), offered, initial.as_deref()).await
}

fn channel() -> Channel {
    Channel {
        peer: PEER,
        is_tls: true,
        bindings: crate::auth::Bindings::default(),
        certified: Vec::new(),
    }
}

async fn answer(exchange: &mut Exchange<'_>, text: &str) -> Result<Step, LogInError> {
    exchange.answer(STANDARD.encode(text).as_bytes()).await
}

fn is_alice(step: Result<Step, LogInError>) {
    match step {
        Ok(Step::Done(identity)) => assert_eq!(identity.address, alice()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn plain_comes_with_the_command_or_after_an_empty_challenge() {
    let world = world(20).await;
    let line = "\0alice@example.test\0right";
    let started = start(&world, Mechanism::Plain, Some(line.as_bytes())).await;
    is_alice(started.map(|(_, step)| step));
    let (mut exchange, step) = start(&world, Mechanism::Plain, None).await.expect("starts");
    assert_eq!(step, Step::Challenge(String::new()));
    is_alice(answer(&mut exchange, line).await);
}

#[tokio::test]
async fn login_asks_for_name_and_password_or_takes_the_name_with_the_command() {
    let world = world(20).await;
    let challenge = |text: &str| Step::Challenge(text.to_owned());
    let (mut exchange, step) = start(&world, Mechanism::Login, None).await.expect("starts");
    assert_eq!(step, challenge("VXNlcm5hbWU6"));
    let step = answer(&mut exchange, "alice@example.test").await;
    assert_eq!(step.expect("goes on"), challenge("UGFzc3dvcmQ6"));
    is_alice(answer(&mut exchange, "right").await);
    let name = Some(b"alice@example.test".as_slice());
    let (mut exchange, step) = start(&world, Mechanism::Login, name).await.expect("starts");
    assert_eq!(step, challenge("UGFzc3dvcmQ6"));
    is_alice(answer(&mut exchange, "right").await);
}

#[tokio::test]
async fn a_star_cancels_and_nothing_follows_an_end() {
    let world = world(20).await;
    let (mut exchange, _) = start(&world, Mechanism::Login, None).await.expect("starts");
    let cancelled = exchange.answer(b"*").await;
    assert!(matches!(cancelled, Err(LogInError::Sasl(SaslError::Cancelled))));
    let (mut exchange, _) = start(&world, Mechanism::Plain, None).await.expect("starts");
    for _ in 0..2 {
        let malformed = answer(&mut exchange, "tim").await;
        assert!(matches!(malformed, Err(LogInError::Sasl(SaslError::Malformed))));
    }
}

/// The salt and the iterations that somebody is told.
async fn asked(world: &World, login: &str) -> String {
    let first = format!("n,,n={login},r=abc");
    let started = start(world, Mechanism::ScramSha256, Some(first.as_bytes())).await;
    let (_, Step::Challenge(challenge)) = started.expect("goes on") else { panic!("over") };
    let challenge = STANDARD.decode(challenge).expect("base64");
    let challenge = String::from_utf8(challenge).expect("text");
    let (nonce, rest) = challenge.split_once(',').expect("a nonce");
    assert!(nonce.starts_with("r=abc") && nonce.len() > 20, "{nonce}");
    rest.to_owned()
}

#[tokio::test]
async fn scram_tells_nobody_whether_a_user_exists() {
    let world = world(20).await;
    let (known, unknown) = (asked(&world, "alice@example.test").await, asked(&world, "x@y").await);
    assert_eq!(known, asked(&world, "Alice@Example.test").await);
    assert_eq!(unknown, asked(&world, "X@Y").await);
    assert_eq!(known.len(), unknown.len());
    assert_ne!(unknown, asked(&world, "x@z").await);
    // Once a log-in has shown the password, what SCRAM needs of it is stored, under the same salt.
    let bob = crate::directory::Address::parse("bob@example.test").expect("address");
    let hash = crate::auth::password::hash("right").expect("hash");
    world.directory.add_user(&bob, hash.as_str()).await.expect("user");
    let before = asked(&world, "bob@example.test").await;
    world.auth.verify("bob@example.test", "right", PEER).await.expect("right");
    assert_eq!(before, asked(&world, "bob@example.test").await);
    let user = world.directory.user(&bob).await.expect("asked").expect("there");
    assert!(user.scram_sha1.is_some() && user.scram_sha256.is_some());
}

#[tokio::test]
async fn wrong_proofs_count_as_failures_whoever_they_are_for() {
    let world = world(2).await;
    for login in ["alice@example.test", "nobody@example.test"] {
        let first = format!("n,,n={login},r=abc");
        let started = start(&world, Mechanism::ScramSha1, Some(first.as_bytes())).await;
        let (mut exchange, Step::Challenge(challenge)) = started.expect("goes on") else {
            panic!("over")
        };
        let challenge = String::from_utf8(STANDARD.decode(challenge).expect("base64"));
        let challenge = challenge.expect("text");
        let (nonce, _) = challenge.split_once(',').expect("a nonce");
        let proof = STANDARD.encode([0; 20]);
        let failed = answer(&mut exchange, &format!("c=biws,{nonce},p={proof}")).await;
        assert!(matches!(failed, Err(LogInError::Failed(AuthFailure::Wrong))), "{failed:?}");
    }
    let first = Some(b"n,,n=alice@example.test,r=abc".as_slice());
    let refused = start(&world, Mechanism::ScramSha1, first).await;
    assert!(matches!(refused, Err(LogInError::Failed(AuthFailure::TooMany))));
}

#[tokio::test]
async fn a_certificate_opens_the_account_it_names_and_no_other() {
    let world = world(20).await;
    let address = |text: &str| Address::parse(text).expect("address");
    let certified = |of: &[&str]| Channel {
        certified: of.iter().map(|text| address(text)).collect(),
        ..channel()
    };
    let start = async |channel: Channel, initial: &[u8]| {
        let chosen = (Mechanism::External, [Mechanism::External].as_slice());
        let started = Exchange::start(&world.auth, channel, chosen, Some(initial)).await;
        started.map(|(_, step)| step)
    };
    let alices = || certified(&["Alice@example.test"]);
    is_alice(start(alices(), b"=").await);
    is_alice(start(alices(), STANDARD.encode("alice@EXAMPLE.test").as_bytes()).await);
    let two = certified(&["x@elsewhere.test", "alice@example.test"]);
    is_alice(start(two, STANDARD.encode("alice@example.test").as_bytes()).await);
    for other in ["bob@example.test", "no address", "alice"] {
        let refused = start(alices(), STANDARD.encode(other).as_bytes()).await;
        assert!(matches!(refused, Err(LogInError::Sasl(SaslError::OtherUser))), "{other}");
    }
    let unknown = start(certified(&["nobody@example.test"]), b"=").await;
    assert!(matches!(unknown, Err(LogInError::Failed(AuthFailure::Wrong))));
}
