//! The wires: TLS connections in, each with the name of who is at the other end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use qhal::{Error, ErrorKind, Result};
use rustls::pki_types::ServerName;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificate::Credentials;
use crate::identity::Holder;
use crate::manager::{Manager, lock};
use crate::peer::Client;
use crate::refusal::Refusal;
use crate::settings::{PeerSection, SupplyKind};
use crate::supply::{FromLink, Source, Supply, Worker};
use crate::{etsi004, etsi014, skip, telemetry};

/// Connections at a time.
const MOST_CONNECTIONS: usize = 4096;
/// How long a client may take for the TLS handshake, and for the head of a request.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long open requests may go on after a stop.
const GRACE: Duration = Duration::from_secs(5);

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) manager: Arc<Manager>,
    /// This end of the link shared with each key manager that has one.
    pub(crate) links: Arc<Vec<(String, FromLink)>>,
    /// Bytes for `GET /entropy`; only this key manager's own generator.
    pub(crate) entropy: Arc<Option<Mutex<Box<dyn qhal::SecureRandom>>>>,
}

/// A key manager at work.
pub struct Server {
    runtime: Runtime,
    listener: TcpListener,
    /// For key streams.
    streams: Option<TcpListener>,
    shared: Shared,
    acceptor: TlsAcceptor,
    workers: Vec<Worker>,
    clients: Vec<Client>,
    stop: Stop,
}

/// Ends a server from anywhere; open requests are finished first.
#[derive(Clone, Debug)]
pub struct Stop {
    sender: watch::Sender<bool>,
    flag: Arc<AtomicBool>,
}

impl Stop {
    /// Asks the server to end.
    pub fn stop(&self) {
        self.flag.store(true, Ordering::SeqCst);
        self.sender.send_replace(true);
    }
}

impl Server {
    /// Opens everything: state, certificates, the port. `supplies` names the key manager each is for (this one's own name
    /// for applications of the same site); `entropy` answers SKIP's `/entropy`.
    ///
    /// # Errors
    /// `InvalidInput` for wrong settings; `Busy` when the port or the state file is in use; those of reading files.
    pub fn open(
        manager: Manager,
        supplies: Vec<(String, Supply)>,
        entropy: Option<Box<dyn qhal::SecureRandom>>,
        threads: usize,
    ) -> Result<Self> {
        let settings = manager.settings().clone();
        let credentials = Credentials::read(&settings.kme)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.clamp(1, 64))
            .enable_all()
            .build()
            .map_err(|cause| Error::from_io(cause, "cannot start threads"))?;
        let listen = |address: &String| {
            runtime.block_on(TcpListener::bind(address)).map_err(|cause| listening(cause, address))
        };
        let listener = listen(&settings.kme.listen)?;
        let streams = settings.kme.streams.as_ref().map(listen).transpose()?;
        let manager = Arc::new(manager);
        let stop = Stop { sender: watch::Sender::new(false), flag: Arc::default() };
        let mut clients = Vec::new();
        for peer in &settings.peers {
            clients.extend(client(&manager, peer, &credentials)?);
        }
        let mut links = Vec::new();
        let mut workers = Vec::new();
        for (kme, supply) in supplies {
            let link = manager
                .link(&kme)
                .ok_or_else(|| {
                    Error::new(ErrorKind::InvalidInput, format!("there is no key manager '{kme}'"))
                })?
                .clone();
            let source = match supply {
                Supply::Relay(random) => Source::Relay(random),
                Supply::Link(device) => {
                    let device = FromLink::new(device);
                    links.push((kme, device.clone()));
                    Source::Link(device)
                }
            };
            if link.supply() != SupplyKind::None {
                let (manager, runtime) = (manager.clone(), runtime.handle().clone());
                workers.push(Worker { manager, link, source, runtime, stop: stop.flag.clone() });
            }
        }
        let acceptor = TlsAcceptor::from(credentials.server()?);
        let shared = Shared { manager, links: Arc::new(links), entropy: Arc::new(entropy.map(Mutex::new)) };
        Ok(Self { runtime, listener, streams, shared, acceptor, workers, clients, stop })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// `Other` when the operating system does not tell.
    pub fn address(&self) -> Result<std::net::SocketAddr> {
        self.listener.local_addr().map_err(|cause| Error::from_io(cause, "the port has no address"))
    }

    /// Where it serves key streams, if it does.
    ///
    /// # Errors
    /// `Other` when the operating system does not tell.
    pub fn streams_address(&self) -> Result<Option<std::net::SocketAddr>> {
        let address = self.streams.as_ref().map(TcpListener::local_addr).transpose();
        address.map_err(|cause| Error::from_io(cause, "the port has no address"))
    }

    /// What it manages.
    pub fn manager(&self) -> &Arc<Manager> {
        &self.shared.manager
    }

    /// Ends it from anywhere.
    pub fn stopper(&self) -> Stop {
        self.stop.clone()
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    /// `Exhausted` when threads cannot be started.
    pub fn run(self) -> Result<()> {
        let Self { runtime, listener, streams, shared, acceptor, workers, clients, stop } = self;
        let mut threads = Vec::new();
        for (number, worker) in workers.into_iter().enumerate() {
            let thread = std::thread::Builder::new()
                .name(format!("supply {number}"))
                .spawn(move || worker.run())
                .map_err(|cause| Error::from_io(cause, "cannot start a thread"))?;
            threads.push((thread, shared.clone()));
        }
        for client in clients {
            runtime.spawn(client.run());
        }
        let sweeper = shared.manager.clone();
        runtime.spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_secs(1));
            loop {
                ticks.tick().await;
                sweeper.sweep();
                sweeper.sweep_streams();
            }
        });
        if let Some(listener) = streams {
            let (acceptor, shared) = (acceptor.clone(), shared.clone());
            let serving = move |stream| serve_streams(stream, acceptor.clone(), shared.clone());
            runtime.spawn(accept(listener, serving, stop.sender.subscribe()));
        }
        let router = etsi014::router(shared.clone())
            .merge(skip::router(shared.clone()))
            .merge(telemetry::router(shared.clone()));
        let stopped = stop.sender.subscribe();
        let serving = {
            let (shared, stopped) = (shared.clone(), stopped.clone());
            move |stream| serve(stream, acceptor.clone(), router.clone(), shared.clone(), stopped.clone())
        };
        runtime.block_on(accept(listener, serving, stopped));
        stop.stop();
        for (thread, shared) in threads {
            for link in shared.manager.all_links() {
                link.wanted.notify_one();
            }
            // A worker that failed has said so in its alarm.
            let _ = thread.join();
        }
        runtime.shutdown_timeout(GRACE);
        Ok(())
    }
}

fn client(manager: &Manager, peer: &PeerSection, credentials: &Credentials) -> Result<Option<Client>> {
    let Some(link) = manager.link(&peer.id) else { return Ok(None) };
    let Some(queue) = link.take_receiver() else { return Ok(None) };
    let host = peer.address.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']));
    let name = peer.server_name.as_deref().or(host).unwrap_or_default().to_owned();
    let server_name = ServerName::try_from(name).map_err(|_| {
        let why = format!("[[peer]] {}: address is HOST:PORT, not '{}'", peer.id, peer.address);
        Error::new(ErrorKind::InvalidInput, why)
    })?;
    let (name, address) = (link.name().clone(), peer.address.clone());
    Ok(Some(Client { name, address, server_name, tls: credentials.client()?, queue }))
}

fn listening(cause: std::io::Error, address: &str) -> Error {
    let kind = cause.kind();
    let error = Error::from_io(cause, format!("cannot listen on {address}"));
    if kind == std::io::ErrorKind::AddrInUse {
        return Error::new(ErrorKind::Busy, format!("{address} is in use by another program"));
    }
    error
}

/// Takes connections until the stop, and gives those that are open some time then.
async fn accept<W: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    serve: impl Fn(TcpStream) -> W,
    mut stopped: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let stream = tokio::select! {
            _ = until(&mut stopped) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    // Too many open files: wait until some are closed.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        let _ = stream.set_nodelay(true);
        let serving = serve(stream);
        connections.spawn(async move {
            serving.await;
            drop(place);
        });
    }
    let _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
}

/// The handshake, and who is at the other end; `None` where there is nobody whom we know.
async fn welcome(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    manager: &Manager,
) -> Option<(TlsStream<TcpStream>, Caller)> {
    let stream = timeout(HANDSHAKE, acceptor.accept(stream)).await.ok()?.ok()?;
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let holder = certificates.first().and_then(|leaf| Holder::of(leaf))?;
    let caller = Caller {
        sae: manager.sae_of(&holder).map(Arc::from),
        peer: manager.peer_of(&holder).map(|link| link.name().clone()),
        controller: manager.is_controller(&holder),
    };
    Some((stream, caller))
}

/// One connection for key streams.
async fn serve_streams(stream: TcpStream, acceptor: TlsAcceptor, shared: Shared) {
    if let Some((stream, Caller { sae: Some(sae), .. })) = welcome(stream, &acceptor, &shared.manager).await {
        etsi004::serve(shared.manager, stream, &sae).await;
    }
}

/// One connection: whose it is, then requests until it is closed.
async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    router: Router,
    shared: Shared,
    mut stopped: watch::Receiver<bool>,
) {
    let Some((stream, caller)) = welcome(stream, &acceptor, &shared.manager).await else { return };
    let service = tower_with(router, caller);
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(75))
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let stop = tokio::select! {
        _ = connection.as_mut() => false,
        stop = until(&mut stopped) => stop,
    };
    if stop {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

/// Waits for the stop; nothing is held of the channel afterwards.
async fn until(stopped: &mut watch::Receiver<bool>) -> bool {
    // A sender that is gone has stopped, too.
    let _ = stopped.wait_for(|stop| *stop).await;
    true
}

/// Who is at the other end of a connection, as its certificate says.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// An application.
    pub(crate) sae: Option<Arc<str>>,
    /// A key manager.
    pub(crate) peer: Option<Arc<str>>,
    /// Whether it may see how this key manager is doing.
    pub(crate) controller: bool,
}

impl Caller {
    /// Refuses whoever is no controller.
    pub(crate) fn controls(&self) -> std::result::Result<(), Refusal> {
        if self.controller { Ok(()) } else { Err(Refusal::Unauthorized) }
    }
}

fn tower_with(
    router: Router,
    caller: Caller,
) -> impl hyper::service::Service<
    hyper::Request<Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> {
    let service = TowerToHyperService::new(router);
    hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(caller.clone());
        hyper::service::Service::call(&service, request)
    })
}

impl Shared {
    /// This end of the link shared with a key manager.
    pub(crate) fn link_device(&self, kme: &str) -> Option<&FromLink> {
        self.links.iter().find(|(name, _)| name == kme).map(|(_, device)| device)
    }

    /// Bytes of this key manager's own generator.
    pub(crate) fn random_bytes(&self, out: &mut [u8]) -> qhal::Result<()> {
        match &*self.entropy {
            Some(random) => lock(random).fill(out),
            None => Err(Error::new(ErrorKind::Unsupported, "no generator is configured")),
        }
    }
}
