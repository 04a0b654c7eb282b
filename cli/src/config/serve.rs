//! `[serve]` of `qhal.toml`: the daemon.

use std::path::PathBuf;

use serde::Deserialize;

/// What `qhal serve` does; the devices are those of `[rng]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServeSection {
    /// Address of the HTTP API; `off` for none.
    pub(crate) listen: Option<String>,
    /// Certificate chain and key of the server, PEM.
    pub(crate) tls_certificate: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    /// Only clients with a certificate of this authority are let in, PEM.
    pub(crate) client_ca: Option<PathBuf>,
    /// Whether an address beyond this machine may be served without encryption, and without asking who comes.
    pub(crate) allow_plain: Option<bool>,
    pub(crate) allow_anyone: Option<bool>,
    /// Lines of `name:token`.
    pub(crate) tokens: Option<PathBuf>,
    /// EGD over TCP and over a Unix socket, plain bytes over a Unix socket.
    pub(crate) egd_listen: Option<String>,
    pub(crate) egd_socket: Option<PathBuf>,
    pub(crate) raw_socket: Option<PathBuf>,
    /// Permissions of the sockets in octal digits.
    pub(crate) socket_mode: Option<String>,
    /// The most random bytes of one answer.
    pub(crate) most_bytes: Option<u64>,
    /// Quota of each client: bytes a second (0 is without limit), and bytes at once.
    pub(crate) rate_bytes_per_s: Option<u64>,
    pub(crate) burst_bytes: Option<u64>,
    /// Requests that may wait for bytes; connections of each service.
    pub(crate) queue: Option<u64>,
    pub(crate) connections: Option<u64>,
    /// How long a request may wait for the devices, in milliseconds.
    pub(crate) patience_ms: Option<u64>,
    /// The Ed25519 key that signs receipts, PKCS#8 PEM.
    pub(crate) receipt_key: Option<PathBuf>,
}
