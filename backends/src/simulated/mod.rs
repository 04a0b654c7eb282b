//! The simulated devices: models that compute something, behind the same traits as hardware, under an honest name.

mod engine;
mod entropy;
mod link;
mod noise;
mod processor;

pub use engine::Engine;
pub use entropy::{SimulatedEntropy, operating_system_seed};
pub use link::{ATTACKS, Alarm, LinkProtocol, LinkReport, LinkSettings, attack, simulate as simulate_link};
pub use noise::{Failure, NoiseModel, NoiseSettings, Samples};
pub use processor::{ProcessorSettings, SimulatedProcessor};
pub use qhal_simulator::{PauliString, Plan, Precision, StateVector, limits};

use qhal::{
    Access, Address, Descriptor, DeviceId, Driver, Error, ErrorKind, Kind, OpenDevice, Provenance,
    QuantumOrigin, Result,
};

/// The name of the driver of everything simulated here.
pub const DRIVER: &str = "simulator";

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

    fn all(&self) -> [Descriptor; 2] {
        let describe = |unit: &str, kind, model: &str| Descriptor {
            id: DeviceId::new(DRIVER, unit),
            kind,
            provenance: Provenance::Simulated,
            evidence: "computed here".to_owned(),
            origin: QuantumOrigin::Model,
            address: Address::Simulated { model: unit.to_owned() },
            model: model.to_owned(),
            serial: None,
            access: Access::Ready,
        };
        [
            describe("qrng", Kind::Entropy, self.noise.model.describe()),
            describe("statevector", Kind::Processor, "ideal state-vector processor"),
        ]
    }
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
        self.all().into_iter().find(|device| device.address == *address).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("there is no simulated device '{model}': there are qrng and statevector"),
            )
        })
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
            _ => {
                Ok(OpenDevice::Processor(Box::new(SimulatedProcessor::open(known, self.processor.clone())?)))
            }
        }
    }
}
