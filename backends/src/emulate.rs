//! Emulated devices on a pseudo-terminal or a loopback port, for people who develop without the device.

use std::sync::atomic::{AtomicU64, Ordering};

use qhal::processor::Counts;
use qhal::{Address, Circuit, Error, ErrorKind, Result};
use qhal_drivers::processor::machine::{Machine, SharedMachine};
use qhal_drivers::transport::Served;
use qhal_drivers::{EmulatedModel, EmulatorOptions};
use qhal_simulator::Simulator;

use crate::simulated::ProcessorSettings;

/// How an emulated device is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// What is wrong with it: the name of a fault, `NAME:BYTES` for one that shows after that many bytes.
    pub fault: Option<String>,
    /// Makes what it sends repeatable; `None` takes a seed from the operating system.
    pub seed: Option<u64>,
    /// Bytes a second; `None` is the real device's rate.
    pub rate: Option<u64>,
    /// On a loopback TCP port of the system's choice instead of a pseudo-terminal.
    pub tcp: bool,
}

/// All devices that can be emulated.
pub fn models() -> Vec<EmulatedModel> {
    qhal_drivers::emulators()
}

/// An emulated device that is being served; dropping it ends the service.
pub struct Running {
    server: Box<dyn Served>,
    address: Address,
    model: EmulatedModel,
    seed: u64,
}

/// Starts an emulated `model` on its wire.
///
/// # Errors
/// `InvalidInput` for a fault or rate it cannot have; `Unsupported` for a network that it does not have; the system's
/// kinds when it gives no pseudo-terminal, port, thread or seed.
pub fn start(model: &EmulatedModel, request: &Request) -> Result<Running> {
    let seed = match request.seed {
        Some(seed) => seed,
        None => getrandom::u64().map_err(|cause| {
            Error::new(ErrorKind::Other, "the operating system gave no seed").because(cause)
        })?,
    };
    let simulator = Simulator::new(ProcessorSettings::default().options())?;
    let machine = Simulation { simulator, seed, run: AtomicU64::new(0) };
    let options = EmulatorOptions {
        seed,
        rate_bytes_per_s: request.rate,
        fault: request.fault.clone(),
        machine: Some(SharedMachine::new(machine)),
    };
    let server = model.serve(&options, request.tcp)?;
    let address = server.address();
    Ok(Running { server, address, model: model.clone(), seed })
}

impl Running {
    /// Where it answers.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What is emulated.
    pub fn model(&self) -> &EmulatedModel {
        &self.model
    }

    /// What makes its bytes repeatable.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether it is still there; a fault may have unplugged it.
    pub fn is_running(&self) -> bool {
        self.server.is_running()
    }

    /// What a host needs to know beside the address, by name.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        self.server.details()
    }

    /// Ends the service.
    ///
    /// # Errors
    /// What ended it before, if something did.
    pub fn stop(self) -> Result<()> {
        self.server.stop()
    }
}

/// What runs the circuits of emulated processors: the state-vector engine, with a seed of its own for every circuit.
struct Simulation {
    simulator: Simulator,
    seed: u64,
    run: AtomicU64,
}

impl Machine for Simulation {
    fn run(&self, circuit: &Circuit, shots: u64) -> Result<Counts> {
        let number = self.run.fetch_add(1, Ordering::Relaxed);
        self.simulator.sample(circuit, shots, self.seed.wrapping_add(number))
    }
}
