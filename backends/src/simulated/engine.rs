//! The bare engine behind the simulated processor, for measurements without jobs and threads around it.

use qhal::{Circuit, Result};
use qhal_simulator::{Options, Plan, Simulator, StateVector};

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
        Ok(self.plan(circuit)?.explain())
    }

    /// Makes a circuit ready to run.
    ///
    /// # Errors
    /// `Exhausted` when the state would not fit.
    pub fn plan(&self, circuit: &Circuit) -> Result<Plan> {
        self.0.plan(circuit)
    }

    /// Allocates a state and runs all of a plan but the final measurements.
    ///
    /// # Errors
    /// As [`evolve`](Self::evolve).
    pub fn run(&self, plan: &Plan) -> Result<StateVector> {
        self.0.evolve(plan)
    }

    /// Plans `circuit`, allocates a state and runs all of it but the final measurements.
    ///
    /// # Errors
    /// `Exhausted` when the state does not fit; `Unsupported` for a circuit that measures on its way.
    pub fn evolve(&self, circuit: &Circuit) -> Result<StateVector> {
        self.run(&self.plan(circuit)?)
    }
}

impl ProcessorSettings {
    /// The same as options of the engine.
    pub(crate) fn options(&self) -> Options {
        Options {
            threads: self.threads,
            precision: self.precision,
            memory_limit: self.memory_limit,
            ..Options::default()
        }
    }
}
