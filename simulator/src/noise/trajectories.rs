//! Noise shot by shot: amplitudes to which chance does what noise does. Shots go together until chance tells them apart.
//!
//! Each draw is numbered by shot and step, so that a shot has the same fate in whatever company it goes. Where the shots of
//! a group part, the largest part goes on with the state and each smaller one gets a copy and is followed to its end first:
//! so there are never more states than the logarithm of the number of shots.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use qhal::circuit::BitString;
use qhal::processor::Counts;
use qhal::{Complex64, Error, ErrorKind, Result};

use super::channel::Relaxation;
use super::draws::Draws;
use super::program::{Action, FinalMeasurement, NoisyProgram, Step};
use super::register::Register;
use super::stopped;
use crate::options::{Options, Precision, check_size};
use crate::workers::Workers;

/// Once a norm may have shrunk by this power of e, it is brought back to 1.
const MOST_SHRINKING: f64 = 40.0;

/// How many threads can work at once within the memory limit, each with its own share of the shots.
///
/// # Errors
/// `Exhausted` when there is no memory even for one.
pub(crate) fn threads(program: &NoisyProgram, shots: u64, options: &Options) -> Result<usize> {
    check_size(program.qubits(), Precision::F64, options.memory_limit)?;
    let one = Precision::F64.state_bytes(program.qubits()).unwrap_or(u64::MAX);
    // The state of the group, a copy at each halving, and the probabilities at the end, of half a state.
    let states = |threads: u64| {
        let share = shots.div_ceil(threads).max(1);
        u64::from(share.ilog2()) + 2
    };
    let most = options.threads.max(1) as u64;
    let fits = |threads: &u64| {
        one.checked_mul(states(*threads))
            .and_then(|bytes| bytes.checked_mul(*threads))
            .is_some_and(|bytes| bytes <= options.memory_limit)
    };
    let found = (1..=most.min(shots.max(1))).rev().find(fits);
    found.map(|threads| threads as usize).ok_or_else(|| {
        let message = format!(
            "{shots} shots with noise on {} qubits may need {} states of {} bytes, which is more than the {} bytes that may be \
             used: take fewer shots or qubits",
            program.qubits(),
            states(1),
            one,
            options.memory_limit
        );
        Error::new(ErrorKind::Exhausted, message)
    })
}

pub(crate) fn counts(
    program: &NoisyProgram,
    shots: u64,
    seed: u64,
    options: &Options,
    stop: &AtomicBool,
) -> Result<Counts> {
    let threads = threads(program, shots, options)?;
    let workers = Workers::new(threads)?;
    let (last, steps) = program.parts();
    let run = Run { steps, last, length: program.len(), draws: Draws::new(seed), stop };
    let share = shots.div_ceil(threads as u64);
    let parts = workers.map(threads, |part| -> Result<Tally> {
        let first = share * part as u64;
        let group = Group {
            register: Register::new(program.qubits())?,
            memory: BitString::zeros(program.bits()),
            shots: (first..(first + share).min(shots)).collect(),
            step: 0,
            shrunk: 0.0,
        };
        let mut tally = Tally::new();
        if !group.shots.is_empty() {
            run.follow(group, &mut tally)?;
        }
        Ok(tally)
    });
    let mut total = Tally::new();
    for part in parts {
        for (bits, count) in part? {
            *total.entry(bits).or_default() += count;
        }
    }
    Ok(total.into_iter().collect())
}

type Tally = BTreeMap<BitString, u64>;

/// Shots that have had the same fate so far.
struct Group {
    register: Register<1>,
    memory: BitString,
    shots: Vec<u64>,
    step: usize,
    /// How far the norm may have shrunk, as a power of e.
    shrunk: f64,
}

/// What chance does to a qubit, or to the bits beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// No decay; the phase flips or not.
    Stays { flip: bool },
    /// The qubit decays.
    Decays,
    /// One of the 4^n − 1 Pauli operators but the identity, two bits a qubit (x, then z); 0 is none.
    Pauli(u32),
    /// An outcome, and what is read.
    Reads { outcome: bool, read: bool },
}

struct Run<'p> {
    steps: Vec<(usize, &'p Step)>,
    last: Vec<FinalMeasurement>,
    length: usize,
    draws: Draws,
    stop: &'p AtomicBool,
}

impl Run<'_> {
    /// Follows a group, and all that part from it, to the end.
    fn follow(&self, mut group: Group, tally: &mut Tally) -> Result<()> {
        while let Some(&(number, step)) = self.steps.get(group.step) {
            if self.stop.load(Ordering::Relaxed) {
                return Err(stopped());
            }
            group.step += 1;
            if step.condition.as_ref().is_some_and(|condition| !condition.holds(&group.memory)) {
                continue;
            }
            let draw = |shot: u64, which: u64| self.draws.uniform(shot, number, which);
            match &step.action {
                Action::Unitary { qubits, matrix } => group.register.act(qubits, matrix),
                Action::Relax { qubit, relaxation } => {
                    let (one, relaxation) =
                        (group.excited_if(*qubit, |shot| draw(shot, 0) < relaxation.decay()), *relaxation);
                    let flips = relaxation.phase_flip();
                    let decays = relaxation.decay() * one;
                    let fate = |shot| match () {
                        () if decays > 0.0 && draw(shot, 0) < decays => Fate::Decays,
                        () => Fate::Stays { flip: flips > 0.0 && draw(shot, 1) < flips },
                    };
                    self.part(&mut group, fate, tally, |group, fate| {
                        group.relax(*qubit, relaxation, fate, one)
                    })?;
                }
                Action::Depolarize { qubits, probability } => {
                    let kinds = f64::from((1u32 << (2 * qubits.len())) - 1);
                    let any = probability * kinds / (kinds + 1.0);
                    let fate = |shot| {
                        let u = draw(shot, 0);
                        // Evenly one of the kinds; rounding must not make one more of them.
                        let kind =
                            if u < any { 1.0 + (u / any * kinds).floor().min(kinds - 1.0) } else { 0.0 };
                        Fate::Pauli(kind as u32)
                    };
                    self.part(&mut group, fate, tally, |group, fate| group.pauli(qubits, fate))?;
                }
                Action::Measure { qubit, bit, readout } => {
                    let one = group.excited(*qubit);
                    let fate = |shot| {
                        let outcome = draw(shot, 0) < one;
                        Fate::Reads { outcome, read: outcome ^ (draw(shot, 1) < readout.flip(outcome)) }
                    };
                    self.part(&mut group, fate, tally, |group, fate| {
                        group.measured(*qubit, Some(*bit), fate, one)
                    })?;
                }
                Action::Reset { qubit } => {
                    let one = group.excited(*qubit);
                    let fate = |shot| Fate::Reads { outcome: draw(shot, 0) < one, read: false };
                    self.part(&mut group, fate, tally, |group, fate| {
                        group.measured(*qubit, None, fate, one)
                    })?;
                }
            }
        }
        group.register.settle_all();
        let probabilities = group.register.elements().iter().map(|amplitude| amplitude.norm_sqr());
        if self.last.is_empty() {
            *tally.entry(group.memory).or_default() += group.shots.len() as u64;
            return Ok(());
        }
        let sampler = Sampler::new(probabilities, &self.last, self.length);
        for &shot in &group.shots {
            *tally.entry(sampler.outcome(&group.memory, shot, self.draws)).or_default() += 1;
        }
        Ok(())
    }

    /// Splits a group by the fates of its shots; all but the largest part are followed to their end.
    fn part(
        &self,
        group: &mut Group,
        fate: impl Fn(u64) -> Fate,
        tally: &mut Tally,
        suffer: impl Fn(&mut Group, Fate),
    ) -> Result<()> {
        let mut parts: BTreeMap<Fate, Vec<u64>> = BTreeMap::new();
        for shot in std::mem::take(&mut group.shots) {
            parts.entry(fate(shot)).or_default().push(shot);
        }
        let largest = parts.iter().max_by_key(|(_, shots)| shots.len()).map(|(fate, _)| *fate);
        for (fate, shots) in parts {
            if Some(fate) == largest {
                group.shots = shots;
                continue;
            }
            let mut part = Group {
                register: group.register.clone(),
                memory: group.memory.clone(),
                shots,
                step: group.step,
                shrunk: group.shrunk,
            };
            suffer(&mut part, fate);
            self.follow(part, tally)?;
        }
        if let Some(fate) = largest {
            suffer(group, fate);
        }
        Ok(())
    }
}

const fn real(value: f64) -> Complex64 {
    Complex64::new(value, 0.0)
}

impl Group {
    /// The probability that a qubit is 1.
    fn excited(&mut self, qubit: u32) -> f64 {
        self.register.settle_for_reading(qubit);
        let mut sums = [0.0f64; 2];
        let run = 1usize << qubit;
        for (at, part) in self.register.elements().chunks(run).enumerate() {
            sums[at & 1] += part.iter().map(|amplitude| amplitude.norm_sqr()).sum::<f64>();
        }
        let [zero, one] = sums;
        if zero + one > 0.0 { one / (zero + one) } else { 0.0 }
    }

    /// The same where a shot is in `question`; else 0 without a look at the state, because nothing depends on it.
    fn excited_if(&mut self, qubit: u32, question: impl Fn(u64) -> bool) -> f64 {
        if self.shots.iter().any(|&shot| question(shot)) { self.excited(qubit) } else { 0.0 }
    }

    fn relax(&mut self, qubit: u32, relaxation: Relaxation, fate: Fate, one: f64) {
        let zero = Complex64::ZERO;
        match fate {
            Fate::Decays => {
                let back = real(one.max(f64::MIN_POSITIVE).sqrt().recip());
                self.register.shrink(qubit, &[zero, back, zero, zero]);
            }
            _ => {
                let stays = (1.0 - relaxation.decay()).sqrt();
                let factor = if fate == (Fate::Stays { flip: true }) { -stays } else { stays };
                if factor != 1.0 {
                    self.register.shrink(qubit, &[Complex64::ONE, zero, zero, real(factor)]);
                }
                self.shrunk -= stays.max(f64::MIN_POSITIVE).ln();
                if self.shrunk > MOST_SHRINKING {
                    self.normalise();
                }
            }
        }
    }

    /// Brings the norm back to 1.
    fn normalise(&mut self) {
        self.register.settle_all();
        let norm = self.register.elements().iter().map(|amplitude| amplitude.norm_sqr()).sum::<f64>().sqrt();
        if norm > 0.0 {
            self.register.elements_mut().iter_mut().for_each(|amplitude| *amplitude /= norm);
        }
        self.shrunk = 0.0;
    }

    fn pauli(&mut self, qubits: &[u32], fate: Fate) {
        let Fate::Pauli(kinds) = fate else { return };
        for (at, &qubit) in qubits.iter().enumerate() {
            let kind = kinds >> (2 * at) & 3;
            // X, then Z; a Y is both, up to a phase that cannot be seen.
            let (zero, one) = (Complex64::ZERO, Complex64::ONE);
            let sign = if kind & 2 == 2 { -one } else { one };
            match kind {
                0 => {}
                2 => self.register.act(&[qubit], &[one, zero, zero, sign]),
                _ => self.register.act(&[qubit], &[zero, one, sign, zero]),
            }
        }
    }

    /// An outcome has come; without a bit for it the qubit is returned to 0.
    fn measured(&mut self, qubit: u32, bit: Option<u32>, fate: Fate, one: f64) {
        let Fate::Reads { outcome, read } = fate else { return };
        let probability = if outcome { one } else { 1.0 - one };
        let scale = real(probability.max(f64::MIN_POSITIVE).sqrt().recip());
        let zero = Complex64::ZERO;
        let matrix = match (outcome, bit) {
            (false, _) => [scale, zero, zero, zero],
            (true, Some(_)) => [zero, zero, zero, scale],
            (true, None) => [zero, scale, zero, zero],
        };
        self.register.shrink(qubit, &matrix);
        if let Some(bit) = bit {
            self.memory.set(bit, read);
        }
    }
}

/// Draws what final measurements read.
pub(crate) struct Sampler<'m> {
    /// The sum of the probabilities up to each basis state.
    ends: Vec<f64>,
    last: &'m [FinalMeasurement],
    /// The number of the first draw that no step has used.
    length: usize,
}

impl<'m> Sampler<'m> {
    pub(crate) fn new(
        probabilities: impl Iterator<Item = f64>,
        last: &'m [FinalMeasurement],
        length: usize,
    ) -> Self {
        let mut sum = 0.0;
        let ends = probabilities.map(|probability| {
            sum += probability;
            sum
        });
        Self { ends: ends.collect(), last, length }
    }

    /// What a shot reads, in a memory that holds what was read before.
    pub(crate) fn outcome(&self, memory: &BitString, shot: u64, draws: Draws) -> BitString {
        let total = self.ends.last().copied().unwrap_or(0.0);
        let mark = draws.uniform(shot, self.length, 0) * total;
        let state = self.ends.partition_point(|end| *end <= mark).min(self.ends.len().saturating_sub(1));
        let mut outcome = memory.clone();
        for (at, measurement) in self.last.iter().enumerate() {
            let value = state >> measurement.qubit & 1 == 1;
            let flips = measurement.readout.flip(value);
            let flipped = flips > 0.0 && draws.uniform(shot, self.length + 1 + at, 0) < flips;
            outcome.set(measurement.bit, value ^ flipped);
        }
        outcome
    }
}
