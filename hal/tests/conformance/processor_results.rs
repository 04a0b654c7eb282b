//! What the processor in memory brings back, right or bent as its fault says.

use std::collections::BTreeMap;

use qhal::circuit::{BitString, Circuit, Gate, Matrix, Operation};
use qhal::processor::{Counts, Timings};
use qhal::{Complex64, Job, JobResult, Provenance};

use crate::Numbers;
use crate::branches::{distribution, run_from};
use crate::processor_in_memory::{Fault, Memory};

impl Memory {
    /// The circuit as a wrong processor takes it.
    fn bent(&self, circuit: &Circuit) -> Circuit {
        let mut bent = circuit.without_instructions();
        let mut late = Vec::new();
        for mut instruction in circuit.instructions() {
            let reversed: Vec<u32> = instruction.operation.qubits().iter().rev().copied().collect();
            let swapped;
            match (self.fault, instruction.operation) {
                (Fault::Entangles(false), Operation::Gate { gate: Gate::Cx, .. })
                | (Fault::NoReset, Operation::Reset { .. }) => continue,
                (Fault::Entangles(true), Operation::Gate { gate: Gate::H, qubits, .. }) => {
                    instruction.operation = Operation::Gate { gate: Gate::X, params: &[], qubits };
                }
                (Fault::MeasuresAtTheEnd, Operation::Measure { qubit, bit }) => {
                    late.push((qubit, bit));
                    continue;
                }
                (Fault::IgnoresConditions, _) => instruction.condition = None,
                (Fault::NeverMeetsConditions, _) if instruction.condition.is_some() => continue,
                (Fault::TransposesMatrices, Operation::Unitary { matrix, controls, qubits }) => {
                    swapped = transposed(matrix);
                    instruction.operation = Operation::Unitary { matrix: &swapped, controls, qubits };
                }
                (Fault::QubitsReversedInMatrices, Operation::Unitary { matrix, controls, .. }) => {
                    instruction.operation = Operation::Unitary { matrix, controls, qubits: &reversed };
                }
                (Fault::TurnsTBack, Operation::Gate { gate: Gate::T, qubits, .. }) => {
                    instruction.operation = Operation::Gate { gate: Gate::Tdg, params: &[], qubits };
                }
                _ => {}
            }
            bent.push(instruction.operation, instruction.condition).unwrap();
        }
        for (qubit, bit) in late {
            bent.measure(qubit, bit).unwrap();
        }
        bent
    }

    pub(crate) fn run(&self, circuit: &Circuit, job: &Job) -> JobResult {
        let circuit = self.bent(circuit);
        let wanted = job.wanted;
        let always = self.fault == Fault::ExactUnasked;
        let provenance =
            if self.fault == Fault::SaysHardware { Provenance::Hardware } else { self.descriptor.provenance };
        let shots = job.shots + u64::from(self.fault == Fault::SaysMoreShots);
        let exact = wanted.probabilities || wanted.state || always;
        let state =
            exact.then(|| run_from(&circuit.without_final_measurements().unwrap(), 0).remove(0).state);
        JobResult {
            provenance,
            shots,
            counts: self.counts(&circuit, job),
            probabilities: state
                .as_ref()
                .filter(|_| wanted.probabilities && self.fault != Fault::NoProbabilities || always)
                .map(|state| self.probabilities(circuit.qubits(), state)),
            state: state.filter(|_| wanted.state || always).map(|state| self.state(circuit.qubits(), state)),
            method: None,
            timings: Timings::default(),
        }
    }

    fn counts(&self, circuit: &Circuit, job: &Job) -> Counts {
        let outcomes = distribution(circuit);
        let seed = match self.fault {
            Fault::OwnSeed => self.submitted,
            Fault::OneSeed => 0,
            _ => job.seed.unwrap_or(self.submitted),
        };
        let mut numbers = Numbers(seed);
        let mut counts: BTreeMap<BitString, u64> = BTreeMap::new();
        for _ in 0..job.shots - u64::from(self.fault == Fault::LosesAShot && job.shots > 1) {
            let mut left = numbers.next() as f64 / 2f64.powi(64);
            let hit = outcomes.iter().find(|(_, probability)| {
                left -= probability;
                left < 0.0
            });
            let (mut bits, _) = hit.or(outcomes.last()).unwrap().clone();
            if numbers.next() % 100 < self.noise && bits.width() > 0 {
                bits.set(0, !bits.get(0));
            }
            match self.fault {
                Fault::BitsReversed => bits = reversed(&bits),
                Fault::UnmeasuredIs1 if bits.width() > 2 => bits.set(1, true),
                Fault::CountsWide => bits = BitString::from_words(bits.width() + 1, bits.words()),
                _ => {}
            }
            *counts.entry(bits).or_insert(0) += 1;
        }
        if self.fault == Fault::CountsZeros {
            for number in 0..1 << circuit.bits() {
                counts.entry(BitString::from_u64(circuit.bits(), number)).or_insert(0);
            }
        }
        let ascending = counts.into_iter();
        if self.fault == Fault::CountsDescend { ascending.rev().collect() } else { ascending.collect() }
    }

    fn probabilities(&self, qubits: u32, state: &[Complex64]) -> Vec<(BitString, f64)> {
        let factor = if self.fault == Fault::ProbabilitiesTooLarge { 2.0 } else { 1.0 };
        let least = if self.fault == Fault::ProbabilitiesWithZeros { -1.0 } else { 1e-12 };
        let mut all: Vec<(BitString, f64)> = (0u64..)
            .zip(state)
            .map(|(index, amplitude)| (BitString::from_u64(qubits, index), amplitude.norm_sqr() * factor))
            .filter(|&(_, probability)| probability > least)
            .collect();
        if self.fault == Fault::ProbabilitiesReversed {
            all.iter_mut().for_each(|(basis, _)| *basis = reversed(basis));
            all.sort_by(|a, b| a.0.cmp(&b.0));
        }
        all
    }

    fn state(&self, qubits: u32, mut state: Vec<Complex64>) -> Vec<Complex64> {
        match self.fault {
            Fault::StateReversed => (0..state.len())
                .map(|index| {
                    let basis = reversed(&BitString::from_u64(qubits, index as u64));
                    state[basis.words()[0] as usize]
                })
                .collect(),
            Fault::StateShort => state.iter().map(|amplitude| amplitude * 0.9).collect(),
            Fault::StateLong => {
                state.push(Complex64::ZERO);
                state
            }
            _ => state,
        }
    }
}

fn transposed(matrix: &Matrix) -> Matrix {
    let adjoint = matrix.adjoint();
    Matrix::new(matrix.qubits(), adjoint.elements().iter().map(|element| element.conj()).collect()).unwrap()
}

fn reversed(bits: &BitString) -> BitString {
    bits.to_string().chars().rev().collect::<String>().parse().unwrap()
}
