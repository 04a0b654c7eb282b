//! What every [`Processor`] promises: of its capabilities, of the life of a job, and of what a job brings back.

mod bench;
mod capabilities;
mod native;
mod programs;
mod refusals;

use std::ops::ControlFlow;

use super::{Violation, device, promises};
use crate::circuit::Circuit;
use crate::processor::{Program, ProgramFormat};
use crate::{JobState, Kind, Processor};
use bench::Bench;

promises! {
    QUBITS = "a processor has qubits and runs at least one shot";
    READOUT = "a readout error is a probability";
    COUPLINGS = "couplings join two different qubits that exist, each pair once";
    NATIVE = "a native gate is listed once, its sites once each, on as many different existing qubits as it takes";
    FIDELITY = "a fidelity is between 0 and 1";
    SITES = "a gate on two qubits has its sites on couplings";
    FORMATS = "a processor takes at least one program format and lists each once";
    CAPABILITIES_STAY = "the capabilities stay as they were at opening";
    FLIPS = "the native gates turn some qubit from 0 to 1, as every program begins by it";
    ACCEPTS = "a program of native gates and listed features is accepted";
    ENDS = "a job of a program that was accepted ends, done";
    NAMES = "no two jobs have the same name";
    PROVENANCE = "a result has the provenance of its processor";
    TOTAL = "the shots of the result are those of the job, and its counts add up to them";
    COUNTS = "counts ascend without zeros, each a bit string over all classical bits";
    BIT_ORDER = "bit i of an outcome is what was measured into classical bit i, and 0 if nothing was";
    BELL = "the two halves of a Bell pair agree, and both outcomes occur";
    MID_CIRCUIT = "where mid-circuit measurement is listed, an outcome stays what it was and the qubit goes on";
    RESET = "where reset is listed, a qubit returns to 0";
    CONDITION = "where conditions are listed, an operation is done if, and only if, its condition holds";
    UNITARY = "where unitaries are listed, a matrix is applied with its first qubit lowest";
    WANTED = "probabilities and state come back if, and only if, they were wanted";
    PROBABILITIES = "probabilities ascend, exceed 1e-12, are over all qubits, qubit 0 lowest, and add up to 1";
    STATE = "a state has 2^n amplitudes, qubit 0 lowest, and norm 1";
    GATES = "a native gate does what its matrix in the table of gates says";
    NO_SHOTS = "for probabilities or the state alone no shot is needed";
    SEED = "the same seed gives a simulation the same counts, and not every seed gives the same";
    ZERO_SHOTS = "zero shots with nothing else wanted are InvalidInput";
    TOO_MANY_SHOTS = "more shots than the most are refused";
    TOO_LARGE = "a circuit of more qubits than there are is refused";
    UNLISTED = "a feature or a format that is not listed is Unsupported";
    NO_PROGRAM = "text that is no program in its format is InvalidInput, at submission or as the job's failure";
    UNKNOWN = "a job that was never submitted is NotFound";
    RESUMES = "a job of nobody cannot be resumed: NotFound where jobs are kept, Unsupported where they are not";
    ONCE = "a job is forgotten with its end";
    CANCELS = "a job can be given up, and ends as cancelled or done";
}

/// What is done between two polls of a job that has not ended; it breaks to give up, as in [`crate::processor::wait`].
pub type Pause<'a> = &'a mut dyn FnMut(&JobState) -> ControlFlow<()>;

/// Checks a processor that takes [`Circuit`]s. Runs some 20 jobs on the fewest qubits that will do, of at most 2000
/// shots each. Outcomes are held by majority, so that a processor with noise passes as long as it computes.
///
/// A processor that takes text alone is held to refuse circuits; [`check_with`] checks the rest of it.
///
/// # Errors
/// The first promise that is broken, those of [`device`] included.
pub fn check(processor: &mut dyn Processor, pause: Pause<'_>) -> Result<(), Violation> {
    let takes_circuits = processor.capabilities().formats.contains(&ProgramFormat::Circuit);
    let write = &mut |circuit: &Circuit| Program::Circuit(circuit.clone());
    if takes_circuits {
        return check_with(processor, write, pause);
    }
    check_itself(processor)?;
    let mut bench = Bench::new(processor, write, pause);
    refusals::check_formats(&mut bench)
}

/// [`check`], with `write` to put a circuit into a format that the processor takes.
///
/// # Errors
/// As [`check`].
pub fn check_with(
    processor: &mut dyn Processor,
    write: &mut dyn FnMut(&Circuit) -> Program,
    pause: Pause<'_>,
) -> Result<(), Violation> {
    check_itself(processor)?;
    let descriptor = processor.descriptor().clone();
    let mut bench = Bench::new(processor, write, pause);
    refusals::check_unknown(&mut bench)?;
    programs::check(&mut bench)?;
    refusals::check(&mut bench)?;
    let before = bench.capabilities;
    let now = processor.capabilities();
    super::require(*now == before, CAPABILITIES_STAY, || format!("they were {before:?} and became {now:?}"))?;
    device::check_stays(processor, &descriptor)
}

fn check_itself(processor: &mut dyn Processor) -> Result<(), Violation> {
    device::check(processor, Kind::Processor)?;
    capabilities::check(processor.capabilities())
}
