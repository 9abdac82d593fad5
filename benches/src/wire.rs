//! A client's byte stream: plain, in TLS, or in TLS and compressed.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// The largest answer that a small client expects.
const BUFFER_LEN: usize = 16 << 10;

/// Trusts one certificate and nothing else.
#[derive(Clone, Debug)]
pub struct Trust {
    config: Arc<ClientConfig>,
    name: String,
}

impl Trust {
    /// Trusts the certificate of a PEM file, for one name.
    pub fn in_file(file: &Path, name: &str) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(file).map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), name: name.to_owned() })
    }
}

/// A client's byte stream.
#[derive(Debug)]
pub struct Wire {
    carrier: Carrier,
    deflate: Option<Box<Deflate>>,
    /// What came and was not taken.
    input: Vec<u8>,
}

#[derive(Debug)]
enum Carrier {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

#[derive(Debug)]
struct Deflate {
    compress: Compress,
    decompress: Decompress,
}

impl Wire {
    /// Bytes as they are.
    pub fn plain(port: u16) -> io::Result<Self> {
        let socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_nodelay(true)?;
        Ok(Self { carrier: Carrier::Plain(socket), deflate: None, input: Vec::new() })
    }

    /// TLS from the first byte.
    pub fn tls(port: u16, trust: &Trust) -> io::Result<Self> {
        let mut socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_nodelay(true)?;
        let name = ServerName::try_from(trust.name.clone()).map_err(io::Error::other)?;
        let mut session =
            ClientConnection::new(Arc::clone(&trust.config), name).map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        let carrier = Carrier::Tls(Box::new(StreamOwned::new(session, socket)));
        Ok(Self { carrier, deflate: None, input: Vec::new() })
    }

    /// Compresses from now on (RFC 4978).
    pub fn start_deflate(&mut self) {
        let compress = Compress::new(Compression::fast(), false);
        self.deflate = Some(Box::new(Deflate { compress, decompress: Decompress::new(false) }));
    }

    /// Gives up all but the connection: nothing is said or understood any more.
    pub fn fall_silent(&mut self) {
        self.deflate = None;
        self.input = Vec::new();
    }

    /// The socket, if bytes pass it as they are.
    pub fn into_socket(self) -> Option<TcpStream> {
        match self.carrier {
            Carrier::Plain(socket) => Some(socket),
            Carrier::Tls(_) => None,
        }
    }

    /// Sends all of it.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut packed = Vec::with_capacity(bytes.len() + 64);
        let bytes = match &mut self.deflate {
            Some(deflate) => {
                deflate.compress.compress_vec(bytes, &mut packed, FlushCompress::Sync)?;
                &packed
            }
            None => bytes,
        };
        match &mut self.carrier {
            Carrier::Plain(socket) => socket.write_all(bytes),
            Carrier::Tls(stream) => {
                stream.write_all(bytes)?;
                stream.flush()
            }
        }
    }

    /// The next line, with its end.
    pub fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut buffer = [0; BUFFER_LEN];
        let count = match &mut self.carrier {
            Carrier::Plain(socket) => socket.read(&mut buffer)?,
            Carrier::Tls(stream) => stream.read(&mut buffer)?,
        };
        let Some(came) = buffer.get(..count).filter(|came| !came.is_empty()) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        match &mut self.deflate {
            None => self.input.extend_from_slice(came),
            Some(deflate) => {
                let before = deflate.decompress.total_in();
                let mut rest = came;
                while !rest.is_empty() {
                    self.input.reserve(BUFFER_LEN);
                    let flush = FlushDecompress::Sync;
                    deflate.decompress.decompress_vec(rest, &mut self.input, flush)?;
                    let taken = deflate.decompress.total_in() - before;
                    rest = came.get(usize::try_from(taken).unwrap_or(0)..).unwrap_or_default();
                }
            }
        }
        Ok(())
    }

    /// Sends a tagged command and reads until its last line, which must be OK.
    pub fn command(&mut self, command: &str) -> io::Result<()> {
        self.send(format!("t {command}\r\n").as_bytes())?;
        self.until("t OK")
    }

    /// Sends IDLE and reads its continuation.
    pub fn idle(&mut self) -> io::Result<()> {
        self.send(b"i IDLE\r\n")?;
        self.until("+ ")
    }

    fn until(&mut self, prefix: &str) -> io::Result<()> {
        loop {
            let line = self.line()?;
            if line.starts_with(prefix) {
                return Ok(());
            }
            if !line.starts_with('*') && !line.contains(" OK ") {
                return Err(io::Error::other(line));
            }
        }
    }
}
