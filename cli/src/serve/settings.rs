//! What the daemon is to do, checked as a whole before anything is opened.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use qhal::{Error, ErrorKind, Result};
use qhal_backends::random::Output;
use qhal_entropy::Conditioning;

use super::access::{Tokens, VARIABLE};
use super::tls;
use crate::config::ServeSection;

/// Where it listens when nobody says.
const LISTEN: &str = "127.0.0.1:7780";

/// Everything the daemon needs to know, devices excepted.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where HTTP is served.
    pub(crate) listen: Option<SocketAddr>,
    /// Where EGD is served over TCP.
    pub(crate) egd_listen: Option<SocketAddr>,
    /// Where EGD is served over a Unix socket.
    pub(crate) egd_socket: Option<PathBuf>,
    /// Where plain bytes are served.
    pub(crate) raw_socket: Option<PathBuf>,
    /// Permissions of the sockets' files.
    pub(crate) socket_mode: u32,
    /// TLS, where it is configured.
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    /// The clients that may ask; none is everybody.
    pub(crate) tokens: Tokens,
    /// The most random bytes of one answer.
    pub(crate) most_bytes: usize,
    /// Bytes a second of each client; 0 is without limit.
    pub(crate) rate_bytes_per_s: u64,
    /// Bytes that a client may have at once.
    pub(crate) burst_bytes: u64,
    /// Requests that may wait for bytes.
    pub(crate) queue: usize,
    /// Connections of each service.
    pub(crate) connections: usize,
    /// How long a request may wait for the devices.
    pub(crate) patience: Duration,
    /// The key that signs receipts.
    pub(crate) receipt_key: Option<PathBuf>,
    /// What kind of bytes are given.
    pub(crate) output: Output,
    /// What conditions them.
    pub(crate) conditioning: Conditioning,
    /// Threads that serve.
    pub(crate) threads: usize,
}

impl Settings {
    /// The settings of `[serve]`, with what the command line says instead.
    ///
    /// # Errors
    /// `InvalidInput` for what does not go together, above all for a door that would be open to the network without
    /// TLS or without asking who comes.
    pub(crate) fn new(section: &ServeSection, listen: Option<SocketAddr>, output: Output) -> Result<Self> {
        let listen = match (listen, &section.listen) {
            (Some(address), _) => Some(address),
            (None, Some(text)) if text == "off" => None,
            (None, text) => Some(address("listen", text.as_deref().unwrap_or(LISTEN))?),
        };
        let tls = match (&section.tls_certificate, &section.tls_key) {
            (Some(certificate), Some(key)) => {
                Some(tls::server(certificate, key, section.client_ca.as_deref())?)
            }
            (None, None) if section.client_ca.is_none() => None,
            _ => {
                return Err(wrong(
                    "tls_certificate and tls_key go together, and client_ca needs both".to_owned(),
                ));
            }
        };
        let egd_listen = section.egd_listen.as_deref().map(|text| address("egd_listen", text)).transpose()?;
        let settings = Self {
            listen,
            egd_listen,
            egd_socket: section.egd_socket.clone(),
            raw_socket: section.raw_socket.clone(),
            socket_mode: mode(section.socket_mode.as_deref().unwrap_or("0660"))?,
            tls,
            tokens: Tokens::load(section.tokens.as_deref())?,
            most_bytes: within("most_bytes", section.most_bytes, 1 << 20, 1..=64 << 20)? as usize,
            rate_bytes_per_s: section.rate_bytes_per_s.unwrap_or(0),
            burst_bytes: section.burst_bytes.unwrap_or(section.most_bytes.unwrap_or(1 << 20)),
            queue: within("queue", section.queue, 64, 1..=65_536)? as usize,
            connections: within("connections", section.connections, 256, 1..=65_536)? as usize,
            patience: Duration::from_millis(within("patience_ms", section.patience_ms, 5000, 1..=600_000)?),
            receipt_key: section.receipt_key.clone(),
            output,
            conditioning: Conditioning::default(),
            threads: 2,
        };
        settings.check(section)?;
        Ok(settings)
    }

    fn check(&self, section: &ServeSection) -> Result<()> {
        if self.burst_bytes < self.most_bytes as u64 {
            return Err(wrong(format!(
                "burst_bytes = {} is less than most_bytes = {}: such an answer could never be given",
                self.burst_bytes, self.most_bytes
            )));
        }
        let plain = section.allow_plain.unwrap_or(false);
        if let Some(address) = self.listen.filter(|address| !address.ip().is_loopback()) {
            if self.tls.is_none() && !plain {
                return Err(wrong(format!(
                    "{address} can be reached from elsewhere, and without TLS anybody on the way reads the bytes: set \
                     tls_certificate and tls_key, or allow_plain = true"
                )));
            }
            if self.tokens.is_empty() && section.client_ca.is_none() && !section.allow_anyone.unwrap_or(false)
            {
                return Err(wrong(format!(
                    "{address} can be reached from elsewhere by anybody: set tokens (or {VARIABLE}), client_ca, or \
                     allow_anyone = true"
                )));
            }
        }
        match self.egd_listen.filter(|address| !address.ip().is_loopback() && !plain) {
            Some(address) => Err(wrong(format!(
                "{address} can be reached from elsewhere, and EGD has no encryption: use a loopback address, or set \
                 allow_plain = true"
            ))),
            None => Ok(()),
        }
    }
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("[serve]: {message}"))
}

fn address(key: &str, text: &str) -> Result<SocketAddr> {
    text.parse().map_err(|_| {
        wrong(format!("{key} = \"{text}\" is not an address: write 127.0.0.1:7780 or [::1]:7780"))
    })
}

/// Permissions in octal digits.
fn mode(text: &str) -> Result<u32> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o777)
        .ok_or_else(|| wrong(format!("socket_mode = \"{text}\" is not three octal digits, as in \"0660\"")))
}

fn within(
    key: &str,
    value: Option<u64>,
    otherwise: u64,
    range: std::ops::RangeInclusive<u64>,
) -> Result<u64> {
    let value = value.unwrap_or(otherwise);
    if range.contains(&value) {
        return Ok(value);
    }
    Err(wrong(format!("{key} = {value} is out of range: {} to {}", range.start(), range.end())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<Settings> {
        let section: ServeSection = toml::from_str(text).unwrap();
        Settings::new(&section, None, Output::Drbg)
    }

    #[test]
    fn the_default_is_a_door_to_this_machine_alone() {
        let settings = settings("").unwrap();
        assert_eq!(settings.listen.unwrap().to_string(), LISTEN);
        assert!(
            settings.egd_listen.is_none() && settings.egd_socket.is_none() && settings.raw_socket.is_none()
        );
        assert_eq!(
            (settings.most_bytes, settings.burst_bytes, settings.socket_mode),
            (1 << 20, 1 << 20, 0o660)
        );
    }

    #[test]
    fn a_door_to_the_network_is_not_opened_by_chance() {
        let tokens = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(tokens.path(), "a:0123456789abcdef\n").unwrap();
        let with = format!("tokens = \"{}\"\n", tokens.path().display());
        for (text, fits) in [
            ("listen = \"0.0.0.0:1\"".to_owned(), false),
            ("listen = \"0.0.0.0:1\"\nallow_plain = true".to_owned(), false),
            (format!("{with}listen = \"0.0.0.0:1\""), false),
            (format!("{with}listen = \"0.0.0.0:1\"\nallow_plain = true"), true),
            ("listen = \"0.0.0.0:1\"\nallow_plain = true\nallow_anyone = true".to_owned(), true),
            ("egd_listen = \"[::]:1\"".to_owned(), false),
            ("egd_listen = \"[::1]:1\"\nlisten = \"off\"".to_owned(), true),
        ] {
            assert_eq!(settings(&text).is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn wrong_values_are_refused() {
        for text in [
            "listen = \"localhost\"",
            "socket_mode = \"rw\"",
            "socket_mode = \"7777\"",
            "most_bytes = 0",
            "most_bytes = 2000000\nburst_bytes = 1000",
            "queue = 0",
            "tls_certificate = \"x\"",
            "client_ca = \"x\"",
            "tls_certificate = \"/no\"\ntls_key = \"/no\"",
            "tokens = \"/no\"",
        ] {
            let error = settings(text).unwrap_err();
            assert!(!error.message().is_empty(), "{text}");
        }
    }
}
