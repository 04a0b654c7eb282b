//! From an instruction to what the engines apply: a matrix on a few targets under a mask of controls.

use qhal::Complex64;
use qhal::circuit::{Block, Gate, MAX_MATRIX_QUBITS, Matrix, Operation};

/// Up to [`MAX_MATRIX_QUBITS`] qubits in the order of the bits of a matrix index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Targets {
    qubits: [u8; MAX_MATRIX_QUBITS as usize],
    count: u8,
}

impl Targets {
    #[expect(clippy::cast_possible_truncation, reason = "states have at most 63 qubits")]
    pub(crate) fn new(qubits: &[u32]) -> Self {
        let mut targets = Self { qubits: [0; MAX_MATRIX_QUBITS as usize], count: 0 };
        for (to, from) in targets.qubits.iter_mut().zip(qubits) {
            *to = *from as u8;
            targets.count += 1;
        }
        targets
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.qubits.iter().take(self.count.into()).map(|&qubit| qubit.into())
    }
}

/// One unitary as the engines see it.
#[derive(Clone, Debug)]
pub(crate) struct Op {
    /// Qubits that all have to be 1, as a mask.
    pub(crate) controls: u64,
    /// What the block acts on.
    pub(crate) targets: Targets,
    /// What is done to the targets.
    pub(crate) block: Block,
    /// Which gate of the table it is, if it is one.
    pub(crate) gate: Option<Gate>,
}

impl Op {
    /// The unitary of `operation` on qubits below 64; `None` for everything that is none.
    pub(crate) fn new(operation: Operation<'_>) -> Option<Self> {
        let (controls, qubits, block, gate) = match operation {
            Operation::Gate { gate, params, qubits } => {
                (gate.controls(), qubits, gate.block(params), Some(gate))
            }
            Operation::Unitary { matrix, controls, qubits } => {
                (controls as usize, qubits, block_of(matrix), None)
            }
            _ => return None,
        };
        let (controls, targets) = qubits.split_at_checked(controls)?;
        let controls = controls.iter().fold(0, |mask, &qubit| mask | 1 << (qubit & 63));
        Some(Self { controls, targets: Targets::new(targets), block, gate })
    }

    /// The elements of the block, row after row.
    pub(crate) fn elements(&self) -> Vec<Complex64> {
        match &self.block {
            Block::Phase(angle) => vec![Complex64::cis(*angle)],
            Block::One(rows) => rows.concat(),
            Block::Two(rows) => rows.concat(),
            Block::Many(matrix) => matrix.elements().to_vec(),
        }
    }
}

/// Small matrices in their sized forms.
fn block_of(matrix: &Matrix) -> Block {
    let element = |row, column| matrix.get(row, column);
    match matrix.qubits() {
        0 => Block::Phase(element(0, 0).arg()),
        1 => Block::One(std::array::from_fn(|row| std::array::from_fn(|column| element(row, column)))),
        2 => Block::Two(std::array::from_fn(|row| std::array::from_fn(|column| element(row, column)))),
        _ => Block::Many(matrix.clone()),
    }
}
