//! EXTERNAL by a certificate of the client (RFC 4422, appendix A).

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use tests::client::{LineClient, Trust};
use tests::mail_program::MailProgram;
use tests::server::TestServer;

/// A certificate and its key, in PEM.
struct Certified {
    certificate: String,
    key: String,
}

/// Who signs certificates of users.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("signed").pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    fn certify(&self, address: &str) -> Certified {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::Rfc822Name(address.try_into().expect("ASCII"))];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed").pem();
        Certified { certificate, key: key.serialize_pem() }
    }
}

/// A server that believes the authority.
fn server(authority: &Authority) -> (TestServer, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("clients.pem");
    std::fs::write(&file, &authority.certificate).expect("it is ours");
    (TestServer::with(&[&format!("tls.client_ca = \"{}\"", file.display())]), dir)
}

fn connect(server: &TestServer, protocol: &str, trust: &Trust) -> Vec<String> {
    let (hello, log_in, goodbye) = match protocol {
        "imaps" => ("a CAPABILITY", "b AUTHENTICATE EXTERNAL =", "c LOGOUT"),
        "pop3s" => ("CAPA", "AUTH EXTERNAL =", "QUIT"),
        _ => ("EHLO client.test", "AUTH EXTERNAL =", "QUIT"),
    };
    let mut client = LineClient::tls(server.address(protocol), trust).expect("connects");
    for line in [hello, log_in, goodbye] {
        client.send_line(line).expect("sent");
    }
    let mut said = Vec::new();
    while let Ok(Some(line)) = client.line() {
        said.push(String::from_utf8_lossy(&line).into_owned());
    }
    said
}

#[test]
fn a_certificate_logs_its_user_in_by_every_protocol() {
    let authority = Authority::new();
    let (server, _dir) = server(&authority);
    let alice = authority.certify("Alice@example.test");
    let file = server.dir().join("certificate.pem");
    let trust = Trust::with_certificate(&file, &alice.certificate, &alice.key);
    for (protocol, offered, done) in [
        ("imaps", "AUTH=EXTERNAL", "b OK "),
        ("pop3s", "EXTERNAL", "+OK 0 messages"),
        ("submissions", "EXTERNAL", "235 "),
    ] {
        let said = connect(&server, protocol, &trust);
        assert!(said.iter().any(|line| line.contains(offered)), "{said:#?}");
        assert!(said.iter().any(|line| line.starts_with(done)), "{said:#?}");
        // Without a certificate all is as it was.
        let said = connect(&server, protocol, &server.trust());
        assert!(!said.iter().any(|line| line.contains("EXTERNAL")), "{said:#?}");
        assert!(!said.iter().any(|line| line.starts_with(done)), "{said:#?}");
    }
    assert_eq!(server.log().matches("address=alice@example.test").count(), 3);
    let nobody = authority.certify("nobody@example.test");
    let trust = Trust::with_certificate(&file, &nobody.certificate, &nobody.key);
    let said = connect(&server, "imaps", &trust);
    assert!(said.iter().any(|line| line.starts_with("b NO [AUTHENTICATIONFAILED]")), "{said:#?}");
}

#[test]
fn a_certificate_of_somebody_else_is_not_believed() {
    let (server, _dir) = server(&Authority::new());
    let forged = Authority::new().certify("alice@example.test");
    let file = server.dir().join("certificate.pem");
    let trust = Trust::with_certificate(&file, &forged.certificate, &forged.key);
    let client = LineClient::tls(server.address("imaps"), &trust);
    let said = client.map(|mut client| client.line().ok().flatten());
    assert!(!matches!(said, Ok(Some(_))), "the handshake fails: {said:?}");
}

#[test]
fn gsasl_logs_in_by_its_certificate() {
    let authority = Authority::new();
    let (server, dir) = server(&authority);
    let alice = authority.certify("alice@example.test");
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("it is ours");
        path.to_str().expect("UTF-8").to_owned()
    };
    let (certificate, key) = (file("c.pem", &alice.certificate), file("k.pem", &alice.key));
    let trusted = server.dir().join("certificate.pem");
    let address = format!("localhost:{}", server.address("imap").port());
    let program = MailProgram::new("gsasl", dir.path()).args(["--imap", "--connect", &address]);
    let program = program.args(["--mechanism", "EXTERNAL", "--starttls", "--no-client-first"]);
    let program = program.args(["--x509-ca-file", trusted.to_str().expect("UTF-8")]);
    let program = program.args(["--x509-cert-file", &certificate, "--x509-key-file", &key]);
    program.args(["--authorization-id", "alice@example.test"]).succeed();
    assert!(server.log().contains("address=alice@example.test"));
}
