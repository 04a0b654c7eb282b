//! From any circuit to the native gates and couplings of a processor, with as few two-qubit gates as can be found.

mod algebra;
mod blocks;
mod decompose;
mod device;
mod emit;
mod estimate;
mod fits;
mod layout;
mod place;
mod random;
mod route;
mod search;
mod state;
mod synthesis;
mod target;
mod verify;

use qhal::circuit::{Instruction, Operation};
use qhal::{Circuit, Error, ErrorKind, Result};

use blocks::{Blocks, Builder};
use device::Device;
use place::Placing;
use synthesis::native::Entanglers;

pub use estimate::{Estimate, Schedule, Sites, as_late_as_possible, as_soon_as_possible, estimate};
pub use fits::{Misfit, fits};
pub(crate) use state::State;
pub use target::Target;
pub use verify::Verification;

/// Below this (radians, or the sine of an angle between axes) a difference is taken for rounding.
const TOLERANCE: f64 = 1e-10;
/// A state may be off by so much: rounding of thousands of gates.
const MOST_ERROR: f64 = 1e-6;

/// How hard a translation tries, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// 0 translates gate by gate; 1 merges neighbours; 2 also what commutes, and lets qubits change places; 3 searches longest.
    pub level: u8,
    /// The same seed gives the same circuit, whatever the number of threads.
    pub seed: u64,
    /// Threads of the search.
    pub threads: usize,
    /// Whether states of the program and of the translation are compared (see [`Verification`]); blocks always are.
    pub compare: bool,
}

impl Options {
    /// The options of a level from 0 to 3; larger ones count as 3.
    pub fn level(level: u8) -> Self {
        Self { level: level.min(3), ..Self::default() }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { level: 3, seed: 0, threads: 1, compare: true }
    }
}

/// A circuit of native gates on the qubits of a device.
#[derive(Clone, Debug)]
pub struct Translation {
    /// One register `q` of all qubits of the device; classical registers as in the program.
    pub circuit: Circuit,
    /// Where each qubit of the program starts.
    pub initial_layout: Vec<u32>,
    /// Where it is at the end.
    pub final_layout: Vec<u32>,
    /// The program is e^{i·phase} times this circuit.
    pub global_phase: f64,
    /// What was left out because a final measurement follows that it does not change: R_z angles on one qubit of the
    /// device, R_zz angles on two.
    pub left_out: Vec<(f64, Vec<u32>)>,
    /// For each measurement and reset of `circuit`, in order, the number of the program's instruction that it is.
    pub origins: Vec<u32>,
    /// How it was checked.
    pub verification: Verification,
}

/// Translates `program` to what `target` does.
///
/// # Errors
/// `Exhausted` when it has too few qubits; `Unsupported` when its native gates do not make every unitary, or for what
/// the program has that it cannot do (a feature) or that cannot be translated; `Other` when the check of the result fails, which is a fault of this crate.
pub fn translate(program: &Circuit, target: &Target, options: Options) -> Result<Translation> {
    let device = Device::new(&target.capabilities, target.quarter_turns)
        .map_err(|error| error.context(&target.name))?;
    allowed(program, target)?;
    if program.qubits() as usize > device.usable.len() {
        let message = format!(
            "the program has {} qubits, and {} has only {} that can be used",
            program.qubits(),
            target.name,
            device.usable.len()
        );
        return Err(Error::new(ErrorKind::Exhausted, message));
    }
    let blocks = reduced(program, &device.entanglers, options.level)?;
    let placing = search::place(&blocks, &device, options)?;
    if !place::is_legal(&blocks, &placing, &device, options.level >= 2) {
        return Err(Error::new(
            ErrorKind::Other,
            "the search put a gate where it cannot be done; nothing was written",
        ));
    }
    let placed = settled(&blocks, &placing, &device, options.level);
    let is_final = program.final_measurements();
    let emitted = emit::emit(&placed, &device, empty(program, device.qubits)?, &is_final)?;
    let mut translation = Translation {
        circuit: emitted.circuit,
        initial_layout: placing.initial.clone(),
        final_layout: blocks.wire_of.iter().map(|&wire| placing.last[wire as usize]).collect(),
        global_phase: algebra::wrapped(emitted.phase),
        left_out: emitted.left_out,
        origins: emitted.origins,
        verification: Verification::Blocks { error: emitted.error },
    };
    if options.compare
        && let Some(verification) = verify::compare(program, &translation, options.seed)
    {
        translation.verification = verification;
    }
    let error = translation.verification.error();
    if !error.is_finite() || error > MOST_ERROR {
        let message = format!(
            "the translation does not do what the program does (compared by {}: off by {error:.1e}); nothing was written",
            translation.verification.method()
        );
        return Err(Error::new(ErrorKind::Other, message));
    }
    Ok(translation)
}

/// Which instructions are resets of qubits that nothing has been done to: processors start in |0⟩.
fn first_resets(program: &Circuit) -> Vec<bool> {
    let mut touched = vec![false; program.qubits() as usize];
    let first = |instruction: Instruction<'_>| match instruction.operation {
        Operation::Barrier { .. } | Operation::Delay { .. } => false,
        operation => {
            let is_reset = matches!(operation, Operation::Reset { .. }) && instruction.condition.is_none();
            let before = operation.qubits().iter().any(|&qubit| touched[qubit as usize]);
            // Another reset finds the qubit as it was.
            operation.qubits().iter().for_each(|&qubit| touched[qubit as usize] |= !is_reset);
            is_reset && !before
        }
    };
    program.instructions().map(first).collect()
}

/// Refuses what the processor cannot do at all.
fn allowed(program: &Circuit, target: &Target) -> Result<()> {
    let features = target.capabilities.features;
    let flags = program.final_measurements().into_iter().zip(first_resets(program));
    for (instruction, (is_final, is_first)) in program.instructions().zip(flags) {
        let missing = match instruction.operation {
            _ if instruction.condition.is_some() && !features.conditions => "operations under a condition",
            Operation::Measure { .. } if !is_final && !features.mid_circuit_measurement => {
                "measurements before the end of the program"
            }
            Operation::Reset { .. } if !is_first && !features.reset => "resets",
            _ => continue,
        };
        return Err(Error::new(ErrorKind::Unsupported, format!("{} has no {missing}", target.name)));
    }
    Ok(())
}

/// The program as blocks, taken through the builder until nothing more merges.
fn reduced(program: &Circuit, entanglers: &Entanglers, level: u8) -> Result<Blocks> {
    let mut blocks = decompose::blocks(program, entanglers, level)?;
    // Each time fewer nodes; two or three times are the most that programs need.
    for _ in 0..4 {
        if level < 2 {
            break;
        }
        let before = (blocks.nodes.len(), blocks.cost());
        let mut builder = Builder::new(blocks.wires(), blocks.bits, entanglers, level, true);
        builder.again(blocks);
        blocks = builder.finish();
        if (blocks.nodes.len(), blocks.cost()) == before {
            break;
        }
    }
    Ok(blocks)
}

/// The blocks where they were placed, merged once more: exchanges join what is before and behind them.
fn settled(blocks: &Blocks, placing: &Placing, device: &Device, level: u8) -> Blocks {
    let placed = place::on_device(blocks, placing, device, level);
    if level < 2 {
        return placed;
    }
    let mut builder = Builder::new(placed.wires(), placed.bits, &device.entanglers, level, false);
    builder.again(placed.clone());
    let again = builder.finish();
    if again.cost() < placed.cost() { again } else { placed }
}

/// A circuit of one quantum register and the program's classical registers.
fn empty(program: &Circuit, qubits: u32) -> Result<Circuit> {
    let mut circuit = Circuit::new();
    // A classical register may be called like the quantum one.
    let taken = |name: &str| program.bit_registers().iter().any(|register| register.name == name);
    let mut name = "q".to_owned();
    while taken(&name) {
        name.push('_');
    }
    circuit.add_qubits(&name, qubits)?;
    for register in program.bit_registers() {
        circuit.add_bits(&register.name, register.size)?;
    }
    Ok(circuit)
}
