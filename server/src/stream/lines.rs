//! A connection of a line protocol: SMTP, LMTP and POP3 read their commands through it.
//!
//! Answers gather while whole commands are waiting and leave before the session waits for more,
//! so that a pipelined group is answered with one system call (RFC 2920, 3.2). Every wait ends
//! when the server is told to stop.

use tokio::time::{Instant, sleep_until};

use super::{Connection, StreamError};
use crate::shutdown::Shutdown;

/// A connection read line by line.
#[derive(Debug)]
pub struct Lines {
    connection: Connection,
    shutdown: Shutdown,
}

/// What the client sent up to an LF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line, without its CR LF.
    Text(Vec<u8>),
    /// A line that ended in LF alone, without it.
    Bare(Vec<u8>),
    /// More than was allowed; all of it has been thrown away.
    TooLong,
}

/// Why there is nothing more to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client has gone, or takes no answers.
    Gone,
    /// The client took too long.
    TimedOut,
    /// The server was told to stop.
    ShuttingDown,
}

impl Lines {
    /// Reads lines of a connection until `shutdown`.
    pub fn new(connection: Connection, shutdown: Shutdown) -> Self {
        Self { connection, shutdown }
    }

    /// The connection itself.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// The connection, to look at.
    pub fn peek(&self) -> &Connection {
        &self.connection
    }

    /// The next line, of at most `len_max` bytes with its line end.
    pub async fn next(&mut self, len_max: usize, deadline: Instant) -> Result<Line, Ending> {
        let mut searched = 0;
        loop {
            let buffered = self.connection.buffered();
            let fresh = buffered.get(searched..).unwrap_or_default();
            if let Some(end) = memchr::memchr(b'\n', fresh) {
                let len = searched + end + 1;
                let line = judged(buffered.get(..len).unwrap_or_default(), len_max);
                self.connection.consume(len);
                return Ok(line);
            }
            searched = buffered.len();
            if searched >= len_max {
                self.skip_line(deadline).await?;
                return Ok(Line::TooLong);
            }
            self.fill(deadline).await?;
        }
    }

    /// Sends what gathered, then waits for more bytes to be buffered.
    pub async fn fill(&mut self, deadline: Instant) -> Result<(), Ending> {
        self.flush().await?;
        let Self { connection, shutdown } = self;
        let had = connection.buffered().len();
        tokio::select! {
            biased;
            () = shutdown.requested() => return Err(Ending::ShuttingDown),
            outcome = connection.readable() => outcome?,
            () = sleep_until(deadline) => return Err(Ending::TimedOut),
        }
        if connection.buffered().len() > had {
            return Ok(());
        }
        tokio::select! {
            biased;
            () = shutdown.requested() => Err(Ending::ShuttingDown),
            outcome = connection.fill(deadline) => Ok(outcome?),
        }
    }

    /// Sends what gathered.
    pub async fn flush(&mut self) -> Result<(), Ending> {
        Ok(self.connection.flush().await?)
    }

    /// Sends what gathered and ends the connection.
    pub async fn close(self) {
        self.connection.close().await;
    }

    async fn skip_line(&mut self, deadline: Instant) -> Result<(), Ending> {
        let Self { connection, shutdown } = self;
        tokio::select! {
            biased;
            () = shutdown.requested() => Err(Ending::ShuttingDown),
            outcome = connection.skip_line(deadline) => Ok(outcome?),
        }
    }
}

fn judged(line: &[u8], len_max: usize) -> Line {
    if line.len() > len_max {
        return Line::TooLong;
    }
    match line.strip_suffix(b"\r\n") {
        Some(text) => Line::Text(text.to_vec()),
        None => Line::Bare(line.strip_suffix(b"\n").unwrap_or(line).to_vec()),
    }
}

impl From<StreamError> for Ending {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::TimedOut => Self::TimedOut,
            _ => Self::Gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::shutdown::ShutdownTrigger;
    use crate::stream::Stream;

    async fn pair() -> (TcpStream, Lines, ShutdownTrigger) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("address");
        let client = TcpStream::connect(address).await.expect("connect");
        let (socket, _) = listener.accept().await.expect("accept");
        let stream = Stream::new(socket).expect("stream");
        let connection = Connection::new(stream, Duration::from_secs(30));
        let (trigger, shutdown) = ShutdownTrigger::new();
        (client, Lines::new(connection, shutdown), trigger)
    }

    fn deadline() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    #[tokio::test]
    async fn lines_come_one_by_one_and_long_ones_are_thrown_away() {
        let (mut client, mut lines, _trigger) = pair().await;
        let sent =
            [b"one\r\ntwo\n".as_slice(), &vec![b'x'; 50_000], b"\r\n123456\r\n1234567\r\nend\r\n"];
        client.write_all(&sent.concat()).await.expect("write");
        let mut next = async || lines.next(8, deadline()).await.expect("a line");
        assert_eq!(next().await, Line::Text(b"one".to_vec()));
        assert_eq!(next().await, Line::Bare(b"two".to_vec()));
        assert_eq!(next().await, Line::TooLong);
        assert_eq!(next().await, Line::Text(b"123456".to_vec()));
        assert_eq!(next().await, Line::TooLong);
        assert_eq!(next().await, Line::Text(b"end".to_vec()));
    }

    #[tokio::test]
    async fn answers_leave_before_the_session_waits() {
        let (mut client, mut lines, _trigger) = pair().await;
        lines.connection().output().extend_from_slice(b"answer");
        let session = tokio::spawn(async move { lines.next(8, deadline()).await });
        let mut answer = [0; 6];
        client.read_exact(&mut answer).await.expect("read");
        client.write_all(b"x\r\n").await.expect("write");
        assert_eq!(session.await.expect("joins"), Ok(Line::Text(b"x".to_vec())));
    }

    #[tokio::test]
    async fn every_wait_has_its_end() {
        let (_client, mut lines, _trigger) = pair().await;
        assert_eq!(lines.next(8, Instant::now()).await, Err(Ending::TimedOut));
        let (client, mut lines, _trigger) = pair().await;
        drop(client);
        assert_eq!(lines.next(8, deadline()).await, Err(Ending::Gone));
        let (_client, mut lines, trigger) = pair().await;
        trigger.request();
        assert_eq!(lines.next(8, deadline()).await, Err(Ending::ShuttingDown));
    }
}
