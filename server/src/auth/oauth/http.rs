//! One question over HTTP, of bounded length and time; nothing is kept open.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// How long an answer may take.
const TIME: Duration = Duration::from_secs(10);
/// The longest answer.
const BODY_LEN_MAX: usize = 256 << 10;

/// Asks over HTTP.
pub(super) struct HttpClient {
    tls: TlsConnector,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl HttpClient {
    /// Believes whom the system believes.
    pub(super) fn new() -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)) })
    }

    /// The body of an answer of status 200.
    pub(super) async fn ask(
        &self,
        url: &str,
        request: Request<Full<Bytes>>,
    ) -> Result<Bytes, String> {
        let asked = tokio::time::timeout(TIME, self.connect(url, request)).await;
        match asked {
            Err(_) => Err(format!("{url} does not answer in time")),
            Ok(Err(error)) => Err(format!("{url}: {error}")),
            Ok(Ok(body)) => Ok(body),
        }
    }

    async fn connect(&self, url: &str, request: Request<Full<Bytes>>) -> Result<Bytes, Failure> {
        let url: Uri = url.parse()?;
        let authority = url.authority().ok_or("no host")?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let is_tls = url.scheme_str() == Some("https");
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let mut request = request;
        *request.uri_mut() = url.path_and_query().map_or("/", |path| path.as_str()).parse()?;
        request.headers_mut().insert(HOST, authority.as_str().parse()?);
        request.headers_mut().insert(ACCEPT, "application/json".parse()?);
        let socket = TcpStream::connect((host.as_str(), port)).await?;
        if is_tls {
            let name = ServerName::try_from(host)?;
            exchange(self.tls.connect(name, socket).await?, request).await
        } else {
            exchange(socket, request).await
        }
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Bytes, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with this function, however that ends.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let response = sender.send_request(request).await?;
    if response.status() != 200 {
        return Err(format!("status {}", response.status()).into());
    }
    Ok(Limited::new(response.into_body(), BODY_LEN_MAX).collect().await?.to_bytes())
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("HttpClient").finish_non_exhaustive()
    }
}
