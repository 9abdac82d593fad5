//! Fetches a policy over HTTPS (RFC 8461, 3.3): from the one name it may come from, with a certificate
//! for that, without going where a redirect leads, in bounded time and length.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::super::route;
use crate::dns::Dns;

/// How long it may take on the whole.
const TIME: Duration = Duration::from_mins(1);
/// How long one address may take to accept a connection.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// The longest policy.
const LEN_MAX: usize = 64 << 10;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Where policies are fetched.
#[derive(Debug)]
pub(super) struct Fetcher<'a> {
    pub(super) dns: &'a Dns,
    /// Verifies certificates.
    pub(super) tls: Arc<ClientConfig>,
    pub(super) port: u16,
}

impl Fetcher<'_> {
    /// The text of a domain's policy.
    pub(super) async fn fetch(&self, domain: &str) -> Result<String, String> {
        match tokio::time::timeout(TIME, self.ask(domain)).await {
            Err(_) => Err("no answer in time".to_owned()),
            Ok(Err(error)) => Err(error.to_string()),
            Ok(Ok(text)) => Ok(text),
        }
    }

    async fn ask(&self, domain: &str) -> Result<String, Failure> {
        let host = format!("mta-sts.{domain}");
        let socket = self.connect(&host).await?;
        let name = ServerName::try_from(host.clone())?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, socket).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with this function, however that ends.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let request = Request::get("/.well-known/mta-sts.txt").header(HOST, host);
        let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
        if response.status() != 200 {
            return Err(format!("status {}", response.status()).into());
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("text/plain") {
            return Err(format!("not text/plain but {kind:?}").into());
        }
        let body = Limited::new(response.into_body(), LEN_MAX).collect().await?.to_bytes();
        Ok(String::from_utf8(body.to_vec())?)
    }

    async fn connect(&self, host: &str) -> Result<TcpStream, Failure> {
        let found = route::addresses(self.dns, host).await.map_err(|trouble| trouble.text)?;
        let mut last: Failure = "no address".into();
        for address in found.list {
            let address = SocketAddr::new(address, self.port);
            match tokio::time::timeout(CONNECT_TIME, TcpStream::connect(address)).await {
                Ok(Ok(socket)) => return Ok(socket),
                Ok(Err(error)) => last = error.into(),
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }
}
