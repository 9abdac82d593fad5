use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Far away; a test that would need it hangs rather than passes by luck.
fn never() -> Instant {
    Instant::now() + Duration::from_hours(1)
}

async fn pair() -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let client =
        TcpStream::connect(listener.local_addr().expect("address")).await.expect("connect");
    let (socket, _) = listener.accept().await.expect("accept");
    let stream = Stream::new(socket).expect("stream");
    (Connection::new(stream, Duration::from_mins(1)), client)
}

async fn line(connection: &mut Connection, len_max: usize) -> Result<Vec<u8>, StreamError> {
    let mut line = Vec::new();
    connection.read_line_into(&mut line, len_max, never()).await?;
    Ok(line)
}

#[tokio::test]
async fn lines_come_out_as_they_went_in_however_they_arrive() {
    let (mut connection, mut client) = pair().await;
    client.write_all(b"a NOOP\r\nb LO").await.expect("write");
    assert_eq!(line(&mut connection, 100).await.expect("line"), b"a NOOP\r\n");
    client.write_all(b"GOUT\n\r\n").await.expect("write");
    assert_eq!(line(&mut connection, 100).await.expect("line"), b"b LOGOUT\n");
    assert_eq!(line(&mut connection, 100).await.expect("line"), b"\r\n");
    drop(client);
    assert!(matches!(line(&mut connection, 100).await, Err(StreamError::Closed)));
}

#[tokio::test]
async fn a_line_may_be_as_long_as_allowed_and_no_longer() {
    let (mut connection, mut client) = pair().await;
    client.write_all(b"12345678\r\n123456789\r\nnext\r\n").await.expect("write");
    assert_eq!(line(&mut connection, 10).await.expect("line"), b"12345678\r\n");
    assert!(matches!(line(&mut connection, 10).await, Err(StreamError::LineTooLong)));
    connection.skip_line(never()).await.expect("skip");
    assert_eq!(line(&mut connection, 10).await.expect("line"), b"next\r\n");
}

#[tokio::test]
async fn a_literal_is_counted_out_of_buffer_and_socket_alike() {
    let (mut connection, client) = pair().await;
    let literal: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
    let mut sent = b"{200000}\r\n".to_vec();
    sent.extend_from_slice(&literal);
    sent.extend_from_slice(b"rest\r\n");
    let sending = tokio::spawn(async move {
        let mut client = client;
        client.write_all(&sent).await.expect("write");
        client
    });
    assert_eq!(line(&mut connection, 100).await.expect("line"), b"{200000}\r\n");
    let mut received = Vec::new();
    connection.read_exact_into(&mut received, literal.len(), never()).await.expect("literal");
    assert_eq!(received, literal);
    assert_eq!(line(&mut connection, 100).await.expect("line"), b"rest\r\n");
    drop(sending.await.expect("client"));
}

#[tokio::test]
async fn a_promised_literal_that_never_comes_takes_no_memory() {
    let (mut connection, mut client) = pair().await;
    client.write_all(b"few").await.expect("write");
    client.shutdown().await.expect("shutdown");
    let mut received = Vec::new();
    let read = connection.read_exact_into(&mut received, 1 << 40, never()).await;
    assert!(matches!(read, Err(StreamError::Closed)));
    assert!(received.capacity() <= 2 * READ_LEN);
}

#[tokio::test]
async fn a_skipped_literal_leaves_what_follows() {
    let (mut connection, mut client) = pair().await;
    client.write_all(b"0123456789next\r\n").await.expect("write");
    connection.skip_exact(10, never()).await.expect("skip");
    assert_eq!(line(&mut connection, 100).await.expect("line"), b"next\r\n");
}

#[tokio::test]
async fn waiting_holds_no_buffers_and_hears_of_the_end() {
    let (mut connection, mut client) = pair().await;
    client.write_all(b"a NOOP\r\n").await.expect("write");
    line(&mut connection, 100).await.expect("line");
    connection.output().extend_from_slice(b"a OK\r\n");
    connection.flush().await.expect("flush");
    {
        let mut waiting = pin!(connection.readable());
        let polled = poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
    }
    assert_eq!(connection.input.capacity() + connection.output.capacity(), 0);
    drop(client);
    connection.readable().await.expect("readable");
    assert!(matches!(connection.fill(never()).await, Err(StreamError::Closed)));
}

#[tokio::test]
async fn a_dropped_wait_loses_nothing() {
    let (mut connection, mut client) = pair().await;
    tokio::select! {
        biased;
        () = std::future::ready(()) => {}
        _ = connection.readable() => {}
    }
    client.write_all(b"a NOOP\r\n").await.expect("write");
    connection.readable().await.expect("readable");
    assert_eq!(line(&mut connection, 100).await.expect("line"), b"a NOOP\r\n");
}

#[tokio::test]
async fn a_deadline_that_has_passed_ends_the_wait() {
    let (mut connection, _client) = pair().await;
    let mut line = Vec::new();
    let read = connection.read_line_into(&mut line, 100, Instant::now()).await;
    assert!(matches!(read, Err(StreamError::TimedOut)));
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let (mut connection, _client) = pair().await;
    connection.write_time = Duration::from_millis(1);
    // More than the system buffers between two sockets.
    connection.output().resize(64 << 20, b'x');
    assert!(matches!(connection.flush().await, Err(StreamError::TimedOut)));
}

#[tokio::test]
async fn output_gathers_until_it_is_much() {
    let (mut connection, _client) = pair().await;
    connection.output().extend_from_slice(b"little");
    connection.flush_if_full().await.expect("nothing to do");
    assert_eq!(connection.output().len(), 6);
    connection.output().resize(OUTPUT_FULL, b'x');
    connection.flush_if_full().await.expect("flush");
    assert!(connection.output().is_empty());
}

mod compressed {
    use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

    use super::*;

    fn packed(compress: &mut Compress, octets: &[u8]) -> Vec<u8> {
        let mut packed = Vec::with_capacity(octets.len() + 1000);
        compress.compress_vec(octets, &mut packed, FlushCompress::Sync).expect("room");
        packed
    }

    #[tokio::test]
    async fn what_came_behind_the_command_is_inflated_first() {
        let (mut connection, mut client) = pair().await;
        let mut compress = Compress::new(Compression::default(), false);
        client.write_all(b"a COMPRESS DEFLATE\r\n").await.expect("write");
        client.write_all(&packed(&mut compress, b"b NOOP\r\n")).await.expect("write");
        line(&mut connection, 100).await.expect("line");
        while connection.buffered().is_empty() {
            connection.fill(never()).await.expect("it was sent");
        }
        connection.start_compression().await.expect("starts");
        assert!(connection.is_compressed());
        connection.readable().await.expect("readable");
        assert_eq!(line(&mut connection, 100).await.expect("line"), b"b NOOP\r\n");
        client.write_all(&packed(&mut compress, b"c NOOP\r\n")).await.expect("write");
        connection.readable().await.expect("readable");
        assert_eq!(line(&mut connection, 100).await.expect("line"), b"c NOOP\r\n");
        connection.output().extend_from_slice(&b"c OK\r\n".repeat(100_000));
        let sending = tokio::spawn(async move { connection.close().await });
        let (mut sent, mut text) = (Vec::new(), Vec::with_capacity(1 << 20));
        client.read_to_end(&mut sent).await.expect("read");
        let mut decompress = Decompress::new(false);
        decompress.decompress_vec(&sent, &mut text, FlushDecompress::Sync).expect("sound");
        assert!(text == b"c OK\r\n".repeat(100_000));
        assert!(sent.len() < text.len() / 20);
        sending.await.expect("closed");
    }

    #[tokio::test]
    async fn a_flush_without_text_does_not_make_the_stream_readable() {
        let (mut connection, mut client) = pair().await;
        connection.start_compression().await.expect("starts");
        let mut compress = Compress::new(Compression::default(), false);
        // An empty stored block by itself (RFC 1951, 3.2.4).
        client.write_all(&[0, 0, 0, 0xff, 0xff]).await.expect("write");
        let waiting = tokio::spawn(async move {
            connection.readable().await.expect("readable");
            connection
        });
        client.write_all(&packed(&mut compress, b"a NOOP\r\n")).await.expect("write");
        assert_eq!(waiting.await.expect("it waits").buffered(), b"a NOOP\r\n");
    }

    #[tokio::test]
    async fn damage_ends_the_connection() {
        let (mut connection, mut client) = pair().await;
        connection.start_compression().await.expect("starts");
        client.write_all(b"a NOOP\r\n").await.expect("write");
        let error = line(&mut connection, 100).await.expect_err("that is no DEFLATE");
        assert!(matches!(error, StreamError::Io(_)), "{error}");
    }
}

mod in_tls {
    use std::sync::Arc;

    use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;

    use super::*;
    use crate::config::TlsFiles;
    use crate::tls::ensure_self_signed;

    const WITHIN: Duration = Duration::from_hours(1);

    struct Certified {
        tls: Arc<TlsConfigs>,
        connector: TlsConnector,
        _dir: tempfile::TempDir,
    }

    fn certified() -> Certified {
        let dir = tempfile::tempdir().expect("directory");
        let files = TlsFiles {
            certificate: dir.path().join("c.pem"),
            key: dir.path().join("k.pem"),
            client_ca: None,
        };
        ensure_self_signed(&files, &["localhost"]).expect("certificate");
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&files.certificate).expect("pem")).expect("root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Certified {
            tls: Arc::new(TlsConfigs::load(&files).expect("loads")),
            connector: TlsConnector::from(Arc::new(client)),
            _dir: dir,
        }
    }

    async fn handshake(
        certified: &Certified,
        mut connection: Connection,
        client: TcpStream,
    ) -> (Connection, TlsStream<TcpStream>) {
        let name = ServerName::try_from("localhost").expect("name");
        let tls = Arc::clone(&certified.tls);
        let server = tokio::spawn(async move {
            connection.start_tls(&tls, WITHIN).await.expect("handshake");
            connection
        });
        let client = certified.connector.connect(name, client).await.expect("client's handshake");
        (server.await.expect("server"), client)
    }

    #[tokio::test]
    async fn what_came_in_plain_text_before_the_handshake_is_thrown_away() {
        let certified = certified();
        let (mut connection, mut client) = pair().await;
        client.write_all(b"a STARTTLS\r\nb DELETE INBOX\r\n").await.expect("write");
        line(&mut connection, 100).await.expect("line");
        assert_eq!(connection.buffered(), b"b DELETE INBOX\r\n");
        let (mut connection, mut client) = handshake(&certified, connection, client).await;
        assert!(connection.is_tls());
        client.write_all(b"c NOOP\r\n").await.expect("write");
        assert_eq!(line(&mut connection, 100).await.expect("line"), b"c NOOP\r\n");
    }

    #[tokio::test]
    async fn bytes_that_a_record_brought_along_make_the_stream_readable() {
        let certified = certified();
        let (connection, client) = pair().await;
        let (mut connection, mut client) = handshake(&certified, connection, client).await;
        client.write_all(b"a NOOP\r\nb NOOP\r\n").await.expect("write");
        connection.readable().await.expect("readable");
        // One byte only: the rest stays inside the TLS session, and the socket stays silent.
        let mut byte = Vec::new();
        connection.read_exact_into(&mut byte, 1, never()).await.expect("byte");
        connection.readable().await.expect("readable again");
        assert_eq!(line(&mut connection, 100).await.expect("line"), b" NOOP\r\n");
        assert_eq!(line(&mut connection, 100).await.expect("line"), b"b NOOP\r\n");
        drop(client);
        connection.readable().await.expect("the end is readable");
        assert!(connection.fill(never()).await.is_err());
    }

    /// A session in IDLE that went to read because of it would tell of no change.
    #[tokio::test]
    async fn what_is_no_text_in_tls_does_not_make_the_stream_readable() {
        let certified = certified();
        let (connection, client) = pair().await;
        let (mut connection, mut client) = handshake(&certified, connection, client).await;
        let waiting = tokio::spawn(async move {
            connection.readable().await.expect("readable");
            connection
        });
        client.get_mut().1.refresh_traffic_keys().expect("TLS 1.3");
        client.flush().await.expect("flush");
        client.write_all(b"a NOOP\r\n").await.expect("write");
        let connection = waiting.await.expect("it waits");
        assert_eq!(connection.buffered(), b"a NOOP\r\n");
    }

    #[tokio::test]
    async fn after_a_failed_handshake_nothing_passes_in_plain_text() {
        let certified = certified();
        let (mut connection, mut client) = pair().await;
        client.write_all(b"this is no handshake\r\n").await.expect("write");
        assert!(connection.start_tls(&certified.tls, WITHIN).await.is_err());
        connection.output().extend_from_slice(b"secret");
        assert!(connection.flush().await.is_err());
        assert!(matches!(connection.fill(never()).await, Err(StreamError::Closed)));
    }
}

#[tokio::test]
async fn a_client_that_is_gone_shows_once_it_is_told_something() {
    let (mut connection, mut client) = pair().await;
    assert_eq!(connection.link(), Link::Whole);
    // One that sends no more but listens is still there.
    client.shutdown().await.expect("shutdown");
    while connection.link() == Link::Whole {
        tokio::task::yield_now().await;
    }
    assert_eq!(connection.link(), Link::SilentClient);
    connection.output().extend_from_slice(b"* OK\r\n");
    connection.flush().await.expect("flushed");
    assert_eq!(connection.link(), Link::SilentClient);
    // One that has gone is found out by what it does not take.
    drop(client);
    while connection.link() != Link::Gone {
        connection.output().extend_from_slice(b"* OK\r\n");
        if connection.flush().await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
}
