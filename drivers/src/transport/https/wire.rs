//! The HTTP client's connections: name look-up with a limit, TLS by our rules, and buffers that are wiped.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport, TransportAdapter,
};
use zeroize::{Zeroize, Zeroizing};

use qhal::{Error, ErrorKind};

use super::{Limits, Place, failure};
use crate::transport::tcp::look_up;

/// Plaintext that is kept at a time, in bytes: more than the longest head of an answer.
const BUFFER: usize = 64 << 10;
/// The longest head of an answer, in bytes.
const LONGEST_HEAD: usize = 32 << 10;
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(10);

/// What was seen of the server.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Connections that were made and whose certificate was trusted.
    pub(super) handshakes: u64,
    /// Whether the host is this machine.
    pub(super) here: bool,
}

/// An HTTP client for one host.
pub(super) fn agent(
    place: &Place,
    tls: Arc<ClientConfig>,
    limits: &Limits,
    seen: Arc<Mutex<Seen>>,
) -> ureq::Agent {
    let config = Config::builder()
        .https_only(true)
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("qhal/", env!("CARGO_PKG_VERSION")))
        .max_response_header_size(LONGEST_HEAD)
        .max_idle_age(IDLE)
        .timeout_connect(Some(limits.connect))
        .timeout_global(Some(limits.call))
        .build();
    let names = Names { place: place.clone() };
    let tls = TlsConnector { place: place.clone(), tls, seen };
    let connector = ().chain(TcpConnector::default()).chain(tls);
    ureq::Agent::with_parts(config, connector, names)
}

/// One of our errors on its way through the client.
fn ours(error: Error) -> ureq::Error {
    ureq::Error::Other(Box::new(error))
}

/// Looks up the one name that is asked.
#[derive(Debug)]
struct Names {
    place: Place,
}

impl Resolver for Names {
    fn resolve(
        &self,
        _uri: &Uri,
        _config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let limit = timeout.not_zero().map_or(Duration::MAX, |limit| *limit);
        let mut addresses = self.empty();
        let room = 16;
        for address in look_up(&self.place.host, self.place.port, limit).map_err(ours)?.into_iter().take(room)
        {
            addresses.push(address);
        }
        if addresses.is_empty() {
            let message = format!("the name {} has no address", self.place.host);
            return Err(ours(Error::new(ErrorKind::NotFound, message)));
        }
        Ok(addresses)
    }
}

/// Whether an address is one of this machine.
pub(super) fn is_here(address: SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    if ip.is_loopback() || ip.is_unspecified() {
        return true;
    }
    let any: IpAddr = if ip.is_ipv4() { [0u8; 4].into() } else { [0u8; 16].into() };
    // Connecting a datagram socket sends nothing; the system only says from where it would.
    let route = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((ip, address.port()))?;
        socket.local_addr()
    });
    route.is_ok_and(|from| from.ip() == ip)
}

/// Puts TLS on a TCP connection.
#[derive(Debug)]
struct TlsConnector {
    place: Place,
    tls: Arc<ClientConfig>,
    seen: Arc<Mutex<Seen>>,
}

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = TlsTransport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<TlsTransport>, ureq::Error> {
        let Some(transport) = chained else { return Ok(None) };
        let name = ServerName::try_from(self.place.host.clone()).map_err(|_| {
            let message = format!("'{}' cannot stand in a certificate", self.place.host);
            ours(Error::new(ErrorKind::InvalidInput, message))
        })?;
        let refused = |error: &rustls::Error| ours(failure::of_tls(error, &self.place));
        let mut connection = ClientConnection::new(Arc::clone(&self.tls), name).map_err(|e| refused(&e))?;
        let transport: Box<dyn Transport> = Box::new(transport);
        let mut socket = TransportAdapter::new(transport, Arc::clone(&details.current_time));
        socket.set_timeout(details.timeout);
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        let here = details.addrs.iter().any(|address| is_here(*address));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Seen { handshakes: seen.handshakes + 1, here };
        Ok(Some(TlsTransport {
            stream: StreamOwned::new(connection, socket),
            buffers: WipedBuffers::default(),
        }))
    }
}

/// A connection with TLS.
struct TlsTransport {
    stream: StreamOwned<ClientConnection, TransportAdapter>,
    buffers: WipedBuffers,
}

impl std::fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsTransport")
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        let output = self.buffers.output.get_mut(..amount).unwrap_or_default();
        let sent = self.stream.write_all(output).and_then(|()| self.stream.flush());
        output.zeroize();
        Ok(sent?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        let count = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

/// Plaintext on its way: what was used is wiped at once, the rest when the connection goes. Answers may hold keys, and
/// requests a token. What TLS itself keeps of a record for a moment is not in our hands.
#[derive(Default)]
struct WipedBuffers {
    input: Zeroizing<Vec<u8>>,
    output: Zeroizing<Vec<u8>>,
    /// `input[used..filled]` is waiting to be used.
    used: usize,
    filled: usize,
    progress: bool,
}

impl WipedBuffers {
    /// Allocates at the first need, and makes room behind what is waiting.
    fn prepare(&mut self) {
        if self.input.is_empty() {
            self.input = Zeroizing::new(vec![0; BUFFER]);
            self.output = Zeroizing::new(vec![0; BUFFER]);
        }
        if self.used > 0 {
            self.input.copy_within(self.used..self.filled, 0);
            let waiting = self.filled - self.used;
            self.input.get_mut(waiting..self.filled).unwrap_or_default().zeroize();
            (self.used, self.filled) = (0, waiting);
        }
    }
}

impl Buffers for WipedBuffers {
    fn output(&mut self) -> &mut [u8] {
        self.prepare();
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        self.input.get(self.used..self.filled).unwrap_or_default()
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.prepare();
        self.input.get_mut(self.filled..).unwrap_or_default()
    }

    fn input_appended(&mut self, amount: usize) {
        self.filled = (self.filled + amount).min(self.input.len());
    }

    fn input_consume(&mut self, amount: usize) {
        self.progress = amount > 0;
        let end = (self.used + amount).min(self.filled);
        self.input.get_mut(self.used..end).unwrap_or_default().zeroize();
        self.used = end;
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.prepare();
        (self.input.get_mut(self.filled..).unwrap_or_default(), &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.progress && self.used < self.filled
    }
}
