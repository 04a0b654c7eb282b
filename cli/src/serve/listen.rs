//! Listening: TCP and Unix sockets with a limit on connections, and an end when the daemon stops.

use std::fs;
use std::future::Future;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use qhal::{Error, ErrorKind, Result};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};

/// How long to wait after the system refused a connection: out of file handles, as a rule.
const BREATH: Duration = Duration::from_millis(100);

/// Binds a TCP address; port 0 takes one of the system's choice. Returns the address that was bound.
///
/// # Errors
/// `Busy` when it is taken, `PermissionDenied` and the like.
pub(crate) async fn tcp(address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let cannot = |cause| Error::from_io(cause, format!("cannot listen on {address}"));
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let bound = listener.local_addr().map_err(cannot)?;
    Ok((listener, bound))
}

/// A Unix socket in the file system; its file goes away with it.
pub(crate) struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        // Nothing can be done about a file that somebody else has removed.
        let _ = fs::remove_file(&self.path);
    }
}

/// Binds a Unix socket with these permissions. A socket that a daemon left behind, and at which nobody answers, is
/// replaced; anything else in its place is not touched.
///
/// # Errors
/// `Busy` when somebody answers there or it is no socket, `PermissionDenied` and the like.
pub(crate) fn unix(path: &Path, mode: u32) -> Result<UnixSocket> {
    let cannot = |cause| Error::from_io(cause, format!("cannot listen on {}", path.display()));
    if let Ok(there) = fs::symlink_metadata(path) {
        let alone = there.file_type().is_socket() && std::os::unix::net::UnixStream::connect(path).is_err();
        if !alone {
            let message = format!("cannot listen on {}: it exists and is in use", path.display());
            return Err(Error::new(ErrorKind::Busy, message));
        }
        fs::remove_file(path).map_err(cannot)?;
    }
    let listener = UnixListener::bind(path).map_err(cannot)?;
    let socket = UnixSocket { listener, path: path.to_owned() };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(cannot)?;
    Ok(socket)
}

/// Who is at the other end of a Unix socket, as a name for quotas.
pub(crate) fn peer(stream: &UnixStream) -> String {
    stream
        .peer_cred()
        .map_or_else(|_| "uid:unknown".to_owned(), |credentials| format!("uid:{}", credentials.uid()))
}

/// Whether the other end has gone away for good; a reader that only sends nothing more is still there.
pub(crate) async fn is_gone(stream: &UnixStream) -> bool {
    stream.ready(Interest::WRITABLE).await.map_or(true, |ready| ready.is_write_closed())
}

/// Accepts TCP connections until it is stopped, at most `most` at a time; those beyond wait in the system's queue. Open
/// connections are ended `grace` after the daemon was stopped.
pub(crate) async fn accept_tcp<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    stopped: watch::Receiver<bool>,
    most: usize,
    grace: Duration,
    handle: impl Fn(TcpStream, SocketAddr) -> F,
) {
    let accept = || async {
        listener.accept().await.inspect(|(stream, _)| {
            // Answers are small and written at once: waiting for more would only delay them.
            let _ = stream.set_nodelay(true);
        })
    };
    each(accept, stopped, Limits { most, grace }, |(stream, peer)| handle(stream, peer)).await;
}

/// Accepts connections of a Unix socket until it is stopped, at most `most` at a time.
pub(crate) async fn accept_unix<F: Future<Output = ()> + Send + 'static>(
    socket: UnixSocket,
    stopped: watch::Receiver<bool>,
    most: usize,
    handle: impl Fn(UnixStream) -> F,
) {
    let limits = Limits { most, grace: Duration::ZERO };
    each(|| socket.listener.accept(), stopped, limits, |(stream, _)| handle(stream)).await;
}

struct Limits {
    most: usize,
    grace: Duration,
}

async fn each<C, A, F>(
    accept: impl Fn() -> A,
    mut stopped: watch::Receiver<bool>,
    limits: Limits,
    handle: impl Fn(C) -> F,
) where
    A: Future<Output = std::io::Result<C>>,
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(limits.most));
    let ending = stopped.clone();
    loop {
        let accepted = tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => break,
            accepted = async {
                // The semaphore is never closed, so there is always a place in the end.
                let place = Arc::clone(&places).acquire_owned().await.ok();
                (place, accept().await)
            } => accepted,
        };
        let (Some(place), Ok(connection)) = accepted else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        let (work, mut ending, grace) = (handle(connection), ending.clone(), limits.grace);
        tokio::spawn(async move {
            let _place = place;
            tokio::select! {
                () = work => {}
                () = farewell(&mut ending, grace) => {}
            }
        });
    }
    let all = u32::try_from(limits.most).unwrap_or(u32::MAX);
    // Whoever is not done by then has been ended by its farewell.
    let _ = tokio::time::timeout(limits.grace, places.acquire_many(all)).await;
}

/// Comes to its end a while after the daemon was stopped: who answers a request by then may finish.
async fn farewell(stopped: &mut watch::Receiver<bool>, grace: Duration) {
    // An error says that nobody can stop it any more: it is being stopped.
    let _ = stopped.wait_for(|stop| *stop).await;
    tokio::time::sleep(grace).await;
}
