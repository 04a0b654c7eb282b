//! Whether a translation does what the program does: both are run on the same states and with the same outcomes.
//!
//! The states are kept here, by the matrices of the gates of hal's table alone: nothing that translates is used to check.

use std::collections::HashMap;

use qhal::circuit::{Block, Matrix, Operation};
use qhal::{Circuit, Complex64, Gate};

use super::Translation;
use super::algebra::times;

/// Up to so many qubits every column of the unitary is compared, if that is not too much work.
const ALL_COLUMNS: u32 = 10;
/// How many multiplications all columns may take.
const MOST_WORK: f64 = 5e7;
/// Up to so many qubits random states are compared.
pub(crate) const MOST_QUBITS: u32 = 22;
/// How many multiplications one random state may take: a few seconds.
const MOST_PATIENCE: f64 = 1e10;
/// How many multiplications of a random state may be spent before only one state is compared, not three.
const GENEROUS: f64 = 1e8;

/// How a translation was checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verification {
    /// Every column of the unitary, global phase and final places included.
    Unitary {
        /// The largest deviation of an amplitude.
        error: f64,
    },
    /// Random states and, where the program measures before its end, random outcomes.
    States {
        /// How many were compared.
        states: u32,
        /// The largest deviation of an amplitude.
        error: f64,
    },
    /// Block by block only: each synthesis was multiplied out, and each was done on coupled qubits in a legal order. The
    /// circuit has too many qubits and gates for its state.
    Blocks {
        /// The largest deviation of an element of a block.
        error: f64,
    },
}

impl Verification {
    /// What was compared, in one word.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Unitary { .. } => "unitary",
            Self::States { .. } => "states",
            Self::Blocks { .. } => "blocks",
        }
    }

    /// The largest deviation that was seen.
    pub fn error(&self) -> f64 {
        let (Self::Unitary { error } | Self::States { error, .. } | Self::Blocks { error }) = self;
        *error
    }
}

/// A state of up to [`MOST_QUBITS`] qubits.
#[derive(Clone, Debug)]
pub(crate) struct State {
    amplitudes: Vec<Complex64>,
    /// What is still to be done to each qubit alone: several gates take one pass over the amplitudes.
    pending: Vec<Option<[[Complex64; 2]; 2]>>,
}

impl State {
    /// |index⟩; `None` for too many qubits.
    pub(crate) fn basis(qubits: u32, index: usize) -> Option<Self> {
        if qubits > MOST_QUBITS + 2 {
            return None;
        }
        let mut amplitudes = vec![Complex64::ZERO; 1 << qubits];
        *amplitudes.get_mut(index)? = Complex64::ONE;
        Some(Self { amplitudes, pending: vec![None; qubits as usize] })
    }

    /// ⟨other|self⟩.
    pub(crate) fn overlap(&mut self, other: &mut Self) -> Complex64 {
        self.settle();
        other.settle();
        self.amplitudes.iter().zip(&other.amplitudes).map(|(a, b)| a * b.conj()).sum()
    }

    fn norm(&self) -> f64 {
        self.amplitudes.iter().map(|amplitude| amplitude.norm_sqr()).sum()
    }

    /// Does what is pending.
    fn settle(&mut self) {
        for qubit in 0..self.pending.len() as u32 {
            self.settle_on(&[qubit]);
        }
    }

    fn settle_on(&mut self, qubits: &[u32]) {
        for &qubit in qubits {
            if let Some(u) = self.pending.get_mut(qubit as usize).and_then(Option::take) {
                self.one(&u, &[], qubit);
            }
        }
    }

    /// Does a gate or unitary; `None` for what is none.
    pub(crate) fn apply(&mut self, operation: &Operation<'_>) -> Option<()> {
        match *operation {
            Operation::Gate { gate, params, qubits: &[qubit] } => {
                let Block::One(u) = gate.block(params) else { return None };
                let slot = self.pending.get_mut(qubit as usize)?;
                *slot = Some(slot.map_or(u, |before| times(&u, &before)));
                return Some(());
            }
            _ => self.settle_on(operation.qubits()),
        }
        match *operation {
            Operation::Gate { gate, params, qubits } => {
                let controls = gate.controls();
                match gate.block(params) {
                    Block::Phase(angle) => {
                        self.amplitudes.iter_mut().for_each(|amplitude| *amplitude *= Complex64::cis(angle));
                    }
                    Block::One(u) => self.one(&u, &qubits[..controls], *qubits.get(controls)?),
                    _ if gate == Gate::Swap => self.exchange(qubits[0], qubits[1]),
                    _ => self.many(&gate.matrix(params), &[], qubits),
                }
            }
            Operation::Unitary { matrix, controls, qubits } => {
                let (controls, targets) = qubits.split_at_checked(controls as usize)?;
                self.many(matrix, controls, targets);
            }
            Operation::Barrier { .. } | Operation::Delay { .. } => {}
            _ => return None,
        }
        Some(())
    }

    fn one(&mut self, u: &[[Complex64; 2]; 2], controls: &[u32], target: u32) {
        let bit = 1usize << target;
        let mask: usize = controls.iter().map(|&control| 1usize << control).sum();
        let diagonal = u[0][1] == Complex64::ZERO && u[1][0] == Complex64::ZERO;
        for (block, pairs) in self.amplitudes.chunks_exact_mut(2 * bit).enumerate() {
            let base = block * 2 * bit;
            let (low, high) = pairs.split_at_mut(bit);
            for (offset, (a, b)) in low.iter_mut().zip(high).enumerate() {
                if (base + offset) & mask != mask {
                    continue;
                }
                if diagonal {
                    if u[0][0] != Complex64::ONE {
                        *a *= u[0][0];
                    }
                    *b *= u[1][1];
                } else {
                    (*a, *b) = (u[0][0] * *a + u[0][1] * *b, u[1][0] * *a + u[1][1] * *b);
                }
            }
        }
    }

    pub(crate) fn exchange(&mut self, a: u32, b: u32) {
        let (a, b) = (1usize << a, 1usize << b);
        for index in 0..self.amplitudes.len() {
            if index & a != 0 && index & b == 0 {
                self.amplitudes.swap(index, index ^ a ^ b);
            }
        }
    }

    fn many(&mut self, matrix: &Matrix, controls: &[u32], qubits: &[u32]) {
        let targets: usize = qubits.iter().map(|&qubit| 1usize << qubit).sum();
        let mask: usize = controls.iter().map(|&control| 1usize << control).sum();
        let place = |index: usize| -> usize {
            qubits.iter().enumerate().map(|(k, &qubit)| (index >> k & 1) << qubit).sum()
        };
        let places: Vec<usize> = (0..matrix.dim()).map(place).collect();
        let mut old = vec![Complex64::ZERO; matrix.dim()];
        for base in (0..self.amplitudes.len()).filter(|index| index & targets == 0 && index & mask == mask) {
            for (amplitude, place) in old.iter_mut().zip(&places) {
                *amplitude = self.amplitudes[base | place];
            }
            for (row, place) in places.iter().enumerate() {
                let line = &matrix.elements()[row * matrix.dim()..][..matrix.dim()];
                self.amplitudes[base | place] =
                    line.iter().zip(&old).map(|(element, old)| element * old).sum();
            }
        }
    }

    /// The probability of 1.
    fn probability(&mut self, qubit: u32) -> f64 {
        self.settle_on(&[qubit]);
        let ones = self.amplitudes.iter().enumerate().filter(|(index, _)| index >> qubit & 1 == 1);
        ones.map(|(_, amplitude)| amplitude.norm_sqr()).sum()
    }

    /// Keeps what has this outcome, without making it longer again.
    fn project(&mut self, qubit: u32, outcome: bool) {
        self.settle_on(&[qubit]);
        for (index, amplitude) in self.amplitudes.iter_mut().enumerate() {
            if (index >> qubit & 1 == 1) != outcome {
                *amplitude = Complex64::ZERO;
            }
        }
    }

    fn flip(&mut self, qubit: u32) {
        let bit = 1usize << qubit;
        for index in 0..self.amplitudes.len() {
            if index & bit == 0 {
                self.amplitudes.swap(index, index | bit);
            }
        }
    }
}

/// A generator that needs no crate: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Evenly from 0 to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Evenly below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound.max(1) as u128) >> 64) as usize
    }
}

/// Runs program and translation on the same states; `None` when there are too many qubits for it.
pub(crate) fn compare(program: &Circuit, translation: &Translation, seed: u64) -> Option<Verification> {
    let places = Places::of(program, translation)?;
    let project = moves_measured_qubits(program, translation)?;
    let dynamic = program.is_dynamic();
    let mut random = Random(seed);
    let work = (1u64 << places.count) as f64 * (program.len() + translation.circuit.len()) as f64;
    if program.qubits() <= ALL_COLUMNS
        && work * (1u64 << program.qubits()) as f64 <= MOST_WORK
        && !dynamic
        && !project
    {
        let mut error = 0.0f64;
        // Instruction by instruction over all columns would be faster; ten qubits take milliseconds like this.
        for column in 0..1usize << program.qubits() {
            let state = State::basis(program.qubits(), column)?;
            error = error.max(deviation(program, translation, &places, &state, project, &mut random)?);
        }
        return Some(Verification::Unitary { error });
    }
    if work > MOST_PATIENCE {
        return None;
    }
    let states = match (dynamic || project, places.count) {
        (true, ..=10) => 16,
        _ if work < GENEROUS => 3,
        _ => 1,
    };
    let mut error = 0.0f64;
    for _ in 0..states {
        let mut state = State::basis(program.qubits(), 0)?;
        for qubit in 0..program.qubits() {
            let angles: [f64; 3] = std::array::from_fn(|_| random.unit() * std::f64::consts::TAU);
            state.apply(&Operation::Gate { gate: Gate::U, params: &angles, qubits: &[qubit] })?;
        }
        state.settle();
        error = error.max(deviation(program, translation, &places, &state, project, &mut random)?);
    }
    Some(Verification::States { states, error })
}

/// Which of the device's qubits are used, numbered so that the program's come first.
struct Places {
    /// For each qubit of the device its number, if it is used.
    number: Vec<Option<u32>>,
    count: u32,
}

impl Places {
    fn of(program: &Circuit, translation: &Translation) -> Option<Self> {
        let mut number = vec![None; translation.circuit.qubits() as usize];
        for (qubit, &place) in translation.initial_layout.iter().enumerate() {
            *number.get_mut(place as usize)? = Some(qubit as u32);
        }
        let mut count = program.qubits();
        for instruction in translation.circuit.instructions() {
            if matches!(instruction.operation, Operation::Barrier { .. }) {
                continue;
            }
            for &place in instruction.operation.qubits() {
                let slot = &mut number[place as usize];
                if slot.is_none() {
                    *slot = Some(count);
                    count += 1;
                }
            }
        }
        (count <= MOST_QUBITS).then_some(Self { number, count })
    }
}

/// Whether a qubit is moved after its final measurement, so that the measurement is not the last that is done there.
fn moves_measured_qubits(program: &Circuit, translation: &Translation) -> Option<bool> {
    let (of_program, of_translation) =
        (program.final_measurements(), translation.circuit.final_measurements());
    let mut origins = translation.origins.iter();
    let mut moves = false;
    for (instruction, is_final) in translation.circuit.instructions().zip(of_translation) {
        if matches!(instruction.operation, Operation::Measure { .. } | Operation::Reset { .. }) {
            moves |= !is_final && *of_program.get(*origins.next()? as usize)?;
        }
    }
    Some(moves)
}

/// The largest deviation between what both make of `start`. With `project` final measurements have outcomes too; without
/// it they do nothing.
fn deviation(
    program: &Circuit,
    translation: &Translation,
    places: &Places,
    start: &State,
    project: bool,
    random: &mut Random,
) -> Option<f64> {
    // Outcomes by what is measured or reset: the number of the instruction of the program.
    let mut outcomes: HashMap<u32, bool> = HashMap::new();
    let mut expected = start.clone();
    let is_final = program.final_measurements();
    let mut memory = qhal::circuit::BitString::zeros(program.bits());
    let mut bits_of_final: Vec<(u32, u32)> = Vec::new();
    for (at, instruction) in program.instructions().enumerate() {
        if instruction.condition.is_some_and(|condition| !condition.holds(&memory)) {
            continue;
        }
        match instruction.operation {
            Operation::Measure { qubit, bit } if is_final[at] && !project => bits_of_final.push((qubit, bit)),
            Operation::Measure { qubit, .. } | Operation::Reset { qubit } => {
                let outcome = random.unit() * expected.norm() < expected.probability(qubit);
                outcomes.insert(at as u32, outcome);
                expected.project(qubit, outcome);
                match instruction.operation {
                    Operation::Measure { bit, .. } => memory.set(bit, outcome),
                    _ if outcome => expected.flip(qubit),
                    _ => {}
                }
            }
            operation => expected.apply(&operation)?,
        }
    }
    let expected_memory = memory;
    expected.settle();

    let mut found = State::basis(places.count, 0)?;
    // The program's qubits come first, so that the states agree but for zeros.
    for amplitude in &mut found.amplitudes {
        *amplitude = Complex64::ZERO;
    }
    found.amplitudes[..start.amplitudes.len()].copy_from_slice(&start.amplitudes);
    let mut memory = qhal::circuit::BitString::zeros(program.bits());
    let mut origins = translation.origins.iter();
    let number = |place: u32| places.number[place as usize];
    for instruction in translation.circuit.instructions() {
        let in_place = matches!(instruction.operation, Operation::Measure { .. } | Operation::Reset { .. });
        let origin = if in_place { Some(*origins.next()?) } else { None };
        let is_final = !project && origin.is_some_and(|origin| is_final.get(origin as usize) == Some(&true));
        if instruction.condition.is_some_and(|condition| !condition.holds(&memory)) {
            continue;
        }
        match instruction.operation {
            Operation::Measure { qubit, bit } if is_final => {
                // It has to be the same qubit of the program into the same bit.
                let last = translation.final_layout.iter().position(|&place| place == qubit)?;
                if !bits_of_final.contains(&(last as u32, bit)) {
                    return Some(f64::INFINITY);
                }
            }
            Operation::Measure { qubit, .. } | Operation::Reset { qubit } => {
                // An outcome the program never asked for.
                let Some(&outcome) = outcomes.get(&origin?) else { return Some(f64::INFINITY) };
                let qubit = number(qubit)?;
                found.project(qubit, outcome);
                match instruction.operation {
                    Operation::Measure { bit, .. } => memory.set(bit, outcome),
                    _ if outcome => found.flip(qubit),
                    _ => {}
                }
            }
            Operation::Gate { gate, params, qubits } => {
                let inner: Vec<u32> = qubits.iter().map(|&place| number(place)).collect::<Option<_>>()?;
                found.apply(&Operation::Gate { gate, params, qubits: &inner })?;
            }
            Operation::Barrier { .. } | Operation::Delay { .. } => {}
            _ => return None,
        }
    }
    // What was left out stands in front of final measurements, and nothing comes after those.
    // With an outcome for each of them it is a phase.
    for (angle, qubits) in translation.left_out.iter().filter(|_| !project) {
        let gate = if qubits.len() == 1 { Gate::Rz } else { Gate::Rzz };
        let qubits: Vec<u32> = qubits.iter().map(|&place| number(place)).collect::<Option<_>>()?;
        found.apply(&Operation::Gate { gate, params: &[*angle], qubits: &qubits })?;
    }
    found.settle();
    if memory != expected_memory {
        return Some(f64::INFINITY);
    }
    // Back to where the program has its qubits.
    let mut at: Vec<u32> = (0..places.count).collect();
    for (qubit, &place) in translation.final_layout.iter().enumerate() {
        let now = at.iter().position(|&held| number(place) == Some(held))? as u32;
        if now != qubit as u32 {
            found.exchange(now, qubit as u32);
            at.swap(now as usize, qubit);
        }
    }
    // A phase beside outcomes cannot be seen; without them it counts.
    let phase = if !outcomes.is_empty() {
        let overlap: Complex64 =
            expected.amplitudes.iter().zip(&found.amplitudes).map(|(a, b)| a * b.conj()).sum();
        if overlap.norm() > 0.0 { overlap / overlap.norm() } else { Complex64::ONE }
    } else {
        Complex64::cis(translation.global_phase)
    };
    let scale = expected.norm().sqrt().max(f64::MIN_POSITIVE);
    let inside = expected.amplitudes.iter().zip(&found.amplitudes).map(|(a, b)| (a - b * phase).norm());
    let outside = found.amplitudes[expected.amplitudes.len()..].iter().map(|amplitude| amplitude.norm());
    Some(inside.chain(outside).fold(0.0, f64::max) / scale)
}
