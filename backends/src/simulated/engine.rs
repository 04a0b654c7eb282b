//! The bare engine behind the simulated processor, for measurements without jobs and threads around it.

use qhal::{Circuit, Result};
use qhal_simulator::{Options, Simulator, StateVector};

use super::ProcessorSettings;

/// Runs circuits in the calling thread's time.
pub struct Engine(Simulator);

impl Engine {
    /// An engine with the settings of the simulated processor.
    ///
    /// # Errors
    /// `InvalidInput` for no thread at all.
    pub fn new(settings: &ProcessorSettings) -> Result<Self> {
        Ok(Self(Simulator::new(settings.options())?))
    }

    /// How `circuit` would be run: its passes, and the time they are predicted to take.
    ///
    /// # Errors
    /// `Exhausted` when the state would not fit.
    pub fn explain(&self, circuit: &Circuit) -> Result<String> {
        Ok(self.0.plan(circuit)?.explain())
    }

    /// Plans `circuit`, allocates a state and runs all of it but the final measurements.
    ///
    /// # Errors
    /// `Exhausted` when the state does not fit; `Unsupported` for a circuit that measures on its way.
    pub fn evolve(&self, circuit: &Circuit) -> Result<StateVector> {
        self.0.evolve(&self.0.plan(circuit)?)
    }
}

impl ProcessorSettings {
    /// The same as options of the engine.
    pub(super) fn options(&self) -> Options {
        Options {
            threads: self.threads,
            precision: self.precision,
            memory_limit: self.memory_limit,
            ..Options::default()
        }
    }
}
