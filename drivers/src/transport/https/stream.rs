//! TLS as a wire of its own, for protocols that know their peers by certificate and are not HTTP.

use std::io::{ErrorKind as Io, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use qhal::{Address, Error, ErrorKind, Provenance, Result};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::wire::is_here;
use super::{Place, Settings, failure, provenance_of, tls};
use crate::transport::Deadline;
use crate::transport::tcp::TcpTransport;

/// An open connection to a server whose certificate is trusted.
pub struct TlsStream {
    stream: StreamOwned<ClientConnection, TcpStream>,
    place: Place,
    here: bool,
}

impl TlsStream {
    /// Connects and shakes hands, by the rules of [`Https`](super::Https): only who was named is trusted.
    ///
    /// # Errors
    /// `Unsupported` for an address that is not `tcp:HOST:PORT`; those of [`Https::new`](super::Https::new) and of
    /// [`Https::call`](super::Https::call) before anything is sent.
    pub fn connect(address: &Address, settings: &Settings) -> Result<Self> {
        let Address::Tcp { host, port } = address else {
            let message = format!("it is reached as tcp:HOST:PORT, not as {address}");
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let place = Place { host: host.clone(), port: *port };
        let config = tls::client(&settings.trust, settings.identity.as_ref())?;
        let name = ServerName::try_from(host.clone()).map_err(|_| {
            Error::new(ErrorKind::InvalidInput, format!("'{host}' cannot stand in a certificate"))
        })?;
        let mut connection =
            ClientConnection::new(config, name).map_err(|error| failure::of_tls(&error, &place))?;
        let deadline = Deadline::after(settings.limits.connect);
        let tcp = TcpTransport::connect(host, *port, settings.limits.connect)?;
        let here = is_here(tcp.peer());
        let mut tcp = tcp.into_stream();
        let tried = |cause| failure::of_io(cause, &place);
        while connection.is_handshaking() {
            limit(&tcp, &deadline).map_err(tried)?;
            connection.complete_io(&mut tcp).map_err(tried)?;
        }
        Ok(Self { stream: StreamOwned::new(connection, tcp), place, here })
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// `TimedOut`, `Disconnected`; `PermissionDenied` when only now the server says that it does not take our certificate.
    pub fn write_all(&mut self, bytes: &[u8], timeout: Duration) -> Result<()> {
        let deadline = Deadline::after(timeout);
        let sent = limit(&self.stream.sock, &deadline)
            .and_then(|()| self.stream.write_all(bytes))
            .and_then(|()| self.stream.flush());
        sent.map_err(|cause| failure::of_io(cause, &self.place))
    }

    /// Fills `out`.
    ///
    /// # Errors
    /// `TimedOut` when not all of it came within `timeout`, and then the connection is of no use any more; `Disconnected`; as for
    /// [`write_all`](Self::write_all).
    pub fn read_exact(&mut self, out: &mut [u8], timeout: Duration) -> Result<()> {
        let deadline = Deadline::after(timeout);
        let mut filled = 0;
        while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let read = limit(&self.stream.sock, &deadline).and_then(|()| self.stream.read(rest));
            match read {
                Ok(0) => return Err(failure::of_io(Io::UnexpectedEof.into(), &self.place)),
                Ok(count) => filled += count,
                Err(cause) if cause.kind() == Io::Interrupted => {}
                Err(cause) => return Err(failure::of_io(cause, &self.place)),
            }
        }
        Ok(())
    }

    /// Who is at the other end, as [`Https::provenance`](super::Https::provenance) says it.
    pub fn provenance(&self) -> (Provenance, String) {
        provenance_of(self.here, "TLS", &self.place)
    }

    /// Where it is: `HOST:PORT`.
    pub fn place(&self) -> String {
        self.place.to_string()
    }
}

/// Gives the system what is left of the time.
fn limit(tcp: &TcpStream, deadline: &Deadline) -> std::io::Result<()> {
    let left = deadline.left();
    if left.is_zero() {
        return Err(Io::TimedOut.into());
    }
    tcp.set_read_timeout(Some(left))?;
    tcp.set_write_timeout(Some(left))
}

impl Drop for TlsStream {
    /// Says goodbye as TLS asks for; whoever has hung up already does not hear it.
    fn drop(&mut self) {
        self.stream.conn.send_close_notify();
        let _ = self.stream.sock.set_write_timeout(Some(Duration::from_millis(100)));
        let _ = self.stream.flush();
    }
}

impl std::fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TlsStream({})", self.place)
    }
}
