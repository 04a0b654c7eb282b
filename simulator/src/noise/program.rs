//! What happens to qubits, in order, noise included.

use qhal::circuit::{Condition, Matrix};
use qhal::{Complex64, Error, ErrorKind, Result};

use super::channel::{Readout, Relaxation, check_probability};

/// A program with noise, written step by step.
#[derive(Clone, Debug, Default)]
pub struct NoisyProgram {
    qubits: u32,
    bits: u32,
    pub(crate) steps: Vec<Step>,
}

/// One step, done if its condition holds.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) condition: Option<Condition>,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Unitary { qubits: Vec<u32>, matrix: Vec<Complex64> },
    Relax { qubit: u32, relaxation: Relaxation },
    Depolarize { qubits: Vec<u32>, probability: f64 },
    Measure { qubit: u32, bit: u32, readout: Readout },
    Reset { qubit: u32 },
}

/// A measurement after which nothing happens to its qubit and its bit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FinalMeasurement {
    pub(crate) qubit: u32,
    pub(crate) bit: u32,
    pub(crate) readout: Readout,
}

impl Action {
    fn qubits(&self) -> &[u32] {
        match self {
            Self::Unitary { qubits, .. } | Self::Depolarize { qubits, .. } => qubits,
            Self::Relax { qubit, .. } | Self::Measure { qubit, .. } | Self::Reset { qubit } => {
                std::slice::from_ref(qubit)
            }
        }
    }
}

/// The most qubits a single step may act on: a matrix on more would not fit into a density matrix's block.
const MOST_TARGETS: usize = 3;

impl NoisyProgram {
    /// A program without steps on qubits in |0⟩ and classical bits that are 0.
    pub fn new(qubits: u32, bits: u32) -> Self {
        Self { qubits, bits, steps: Vec::new() }
    }

    /// How many qubits there are.
    pub fn qubits(&self) -> u32 {
        self.qubits
    }

    /// How many classical bits there are.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    fn push(&mut self, action: Action, condition: Option<&Condition>) -> Result<()> {
        let wrong = |message: String| Err(Error::new(ErrorKind::InvalidInput, message));
        let qubits = action.qubits();
        for (at, qubit) in qubits.iter().enumerate() {
            if *qubit >= self.qubits || qubits[..at].contains(qubit) {
                return wrong(format!("a step on {qubits:?}: {} different qubits are needed", qubits.len()));
            }
        }
        if qubits.len() > MOST_TARGETS {
            return wrong(format!(
                "a step acts on {} qubits, and at most {MOST_TARGETS} can be noisy",
                qubits.len()
            ));
        }
        if condition.is_some_and(|condition| condition.bits().end > self.bits) {
            return wrong(format!("a condition reads beyond the {} classical bits", self.bits));
        }
        self.steps.push(Step { action, condition: condition.cloned() });
        Ok(())
    }

    /// Appends a unitary, the first of `qubits` the lowest bit of its index.
    ///
    /// # Errors
    /// `InvalidInput` for qubits that do not exist, are named twice or do not fit the matrix, and for more than three.
    pub fn unitary(&mut self, matrix: &Matrix, qubits: &[u32], condition: Option<&Condition>) -> Result<()> {
        if matrix.qubits() as usize != qubits.len() {
            let message = format!("a matrix on {} qubits and {} qubits", matrix.qubits(), qubits.len());
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        // A global phase is on no qubit and cannot be seen.
        if qubits.is_empty() {
            return Ok(());
        }
        self.push(Action::Unitary { qubits: qubits.to_vec(), matrix: matrix.elements().to_vec() }, condition)
    }

    /// Appends what a time does to a qubit.
    ///
    /// # Errors
    /// `InvalidInput` for a qubit that does not exist.
    pub fn relax(&mut self, qubit: u32, relaxation: Relaxation, condition: Option<&Condition>) -> Result<()> {
        if relaxation.is_none() {
            return Ok(());
        }
        self.push(Action::Relax { qubit, relaxation }, condition)
    }

    /// Appends ρ → (1−p)ρ + p·1/d on `qubits`.
    ///
    /// # Errors
    /// `InvalidInput` for qubits that do not exist or are named twice, and for a probability that is none.
    pub fn depolarize(
        &mut self,
        qubits: &[u32],
        probability: f64,
        condition: Option<&Condition>,
    ) -> Result<()> {
        check_probability("depolarization", probability)?;
        if probability == 0.0 || qubits.is_empty() {
            return Ok(());
        }
        self.push(Action::Depolarize { qubits: qubits.to_vec(), probability }, condition)
    }

    /// Appends a measurement that is read wrongly now and then.
    ///
    /// # Errors
    /// `InvalidInput` for a qubit or bit that does not exist, and for probabilities that are none.
    pub fn measure(
        &mut self,
        qubit: u32,
        bit: u32,
        readout: Readout,
        condition: Option<&Condition>,
    ) -> Result<()> {
        readout.check()?;
        if bit >= self.bits {
            let message = format!("there is no classical bit {bit}, only {}", self.bits);
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        self.push(Action::Measure { qubit, bit, readout }, condition)
    }

    /// Appends a return to |0⟩.
    ///
    /// # Errors
    /// `InvalidInput` for a qubit that does not exist.
    pub fn reset(&mut self, qubit: u32, condition: Option<&Condition>) -> Result<()> {
        self.push(Action::Reset { qubit }, condition)
    }

    /// Which steps are measurements after which nothing happens to their qubit, nor to their bit.
    fn final_flags(&self) -> Vec<bool> {
        let mut used = vec![false; self.qubits as usize];
        let mut touched = vec![false; self.bits as usize];
        let mut flags = vec![false; self.steps.len()];
        for (flag, step) in flags.iter_mut().zip(&self.steps).rev() {
            if let Action::Measure { qubit, bit, .. } = step.action {
                *flag = step.condition.is_none() && !used[qubit as usize] && !touched[bit as usize];
                touched[bit as usize] = true;
            }
            for &qubit in step.action.qubits() {
                used[qubit as usize] = true;
            }
            for bit in step.condition.iter().flat_map(|condition| condition.bits()) {
                touched[bit as usize] = true;
            }
        }
        flags
    }

    /// The final measurements, and the steps before them with their numbers.
    pub(crate) fn parts(&self) -> (Vec<FinalMeasurement>, Vec<(usize, &Step)>) {
        let mut last = Vec::new();
        let mut rest = Vec::new();
        for (number, (step, is_final)) in self.steps.iter().zip(self.final_flags()).enumerate() {
            match step.action {
                Action::Measure { qubit, bit, readout } if is_final => {
                    last.push(FinalMeasurement { qubit, bit, readout });
                }
                _ => rest.push((number, step)),
            }
        }
        (last, rest)
    }

    /// Whether nothing ever goes wrong: no relaxation, no depolarization, no wrong reading.
    pub fn is_ideal(&self) -> bool {
        self.steps.iter().all(|step| match &step.action {
            Action::Relax { .. } | Action::Depolarize { .. } => false,
            Action::Measure { readout, .. } => *readout == Readout::default(),
            Action::Unitary { .. } | Action::Reset { .. } => true,
        })
    }

    /// Whether outcomes decide on the way: conditions, or measurements that are not final.
    pub fn is_dynamic(&self) -> bool {
        self.steps.iter().zip(self.final_flags()).any(|(step, is_final)| {
            step.condition.is_some() || matches!(step.action, Action::Measure { .. }) && !is_final
        })
    }
}
