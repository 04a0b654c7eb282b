//! The simulated devices: models that compute something, behind the same traits as hardware, under an honest name.

mod chip;
mod engine;
mod entropy;
mod link;
mod noise;
mod processor;

pub use crate::link::{Alarm, LinkReport};
pub(crate) use chip::imitates;
pub use chip::{SimulatedChip, target_of};
pub use engine::Engine;
pub use entropy::{SimulatedEntropy, operating_system_seed};
pub use link::{
    ATTACKS, LinkProtocol, LinkSettings, TakeTags, attack, simulate as simulate_link,
    simulate_and_record as simulate_and_record_link,
};
pub use noise::{Failure, NoiseModel, NoiseSettings, Samples};
pub use processor::{ProcessorSettings, SimulatedProcessor};
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
}

impl SimulatedDriver {
    /// Simulated devices with these settings.
    pub fn new(noise: NoiseSettings, processor: ProcessorSettings) -> Self {
        Self { noise, processor }
    }

    fn all(&self) -> Vec<Descriptor> {
        let mut all = vec![
            describe("qrng", Kind::Entropy, self.noise.model.describe()),
            describe(STATE_VECTOR, Kind::Processor, "ideal state-vector processor"),
        ];
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
        let general = self.all().into_iter().take(2).find(|device| device.address == *address);
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
            _ if chip::imitates(&known) => {
                Ok(OpenDevice::Processor(Box::new(SimulatedChip::open(known, self.processor.clone())?)))
            }
            _ => {
                Ok(OpenDevice::Processor(Box::new(SimulatedProcessor::open(known, self.processor.clone())?)))
            }
        }
    }
}
