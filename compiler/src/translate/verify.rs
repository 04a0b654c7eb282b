//! Whether a translation does what the program does: both are run on the same states and with the same outcomes.
//!
//! The states are kept here, by the matrices of the gates of hal's table alone: nothing that translates is used to check.

use std::collections::HashMap;

use qhal::circuit::Operation;
use qhal::{Circuit, Complex64, Gate};

use super::Translation;
use super::random::Random;
use super::state::State;

/// Up to so many qubits every column of the unitary is compared, if that is not too much work.
const ALL_COLUMNS: u32 = 10;
/// How many multiplications all columns may take.
const MOST_WORK: f64 = 5e7;
/// Up to so many qubits random states are compared.
const MOST_QUBITS: u32 = 22;
/// How many multiplications one random state may take: a few seconds.
const MOST_PATIENCE: f64 = 1e10;
/// How many multiplications of a random state may be spent before only one state is compared, not three.
const GENEROUS: f64 = 1e8;

/// How a translation was checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verification {
    /// Every column of the unitary, global phase and final places included.
    Unitary {
        /// The largest distance between two states that should be one.
        error: f64,
    },
    /// Random states and, where the program measures before its end, random outcomes.
    States {
        /// How many were compared.
        states: u32,
        /// The largest distance between two states that should be one.
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

    /// The largest distance that was seen.
    pub fn error(&self) -> f64 {
        let (Self::Unitary { error } | Self::States { error, .. } | Self::Blocks { error }) = self;
        *error
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
    // Where the program begins with a reset the translation counts on |0⟩.
    let first_resets = super::first_resets(program);
    let flagged = program.instructions().zip(first_resets).filter(|(_, is_first)| *is_first);
    let fresh: Vec<u32> = flagged.flat_map(|(reset, _)| reset.operation.qubits().to_vec()).collect();
    let states = match (dynamic || project, places.count) {
        (true, ..=10) => 16,
        _ if work < GENEROUS => 3,
        _ => 1,
    };
    let mut error = 0.0f64;
    for _ in 0..states {
        let mut state = State::basis(program.qubits(), 0)?;
        for qubit in (0..program.qubits()).filter(|qubit| !fresh.contains(qubit)) {
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

/// The distance between what both make of `start`, as states of length 1. With `project` final measurements have outcomes too; without
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
    let inside = expected.amplitudes.iter().zip(&found.amplitudes).map(|(a, b)| (a - b * phase).norm_sqr());
    let outside = found.amplitudes[expected.amplitudes.len()..].iter().map(|amplitude| amplitude.norm_sqr());
    Some((inside.chain(outside).sum::<f64>() / expected.norm().max(f64::MIN_POSITIVE)).sqrt())
}
