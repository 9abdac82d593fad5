//! OAUTHBEARER and XOAUTH2 with tokens of an issuer whose keys are in a file, or at a URL, or who is
//! asked (RFC 7628, RFC 7519, RFC 7662).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use tests::client::LineClient;
use tests::mail_program::MailProgram;
use tests::server::TestServer;

const ALICE: &str = "alice@example.test";

/// Who issues tokens.
struct Issuer {
    key: EcdsaKeyPair,
    id: &'static str,
}

impl Issuer {
    fn new(id: &'static str) -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("a key");
        Self { key, id }
    }

    /// RFC 7517, 5; beside it one of a kind that nobody knows.
    fn keys(&self) -> String {
        let point = self.key.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        let id = self.id;
        format!(
            r#"{{"keys":[{{"kty":"LATTICE","kid":"new"}},{{"kty":"EC","crv":"P-256","kid":"{id}","use":"sig","alg":"ES256","x":"{x}","y":"{y}"}}]}}"#
        )
    }

    fn sign(&self, claims: &str) -> String {
        self.sign_as(&format!(r#"{{"alg":"ES256","kid":"{}"}}"#, self.id), claims)
    }

    fn sign_as(&self, header: &str, claims: &str) -> String {
        let said = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(&SystemRandom::new(), said.as_bytes()).expect("signed");
        format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The claims of a token that ends so many seconds from now.
fn claims(ends_in: i64, others: &str) -> String {
    let end = engine::clock::unix_seconds() + ends_in;
    format!(r#"{{"exp":{end},{others}}}"#)
}

const ALICES: &str = r#""iss":"https://id.test","aud":["mail"],"email":"Alice@example.test""#;

/// A server whose issuer is checked by these settings.
fn server(settings: &[&str]) -> TestServer {
    let issuer = ["auth.oauth.issuer = \"https://id.test\"", "auth.oauth.audience = \"mail\""];
    let limits = ["limits.log_in_failures_max = 100"];
    TestServer::with(&[&issuer[..], &limits, settings].concat())
}

/// The last line of a log-in, and what the server said of the token if it refused it.
fn log_in(server: &TestServer, mechanism: &str, message: &str) -> (String, Option<String>) {
    let mut client = server.connect("imap");
    let greeting = client.text().expect("a greeting");
    assert!(greeting.contains(" AUTH=OAUTHBEARER AUTH=XOAUTH2 "), "{greeting}");
    let message = STANDARD.encode(message.replace("^A", "\u{1}"));
    client.send_line(&format!("a AUTHENTICATE {mechanism} {message}")).expect("sent");
    let said = client.text().expect("an answer");
    let Some(challenge) = said.strip_prefix("+ ") else { return (said, None) };
    let challenge = STANDARD.decode(challenge).expect("base64");
    client.send_line("AQ==").expect("sent");
    let last = client.text().expect("an answer");
    (last, Some(String::from_utf8(challenge).expect("JSON")))
}

fn bearer(server: &TestServer, token: &str) -> String {
    log_in(server, "OAUTHBEARER", &format!("n,a={ALICE},^Aauth=Bearer {token}^A^A")).0
}

#[test]
fn a_token_opens_the_account_it_names_while_everything_in_it_is_right() {
    let issuer = Issuer::new("one");
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("keys.json");
    std::fs::write(&file, issuer.keys()).expect("it is ours");
    let server = server(&[&format!("auth.oauth.keys = \"{}\"", file.display())]);
    let right = issuer.sign(&claims(60, ALICES));
    assert!(bearer(&server, &right).starts_with("a OK "));
    // Clocks may be a minute apart.
    assert!(bearer(&server, &issuer.sign(&claims(-30, ALICES))).starts_with("a OK "));
    let message = format!("n,,^Aauth=Bearer {right}^A^A");
    assert!(log_in(&server, "OAUTHBEARER", &message).0.starts_with("a OK "));
    let message = format!("user={ALICE}^Aauth=Bearer {right}^A^A");
    assert!(log_in(&server, "XOAUTH2", &message).0.starts_with("a OK "));

    let other = |from: &str, to: &str| issuer.sign(&claims(60, &ALICES.replace(from, to)));
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let body = right.split('.').nth(1).expect("three parts");
    for (what, token) in [
        ("expired", issuer.sign(&claims(-120, ALICES))),
        ("another issuer", other("id.test", "id2.test")),
        ("another audience", other("mail", "chat")),
        ("no audience", other("\"aud\":[\"mail\"],", "")),
        ("an unknown user", other("Alice", "nobody")),
        ("another user", other("Alice", "bob")),
        ("no address", other("email", "sub")),
        ("an unverified address", other("\"iss\"", "\"email_verified\":false,\"iss\"")),
        ("another key", Issuer::new("one").sign(&claims(60, ALICES))),
        ("an unknown key", Issuer::new("two").sign(&claims(60, ALICES))),
        (
            "another algorithm",
            issuer.sign_as(r#"{"alg":"HS256","kid":"one"}"#, &claims(60, ALICES)),
        ),
        (
            "a key for another algorithm",
            issuer.sign_as(r#"{"alg":"ES384","kid":"one"}"#, &claims(60, ALICES)),
        ),
        ("no signature", format!("{none}.{body}.")),
        ("nothing of the kind", "abc".to_owned()),
    ] {
        let message = format!("n,a={ALICE},^Aauth=Bearer {token}^A^A");
        let (last, told) = log_in(&server, "OAUTHBEARER", &message);
        assert!(last.starts_with("a NO [AUTHENTICATIONFAILED] "), "{what}: {last}");
        let told = told.expect(what);
        assert!(told.contains(r#""status":"invalid_token""#), "{what}: {told}");
        assert!(told.contains("https://id.test/.well-known/openid-configuration"), "{told}");
    }
    let (last, told) = log_in(&server, "XOAUTH2", &format!("user={ALICE}^Aauth=Bearer x^A^A"));
    assert!(last.starts_with("a NO "), "{last}");
    assert_eq!(told.as_deref(), Some(r#"{"schemes":"bearer","status":"401"}"#));
    assert!(log_in(&server, "XOAUTH2", "no message").0.starts_with("a BAD "));
}

#[test]
fn curl_logs_in_by_token_by_every_protocol() {
    let issuer = Issuer::new("one");
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("keys.json");
    std::fs::write(&file, issuer.keys()).expect("it is ours");
    let server = server(&[&format!("auth.oauth.keys = \"{}\"", file.display())]);
    let token = issuer.sign(&claims(60, ALICES));
    let curl = |scheme: &str, port_of: &str, mechanism: &str, token: &str| {
        let url = format!("{scheme}://127.0.0.1:{}/", server.address(port_of).port());
        let options = format!("AUTH={mechanism}");
        let program = MailProgram::new("curl", dir.path()).args(["--silent", "--show-error"]);
        let program = program.args(["--url", &url, "--user", ALICE, "--oauth2-bearer", token]);
        let program = program.args(["--login-options", &options, "--sasl-ir"]);
        if scheme == "smtp" { program.args(["--request", "NOOP"]) } else { program }.run()
    };
    for mechanism in ["OAUTHBEARER", "XOAUTH2"] {
        for (scheme, port_of) in [("imap", "imap"), ("pop3", "pop3"), ("smtp", "submission")] {
            let right = curl(scheme, port_of, mechanism, &token);
            assert!(right.status.success(), "{scheme} {mechanism}: {right:?}");
            let wrong = curl(scheme, port_of, mechanism, "wrong");
            assert_eq!(wrong.status.code(), Some(67), "{scheme} {mechanism}: {wrong:?}");
        }
    }
}

/// Answers each request with the same text; keeps what was asked.
struct Web {
    address: SocketAddr,
    text: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Web {
    fn start(text: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let web = Self { address, text: Arc::new(Mutex::new(text)), asked: Arc::default() };
        let (text, asked) = (Arc::clone(&web.text), Arc::clone(&web.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let request = answer(&stream.expect("a connection"), &text.lock().expect("lock"));
                asked.lock().expect("lock").push(request);
            }
        });
        web
    }

    fn count(&self) -> u64 {
        self.asked.lock().expect("lock").len() as u64
    }
}

/// Reads one request, and answers it.
fn answer(mut stream: &TcpStream, text: &str) -> String {
    let mut reader = BufReader::new(stream);
    let (mut head, mut len) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            len = value.trim().parse().expect("a number");
        }
        head.push_str(&line);
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; len];
    reader.read_exact(&mut body).expect("the body");
    let len = text.len();
    let told = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n{text}");
    // The client may have had enough.
    let _ = stream.write_all(told.as_bytes());
    head + &String::from_utf8(body).expect("text")
}

#[test]
fn keys_come_from_a_url_and_are_asked_for_once() {
    let issuer = Issuer::new("one");
    let web = Web::start(issuer.keys());
    let server = server(&[&format!("auth.oauth.keys = \"http://{}/jwks\"", web.address)]);
    let began = Instant::now();
    for _ in 0..3 {
        assert!(bearer(&server, &issuer.sign(&claims(60, ALICES))).starts_with("a OK "));
    }
    // Nobody makes the server ask by inventing keys.
    for _ in 0..3 {
        let token = Issuer::new("two").sign(&claims(60, ALICES));
        assert!(bearer(&server, &token).starts_with("a NO "));
    }
    let most = 1 + began.elapsed().as_secs() / 10;
    assert!((1..=most).contains(&web.count()), "{} times", web.count());
    assert!(web.asked.lock().expect("lock")[0].starts_with("GET /jwks HTTP/1.1\r\n"));
}

#[test]
fn an_issuer_that_is_not_there_is_no_wrong_password() {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr());
    let closed = closed.expect("a free port");
    let server = server(&[&format!("auth.oauth.keys = \"http://{closed}/jwks\"")]);
    let token = Issuer::new("one").sign(&claims(60, ALICES));
    assert!(bearer(&server, &token).starts_with("a NO [UNAVAILABLE] "));
}

#[test]
fn an_issuer_is_asked_about_each_token() {
    let web = Web::start(format!("{{\"active\":true,{ALICES}}}"));
    let dir = tempfile::tempdir().expect("a directory");
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "s3cret\n").expect("it is ours");
    let server = server(&[
        &format!("auth.oauth.introspection = \"http://{}/ask\"", web.address),
        "auth.oauth.client_id = \"mail\"",
        &format!("auth.oauth.client_secret_file = \"{}\"", secret.display()),
    ]);
    assert!(bearer(&server, "opaque+").starts_with("a OK "));
    let asked = web.asked.lock().expect("lock")[0].clone();
    assert!(asked.starts_with("POST /ask HTTP/1.1\r\n"), "{asked}");
    assert!(asked.ends_with("token=opaque%2B&token_type_hint=access_token"), "{asked}");
    let credentials = format!("authorization: Basic {}", STANDARD.encode("mail:s3cret"));
    assert!(asked.to_lowercase().contains(&credentials.to_lowercase()), "{asked}");
    *web.text.lock().expect("lock") = "{\"active\":false}".to_owned();
    assert!(bearer(&server, "opaque").starts_with("a NO [AUTHENTICATIONFAILED] "));
    *web.text.lock().expect("lock") = "no JSON".to_owned();
    assert!(bearer(&server, "opaque").starts_with("a NO [UNAVAILABLE] "));
}

#[test]
fn without_an_issuer_nothing_of_it_is_offered() {
    let server = TestServer::start();
    let mut client: LineClient = server.connect("imap");
    assert!(!client.text().expect("a greeting").contains("OAUTH"));
    client.send_line("a AUTHENTICATE XOAUTH2").expect("sent");
    assert!(client.text().expect("an answer").starts_with("a NO [CANNOT] "));
}
