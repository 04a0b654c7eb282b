//! Somebody else's key manager by ETSI GS QKD 004: we are an application, and take chunks of a stream that another one takes as well.
//!
//! Source: ETSI GS QKD 004 V2.1.1 (2020-08) for the calls; the ports of its reference program for the wire. Both ends agree on a name
//! for the stream before. As either end of a [`KeyLink`] may begin a key, the end whose URI comes first in the alphabet begins with the
//! even chunks and the other with the odd ones; a key's name is that of the stream with the chunk's number in its last four bytes
//! (ETSI GS QKD 014 annex A: a key's name stands for stream and index).

pub mod protocol;

use std::collections::HashSet;
use std::time::Duration;

use qhal::device::Property;
use qhal::{
    Access, Address, Descriptor, Device, DeviceId, Driver, Error, ErrorKind, Health, KeyId, KeyLink, Kind,
    LinkStatus, OpenDevice, Provenance, QuantumOrigin, Result, SecretKey,
};

use self::protocol::{Chunk, Opening, Service, Status};
use crate::transport::https::{Settings, TlsStream};

/// The name of the driver.
pub const NAME: &str = "etsi004";

/// How long an answer may take beyond what the key manager was told it may wait.
const BEYOND: Duration = Duration::from_secs(5);
/// How long a chunk waits for the other end, in seconds.
const TTL_S: u32 = 3600;

/// How a stream is reached.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whom to trust, and our certificate: by it the key manager knows which application we are.
    pub tls: Option<Settings>,
    /// The name of the stream, the same at both ends.
    pub stream: Option<KeyId>,
    /// Our URI.
    pub source: Option<String>,
    /// The URI of the application at the other end.
    pub destination: Option<String>,
    /// The length of a chunk in bits, a multiple of 8; 256 if nothing is said.
    pub chunk_bits: Option<u32>,
}

/// Opens streams at addresses that the user names: nothing lists them.
#[derive(Clone, Debug, Default)]
pub struct Etsi004 {
    options: Options,
}

/// Options that are all there.
struct Wanted<'a> {
    tls: &'a Settings,
    stream: KeyId,
    source: &'a str,
    destination: &'a str,
    chunk_bytes: u32,
}

impl Etsi004 {
    /// With these options.
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    fn wanted(&self) -> Result<Wanted<'_>> {
        let Options { tls, stream, source, destination, chunk_bits } = &self.options;
        let wrong =
            |what: &str| Error::new(ErrorKind::InvalidInput, format!("[etsi004] in qhal.toml has no {what}"));
        let bits = chunk_bits.unwrap_or(256);
        if bits == 0 || !bits.is_multiple_of(8) || bits > 1 << 20 {
            let message = format!("etsi004.chunk_bits = {bits}: chunks have whole bytes, up to 1048576 bits");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        Ok(Wanted {
            tls: tls.as_ref().ok_or_else(|| wrong("ca, certificate and key (PEM files)"))?,
            stream: stream.ok_or_else(|| wrong("stream (a UUID that both ends have agreed on)"))?,
            source: source.as_deref().ok_or_else(|| wrong("source (our URI, as in qkd://alice@site-a)"))?,
            destination: destination
                .as_deref()
                .ok_or_else(|| wrong("destination (the URI of the other application)"))?,
            chunk_bytes: bits / 8,
        })
    }

    /// A connection, and what there is at its other end.
    fn connect(&self, address: &Address) -> Result<(TlsStream, Descriptor)> {
        if !matches!(address, Address::Tcp { .. }) {
            let message = format!("a key stream is reached as tcp:HOST:PORT, not as {address}");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let wanted = self.wanted()?;
        let tls = TlsStream::connect(address, wanted.tls)?;
        let (provenance, evidence) = tls.provenance();
        let descriptor = Descriptor {
            id: DeviceId::new(NAME, format!("{}/{}", tls.place(), wanted.stream)),
            kind: Kind::KeyLink,
            provenance,
            evidence,
            // What the keys are made of is known to whoever runs the key managers.
            origin: QuantumOrigin::Claimed,
            address: address.clone(),
            model: "ETSI GS QKD 004 key manager".to_owned(),
            serial: None,
            access: Access::Ready,
        };
        Ok((tls, descriptor))
    }
}

impl Driver for Etsi004 {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Nothing of a key manager is attached to this machine.
    fn probe(&self) -> Result<Vec<Descriptor>> {
        Ok(Vec::new())
    }

    /// Whoever answers CLOSE of a stream that nobody has speaks the protocol; nothing is changed by that.
    fn identify(&self, address: &Address) -> Result<Descriptor> {
        let (tls, descriptor) = self.connect(address)?;
        let mut wire = Wire { tls, patience: BEYOND };
        let nobodys = KeyId((!u128::from_be_bytes(self.wanted()?.stream.0)).to_be_bytes());
        let answer = wire.call(Service::Close, &protocol::close(&nobodys));
        let answer = answer.and_then(|payload| protocol::closed(&payload));
        answer.map_err(|error| error.context(format!("no key manager for streams at {address}")))?;
        Ok(descriptor)
    }

    fn recognises(&self, address: &Address) -> bool {
        matches!(address, Address::Tcp { .. }) && self.wanted().is_ok()
    }

    fn open(&self, descriptor: &Descriptor) -> Result<OpenDevice> {
        let wanted = self.wanted()?;
        let (tls, found) = self.connect(&descriptor.address)?;
        if found.id != descriptor.id {
            let message =
                format!("{} is not at {}: {} is there", descriptor.id, descriptor.address, found.id);
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        let patience = wanted.tls.limits.call;
        let mut link = Link {
            wire: Wire { tls, patience: patience.saturating_add(BEYOND) },
            descriptor: found,
            stream: wanted.stream,
            chunk_bytes: wanted.chunk_bytes,
            next: u32::from(wanted.source > wanted.destination),
            ready: None,
            taken: HashSet::new(),
            is_open: false,
        };
        link.begin(&wanted, patience).map_err(|error| error.on(&descriptor.id))?;
        Ok(OpenDevice::KeyLink(Box::new(link)))
    }
}

/// Messages and their answers.
struct Wire {
    tls: TlsStream,
    patience: Duration,
}

impl Wire {
    fn call(&mut self, service: Service, message: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>> {
        self.tls.write_all(message, self.patience)?;
        let mut head = [0; protocol::HEADER];
        self.tls.read_exact(&mut head, self.patience)?;
        let length = protocol::payload_length(head, service)?;
        let mut payload = zeroize::Zeroizing::new(vec![0; length]);
        self.tls.read_exact(&mut payload, self.patience)?;
        Ok(payload)
    }
}

/// An open stream.
struct Link {
    wire: Wire,
    descriptor: Descriptor,
    stream: KeyId,
    chunk_bytes: u32,
    /// The next chunk that this end begins: even or odd, as its URI says.
    next: u32,
    /// That chunk, once it has come: a status can only be told by asking for it.
    ready: Option<Chunk>,
    /// Chunks that the other end began and that were given here.
    taken: HashSet<u32>,
    is_open: bool,
}

impl Link {
    /// Opens the stream, and waits for the other end and a first chunk: they say what the keys are made of.
    fn begin(&mut self, wanted: &Wanted<'_>, patience: Duration) -> Result<()> {
        let mut opening = Opening {
            chunk_bytes: self.chunk_bytes,
            rates: [0; 4],
            timeout_ms: u32::try_from(patience.as_millis()).unwrap_or(u32::MAX),
            ttl_s: TTL_S,
            mimetype: protocol::JSON.to_owned(),
            stream: self.stream,
        };
        let mut opened = self.open_connect(wanted, &opening)?;
        if opened.status == Status::QosNotMet
            && let Some(offer) = opened.offer.clone().filter(|offer| offer.chunk_bytes == self.chunk_bytes)
        {
            // What it wants otherwise are times, rates or the metadata: none of it matters to us. Some key managers have registered the
            // stream with their offer, and some have not.
            let _ = self.wire.call(Service::Close, &protocol::close(&self.stream))?;
            opening = Opening { stream: self.stream, ..offer };
            opened = self.open_connect(wanted, &opening)?;
        }
        match (opened.status, opened.offer) {
            (Status::Success, Some(held)) if held.chunk_bytes == self.chunk_bytes => {}
            (Status::Success | Status::QosNotMet, Some(held)) => {
                let bits = u64::from(held.chunk_bytes) * 8;
                let message = format!(
                    "the stream has chunks of {bits} bits, not of {}: set chunk_bits = {bits} at both ends",
                    u64::from(self.chunk_bytes) * 8
                );
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            (status, _) => {
                if status == Status::PeerAbsent {
                    self.is_open = true;
                }
                let error = status.failure();
                let late = matches!(status, Status::PeerAbsent | Status::TimedOut);
                return Err(if late { error.context(format!("within {patience:?}")) } else { error });
            }
        }
        self.is_open = true;
        match self.prepare() {
            Ok(_) => {}
            // A stream without a key yet is one all the same; what its keys are is held against what is said now.
            Err(error) if is_no_key(&error) => {}
            Err(error) => return Err(error),
        }
        if let Some(own) = self.ready.as_ref().and_then(|chunk| chunk.provenance)
            && own != Provenance::Hardware
        {
            self.descriptor.provenance = own.min(self.descriptor.provenance);
            self.descriptor.evidence = "the key manager says so".to_owned();
            if own == Provenance::Simulated {
                self.descriptor.origin = QuantumOrigin::Model;
            }
        }
        Ok(())
    }

    fn open_connect(&mut self, wanted: &Wanted<'_>, opening: &Opening) -> Result<protocol::Opened> {
        let message = protocol::open(wanted.source, wanted.destination, opening)?;
        protocol::opened(&self.wire.call(Service::Open, &message)?)
    }

    fn get(&mut self, index: u32) -> std::result::Result<Chunk, (Status, Error)> {
        let answer = self.wire.call(Service::GetKey, &protocol::get_key(&self.stream, index));
        let answer = answer.map_err(|error| (Status::Success, error))?;
        protocol::chunk(&answer, index, self.chunk_bytes)
    }

    /// Has the next chunk come, unless it is here; `Exhausted` when there is none.
    fn prepare(&mut self) -> Result<()> {
        if self.ready.is_some() {
            return Ok(());
        }
        let chunk = self.get(self.next).map_err(|(_, error)| error)?;
        self.ready = Some(chunk);
        Ok(())
    }

    /// A chunk as a key, if it is what the link was said to give.
    fn key_of(&self, chunk: Chunk) -> Result<SecretKey> {
        let own = chunk.provenance.unwrap_or(self.descriptor.provenance).min(self.descriptor.provenance);
        if own != self.descriptor.provenance {
            let message = format!(
                "the key manager says that its keys are {own} now, and they were {} before: open the stream again",
                self.descriptor.provenance
            );
            return Err(Error::new(ErrorKind::Unhealthy, message));
        }
        Ok(SecretKey::new(chunk.bytes.to_vec(), own))
    }

    fn name(&self, index: u32) -> KeyId {
        let mut name = self.stream.0;
        name.iter_mut().skip(12).zip(index.to_be_bytes()).for_each(|(byte, digit)| *byte ^= digit);
        KeyId(name)
    }

    /// The chunk of that name, if it is one of this stream that the other end begins.
    fn index_of(&self, id: &KeyId) -> Option<u32> {
        let different: Vec<u8> = id.0.iter().zip(self.stream.0).map(|(one, other)| one ^ other).collect();
        let (stream, index) = different.split_at_checked(12)?;
        let index = u32::from_be_bytes(index.try_into().ok()?);
        let theirs = index % 2 != self.next % 2;
        (theirs && stream.iter().all(|byte| *byte == 0)).then_some(index)
    }

    fn begin_key(&mut self, bits: u32) -> Result<(KeyId, SecretKey)> {
        let usual = self.chunk_bytes * 8;
        if bits != usual {
            let message = format!("chunks of this stream have {usual} bits, not {bits}");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        self.prepare()?;
        let chunk = self.ready.take().ok_or_else(|| Status::InsufficientKey.failure())?;
        let index = self.next;
        self.next = index.checked_add(2).ok_or_else(|| {
            Error::new(ErrorKind::Exhausted, "the stream is at its end: open one of another name")
        })?;
        Ok((self.name(index), self.key_of(chunk)?))
    }

    fn fetch(&mut self, id: &KeyId) -> Result<SecretKey> {
        let unknown = || Error::new(ErrorKind::NotFound, format!("the stream has no key {id} for this end"));
        let index = self.index_of(id).filter(|index| !self.taken.contains(index)).ok_or_else(unknown)?;
        let chunk = self.get(index).map_err(|(status, error)| match status {
            Status::InsufficientKey | Status::PeerNotConnected => unknown(),
            _ => error,
        })?;
        self.taken.insert(index);
        self.key_of(chunk)
    }

    fn named(&self, error: Error) -> Error {
        error.on(&self.descriptor.id)
    }
}

/// Whether all that is wrong is that there is no chunk: not yet, or not any more since the other end has closed the stream.
fn is_no_key(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Exhausted | ErrorKind::Busy)
}

impl Device for Link {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The key manager answers, and the next chunk is there.
    fn health(&mut self) -> Result<Health> {
        match self.prepare() {
            Ok(()) => Ok(Health::Good),
            Err(error) if is_no_key(&error) => Ok(Health::Degraded(error.message().to_owned())),
            Err(error) => Err(self.named(error)),
        }
    }

    fn properties(&mut self) -> Result<Vec<Property>> {
        Ok(vec![
            Property::text("key stream id", self.stream.to_string()),
            Property::text("next chunk", self.next.to_string()),
        ])
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl Drop for Link {
    /// Gives up the stream, so that its name can be used again once the other end has done the same.
    fn drop(&mut self) {
        if self.is_open {
            self.wire.patience = Duration::from_secs(1);
            let _ = self.wire.call(Service::Close, &protocol::close(&self.stream));
        }
    }
}

impl KeyLink for Link {
    /// The protocol tells no level of a store: there is the next chunk, or there is none.
    fn status(&mut self) -> Result<LinkStatus> {
        let stored = match self.prepare() {
            Ok(()) => 1,
            Err(error) if is_no_key(&error) => 0,
            Err(error) => return Err(self.named(error)),
        };
        let bits = self.chunk_bytes * 8;
        Ok(LinkStatus {
            stored_keys: stored,
            max_keys: 1,
            default_key_bits: bits,
            min_key_bits: bits,
            max_key_bits: bits,
        })
    }

    fn next_key(&mut self, bits: u32) -> Result<(KeyId, SecretKey)> {
        self.begin_key(bits).map_err(|error| self.named(error))
    }

    fn key(&mut self, id: &KeyId) -> Result<SecretKey> {
        self.fetch(id).map_err(|error| self.named(error))
    }
}

#[cfg(test)]
mod tests;
