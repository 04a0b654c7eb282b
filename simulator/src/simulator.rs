//! The simulator itself: plans circuits, evolves states, counts outcomes.

use qhal::circuit::{BitString, Circuit};
use qhal::processor::Counts;
use qhal::{Complex64, Error, ErrorKind, Result};
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use crate::branch::{Share, follow};
use crate::options::{Options, Precision, check_size};
use crate::pauli::PauliString;
use crate::plan::{Action, Number, Plan, evolve};
use crate::random::{binomial, stream};
use crate::real::Real;
use crate::register::Register;
use crate::state::StateVector;
use crate::tally::Tally;
use crate::workers::Workers;

/// The most histories that exact probabilities of a dynamic circuit are summed over.
pub const MAX_BRANCHES: usize = 4096;

/// Evolves state vectors under circuits.
///
/// Results depend on the circuit, the precision and the seed alone: neither on threads nor on the machine, beyond
/// rounding.
#[derive(Clone, Debug)]
pub struct Simulator {
    options: Options,
    workers: Workers,
}

impl Simulator {
    /// A simulator that works within `options`; its threads, if more than one, are its own.
    ///
    /// # Errors
    /// `InvalidInput` for 0 threads; `Exhausted` when threads cannot be started.
    pub fn new(options: Options) -> Result<Self> {
        let workers = Workers::new(options.threads)?;
        Ok(Self { options, workers })
    }

    /// What it was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The most qubits a state may have within the memory limit; `None` when not even one fits.
    pub fn max_qubits(&self) -> Option<u32> {
        (1..64).rev().find(|&qubits| self.check(qubits).is_ok())
    }

    pub(crate) fn workers(&self) -> &Workers {
        &self.workers
    }

    /// Refuses a state that is too large.
    pub(crate) fn check(&self, qubits: u32) -> Result<()> {
        check_size(qubits, self.options.precision, self.options.memory_limit)
    }

    /// Plans a circuit and evolves it, for those who want nothing in between.
    ///
    /// # Errors
    /// As [`plan`](Self::plan) and [`evolve`](Self::evolve).
    pub fn run(&self, circuit: &Circuit) -> Result<StateVector> {
        self.evolve(&self.plan(circuit)?)
    }

    /// Plans a circuit, runs it `shots` times and counts the outcomes.
    ///
    /// # Errors
    /// As [`plan`](Self::plan) and [`counts`](Self::counts).
    pub fn sample(&self, circuit: &Circuit, shots: u64, seed: u64) -> Result<Counts> {
        self.counts(&self.plan(circuit)?, shots, seed)
    }

    /// The expectation value of a sum of Pauli strings after a circuit.
    ///
    /// # Errors
    /// As [`run`](Self::run) and [`StateVector::expectation`].
    pub fn expectation(&self, circuit: &Circuit, sum: &[PauliString]) -> Result<f64> {
        self.run(circuit)?.expectation(sum)
    }

    /// Makes a circuit ready to run.
    ///
    /// # Errors
    /// `Exhausted` when its state exceeds the memory limit; the sentence says what is needed and what would fit.
    pub fn plan(&self, circuit: &Circuit) -> Result<Plan> {
        self.check(circuit.qubits())?;
        Ok(Plan::new(circuit, &self.options))
    }

    /// The final state of a circuit, final measurements left out.
    ///
    /// # Errors
    /// `Unsupported` for a circuit with measurements on the way, resets or conditions: it has no one final state;
    /// `Exhausted` when there is no memory for the state.
    pub fn evolve(&self, plan: &Plan) -> Result<StateVector> {
        if plan.is_dynamic() {
            return Err(not_one_state());
        }
        self.check(plan.qubits())?;
        Ok(match self.options.precision {
            Precision::F32 => StateVector::from(self.evolve_as::<f32>(plan)?),
            Precision::F64 => StateVector::from(self.evolve_as::<f64>(plan)?),
        })
    }

    /// Applies a circuit to a state that is already there, final measurements left out: gate by gate, if that is wanted.
    ///
    /// The state keeps its own precision and threads. Nothing is moved for its own sake: swaps are only noted.
    ///
    /// # Errors
    /// `InvalidInput` when circuit and state differ in their number of qubits; `Unsupported` for a circuit with
    /// measurements on the way, resets or conditions.
    pub fn apply(&self, circuit: &Circuit, state: &mut StateVector) -> Result<()> {
        if circuit.qubits() != state.qubits() {
            let (acting, there) = (circuit.qubits(), state.qubits());
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("a circuit on {acting} qubits cannot act on a state of {there}"),
            ));
        }
        let plan = Plan::new(circuit, &Options { fusion: false, ..self.options.clone() });
        if plan.is_dynamic() {
            return Err(not_one_state());
        }
        state.apply(&plan, self.options.fusion, self.options.threads);
        Ok(())
    }

    /// The state of these 2^n amplitudes, the first of them that of |0…0⟩, divided by its norm.
    ///
    /// # Errors
    /// `InvalidInput` unless there is a power of two of them, all finite, of a norm within 1e-6 of 1; `Exhausted` as
    /// [`run`](Self::run).
    pub fn prepare(&self, amplitudes: &[Complex64]) -> Result<StateVector> {
        let norm = amplitudes.iter().map(Complex64::norm_sqr).sum::<f64>().sqrt();
        let wrong = |what: String| Err(Error::new(ErrorKind::InvalidInput, what));
        if !amplitudes.len().is_power_of_two() {
            return wrong(format!("a state has 2^n amplitudes, not {}", amplitudes.len()));
        }
        if norm.is_nan() || (norm - 1.0).abs() > 1e-6 {
            return wrong(format!("the norm of these amplitudes is {norm}, not 1"));
        }
        let qubits = amplitudes.len().ilog2();
        self.check(qubits)?;
        Ok(match self.options.precision {
            Precision::F32 => StateVector::from(self.prepare_as::<f32>(qubits, amplitudes, norm)?),
            Precision::F64 => StateVector::from(self.prepare_as::<f64>(qubits, amplitudes, norm)?),
        })
    }

    fn prepare_as<T: Number>(&self, qubits: u32, amplitudes: &[Complex64], norm: f64) -> Result<Register<T>> {
        let mut register = Register::<T>::new(qubits, self.workers.clone())?;
        for (groups, amplitudes) in
            register.cells.chunks_exact_mut(2 * T::LANES).zip(amplitudes.chunks(T::LANES))
        {
            let (real, imaginary) = groups.split_at_mut(T::LANES);
            for ((re, im), amplitude) in real.iter_mut().zip(imaginary).zip(amplitudes) {
                (*re, *im) = (T::from_f64(amplitude.re / norm), T::from_f64(amplitude.im / norm));
            }
        }
        Ok(register)
    }

    fn evolve_as<T: Number>(&self, plan: &Plan) -> Result<Register<T>> {
        let mut register = Register::new(plan.qubits(), self.workers.clone())?;
        for step in &plan.steps {
            if let Action::Evolve(ops) = &step.action {
                evolve(&mut register, ops)?;
            }
        }
        Ok(register)
    }

    /// Runs a circuit `shots` times and counts the outcomes in its classical bits.
    ///
    /// At a measurement on the way the shots are split between the outcomes, and every history is run once; so the
    /// cost goes with the number of different histories, not with the shots.
    ///
    /// # Errors
    /// `Exhausted` when there is no memory for one state.
    pub fn counts(&self, plan: &Plan, shots: u64, seed: u64) -> Result<Counts> {
        if shots == 0 {
            return Ok(Counts::new());
        }
        if !plan.is_dynamic() {
            return self.evolve(plan)?.counts(plan, shots, seed);
        }
        self.check(plan.qubits())?;
        // Streams from 0 on are those of plain sampling.
        let generator = stream(seed, u64::MAX);
        let mut split = Shots { generator, tally: Tally::new(&plan.final_measurements, plan.bits()) };
        match self.options.precision {
            Precision::F32 => self.follow::<f32, _>(plan, shots, &mut split)?,
            Precision::F64 => self.follow::<f64, _>(plan, shots, &mut split)?,
        }
        Ok(split.tally.into_counts(&self.workers))
    }

    /// The probabilities above 1e-12 of all basis states at the end, ascending, final measurements left out; bit i
    /// is qubit i. For a dynamic circuit they are summed over all histories.
    ///
    /// # Errors
    /// `Unsupported` for a dynamic circuit with more than [`MAX_BRANCHES`] histories; `Exhausted` when there is no
    /// memory for the state and, for a dynamic circuit, 2^n sums of 8 bytes beside it.
    pub fn probabilities(&self, plan: &Plan) -> Result<Vec<(BitString, f64)>> {
        const THRESHOLD: f64 = 1e-12;
        if !plan.is_dynamic() {
            return self.evolve(plan)?.probabilities(THRESHOLD);
        }
        self.check(plan.qubits())?;
        let sums = self.sums(plan.qubits())?;
        let mut mixture = Mixture { sums, finished: 0 };
        match self.options.precision {
            Precision::F32 => self.follow::<f32, _>(plan, 1.0, &mut mixture)?,
            Precision::F64 => self.follow::<f64, _>(plan, 1.0, &mut mixture)?,
        }
        let likely = mixture.sums.into_iter().enumerate().filter(|(_, sum)| *sum > THRESHOLD);
        Ok(likely.map(|(state, sum)| (BitString::from_u64(plan.qubits(), state as u64), sum)).collect())
    }

    /// 2^n zeros that fit beside one state.
    fn sums(&self, qubits: u32) -> Result<Vec<f64>> {
        let state = self.options.precision.state_bytes(qubits).unwrap_or(u64::MAX);
        let mut sums = Vec::new();
        let too_much = || {
            Error::new(ErrorKind::Exhausted, format!("no memory for the probabilities of {qubits} qubits"))
        };
        if state.saturating_add(8 << qubits) > self.options.memory_limit {
            return Err(too_much());
        }
        sums.try_reserve_exact(1 << qubits).map_err(|cause| too_much().because(cause))?;
        sums.resize(1 << qubits, 0.0);
        Ok(sums)
    }

    fn follow<T: Number, S: Share<T>>(&self, plan: &Plan, whole: S::Weight, share: &mut S) -> Result<()> {
        let state = self.options.precision.state_bytes(plan.qubits()).unwrap_or(u64::MAX);
        follow(plan, &self.workers, self.options.memory_limit / state, whole, share)
    }
}

/// Shots, split by chance.
struct Shots<'a> {
    generator: ChaCha8Rng,
    tally: Tally<'a>,
}

impl<T: Real> Share<T> for Shots<'_> {
    type Weight = u64;

    fn split(&mut self, shots: u64, probability: f64) -> Result<[Option<u64>; 2]> {
        let ones = binomial(&mut self.generator, shots, probability)?;
        Ok([shots - ones, ones].map(|part| (part > 0).then_some(part)))
    }

    fn finish(&mut self, register: &Register<T>, memory: &BitString, shots: u64) -> Result<()> {
        let seed = self.generator.next_u64();
        self.tally.add(register, memory, shots, seed)
    }
}

/// Probabilities, split exactly.
struct Mixture {
    sums: Vec<f64>,
    finished: usize,
}

impl<T: Real> Share<T> for Mixture {
    type Weight = f64;

    fn split(&mut self, weight: f64, probability: f64) -> Result<[Option<f64>; 2]> {
        // Below this a whole history adds nothing that is reported.
        let part = |share: f64| (share > 1e-18).then_some(share);
        Ok([part(weight * (1.0 - probability)), part(weight * probability)])
    }

    fn finish(&mut self, register: &Register<T>, _: &BitString, weight: f64) -> Result<()> {
        self.finished += 1;
        if self.finished > MAX_BRANCHES {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("exact probabilities need more than {MAX_BRANCHES} histories; take counts instead"),
            ));
        }
        for (index, sum) in self.sums.iter_mut().enumerate() {
            *sum += weight * register.at(register.address(index as u64)).norm_sqr();
        }
        Ok(())
    }
}

fn not_one_state() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "a circuit with measurements on the way, resets or conditions has no single final state",
    )
}
