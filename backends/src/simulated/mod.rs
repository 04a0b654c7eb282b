//! The simulated devices: models that compute something, behind the same traits as hardware, under an honest name.

mod chip;
mod engine;
mod entropy;
mod link;
mod noise;
mod processor;
mod used;

pub use crate::link::{Alarm, LinkReport};
pub(crate) use chip::imitates;
pub use chip::{SimulatedChip, target_of};
pub use engine::Engine;
pub use entropy::{SimulatedEntropy, operating_system_seed};
pub use link::{
    ATTACKS, EndSettings, LinkProtocol, LinkSettings, Role, SimulatedLinkEnd, TakeTags, attack,
    simulate as simulate_link, simulate_and_record as simulate_and_record_link,
    simulate_end as simulate_link_end,
};
pub use noise::{Failure, NoiseModel, NoiseSettings, Samples};
pub use processor::{ProcessorSettings, SimulatedProcessor};
pub use used::within_reach;

pub use qhal_simulator::{PauliString, Plan, Precision, StateVector, limits};

use qhal::{
    Access, Address, Descriptor, Driver, Error, ErrorKind, Kind, OpenDevice, Provenance, QuantumOrigin,
    Result,
};

/// The name of the driver of everything simulated here.
pub const DRIVER: &str = "simulator";
/// The unit of the ideal processor, which stands in for no chip.
pub(crate) const STATE_VECTOR: &str = "statevector";

/// Lists and opens the simulated devices.
#[derive(Clone, Debug)]
pub struct SimulatedDriver {
    noise: NoiseSettings,
    processor: ProcessorSettings,
    link: Option<EndSettings>,
}

impl SimulatedDriver {
    /// Simulated devices with these settings.
    pub fn new(noise: NoiseSettings, processor: ProcessorSettings) -> Self {
        Self { noise, processor, link: None }
    }

    /// Also with this end of a link, whose other end is simulated by another process.
    #[must_use]
    pub fn with_link(self, link: Option<EndSettings>) -> Self {
        Self { link, ..self }
    }

    /// The devices that imitate none in particular.
    fn general(&self) -> Vec<Descriptor> {
        let mut all = vec![
            describe("qrng", Kind::Entropy, self.noise.model.describe()),
            describe(STATE_VECTOR, Kind::Processor, "ideal state-vector processor"),
        ];
        all.extend(self.link.as_ref().map(|end| describe("link", Kind::KeyLink, &end.model())));
        all
    }

    fn all(&self) -> Vec<Descriptor> {
        let mut all = self.general();
        // A description that is built in always reads; a test holds that.
        all.extend(chip::known().filter_map(|name| chip_named(name).ok()));
        all
    }
}

fn describe(unit: &str, kind: Kind, model: &str) -> Descriptor {
    Descriptor {
        id: chip::id(unit),
        kind,
        provenance: Provenance::Simulated,
        evidence: "computed here".to_owned(),
        origin: QuantumOrigin::Model,
        address: Address::Simulated { model: unit.to_owned() },
        model: model.to_owned(),
        serial: None,
        access: Access::Ready,
    }
}

/// The simulated chip of that name, or of the description in that file.
fn chip_named(name: &str) -> Result<Descriptor> {
    let (unit, target) = chip::load(name)?;
    Ok(describe(&unit, Kind::Processor, &format!("simulation of {}", target.name)))
}

impl Driver for SimulatedDriver {
    fn name(&self) -> &'static str {
        DRIVER
    }

    fn probe(&self) -> Result<Vec<Descriptor>> {
        Ok(self.all().to_vec())
    }

    fn identify(&self, address: &Address) -> Result<Descriptor> {
        let Address::Simulated { model } = address else {
            return Err(Error::new(ErrorKind::Unsupported, format!("nothing simulated is at {address}")));
        };
        let general = self.general().into_iter().find(|device| device.address == *address);
        general.map_or_else(|| chip_named(model), Ok)
    }

    fn open(&self, descriptor: &Descriptor) -> Result<OpenDevice> {
        let known = self.identify(&descriptor.address)?;
        if known.id != descriptor.id {
            let message = format!("{} is not at {}: {} is", descriptor.id, descriptor.address, known.id);
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        match known.kind {
            Kind::Entropy => {
                Ok(OpenDevice::Entropy(Box::new(SimulatedEntropy::open(known, self.noise.clone())?)))
            }
            Kind::KeyLink => {
                let settings = self.link.clone();
                let settings = settings
                    .ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no [simulated.link]"))?;
                Ok(OpenDevice::KeyLink(Box::new(SimulatedLinkEnd::open(known, settings)?)))
            }
            _ if chip::imitates(&known) => {
                Ok(OpenDevice::Processor(Box::new(SimulatedChip::open(known, self.processor.clone())?)))
            }
            _ => {
                Ok(OpenDevice::Processor(Box::new(SimulatedProcessor::open(known, self.processor.clone())?)))
            }
        }
    }
}
