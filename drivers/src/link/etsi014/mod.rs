//! Somebody else's key manager by ETSI GS QKD 014: we are the application, and get the keys that it shares with another one.
//!
//! Source: ETSI GS QKD 014 V1.1.1 (2019-02). What servers do beyond it or against it is put up with where nothing is lost by
//! that, and every key that comes is checked: its length, its name, and that there is one.

pub mod protocol;

use std::collections::HashSet;

use qhal::device::Property;
use qhal::{
    Access, Address, Descriptor, Device, DeviceId, Driver, Error, ErrorKind, Health, KeyId, KeyLink, Kind,
    LinkStatus, OpenDevice, Provenance, QuantumOrigin, Result, SecretKey,
};

use self::protocol::{Key, Status};
use crate::transport::https::{Answer, Call, Https, Settings};

/// The name of the driver.
pub const NAME: &str = "etsi014";

/// Names of keys are remembered so that none is taken twice; more than this the oldest are forgotten with all others.
const MOST_REMEMBERED: usize = 1 << 20;

/// How a key manager is reached.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whom to trust, and our certificate: by it the key manager knows which application we are.
    pub https: Option<Settings>,
    /// The application at the other end, as the key managers call it (SAE ID).
    pub peer: Option<String>,
}

/// Opens key managers at addresses that the user names: nothing lists them.
#[derive(Clone, Debug, Default)]
pub struct Etsi014 {
    options: Options,
}

impl Etsi014 {
    /// With these options.
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    fn connect(&self, address: &Address) -> Result<Link> {
        if !matches!(address, Address::Https { .. }) {
            let message = format!("a key manager is reached as https://HOST:PORT, not as {address}");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let missing = |what: &str| {
            let message = format!("nothing says {what} under [etsi014] in qhal.toml");
            Error::new(ErrorKind::InvalidInput, message)
        };
        let settings = self.options.https.as_ref().ok_or_else(|| {
            missing("whom to trust and which application we are: set ca, certificate and key (PEM files)")
        })?;
        let peer = self.options.peer.clone();
        let peer =
            peer.ok_or_else(|| missing("which application is at the other end: set peer = \"ITS-SAE-ID\""))?;
        let https = Https::new(address, settings)?;
        let status =
            ask(&https, &peer).map_err(|error| error.context(format!("no key manager at {address}")))?;
        let (mut provenance, mut evidence) = https.provenance();
        if let Some(own) = status.provenance.filter(|own| *own != Provenance::Hardware) {
            (provenance, evidence) = (own, "the key manager says so".to_owned());
        }
        let descriptor = Descriptor {
            id: DeviceId::new(NAME, format!("{}/{peer}", https.place())),
            kind: Kind::KeyLink,
            provenance,
            evidence,
            // What the keys are made of is known to whoever runs the key managers.
            origin: if provenance == Provenance::Simulated {
                QuantumOrigin::Model
            } else {
                QuantumOrigin::Claimed
            },
            address: address.clone(),
            model: "ETSI GS QKD 014 key manager".to_owned(),
            serial: status.names.iter().find(|(name, _)| *name == "source_KME_ID").map(|(_, id)| id.clone()),
            access: Access::Ready,
        };
        Ok(Link { https, peer, descriptor, limits: status.link, seen: HashSet::new() })
    }
}

fn ask(https: &Https, peer: &str) -> Result<Status> {
    protocol::status(&https.call(&Call::get(&protocol::path(peer, "status")))?.success()?.body)
}

impl Driver for Etsi014 {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Nothing of a key manager is attached to this machine.
    fn probe(&self) -> Result<Vec<Descriptor>> {
        Ok(Vec::new())
    }

    fn identify(&self, address: &Address) -> Result<Descriptor> {
        Ok(self.connect(address)?.descriptor)
    }

    fn recognises(&self, address: &Address) -> bool {
        self.options.https.is_some()
            && self.options.peer.is_some()
            && matches!(address, Address::Https { .. })
    }

    fn open(&self, descriptor: &Descriptor) -> Result<OpenDevice> {
        let link = self.connect(&descriptor.address)?;
        if link.descriptor.id != descriptor.id {
            let (wanted, found) = (&descriptor.id, &link.descriptor.id);
            let message = format!("{wanted} is not at {}: {found} answers there", descriptor.address);
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        Ok(OpenDevice::KeyLink(Box::new(link)))
    }
}

/// An open key manager.
struct Link {
    https: Https,
    peer: String,
    descriptor: Descriptor,
    limits: LinkStatus,
    /// Names of keys that came: a server that gives one twice is not believed.
    seen: HashSet<KeyId>,
}

impl Link {
    fn named(&self, error: Error) -> Error {
        error.on(&self.descriptor.id)
    }

    /// The one key of an answer, checked.
    fn one(&mut self, answer: &Answer, bits: Option<u32>, id: Option<&KeyId>) -> Result<Key> {
        let mut keys = protocol::container(&answer.body)?;
        // Servers without keys may say so by an empty list.
        let Some(key) = keys.pop() else {
            let (kind, message) = match id {
                Some(_) => (ErrorKind::NotFound, "the key manager gave no key of that name"),
                None => (ErrorKind::Exhausted, "the key manager has no key left"),
            };
            return Err(Error::new(kind, message));
        };
        if !keys.is_empty() {
            return Err(protocol::protocol(format!("{} keys came where one was asked for", keys.len() + 1)));
        }
        if id.is_some_and(|id| *id != key.id) {
            return Err(protocol::protocol("a key came under another name than was asked for"));
        }
        let found = key.bytes.len() * 8;
        if bits.is_some_and(|bits| bits as usize != found) {
            let message = format!("a key of {found} bits came, not of {}", bits.unwrap_or(0));
            return Err(protocol::protocol(message));
        }
        if key.bytes.is_empty() {
            return Err(protocol::protocol("a key without bits came"));
        }
        if self.seen.len() >= MOST_REMEMBERED {
            self.seen.clear();
        }
        if !self.seen.insert(key.id) {
            return Err(Error::new(
                ErrorKind::Unhealthy,
                "the key manager gave a key that it had given before",
            ));
        }
        Ok(key)
    }

    fn fetch_next(&mut self, bits: u32) -> Result<(KeyId, SecretKey)> {
        let LinkStatus { min_key_bits, max_key_bits, default_key_bits, .. } = self.limits;
        if !bits.is_multiple_of(8) || !(min_key_bits..=max_key_bits).contains(&bits) {
            let message =
                format!("a key has from {min_key_bits} to {max_key_bits} bits, in whole bytes, not {bits}");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let mut path = protocol::path(&self.peer, "enc_keys?number=1");
        if bits != default_key_bits {
            path.push_str(&format!("&size={bits}"));
        }
        let answer = self.https.call(&Call::get(&path))?;
        if !answer.is_success() {
            let error = answer.refusal();
            // No key left is 503 by the standard, and 404 or 504 by others; 503 is also said for much else.
            let empty = || ask(&self.https, &self.peer).is_ok_and(|status| status.link.stored_keys == 0);
            if matches!(answer.status, 404 | 503 | 504) && empty() {
                return Err(Error::new(ErrorKind::Exhausted, format!("no key is left: {}", error.message())));
            }
            return Err(error);
        }
        let key = self.one(&answer, Some(bits), None)?;
        Ok((key.id, SecretKey::new(key.bytes.to_vec(), self.descriptor.provenance)))
    }

    fn fetch(&mut self, id: &KeyId) -> Result<SecretKey> {
        let path = protocol::path(&self.peer, &format!("dec_keys?key_ID={id}"));
        let answer = self.https.call(&Call::get(&path))?;
        if matches!(answer.status, 400 | 404) {
            let message = format!("the key manager has no key {id} for us: {}", answer.refusal().message());
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        let answer = answer.success()?;
        let key = self.one(&answer, None, Some(id))?;
        Ok(SecretKey::new(key.bytes.to_vec(), self.descriptor.provenance))
    }
}

impl Device for Link {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The key manager answers, and has keys.
    fn health(&mut self) -> Result<Health> {
        let status = ask(&self.https, &self.peer).map_err(|error| self.named(error))?;
        Ok(match status.link.stored_keys {
            0 => Health::Degraded("no key is stored".to_owned()),
            _ => Health::Good,
        })
    }

    fn properties(&mut self) -> Result<Vec<Property>> {
        let status = ask(&self.https, &self.peer).map_err(|error| self.named(error))?;
        let names = status.names.into_iter();
        Ok(names.map(|(name, value)| Property::text(name.to_lowercase().replace('_', " "), value)).collect())
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl KeyLink for Link {
    fn status(&mut self) -> Result<LinkStatus> {
        let found = ask(&self.https, &self.peer).map_err(|error| self.named(error))?.link;
        self.limits = found;
        Ok(found)
    }

    fn next_key(&mut self, bits: u32) -> Result<(KeyId, SecretKey)> {
        self.fetch_next(bits).map_err(|error| self.named(error))
    }

    fn key(&mut self, id: &KeyId) -> Result<SecretKey> {
        self.fetch(id).map_err(|error| self.named(error))
    }
}

#[cfg(test)]
mod tests;
