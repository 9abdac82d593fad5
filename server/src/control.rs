//! The control socket of a running server: `control` in the directory of the store, for commands
//! that need the store while the server has it.
//!
//! A line goes in, an [`Order`]; when it is done, `ok` or `error` and words come back, to the end of the
//! connection.
//! Only the server's own user and root are listened to.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use crate::context::Context;
use crate::orders::Order;

/// The longest order: a set of many UIDs.
const LINE_LEN_MAX: u64 = 1 << 20;
/// How long a client may take to say what it wants.
const ORDER_TIME: Duration = Duration::from_secs(10);
/// Clients that are heard at one time.
const CLIENTS_MAX: usize = 8;

/// Where the socket of a store is.
pub fn path(store: &Path) -> PathBuf {
    store.join("control")
}

/// Binds the socket in the place of one that a dead server left; the store's lock is held.
pub(crate) fn bind(store: &Path) -> io::Result<UnixListener> {
    let path = path(store);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(path)
}

/// Answers until the server stops.
pub(crate) async fn serve(context: Arc<Context>, listener: UnixListener) {
    let room = Arc::new(Semaphore::new(CLIENTS_MAX));
    let shutdown = context.shutdown.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.requested() => break,
        };
        let (Ok((stream, _)), Ok(permit)) = (accepted, Arc::clone(&room).acquire_owned().await)
        else {
            // Out of file descriptors: others end sooner or later.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let context = Arc::clone(&context);
        tokio::spawn(async move {
            if let Err(error) = answer(&context, stream).await {
                tracing::debug!(%error, "a client of the control socket went");
            }
            drop(permit);
        });
    }
}

async fn answer(context: &Arc<Context>, stream: UnixStream) -> io::Result<()> {
    let uid = stream.peer_cred()?.uid();
    let (input, mut output) = stream.into_split();
    let own = rustix::process::geteuid().as_raw();
    let reply = if uid != own && uid != 0 {
        Err("only root and the user that the server runs as may give orders".to_owned())
    } else {
        let mut line = String::new();
        let mut input = BufReader::new(input.take(LINE_LEN_MAX));
        tokio::time::timeout(ORDER_TIME, input.read_line(&mut line)).await??;
        match line.strip_suffix('\n').and_then(Order::parse) {
            Some(order) => carry_out(context, order).await,
            None => Err("not an order that this server knows".to_owned()),
        }
    };
    let line = match reply {
        Ok(done) => format!("ok {done}\n"),
        Err(why) => format!("error {why}\n"),
    };
    output.write_all(line.as_bytes()).await
}

async fn carry_out(context: &Arc<Context>, order: Order) -> Result<String, String> {
    tracing::info!(?order, "ordered by the control socket");
    let order = match order {
        Order::Queue(order) => {
            return order.carry_out(&context.queue).await.map_err(|error| error.to_string());
        }
        Order::Store(order) => order,
    };
    let store = context.store.clone();
    let done = tokio::task::spawn_blocking(move || order.carry_out(&store)).await;
    match done {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(failure) => Err(failure.to_string()),
    }
}

/// Gives an order to the server that has this store; `None` if none runs.
pub(crate) fn give(store: &Path, order: &Order) -> io::Result<Option<Result<String, String>>> {
    use std::io::{Read as _, Write as _};

    let mut stream = match std::os::unix::net::UnixStream::connect(path(store)) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    stream.write_all(format!("{order}\n").as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Some(match text.split_once(' ') {
        Some(("ok", done)) => Ok(done.to_owned()),
        Some(("error", why)) => Err(why.to_owned()),
        _ => Err("the server ended before it was done; give the order again".to_owned()),
    }))
}
