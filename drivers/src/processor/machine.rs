//! What stands behind an emulated processor: something that runs circuits, lent by whoever starts the emulator.

use std::fmt;
use std::sync::Arc;

use qhal::processor::Counts;
use qhal::{Circuit, Error, ErrorKind, Result};

/// Runs circuits for an emulator. Drivers know no simulator, so it is handed in.
pub trait Machine: Send + Sync {
    /// The counts of `shots` runs over all classical bits of the circuit.
    ///
    /// # Errors
    /// Whatever the machine says of the circuit.
    fn run(&self, circuit: &Circuit, shots: u64) -> Result<Counts>;
}

/// A machine that several emulators may share.
#[derive(Clone)]
pub struct SharedMachine(Arc<dyn Machine>);

impl SharedMachine {
    /// Takes a machine.
    pub fn new(machine: impl Machine + 'static) -> Self {
        Self(Arc::new(machine))
    }
}

impl fmt::Debug for SharedMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedMachine")
    }
}

impl PartialEq for SharedMachine {
    /// Whether it is the same machine.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for SharedMachine {}

/// Runs a circuit whose qubit i is measured into bit i, and gives the bits of each shot; the order of the shots is that of
/// their outcomes, since counts have none.
///
/// # Errors
/// `Unsupported` without a machine; those of the machine.
pub(super) fn shots(machine: Option<&SharedMachine>, circuit: &Circuit, shots: u64) -> Result<Vec<Vec<u8>>> {
    let SharedMachine(machine) = machine.ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, "this emulator was started without anything that runs circuits")
    })?;
    let counts = machine.run(circuit, shots)?;
    let mut all = Vec::new();
    for (outcome, count) in counts {
        let bits: Vec<u8> = (0..outcome.width()).map(|bit| u8::from(outcome.get(bit))).collect();
        all.extend(std::iter::repeat_n(bits, usize::try_from(count).unwrap_or(usize::MAX)));
    }
    Ok(all)
}

#[cfg(test)]
pub(super) mod testing {
    //! A machine for tests that computes with matrices of the table of gates: for a few qubits.

    use qhal::Complex64;
    use qhal::circuit::{BitString, Operation};
    use qhal::processor::Counts;

    use super::*;

    /// Computes the state and gives each outcome as often as is expected.
    pub(in crate::processor) struct Expected;

    impl Machine for Expected {
        fn run(&self, circuit: &Circuit, shots: u64) -> Result<Counts> {
            let size = 1usize << circuit.qubits();
            let mut state = vec![Complex64::ZERO; size];
            state[0] = Complex64::ONE;
            let mut read = Vec::new();
            for instruction in circuit.instructions() {
                match instruction.operation {
                    Operation::Gate { gate, params, qubits } => state = applied(&state, gate, params, qubits),
                    Operation::Measure { qubit, bit } => read.push((qubit, bit)),
                    Operation::Barrier { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
            let mut sums = std::collections::BTreeMap::<BitString, f64>::new();
            for (index, amplitude) in state.iter().enumerate() {
                let mut outcome = BitString::zeros(circuit.bits());
                read.iter().for_each(|&(qubit, bit)| outcome.set(bit, index >> qubit & 1 == 1));
                *sums.entry(outcome).or_default() += amplitude.norm_sqr();
            }
            let mut counts: Counts = Vec::new();
            let (mut sum, mut given) = (0.0, 0);
            for (outcome, probability) in sums {
                sum += probability * shots as f64;
                let count = sum.round() as u64 - given;
                given += count;
                if count > 0 {
                    counts.push((outcome, count));
                }
            }
            Ok(counts)
        }
    }

    /// Controls first in the operands; the first operand of a matrix is the lowest bit.
    fn applied(state: &[Complex64], gate: qhal::Gate, params: &[f64], qubits: &[u32]) -> Vec<Complex64> {
        let matrix = gate.matrix(params);
        let place =
            |index: usize| (0..).zip(qubits).fold(0, |at, (bit, &qubit)| at | (index >> qubit & 1) << bit);
        let mask: usize = qubits.iter().map(|qubit| 1 << qubit).sum();
        let spread = |at: usize| {
            (0..).zip(qubits).fold(0, |all, (bit, &qubit): (usize, _)| all | (at >> bit & 1) << qubit)
        };
        (0..state.len())
            .map(|index| {
                let row = place(index);
                (0..1 << qubits.len())
                    .map(|column| matrix.get(row, column) * state[index & !mask | spread(column)])
                    .sum()
            })
            .collect()
    }
}
