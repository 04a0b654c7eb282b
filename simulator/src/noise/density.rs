//! Noise exactly: the density matrix of all qubits, on which each step is a linear map.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use qhal::circuit::BitString;
use qhal::processor::Counts;
use qhal::{Complex64, Result};

use super::channel::Relaxation;
use super::draws::Draws;
use super::program::{Action, FinalMeasurement, NoisyProgram};
use super::register::{Register, Rows};
use super::stopped;
use super::trajectories::Sampler;

/// A qubit's digit in the index of a density matrix: row bit, then column bit. These are |0⟩⟨0| and |1⟩⟨1|.
const POPULATIONS: [usize; 2] = [0, 3];

/// Evolves the density matrix; gives the diagonal, and the measurements to read from it.
fn diagonal(program: &NoisyProgram, stop: &AtomicBool) -> Result<(Vec<f64>, Vec<FinalMeasurement>)> {
    let (last, steps) = program.parts();
    let mut register = Register::<2>::new(program.qubits())?;
    for (_, step) in steps {
        if stop.load(Ordering::Relaxed) {
            return Err(stopped());
        }
        match &step.action {
            Action::Unitary { qubits, matrix } => register.act(qubits, &of_unitary(matrix)),
            Action::Relax { qubit, relaxation } => register.act(&[*qubit], &of_relaxation(*relaxation)),
            Action::Depolarize { qubits, probability } => {
                register.act(qubits, &of_depolarization(qubits.len(), *probability));
            }
            Action::Reset { qubit } => register.act(&[*qubit], &of_reset()),
            // Left out: the caller has made sure that there is none but final ones.
            Action::Measure { .. } => {}
        }
    }
    register.settle_all();
    let place = |state: usize| {
        (0..program.qubits()).fold(0, |at, qubit| at | ((state >> qubit & 1) * 3) << (2 * qubit))
    };
    let states = 1usize << program.qubits();
    // Rounding may leave a little less than nothing.
    let populations = (0..states).map(|state| register.elements()[place(state)].re.max(0.0)).collect();
    Ok((populations, last))
}

pub(crate) fn counts(program: &NoisyProgram, shots: u64, seed: u64, stop: &AtomicBool) -> Result<Counts> {
    let (populations, last) = diagonal(program, stop)?;
    let draws = Draws::new(seed);
    let sampler = Sampler::new(populations.iter().copied(), &last, program.len());
    let mut tally: BTreeMap<BitString, u64> = BTreeMap::new();
    let memory = BitString::zeros(program.bits());
    for shot in 0..shots {
        *tally.entry(sampler.outcome(&memory, shot, draws)).or_default() += 1;
    }
    Ok(tally.into_iter().collect())
}

pub(crate) fn distribution(program: &NoisyProgram) -> Result<Vec<(BitString, f64)>> {
    let (populations, last) = diagonal(program, &AtomicBool::new(false))?;
    // The distribution of what the measured qubits are, then of what is read, one measurement after the other.
    let mut outcomes = vec![0.0; 1 << last.len()];
    for (state, probability) in populations.iter().enumerate() {
        let index = last.iter().enumerate().fold(0, |index, (at, m)| index | (state >> m.qubit & 1) << at);
        outcomes[index] += probability;
    }
    for (at, measurement) in last.iter().enumerate() {
        let bit = 1usize << at;
        for zero in (0..outcomes.len()).filter(|index| index & bit == 0) {
            let (p0, p1) = (outcomes[zero], outcomes[zero | bit]);
            let moved = p1 * measurement.readout.zero_for_one - p0 * measurement.readout.one_for_zero;
            outcomes[zero] = p0 + moved;
            outcomes[zero | bit] = p1 - moved;
        }
    }
    let mut sums: BTreeMap<BitString, f64> = BTreeMap::new();
    for (index, probability) in outcomes.into_iter().enumerate().filter(|(_, p)| *p > 1e-12) {
        let mut bits = BitString::zeros(program.bits());
        for (at, measurement) in last.iter().enumerate() {
            bits.set(measurement.bit, index >> at & 1 == 1);
        }
        *sums.entry(bits).or_default() += probability;
    }
    Ok(sums.into_iter().collect())
}

/// ρ → U ρ U†.
fn of_unitary(matrix: &[Complex64]) -> Rows {
    let dim = matrix.len().isqrt();
    let (row_bits, column_bits) = halves(dim);
    let mut rows = vec![Complex64::ZERO; matrix.len() * matrix.len()];
    for (at, element) in rows.iter_mut().enumerate() {
        let (to, from) = (at / (dim * dim), at % (dim * dim));
        let ket = matrix[row_bits[to] * dim + row_bits[from]];
        let bra = matrix[column_bits[to] * dim + column_bits[from]];
        *element = ket * bra.conj();
    }
    rows
}

/// For each index of a density matrix of dimension `dim`: its row and its column.
fn halves(dim: usize) -> (Vec<usize>, Vec<usize>) {
    let part = |index: usize, first: usize| {
        (0..dim.ilog2() as usize).fold(0, |part, qubit| part | (index >> (2 * qubit + first) & 1) << qubit)
    };
    let all = 0..dim * dim;
    (all.clone().map(|index| part(index, 0)).collect(), all.map(|index| part(index, 1)).collect())
}

fn of_relaxation(relaxation: Relaxation) -> Rows {
    let mut rows = vec![Complex64::ZERO; 16];
    let coherence = Complex64::from(relaxation.coherence());
    rows[0] = Complex64::ONE;
    rows[3] = relaxation.decay().into();
    rows[5] = coherence;
    rows[10] = coherence;
    rows[15] = (1.0 - relaxation.decay()).into();
    rows
}

fn of_reset() -> Rows {
    let mut rows = vec![Complex64::ZERO; 16];
    for from in POPULATIONS {
        rows[from] = Complex64::ONE;
    }
    rows
}

fn of_depolarization(qubits: usize, probability: f64) -> Rows {
    let dim = 1usize << qubits;
    let (row_bits, column_bits) = halves(dim);
    let mut rows = vec![Complex64::ZERO; dim.pow(4)];
    for (at, element) in rows.iter_mut().enumerate() {
        let (to, from) = (at / (dim * dim), at % (dim * dim));
        if to == from {
            *element += 1.0 - probability;
        }
        if row_bits[to] == column_bits[to] && row_bits[from] == column_bits[from] {
            *element += probability / dim as f64;
        }
    }
    rows
}
