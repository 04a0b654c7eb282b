//! `qhal serve` over EGD, the plain socket and TLS, as its clients see it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the normal way to fail in a test"
)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::daemon::{Answer, Daemon};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const SIMULATED: [&str; 2] = ["--policy", "simulator-only"];
const SOCKETS: &str = "egd_listen = \"127.0.0.1:0\"\negd_socket = \"FOLDER/egd\"\nraw_socket = \"FOLDER/raw\"\nsocket_mode = \"0600\"\n";

fn unix(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

fn receive(stream: &mut impl Read, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// All five commands, as the documentation of egd 0.9 has them.
fn converse(mut stream: impl Read + Write) {
    stream.write_all(&[0x02, 200]).unwrap();
    let blocking = receive(&mut stream, 200);
    assert!(blocking.iter().any(|byte| *byte != blocking[0]));
    stream.write_all(&[0x01, 255]).unwrap();
    let count = receive(&mut stream, 1)[0];
    assert_eq!(count, 255);
    receive(&mut stream, 255);
    stream.write_all(&[0x00]).unwrap();
    let bits = u32::from_be_bytes(receive(&mut stream, 4).try_into().unwrap());
    assert!(bits <= 8 * 4096, "{bits}");
    // A write is answered by nothing: the next answer belongs to the next command.
    stream.write_all(&[0x03, 0, 8, 3, 1, 2, 3, 0x04]).unwrap();
    let length = usize::from(receive(&mut stream, 1)[0]);
    let process = String::from_utf8(receive(&mut stream, length)).unwrap();
    assert!(process.parse::<u32>().unwrap() > 1);
    stream.write_all(&[0x02, 0, 0x01, 0]).unwrap();
    assert_eq!(receive(&mut stream, 1), [0], "nothing was asked for");
}

#[test]
fn egd_is_spoken_over_tcp_and_a_unix_socket() {
    let daemon = Daemon::start(SOCKETS, &SIMULATED);
    daemon.wait_until_healthy();
    let stream = daemon.connect("egd_tcp");
    converse(stream);
    converse(unix(&daemon.file("egd")));
    let mode = std::fs::metadata(daemon.file("egd")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Nonsense closes that connection and no other.
    for nonsense in [&[5u8][..], &[0xFF; 300], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = unix(&daemon.file("egd"));
        let _ = stream.write_all(nonsense);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty(), "{rest:?}");
    }
    converse(unix(&daemon.file("egd")));
    let path = daemon.file("egd");
    let (status, errors) = daemon.terminate();
    assert_eq!(status, Some(0), "{errors}");
    assert!(!path.exists(), "the socket's file stays behind");
}

#[test]
fn the_plain_socket_pours_bytes_for_as_long_as_somebody_reads() {
    let daemon = Daemon::start(SOCKETS, &SIMULATED);
    daemon.wait_until_healthy();
    let mut stream = unix(&daemon.file("raw"));
    // A reader that has nothing to say, like `nc -U`, is still a reader.
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let bytes = receive(&mut stream, 300_000);
    let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
    // 1.2 million expected, with a standard deviation of 775.
    assert!((1_193_000..1_207_000).contains(&ones), "{ones}");
    let other = receive(&mut unix(&daemon.file("raw")), 4096);
    assert!(!bytes.windows(4096).step_by(4096).any(|part| part == other), "two readers got the same");
}

#[test]
fn a_socket_that_is_in_use_is_not_taken_and_one_left_behind_is() {
    let daemon = Daemon::start_with(SOCKETS, &SIMULATED, |folder| {
        // Dropping a listener leaves its file.
        drop(std::os::unix::net::UnixListener::bind(folder.join("egd")).unwrap());
    });
    let config = tempfile::NamedTempFile::new().unwrap();
    let path = config.path().display().to_string();
    std::fs::write(
        config.path(),
        format!("[serve]\nlisten = \"off\"\negd_socket = \"{}\"\n", daemon.file("egd").display()),
    )
    .unwrap();
    let output = common::qhal(&["serve", "--config", &path, "--policy", "simulator-only"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(common::stderr(&output).contains("is in use"), "{}", common::stderr(&output));
}

/// Certificates that live as long as a test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }
}

fn get_over_tls(
    daemon: &Daemon,
    roots: &Authority,
    client: Option<(rcgen::Certificate, KeyPair)>,
) -> Option<Answer> {
    let mut store = RootCertStore::empty();
    store.add(roots.0.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(store);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
            let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let tcp = TcpStream::connect(daemon.address("http")).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut stream = StreamOwned::new(connection, tcp);
    stream
        .write_all(b"GET /api/v1/random?bytes=32 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    Answer::parse(&bytes)
}

#[test]
fn over_tls_only_clients_of_the_authority_are_let_in() {
    let (server_ca, client_ca) = (Authority::new(), Authority::new());
    let config = "tls_certificate = \"FOLDER/cert.pem\"\ntls_key = \"FOLDER/key.pem\"\nclient_ca = \"FOLDER/clients.pem\"\n\
                  egd_listen = \"127.0.0.1:0\"\n";
    let daemon = Daemon::start_with(config, &SIMULATED, |folder| {
        let (certificate, key) = server_ca.issue("localhost");
        std::fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        std::fs::write(folder.join("clients.pem"), client_ca.0.pem()).unwrap();
    });
    assert!(daemon.announced["http"].as_str().unwrap().starts_with("https://127.0.0.1:"));
    // EGD has no status page: its blocking read waits for the device.
    converse(daemon.connect("egd_tcp"));
    let answer = get_over_tls(&daemon, &server_ca, Some(client_ca.issue("alice"))).expect("she is let in");
    assert_eq!((answer.status, answer.body.len()), (200, 32), "{}", answer.text());
    assert!(get_over_tls(&daemon, &server_ca, None).is_none(), "no certificate");
    assert!(
        get_over_tls(&daemon, &server_ca, Some(server_ca.issue("mallory"))).is_none(),
        "another authority"
    );
    assert!(
        get_over_tls(&daemon, &client_ca, Some(client_ca.issue("alice"))).is_none(),
        "a server she does not trust"
    );
    // And nobody gets through who does not speak TLS at all.
    let plain = daemon.exchange(b"GET /healthz HTTP/1.1\r\n\r\n");
    assert!(Answer::parse(&plain).is_none(), "{plain:?}");
}
