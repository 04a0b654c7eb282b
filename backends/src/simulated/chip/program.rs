//! From a native circuit and the figures of a chip to a program with noise on the qubits that are used.
//!
//! A gate is followed by what its duration does to its qubits, then by depolarization for the rest of its error. Qubits that
//! wait between two instructions, in the schedule that starts everything as late as possible, relax as long; before its first
//! instruction a qubit is in |0⟩, where nothing happens to it. Measurements are read wrongly as often as the figures say.
//! What has no figure counts as perfect; measurements and resets take no time, as in the estimate of a translation.

use qhal::circuit::Operation;
use qhal::{Circuit, Error, ErrorKind, Result};
use qhal_compiler::translate::{Sites, Target, as_late_as_possible};
use qhal_simulator::noise::{NoisyProgram, Readout, Relaxation, depolarizing_rest};

use crate::simulated::used::numbers;

/// What the chip does when it runs `circuit`, which fits it.
pub(super) fn noisy(circuit: &Circuit, target: &Target, used: &[u32]) -> Result<NoisyProgram> {
    let capabilities = &target.capabilities;
    let sites = Sites::new(capabilities);
    let schedule = as_late_as_possible(circuit, capabilities);
    let mut program = NoisyProgram::new(used.len() as u32, circuit.bits());
    // When each qubit's last instruction ended, in seconds.
    let mut busy_until: Vec<Option<f64>> = vec![None; circuit.qubits() as usize];
    let over = |qubit: u32, seconds: f64| {
        let known = capabilities.qubits.get(qubit as usize);
        let (t1, t2) = known.map_or((None, None), |known| (known.t1, known.t2));
        let time = std::time::Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default();
        Relaxation::over(time, t1, t2)
    };
    for (at, instruction) in circuit.instructions().enumerate() {
        let operation = instruction.operation;
        let waits = matches!(operation, Operation::Barrier { .. } | Operation::Delay { .. });
        let Some(here) = numbers(operation.qubits(), used) else { continue };
        let start = schedule.as_ref().and_then(|schedule| schedule.starts.get(at).copied());
        if let Some(start) = start.filter(|_| !waits) {
            for (&qubit, &number) in operation.qubits().iter().zip(&here) {
                if let Some(since) = busy_until[qubit as usize] {
                    // Rounding of sums of nanoseconds is no waiting.
                    let idle = start - since;
                    if idle > 1e-13 {
                        program.relax(number, over(qubit, idle), None)?;
                    }
                }
                busy_until[qubit as usize] = Some(start);
            }
        }
        match operation {
            Operation::Gate { gate, params, qubits } => {
                program.unitary(&gate.matrix(params), &here, instruction.condition)?;
                let Some(site) = sites.get(gate, qubits) else { continue };
                let seconds = site.duration.unwrap_or_default().as_secs_f64();
                let relaxations: Vec<Relaxation> = qubits.iter().map(|&qubit| over(qubit, seconds)).collect();
                for ((&qubit, &number), &relaxation) in qubits.iter().zip(&here).zip(&relaxations) {
                    // Time passes, whether the condition holds or not.
                    program.relax(number, relaxation, None)?;
                    if let Some(start) = start {
                        busy_until[qubit as usize] = Some(start + seconds);
                    }
                }
                let rest = site.fidelity.map_or(0.0, |fidelity| depolarizing_rest(fidelity, &relaxations));
                program.depolarize(&here, rest, instruction.condition)?;
            }
            Operation::Measure { qubit, bit } => {
                let error = capabilities.qubits.get(qubit as usize).and_then(|known| known.readout_error);
                let readout = Readout::symmetric(error.unwrap_or(0.0));
                program.measure(here.first().copied().unwrap_or(0), bit, readout, instruction.condition)?;
            }
            Operation::Reset { .. } => {
                program.reset(here.first().copied().unwrap_or(0), instruction.condition)?;
            }
            // Without a schedule a delay is all that is known of waiting.
            Operation::Delay { qubit, seconds } if schedule.is_none() => {
                program.relax(here.first().copied().unwrap_or(0), over(qubit, seconds), None)?;
            }
            Operation::Delay { .. } | Operation::Barrier { .. } => {}
            other => {
                let message = format!("{} cannot be simulated with noise", other.name());
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
        }
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::used::used_qubits;

    /// Exactly, the probabilities of tests/data/noise. qiskit-aer depolarizes first and relaxes then, here it is the other
    /// way round, which is where the last digits differ: by the product of both errors for each gate.
    #[test]
    fn probabilities_are_those_of_qiskit_aer() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/noise/aer.json");
        let golden: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let garnet = Target::named("iqm-garnet").unwrap();
        for entry in golden["circuits"].as_array().unwrap() {
            let text = entry["program"].as_str().unwrap();
            let circuit = qhal_compiler::parse(text, "aer", &qhal_compiler::NoIncludes).unwrap();
            let used = used_qubits(&circuit);
            assert_eq!(used, [4, 5, 9, 10]);
            let program = noisy(&circuit, &garnet, &used).unwrap();
            let found = program.distribution(&qhal_simulator::Options::default()).unwrap();
            let mut worst = 0.0f64;
            for (outcome, probability) in entry["probabilities"].as_object().unwrap() {
                let found =
                    found.iter().find(|(bits, _)| bits.to_string() == *outcome).map_or(0.0, |(_, p)| *p);
                worst = worst.max((found - probability.as_f64().unwrap()).abs());
            }
            assert!(worst < 1e-5, "{}: {worst:.2e}", entry["name"]);
        }
    }
}
