//! HTTPS as a wire: requests and answers to a device or service that both ends know by certificate.
//!
//! Nothing is trusted that was not named: the authorities (or the server's own certificate) stand in a file, or those of
//! the operating system were asked for in so many words. Redirections are not followed and no proxy is used, so that a
//! token or a key goes to the host that was named and nowhere else. Every call has a time limit and every answer a
//! longest length.

mod failure;
pub mod lab;
pub mod server;
mod stream;
mod tls;
mod token;
mod wire;

use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use qhal::{Address, Error, ErrorKind, Provenance, Result};
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use ureq::http::{HeaderName, HeaderValue, Method, Request};
use zeroize::Zeroizing;

pub use stream::TlsStream;
pub use token::{Token, TokenSource};

/// Whose certificates are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The certificates in this file, PEM: authorities, or the server's own certificate where it signed it itself (it has to
    /// be that very one, then, and whatever names stand in it do not matter).
    File(PathBuf),
    /// The authorities that the operating system trusts.
    System,
}

/// What we show of ourselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Our certificate, and those between it and the authority: PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM; the file may be open to its owner and group only.
    pub key: PathBuf,
}

/// How long what may take, and how long an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Reaching the host, once its name is known: connection and TLS handshake together.
    pub connect: Duration,
    /// A whole call, from the look-up of the name to the last byte of the answer.
    pub call: Duration,
    /// Bytes of an answer's body.
    pub body: usize,
}

impl Default for Limits {
    /// 5 s to connect, 15 s for a call, 4 MiB.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), call: Duration::from_secs(15), body: 4 << 20 }
    }
}

/// How a server is spoken to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whose certificates are trusted.
    pub trust: Trust,
    /// What we show of ourselves, where the server wants to know.
    pub identity: Option<Identity>,
    /// What stands in `Authorization: Bearer …`, where the server wants that.
    pub token: Option<TokenSource>,
    /// Time and length.
    pub limits: Limits,
}

impl Settings {
    /// Trusts this, shows nothing, with the usual limits.
    pub fn new(trust: Trust) -> Self {
        Self { trust, identity: None, token: None, limits: Limits::default() }
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    method: Method,
    path: &'a str,
    headers: Vec<(&'static str, String)>,
    body: Option<(&'static str, &'a [u8])>,
}

impl<'a> Call<'a> {
    /// `GET path`; the path begins with a stroke, a query may follow, and both are percent-encoded already
    /// ([`percent_encoded`]).
    pub fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, headers: Vec::new(), body: None }
    }

    /// `POST path` without a body.
    pub fn post(path: &'a str) -> Self {
        Self { method: Method::POST, ..Self::get(path) }
    }

    /// `PUT path` without a body.
    pub fn put(path: &'a str) -> Self {
        Self { method: Method::PUT, ..Self::get(path) }
    }

    /// `DELETE path`.
    pub fn delete(path: &'a str) -> Self {
        Self { method: Method::DELETE, ..Self::get(path) }
    }

    /// With this JSON document as its body.
    #[must_use]
    pub fn json(mut self, text: &'a str) -> Self {
        self.body = Some(("application/json", text.as_bytes()));
        self
    }

    /// With this field in its head. Secrets have no place here: they go by [`Settings::token`].
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What came back. The body is wiped when this is dropped; it is not shown by `Debug`, as it may hold keys.
pub struct Answer {
    /// The status, 100 to 599.
    pub status: u16,
    /// What the body says it is, in small letters and without parameters; empty if it says nothing.
    pub content_type: String,
    /// The body.
    pub body: Zeroizing<Vec<u8>>,
    /// Seconds after which to ask again, where the server says so.
    pub retry_after_s: Option<u64>,
}

impl Answer {
    /// Whether the status is one of success, 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// This answer, if its status is one of success.
    ///
    /// # Errors
    /// Those of [`refusal`](Self::refusal).
    pub fn success(self) -> Result<Self> {
        if self.is_success() { Ok(self) } else { Err(self.refusal()) }
    }

    /// What a status that is none of success means, with what the body says about it if it is short and readable:
    /// `PermissionDenied` for 401 and 403, `NotFound` for 404 and 410, `Busy` for 429 and 503, `TimedOut` for 408 and 504,
    /// `Unsupported` for 405, 415 and 501, `Refused` for the rest of 400 to 499, `Other` for the rest of 500 to 599,
    /// `Protocol` for anything else (redirections, too).
    pub fn refusal(&self) -> Error {
        failure::refusal(self)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {}, {} bytes)", self.status, self.content_type, self.body.len())
    }
}

/// A server that can be asked. Connections are kept for the next call.
pub struct Https {
    agent: ureq::Agent,
    place: Place,
    token: Option<Token>,
    limits: Limits,
    seen: Arc<Mutex<wire::Seen>>,
}

/// Where a server is, in the forms that are needed.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    host: String,
    port: u16,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl Https {
    /// Reads certificates, key and token. Nothing is sent yet.
    ///
    /// # Errors
    /// `Unsupported` for an address that is not `https://HOST:PORT`; `InvalidInput` for files that are not what they
    /// should be; `NotFound` and `PermissionDenied` from reading them; `Refused` for a private key or token that others
    /// can read.
    pub fn new(address: &Address, settings: &Settings) -> Result<Self> {
        let Address::Https { host, port } = address else {
            let message = format!("it is reached as https://HOST:PORT, not as {address}");
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let place = Place { host: host.clone(), port: *port };
        let config = tls::client(&settings.trust, settings.identity.as_ref())?;
        let token = settings.token.as_ref().map(TokenSource::read).transpose()?;
        let seen = Arc::default();
        let agent = wire::agent(&place, config, &settings.limits, Arc::clone(&seen));
        Ok(Self { agent, place, token, limits: settings.limits, seen })
    }

    /// Sends one request and reads the whole answer, whatever its status. It is sent once: whether a lost one arrived
    /// cannot be known.
    ///
    /// # Errors
    /// `NotFound` when the name is unknown or nobody listens; `Refused` when the server's certificate is not trusted;
    /// `PermissionDenied` when it does not take ours; `TimedOut`; `Disconnected`; `Protocol` when it does not speak HTTP or
    /// TLS, or sends more than it may; `InvalidInput` for a path or header that cannot be sent.
    pub fn call(&self, call: &Call<'_>) -> Result<Answer> {
        let unsendable = |what: &str| {
            Error::new(ErrorKind::InvalidInput, format!("cannot send a request with such {what}"))
        };
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("https://{}{}", self.place, call.path))
            .header(ACCEPT, "*/*");
        for (name, value) in &call.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable("a header"))?;
            request = request.header(name, value);
        }
        if let Some(token) = &self.token {
            let mut value = HeaderValue::from_str(&token.bearer()).map_err(|_| unsendable("a token"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let failed = |error: ureq::Error| failure::of(error, &self.place, &self.limits);
        let response = match call.body {
            Some((content_type, body)) => {
                let request = request.header(CONTENT_TYPE, content_type).body(body);
                self.agent.run(request.map_err(|_| unsendable("a path"))?)
            }
            None => self.agent.run(request.body(()).map_err(|_| unsendable("a path"))?),
        };
        self.read(response.map_err(failed)?)
    }

    fn read(&self, response: ureq::http::Response<ureq::Body>) -> Result<Answer> {
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let content_type = header("content-type").unwrap_or_default();
        let content_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let retry_after_s = header("retry-after").and_then(|text| text.trim().parse().ok());
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let announced = body.content_length().and_then(|length| usize::try_from(length).ok());
        let most = self.limits.body;
        let too_long = || {
            let message = format!("{} answers with more than the {most} bytes it may", self.place);
            Error::new(ErrorKind::Protocol, message)
        };
        if announced.is_some_and(|length| length > most) {
            return Err(too_long());
        }
        let mut reader = body.as_reader();
        // One byte more than announced, so that the end is seen without growing.
        let mut bytes = Zeroizing::new(vec![0; announced.unwrap_or(4096).min(most) + 1]);
        let mut got = 0;
        loop {
            if got == bytes.len() {
                let mut larger = Zeroizing::new(vec![0; (2 * got).min(most.saturating_add(1))]);
                larger.iter_mut().zip(bytes.iter()).for_each(|(to, from)| *to = *from);
                bytes = larger;
            }
            match reader.read(bytes.get_mut(got..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(count) => got += count,
                Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(failure::of(cause.into(), &self.place, &self.limits)),
            }
            if got > most {
                return Err(too_long());
            }
        }
        bytes.truncate(got);
        Ok(Answer { status, content_type, body: bytes, retry_after_s })
    }

    /// Who answered the last connection, as far as certificates and addresses tell: `Remote` for another machine, and
    /// `Unverified` for this one, since whatever runs here can only stand in for a device. `Unverified` also before there was
    /// an answer. The second is the evidence in a few words.
    pub fn provenance(&self) -> (Provenance, String) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.handshakes {
            0 => (Provenance::Unverified, "not asked yet".to_owned()),
            _ => provenance_of(seen.here, "HTTPS", &self.place),
        }
    }

    /// Where it is: `HOST:PORT`.
    pub fn place(&self) -> String {
        self.place.to_string()
    }
}

impl fmt::Debug for Https {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Https({})", self.place)
    }
}

/// What is known of a server that showed a trusted certificate: who runs here can only stand in for a device.
fn provenance_of(here: bool, wire: &str, place: &Place) -> (Provenance, String) {
    match here {
        true => (Provenance::Unverified, format!("{wire} over loopback")),
        false => (Provenance::Remote, format!("certificate of {}", place.host)),
    }
}

/// `text` as a segment of a path or a value in a query (RFC 3986 §2.3: all but the unreserved characters are encoded).
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The inverse of [`percent_encoded`]; `None` where the encoding is broken or what comes out is no text.
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [char::from(rest.next()?), char::from(rest.next()?)];
                let [high, low] = digits.map(|digit| digit.to_digit(16));
                u8::try_from(16 * high? + low?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
