//! Two key managers on loopback ports with certificates of a lab, and applications that speak HTTP to them.

#![allow(dead_code, reason = "every test program uses a part of this")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use qhal::{Provenance, SecureRandom};
use qhal_kme::pki::{Authority, Role};
use qhal_kme::{
    Alone, Audit, KmeSection, Manager, PairSection, PeerSection, SaeSection, Server, Settings, Stop, Supply,
    SupplyKind,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use tempfile::TempDir;

/// A generator for tests: SplitMix64, announced as simulated.
pub(crate) struct Counter(pub(crate) u64);

impl SecureRandom for Counter {
    fn provenance(&self) -> Provenance {
        Provenance::Simulated
    }

    fn fill(&mut self, out: &mut [u8]) -> qhal::Result<()> {
        for chunk in out.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = self.0;
            mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(mixed ^ mixed >> 31).to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// A lab with two sites: `alice` and `anna` at `kme-a`, `bob` and `bert` at `kme-b`.
pub(crate) struct Lab {
    pub(crate) folder: TempDir,
    pub(crate) ports: [u16; 2],
}

/// A running key manager.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    /// Where it serves key streams.
    pub(crate) streams: SocketAddr,
    pub(crate) manager: Arc<Manager>,
    stop: Stop,
    thread: Option<JoinHandle<qhal::Result<()>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }
}

pub(crate) const KMES: [&str; 2] = ["kme-a", "kme-b"];
pub(crate) const SAES: [(&str, usize); 4] = [("alice", 0), ("anna", 0), ("bob", 1), ("bert", 1)];

impl Lab {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path(), 2026).unwrap();
        for kme in KMES {
            authority.certify(kme, Role::KeyManager, &["127.0.0.1".to_owned()]).unwrap();
        }
        for (sae, _) in SAES {
            authority.certify(sae, Role::Application, &[]).unwrap();
        }
        for other in ["mallory", "sdn"] {
            authority.certify(other, Role::Application, &[]).unwrap();
        }
        // Ports that were free a moment ago.
        let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        Self { folder, ports }
    }

    pub(crate) fn settings(&self, own: usize) -> Settings {
        settings_in(self.folder.path(), self.ports, own)
    }

    pub(crate) fn start(&self, own: usize, seed: u64) -> Running {
        start(self.settings(own), own, seed)
    }

    pub(crate) fn start_with(&self, settings: Settings, own: usize, seed: u64) -> Running {
        start(settings, own, seed)
    }

    /// A connection of an application, or of whoever holds that certificate.
    pub(crate) fn client(&self, name: &str, kme: &Running) -> Client {
        Client::new(self.folder.path(), name, kme.address)
    }

    /// Both key managers, once each has material for the other.
    pub(crate) fn both(&self) -> [Running; 2] {
        let running = [self.start(0, 1), self.start(1, 2)];
        for kme in &running {
            wait_for_keys(kme);
        }
        running
    }
}

/// What a key manager of a lab in `folder` is told.
pub(crate) fn settings_in(folder: &Path, ports: [u16; 2], own: usize) -> Settings {
    let file = |name: &str| folder.join(name);
    let name = KMES[own];
    let other = 1 - own;
    Settings {
        kme: KmeSection {
            id: name.to_owned(),
            listen: format!("127.0.0.1:{}", ports[own]),
            streams: Some("127.0.0.1:0".to_owned()),
            streams_alone: Alone::default(),
            certificate: file(&format!("{name}.pem")),
            key: file(&format!("{name}.key")),
            ca: file("ca.pem"),
            state: file(&format!("{name}.state")),
            audit: None,
            key_bits: 256,
            min_key_bits: 64,
            max_key_bits: 4096,
            max_keys: 1000,
            max_keys_per_request: 128,
            max_additional_slaves: 3,
            key_lifetime_s: 3600,
            supply: SupplyKind::Relay,
            policy: None,
            random: None,
            controllers: vec!["sdn".to_owned()],
        },
        saes: SAES
            .iter()
            .map(|(id, kme)| SaeSection {
                id: (*id).to_owned(),
                kme: Some(KMES[*kme].to_owned()),
                serial: None,
                uris: Vec::new(),
                keys_per_second: None,
            })
            .collect(),
        peers: vec![PeerSection {
            id: KMES[other].to_owned(),
            address: format!("127.0.0.1:{}", ports[other]),
            server_name: None,
            supply: SupplyKind::Relay,
            link: None,
        }],
        pairs: Vec::<PairSection>::new(),
    }
}

/// Starts a key manager whose generators begin at `seed`.
pub(crate) fn start(settings: Settings, own: usize, seed: u64) -> Running {
    serve(Manager::new(settings).unwrap(), own, seed)
}

/// The same with an audit trail.
pub(crate) fn start_with_audit(settings: Settings, own: usize, seed: u64, audit: Arc<dyn Audit>) -> Running {
    serve(Manager::new(settings).unwrap().with_audit(audit), own, seed)
}

fn serve(manager: Manager, own: usize, seed: u64) -> Running {
    let relay = |seed: u64| Supply::Relay(Box::new(Counter(seed)));
    let supplies = vec![
        (KMES[own].to_owned(), relay(seed.wrapping_mul(3))),
        (KMES[1 - own].to_owned(), relay(seed.wrapping_mul(5))),
    ];
    let server = Server::open(manager, supplies, Some(Box::new(Counter(seed))), 2).unwrap();
    let (address, stop) = (server.address().unwrap(), server.stopper());
    let streams = server.streams_address().unwrap().unwrap_or(address);
    let manager = server.manager().clone();
    let thread = Some(std::thread::spawn(move || server.run()));
    Running { address, streams, manager, stop, thread }
}

/// Waits until a key manager has keys for everybody.
pub(crate) fn wait_for_keys(kme: &Running) {
    wait("material at both ends", || kme.manager.links().iter().all(|link| link.stored_keys > 0));
}

pub(crate) fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < until, "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One kept connection.
pub(crate) struct Client {
    config: Arc<ClientConfig>,
    address: SocketAddr,
    stream: Option<StreamOwned<ClientConnection, TcpStream>>,
}

impl Client {
    pub(crate) fn new(folder: &Path, name: &str, address: SocketAddr) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(folder.join("ca.pem")).unwrap()).unwrap();
        let chain = vec![CertificateDer::from_pem_file(folder.join(format!("{name}.pem"))).unwrap()];
        let key = PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key"))).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .unwrap();
        Self { config: Arc::new(config), address, stream: None }
    }

    /// A connection of its own.
    pub(crate) fn connect(&self) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let tcp = TcpStream::connect(self.address)?;
        tcp.set_read_timeout(Some(Duration::from_secs(30)))?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let tls = ClientConnection::new(self.config.clone(), name).unwrap();
        Ok(StreamOwned::new(tls, tcp))
    }

    pub(crate) fn get(&mut self, path: &str) -> (u16, Value) {
        self.request("GET", path, "")
    }

    pub(crate) fn post(&mut self, path: &str, body: &str) -> (u16, Value) {
        self.request("POST", path, body)
    }

    /// The status, and the body as JSON (null where there is none).
    pub(crate) fn request(&mut self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (status, body) = self.try_request(method, path, body).expect("the key manager answers");
        let value = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).expect("JSON") };
        (status, value)
    }

    pub(crate) fn try_request(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
    ) -> std::io::Result<(u16, Vec<u8>)> {
        if self.stream.is_none() {
            self.stream = Some(self.connect()?);
        }
        let outcome = exchange(self.stream.as_mut().unwrap(), method, path, body);
        if outcome.is_err() {
            self.stream = None;
        }
        outcome
    }
}

fn exchange(
    stream: &mut impl ReadWrite,
    method: &str,
    path: &str,
    body: &str,
) -> std::io::Result<(u16, Vec<u8>)> {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: kme\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    stream.flush()?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |n| n.trim().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((status, body))
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// Names and keys of a key container.
pub(crate) fn keys(container: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    container["keys"]
        .as_array()
        .expect("keys")
        .iter()
        .map(|key| (text(&key["key_ID"]), text(&key["key"])))
        .collect()
}

/// The body that asks for keys by name.
pub(crate) fn by_name(keys: &[(String, String)]) -> String {
    let ids: Vec<Value> = keys.iter().map(|(id, _)| serde_json::json!({ "key_ID": id })).collect();
    serde_json::json!({ "key_IDs": ids }).to_string()
}
