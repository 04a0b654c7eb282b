//! A TCP connection as a wire.

use std::io::{ErrorKind as Io, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::time::Duration;

use qhal::{Error, ErrorKind, Result};

use super::{Deadline, LineSettings, MOST_DISCARDED, Transport};

/// A TCP connection to a device. It has no line: settings are accepted and ignored.
#[derive(Debug)]
pub struct TcpTransport {
    stream: TcpStream,
    peer: SocketAddr,
}

impl TcpTransport {
    /// Connects to `host:port`; `timeout` covers the name's look-up and every address of it together. Small writes
    /// are sent at once (TCP_NODELAY).
    ///
    /// # Errors
    /// `NotFound` when the name is unknown or nobody listens there, `TimedOut`, or the kind of the system's error.
    pub fn connect(host: &str, port: u16, timeout: Duration) -> Result<Self> {
        let deadline = Deadline::after(timeout);
        let mut last = None;
        for address in look_up(host, port, timeout)? {
            let left = deadline.left().max(Duration::from_millis(1));
            match TcpStream::connect_timeout(&address, left) {
                Ok(stream) => return Self::over(stream),
                Err(cause) => last = Some(cause),
            }
        }
        Err(match last {
            Some(cause) => Error::from_io(cause, format!("cannot connect to {host} port {port}")),
            None => Error::new(ErrorKind::NotFound, format!("{host} has no address")),
        })
    }

    /// Takes over a connection that exists.
    ///
    /// # Errors
    /// The kind of the system's error when the connection is no longer one.
    pub fn over(stream: TcpStream) -> Result<Self> {
        let prepared = stream.set_nodelay(true).and_then(|()| stream.peer_addr());
        let peer = prepared.map_err(|cause| Error::from_io(cause, "the connection broke at once"))?;
        Ok(Self { stream, peer })
    }

    /// The other end.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The connection itself, for a layer on top of it.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn gone(&self) -> Error {
        Error::new(ErrorKind::Disconnected, format!("{} has closed the connection", self.peer))
    }

    fn broken(&self, cause: std::io::Error) -> Error {
        Error::from_io(cause, format!("the connection to {} broke", self.peer))
    }
}

/// The addresses of a host. The system's look-up has no time limit, so it runs aside and is abandoned when late.
pub(crate) fn look_up(host: &str, port: u16, timeout: Duration) -> Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<std::net::IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (found, wait) = mpsc::channel();
    let name = host.to_owned();
    std::thread::spawn(move || {
        // Nobody waits any more when this fails.
        let _ = found.send((name.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>));
    });
    match wait.recv_timeout(timeout) {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(cause)) => {
            Err(Error::new(ErrorKind::NotFound, format!("the name {host} is not known here")).because(cause))
        }
        Err(_) => {
            Err(Error::new(ErrorKind::TimedOut, format!("the name {host} was not found within {timeout:?}")))
        }
    }
}

impl Transport for TcpTransport {
    fn read(&mut self, out: &mut [u8], timeout: Duration) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let deadline = Deadline::after(timeout);
        loop {
            // A limit of zero would mean "no limit" to the system.
            let left = deadline.left().max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left)).map_err(|cause| self.broken(cause))?;
            match self.stream.read(out) {
                Ok(0) => return Err(self.gone()),
                Ok(count) => return Ok(count),
                Err(cause) if matches!(cause.kind(), Io::WouldBlock | Io::TimedOut | Io::Interrupted) => {
                    if deadline.left().is_zero() {
                        let message = format!("{} sent nothing for {timeout:?}", self.peer);
                        return Err(Error::new(ErrorKind::TimedOut, message));
                    }
                }
                Err(cause) => return Err(self.broken(cause)),
            }
        }
    }

    fn write_all(&mut self, bytes: &[u8], timeout: Duration) -> Result<()> {
        let deadline = Deadline::after(timeout);
        let mut rest = bytes;
        while !rest.is_empty() {
            let left = deadline.left().max(Duration::from_millis(1));
            self.stream.set_write_timeout(Some(left)).map_err(|cause| self.broken(cause))?;
            match self.stream.write(rest) {
                Ok(0) => return Err(self.gone()),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(cause) if matches!(cause.kind(), Io::WouldBlock | Io::TimedOut | Io::Interrupted) => {
                    if deadline.left().is_zero() {
                        let taken = bytes.len() - rest.len();
                        let message =
                            format!("{} took {taken} of {} bytes within {timeout:?}", self.peer, bytes.len());
                        return Err(Error::new(ErrorKind::TimedOut, message));
                    }
                }
                Err(cause) => return Err(self.broken(cause)),
            }
        }
        Ok(())
    }

    fn configure(&mut self, _line: LineSettings) -> Result<()> {
        Ok(())
    }

    fn discard_input(&mut self) -> Result<()> {
        self.stream.set_nonblocking(true).map_err(|cause| self.broken(cause))?;
        let mut scratch = [0; 4096];
        let mut discarded = 0;
        let result = loop {
            match self.stream.read(&mut scratch) {
                Ok(0) => break Err(self.gone()),
                Ok(count) => discarded += count,
                Err(cause) if cause.kind() == Io::WouldBlock => break Ok(()),
                Err(cause) if cause.kind() == Io::Interrupted => {}
                Err(cause) => break Err(self.broken(cause)),
            }
            if discarded >= MOST_DISCARDED {
                break Ok(());
            }
        };
        self.stream.set_nonblocking(false).map_err(|cause| self.broken(cause))?;
        result
    }
}
