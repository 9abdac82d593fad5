//! A server of the other side that does what a script says, and writes down what it was told.
//!
//! One script a connection, one step a line: `S:` sends a line, `C:` reads one that must begin so, `L:` sends
//! octets without a line end (`\r\n` in them is one), `M` reads a message up to its dot, `B` reads a chunk, `T` does a TLS handshake,
//! `H` holds the connection until the client goes. At the end of its script it closes.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A server with scripts.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

impl Peer {
    /// Listens on a free port.
    pub(super) async fn start(scripts: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), scripts, None).await
    }

    pub(super) async fn start_at(
        address: SocketAddr,
        scripts: &[&str],
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("bind");
        let address = listener.local_addr().expect("address");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let scripts: Vec<String> = scripts.iter().map(ToString::to_string).collect();
        let (mut task, notes) = (JoinSet::new(), Arc::clone(&heard));
        task.spawn(async move {
            for script in scripts {
                let (socket, _) = listener.accept().await.expect("accept");
                play(Box::new(socket), &script, &notes, tls.as_ref()).await;
            }
        });
        Self { address, heard, _task: task }
    }

    pub(super) fn ip(&self) -> IpAddr {
        self.address.ip()
    }

    /// The lines and messages it was told.
    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn play(
    mut socket: Box<dyn Socket>,
    script: &str,
    heard: &Mutex<Vec<String>>,
    tls: Option<&TlsAcceptor>,
) {
    for step in script.lines().map(str::trim).filter(|step| !step.is_empty()) {
        let (kind, rest) = step.split_at(1);
        let rest = rest.trim_start_matches(':');
        let told = match kind {
            "S" => socket.write_all(format!("{rest}\r\n").as_bytes()).await.map(|()| None).ok(),
            "L" => socket
                .write_all(rest.replace("\\r\\n", "\r\n").as_bytes())
                .await
                .map(|()| None)
                .ok(),
            "C" => line(&mut socket)
                .await
                .inspect(|line| {
                    assert!(line.starts_with(rest), "wanted {rest:?}, was told {line:?}");
                })
                .map(Some),
            "M" => until(&mut socket, "\r\n.\r\n").await.map(Some),
            "B" => chunk(&mut socket).await.map(Some),
            "H" => {
                while line(&mut socket).await.is_some() {}
                return;
            }
            "T" => {
                let acceptor = tls.expect("a peer with a certificate");
                match acceptor.accept(socket).await {
                    Ok(stream) => socket = Box::new(stream),
                    Err(_) => return,
                }
                Some(None)
            }
            other => panic!("no step is called {other}"),
        };
        // The client went away: what follows in the script does not happen.
        let Some(told) = told else { return };
        heard.lock().unwrap_or_else(PoisonError::into_inner).extend(told);
    }
    // Closing with input unread would reset the connection, and take replies back that are on the way.
    let _ = socket.shutdown().await;
    while line(&mut socket).await.is_some() {}
}

async fn line(socket: &mut Box<dyn Socket>) -> Option<String> {
    until(socket, "\r\n").await.map(|line| line.trim_end_matches("\r\n").to_owned())
}

async fn until(socket: &mut Box<dyn Socket>, end: &str) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) && text != b".\r\n" {
        text.push(socket.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&text).into_owned())
}

async fn chunk(socket: &mut Box<dyn Socket>) -> Option<String> {
    let command = line(socket).await?;
    let len = command.strip_prefix("BDAT ")?.strip_suffix(" LAST")?.parse().ok()?;
    let mut octets = vec![0; len];
    socket.read_exact(&mut octets).await.ok()?;
    Some(format!("BDAT {}", String::from_utf8_lossy(&octets)))
}
