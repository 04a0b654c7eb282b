//! ID Quantique Quantis Appliance: photonic generators behind an HTTPS service.
//!
//! Random bytes come as they are from one path; the appliance gives no raw samples. It has been driven here only as an
//! emulator; what the sources left open is marked *unconfirmed*.
//!
//! Sources: Sebastian Ardelean, libqrng (src/qrng.c).

pub mod emulator;
pub mod protocol;

use qhal::device::Property;
use qhal::{
    Access, Address, Descriptor, Device, DeviceId, Driver, EntropySource, Error, ErrorKind, Health, Kind,
    MinEntropy, OpenDevice, Provenance, QuantumOrigin, Result, Stage,
};

use self::protocol::{BASE, MOST_BYTES, Question};
use super::block::Block;
use crate::transport::https::{Answer, Call, Https, Settings};

/// The name of the driver.
pub const NAME: &str = "quantis-appliance";

const MODEL: &str = "Quantis Appliance";

/// The least that is asked for at a time, in bytes: a request costs more than that.
const LEAST_BYTES: usize = 4096;

/// How an appliance is reached.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whose certificates are trusted, and what else HTTPS needs; without it nothing is asked.
    pub https: Option<Settings>,
}

/// Opens appliances at addresses that the user names: nothing lists them.
#[derive(Clone, Debug, Default)]
pub struct QuantisAppliance {
    options: Options,
}

impl QuantisAppliance {
    /// With these options.
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    fn connect(&self, address: &Address) -> Result<(Https, Descriptor)> {
        if !matches!(address, Address::Https { .. }) {
            let message = format!("a {MODEL} is reached as https://HOST:PORT, not as {address}");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let settings = self.options.https.as_ref().ok_or_else(|| {
            let message = "nothing says whose certificate to trust: set ca = \"FILE\" under [quantis-appliance] in \
                           qhal.toml, the appliance's own certificate or its authority's";
            Error::new(ErrorKind::InvalidInput, message)
        })?;
        let https = Https::new(address, settings)?;
        let told = ask(&https, Question::System).map_err(|error| {
            let error = match error.kind() {
                // It answers, and not like an appliance.
                ErrorKind::NotFound | ErrorKind::Unsupported if https.provenance().1 != "not asked yet" => {
                    Error::new(ErrorKind::Protocol, error.message().to_owned())
                }
                _ => error,
            };
            error.context(format!("no {MODEL} at {address}"))
        })?;
        let serial = protocol::serial(&told);
        let (provenance, evidence) = https.provenance();
        let origin = match provenance {
            Provenance::Remote => QuantumOrigin::Quantum,
            // Whatever answers on this machine is not known to be what it says.
            _ => QuantumOrigin::Claimed,
        };
        let descriptor = Descriptor {
            id: DeviceId::new(NAME, serial.clone().unwrap_or_else(|| https.place())),
            kind: Kind::Entropy,
            provenance,
            evidence,
            origin,
            address: address.clone(),
            model: MODEL.to_owned(),
            serial,
            access: Access::Ready,
        };
        Ok((https, descriptor))
    }
}

fn ask(https: &Https, question: Question) -> Result<Vec<Property>> {
    question.read(&https.call(&Call::get(&question.path()))?.success()?.body)
}

impl Driver for QuantisAppliance {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Nothing of an appliance is attached to this machine.
    fn probe(&self) -> Result<Vec<Descriptor>> {
        Ok(Vec::new())
    }

    fn identify(&self, address: &Address) -> Result<Descriptor> {
        Ok(self.connect(address)?.1)
    }

    fn recognises(&self, address: &Address) -> bool {
        self.options.https.is_some() && matches!(address, Address::Https { .. })
    }

    fn open(&self, descriptor: &Descriptor) -> Result<OpenDevice> {
        let (https, found) = self.connect(&descriptor.address)?;
        if found.id != descriptor.id {
            let message =
                format!("{} is not at {}: {} answers there", descriptor.id, descriptor.address, found.id);
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        let claim = MinEntropy::new(4.0, 8)?;
        Ok(OpenDevice::Entropy(Box::new(Source { https, descriptor: found, claim, block: Block::default() })))
    }
}

/// An open appliance.
struct Source {
    https: Https,
    descriptor: Descriptor,
    claim: MinEntropy,
    block: Block,
}

impl Source {
    fn named(&self, error: Error) -> Error {
        error.on(&self.descriptor.id)
    }

    fn fetch(&self, size: usize) -> Result<Answer> {
        let answer = self.https.call(&Call::get(&protocol::stream_bytes(size)))?;
        if answer.status == 500 {
            return Err(Error::new(ErrorKind::Unhealthy, answer.refusal().message().to_owned()));
        }
        let answer = answer.success()?;
        if answer.content_type == "text/html" {
            let message = "a page for people came instead of random bytes: is a login or a proxy in between?";
            return Err(Error::new(ErrorKind::Protocol, message));
        }
        if answer.body.len() != size {
            let message = format!("{} bytes came where {size} were asked for", answer.body.len());
            return Err(Error::new(ErrorKind::Protocol, message));
        }
        Ok(answer)
    }
}

impl Device for Source {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The appliance tells nothing of its health that the sources know of: it answers, or it does not.
    fn health(&mut self) -> Result<Health> {
        ask(&self.https, Question::System).map_err(|error| self.named(error))?;
        Ok(Health::Good)
    }

    fn properties(&mut self) -> Result<Vec<Property>> {
        let mut all = ask(&self.https, Question::System).map_err(|error| self.named(error))?;
        for (question, prefix) in [(Question::Firmware, "firmware"), (Question::Software, "software")] {
            // Not every release has every path.
            for mut property in ask(&self.https, question).unwrap_or_default() {
                property.name = format!("{prefix} {}", property.name);
                all.push(property);
            }
        }
        let performance =
            self.https.call(&Call::get(&format!("{BASE}performance"))).and_then(Answer::success);
        let rate = performance.ok().and_then(|answer| protocol::performance(&answer.body));
        all.extend(rate.map(|rate| Property::number("performance", rate, "Mbit/s")));
        Ok(all)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl EntropySource for Source {
    fn stage(&self) -> Stage {
        Stage::Conditioned
    }

    /// 4 of 8 bits: the way from detector to bit is not published and there are no raw samples to assess, so half is taken.
    fn claimed_min_entropy(&self) -> MinEntropy {
        self.claim
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if self.block.is_empty() {
            let answer =
                self.fetch(out.len().clamp(LEAST_BYTES, MOST_BYTES)).map_err(|error| self.named(error))?;
            self.block.replace(answer.body);
        }
        Ok(self.block.give(out))
    }
}

#[cfg(test)]
mod tests;
