//! The device's side of HTTPS: a small server for emulated devices, which can also misbehave.

mod connection;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use qhal::{Address, Error, Result};
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use zeroize::Zeroizing;

use super::lab::{Lab, Leaf};
use super::tls;
use crate::transport::Served;
use crate::transport::service::Service;

/// Connections at a time.
const MOST_CONNECTIONS: usize = 32;
/// How long nobody looks for a new connection or a stop.
const TICK: Duration = Duration::from_millis(2);

/// What an emulated device does with requests.
pub trait Handler: Send + Sync + 'static {
    /// The answer to one request. Several connections may ask at once.
    fn answer(&self, request: &Request) -> Reply;

    /// Whether the device is gone: connections break then, and nobody listens any more.
    fn gone(&self) -> bool {
        false
    }
}

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The path without the query, still percent-encoded.
    pub path: String,
    /// What stood behind `?`; empty if nothing did.
    pub query: String,
    /// The fields of the head, names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Zeroizing<Vec<u8>>,
    /// The name of the client's certificate, where it showed one of the [`Lab`]'s.
    pub client: Option<String>,
}

impl Request {
    /// A field of the head, by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A value of the query, percent-decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.into_iter().find(|(known, _)| *known == name)?;
        super::percent_decoded(&value.replace('+', " "))
    }

    /// The segments of the path, percent-decoded; none where the encoding is broken.
    pub fn segments(&self) -> Vec<String> {
        let path = self.path.trim_start_matches('/');
        path.split('/').map(super::percent_decoded).collect::<Option<_>>().unwrap_or_default()
    }
}

/// What a device answers, and how.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    status: u16,
    content_type: Option<&'static str>,
    headers: Vec<(&'static str, String)>,
    body: Zeroizing<Vec<u8>>,
    manner: Manner,
    bytes_per_s: Option<u32>,
}

/// How an answer is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Manner {
    /// As HTTP asks for.
    #[default]
    Whole,
    /// The connection breaks after so many bytes of the body.
    Cut(usize),
    /// Nothing is sent while the host waits.
    Silent,
    /// The body alone is sent, without any head.
    Bare,
}

impl Reply {
    /// This status without a body.
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// A JSON document.
    pub fn json(status: u16, text: impl Into<String>) -> Self {
        Self::bytes(status, "application/json", text.into().into_bytes())
    }

    /// Any body.
    pub fn bytes(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        let (content_type, body) = (Some(content_type), Zeroizing::new(body));
        Self { status, content_type, body, ..Self::default() }
    }

    /// With this field in its head.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Without saying what its body is.
    #[must_use]
    pub fn untyped(mut self) -> Self {
        self.content_type = None;
        self
    }

    /// The body comes this fast.
    #[must_use]
    pub fn paced(mut self, bytes_per_s: u32) -> Self {
        self.bytes_per_s = Some(bytes_per_s.max(1));
        self
    }

    /// The connection breaks after so many bytes of the body, although more were announced.
    #[must_use]
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.manner = Manner::Cut(bytes);
        self
    }

    /// Nothing is sent while the host waits.
    pub fn silence() -> Self {
        Self { manner: Manner::Silent, ..Self::default() }
    }

    /// These bytes are sent, and not as HTTP.
    pub fn garbage(bytes: Vec<u8>) -> Self {
        Self { manner: Manner::Bare, body: Zeroizing::new(bytes), ..Self::default() }
    }
}

/// Whether a server wants to know its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// Anybody may ask, without a certificate.
    Anybody,
    /// Only who shows a certificate of the [`Lab`].
    Certified,
}

/// A served device: threads that answer until this handle is stopped or dropped.
pub struct HttpsServer {
    address: SocketAddr,
    service: Service,
    details: Vec<(&'static str, String)>,
    /// Keeps the files that the details name.
    _lab: Lab,
}

impl HttpsServer {
    /// Serves `handler` at a free port of 127.0.0.1 with a certificate of `lab`. `details` are told to whoever starts a
    /// host, beside the file to trust under the name `ca`.
    ///
    /// # Errors
    /// The kind of the system's error when there is no port or thread; `Other` when no certificate can be made.
    pub fn serve(
        mut lab: Lab,
        leaf: Leaf,
        clients: Clients,
        handler: impl Handler,
        mut details: Vec<(&'static str, String)>,
    ) -> Result<Self> {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let tried = |cause| Error::from_io(cause, format!("cannot serve at {here}"));
        let listener = TcpListener::bind(here).map_err(tried)?;
        listener.set_nonblocking(true).map_err(tried)?;
        let address = listener.local_addr().map_err(tried)?;
        let host = connection::Host {
            tls: configuration(&mut lab, leaf, clients)?,
            clients: lab.clients(),
            handler: Box::new(handler),
        };
        details.insert(0, ("ca", lab.trusted().display().to_string()));
        let host = Arc::new(host);
        let service = Service::start("https", move |stop| {
            accept(&listener, &host, stop);
            Ok(())
        })?;
        Ok(Self { address, service, details, _lab: lab })
    }

    /// Where it answers.
    pub fn address(&self) -> Address {
        Address::Https { host: self.address.ip().to_string(), port: self.address.port() }
    }
}

impl Served for HttpsServer {
    fn address(&self) -> Address {
        self.address()
    }

    fn is_running(&self) -> bool {
        self.service.is_running()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        self.details.clone()
    }

    fn stop(mut self: Box<Self>) -> Result<()> {
        self.service.end()
    }
}

/// TLS of a server with a certificate of the lab.
pub(crate) fn configuration(lab: &mut Lab, leaf: Leaf, clients: Clients) -> Result<Arc<ServerConfig>> {
    let failed = |why: String| Error::new(qhal::ErrorKind::Other, format!("cannot serve with TLS: {why}"));
    let identity = lab.server(leaf)?;
    let builder = ServerConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?;
    let builder = match clients {
        Clients::Anybody => builder.with_no_client_auth(),
        Clients::Certified => {
            let mut roots = RootCertStore::empty();
            roots.add(lab.authority()).map_err(|error| failed(error.to_string()))?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), tls::provider());
            builder.with_client_cert_verifier(verifier.build().map_err(|error| failed(error.to_string()))?)
        }
    };
    let mut config =
        builder.with_single_cert(identity.chain, identity.key).map_err(|error| failed(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A thread for each connection, until the end.
fn accept(listener: &TcpListener, host: &Arc<connection::Host>, stop: &AtomicBool) {
    let ending = Arc::new(AtomicBool::new(false));
    let mut threads: Vec<std::thread::JoinHandle<()>> = Vec::new();
    while !stop.load(Ordering::Relaxed) && !host.handler.gone() {
        threads.retain(|thread| !thread.is_finished());
        match listener.accept() {
            Ok((stream, _)) if threads.len() < MOST_CONNECTIONS => {
                let (host, ending) = (Arc::clone(host), Arc::clone(&ending));
                let thread = std::thread::Builder::new()
                    .name("https connection".to_owned())
                    // A connection that breaks is the host's right.
                    .spawn(move || drop(connection::serve(stream, &host, &ending)));
                threads.extend(thread);
            }
            // One too many: it is closed.
            Ok(_) => {}
            Err(_) => std::thread::sleep(TICK),
        }
    }
    ending.store(true, Ordering::Relaxed);
    for thread in threads {
        // A handler that panicked has ended its own connection.
        let _ = thread.join();
    }
}

/// The client whose certificate this is.
fn name_of(
    clients: &[(String, CertificateDer<'static>)],
    certificate: &CertificateDer<'_>,
) -> Option<String> {
    clients.iter().find(|(_, known)| known == certificate).map(|(name, _)| name.clone())
}
