//! One connection of a served device: requests in, answers out, as HTTP/1.1 or as a fault wants it.

use std::io::{self, ErrorKind as Io, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use zeroize::Zeroizing;

use super::{Handler, Manner, Reply, Request};

/// How long nothing is heard before it is looked whether the service ends.
const TICK: Duration = Duration::from_millis(20);
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(60);
/// The longest head of a request, in bytes, and the most fields in it.
const LONGEST_HEAD: usize = 32 << 10;
const MOST_FIELDS: usize = 64;
/// The longest body of a request, in bytes.
const LONGEST_BODY: usize = 16 << 20;
/// Bytes of a paced body that are sent at a time.
const PIECE: usize = 1024;

/// What all connections share.
pub(super) struct Host {
    pub(super) tls: Arc<ServerConfig>,
    pub(super) clients: Vec<(String, CertificateDer<'static>)>,
    pub(super) handler: Box<dyn Handler>,
}

/// Answers requests until the other side closes, something fails, or the service ends.
pub(super) fn serve(stream: TcpStream, host: &Host, ending: &AtomicBool) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TICK))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    let tls = ServerConnection::new(Arc::clone(&host.tls)).map_err(io::Error::other)?;
    let mut connection =
        Connection { stream: StreamOwned::new(tls, stream), host, ending, heard: Zeroizing::default() };
    while let Some((request, keep)) = connection.request()? {
        let reply = host.handler.answer(&request);
        if host.handler.gone() || !connection.send(&reply, request.method == "HEAD", keep)? || !keep {
            break;
        }
    }
    Ok(())
}

struct Connection<'a> {
    stream: StreamOwned<ServerConnection, TcpStream>,
    host: &'a Host,
    ending: &'a AtomicBool,
    /// What came and was not used yet.
    heard: Zeroizing<Vec<u8>>,
}

impl Connection<'_> {
    fn over(&self) -> bool {
        self.ending.load(Ordering::Relaxed) || self.host.handler.gone()
    }

    /// Takes in some more bytes; `false` at the end.
    fn hear(&mut self) -> io::Result<bool> {
        let mut piece = Zeroizing::new([0; 4096]);
        let begun = Instant::now();
        loop {
            match self.stream.read(&mut piece[..]) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    self.heard.extend_from_slice(piece.get(..count).unwrap_or_default());
                    return Ok(true);
                }
                Err(cause) if matches!(cause.kind(), Io::WouldBlock | Io::TimedOut | Io::Interrupted) => {
                    if self.over() || begun.elapsed() > IDLE {
                        return Ok(false);
                    }
                }
                Err(cause) if cause.kind() == Io::UnexpectedEof => return Ok(false),
                Err(cause) => return Err(cause),
            }
        }
    }

    /// The next request, and whether the connection is to be kept after it; `None` at the end.
    fn request(&mut self) -> io::Result<Option<(Request, bool)>> {
        let (mut request, head) = loop {
            match parse(&self.heard)? {
                Some(parsed) => break parsed,
                None if self.heard.len() > LONGEST_HEAD => return Err(wrong("a head that is too long")),
                None if !self.hear()? => return Ok(None),
                None => {}
            }
        };
        self.heard.drain(..head);
        if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let chunked = request
            .header("transfer-encoding")
            .is_some_and(|value| value.to_ascii_lowercase().contains("chunked"));
        request.body = if chunked {
            self.chunks()?
        } else {
            let length = request.header("content-length").map_or(Some(0), |text| text.trim().parse().ok());
            let length = length.ok_or_else(|| wrong("a length that is no number"))?;
            self.body(length)?
        };
        let peer = self.stream.conn.peer_certificates().and_then(<[_]>::first);
        request.client = peer.and_then(|certificate| super::name_of(&self.host.clients, certificate));
        let keep = !request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        Ok(Some((request, keep)))
    }

    fn body(&mut self, length: usize) -> io::Result<Zeroizing<Vec<u8>>> {
        if length > LONGEST_BODY {
            return Err(wrong("a body that is too long"));
        }
        while self.heard.len() < length {
            if !self.hear()? {
                return Err(Io::UnexpectedEof.into());
            }
        }
        Ok(Zeroizing::new(self.heard.drain(..length).collect()))
    }

    /// A body in chunks (RFC 9112 §7.1), without trailer fields.
    fn chunks(&mut self) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut body = Zeroizing::new(Vec::new());
        loop {
            let (start, size) = loop {
                match httparse::parse_chunk_size(&self.heard) {
                    Ok(httparse::Status::Complete(found)) => break found,
                    Ok(httparse::Status::Partial) if self.heard.len() < LONGEST_HEAD && self.hear()? => {}
                    _ => return Err(wrong("a chunk without its length")),
                }
            };
            self.heard.drain(..start);
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            if size > LONGEST_BODY - body.len() {
                return Err(wrong("a body that is too long"));
            }
            body.extend_from_slice(&self.body(size)?);
            if self.body(2)?[..] != *b"\r\n" {
                return Err(wrong("a chunk without its end"));
            }
            if size == 0 {
                return Ok(body);
            }
        }
    }

    /// Sends an answer; `false` when the connection is to be closed.
    fn send(&mut self, reply: &Reply, head_only: bool, keep: bool) -> io::Result<bool> {
        let whole = match reply.manner {
            Manner::Silent => {
                // The host may give up and close, which ends the waiting.
                while !self.over() && self.hear()? {}
                return Ok(false);
            }
            Manner::Bare => {
                self.stream.write_all(&reply.body)?;
                self.stream.flush()?;
                return Ok(false);
            }
            Manner::Whole => reply.body.len(),
            Manner::Cut(bytes) => bytes.min(reply.body.len()),
        };
        let mut head = format!("HTTP/1.1 {} \r\n", reply.status);
        if let Some(content_type) = reply.content_type {
            head.push_str(&format!("content-type: {content_type}\r\n"));
        }
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !keep {
            head.push_str("connection: close\r\n");
        }
        if reply.status != 204 {
            head.push_str(&format!("content-length: {}\r\n", reply.body.len()));
        }
        head.push_str("\r\n");
        self.stream.write_all(head.as_bytes())?;
        let body = if head_only { &[] } else { reply.body.get(..whole).unwrap_or_default() };
        match reply.bytes_per_s {
            None => self.stream.write_all(body)?,
            Some(rate) => self.send_paced(body, rate)?,
        }
        self.stream.flush()?;
        Ok(reply.manner == Manner::Whole)
    }

    fn send_paced(&mut self, body: &[u8], bytes_per_s: u32) -> io::Result<()> {
        let begun = Instant::now();
        let mut sent = 0;
        for piece in body.chunks(PIECE) {
            sent += piece.len();
            let due = Duration::from_secs_f64(sent as f64 / f64::from(bytes_per_s));
            while begun.elapsed() < due {
                if self.over() {
                    return Err(Io::ConnectionAborted.into());
                }
                std::thread::sleep((due - begun.elapsed().min(due)).min(TICK));
            }
            self.stream.write_all(piece)?;
        }
        Ok(())
    }
}

/// The head of a request, if it has come completely, and how many bytes it has.
fn parse(bytes: &[u8]) -> io::Result<Option<(Request, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(io::Error::new(Io::InvalidData, error)),
    };
    let target = parsed.path.unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = parsed.headers.iter().map(|field| {
        (field.name.to_ascii_lowercase(), String::from_utf8_lossy(field.value).trim().to_owned())
    });
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers.collect(),
        ..Request::default()
    };
    Ok(Some((request, length)))
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(Io::InvalidData, format!("the host sent {what}"))
}
