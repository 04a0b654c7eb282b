//! The structure of an ansatz as passes over the state, made once for all parameters.

use std::collections::VecDeque;
use std::f64::consts::FRAC_1_SQRT_2;

use qhal::Complex64;
use qhal::circuit::{Block, Gate, Operation};

use super::ansatz::{Angle, Ansatz};
use crate::lower::{Op, Targets};
use crate::real::Real;
use crate::workers::MIN_PARALLEL_QUBITS;

/// Bytes of a block of both states: a quarter of the second-level cache of today's cores.
const BLOCK_BYTES: usize = 256 << 10;
/// Bytes of the shortest run of amplitudes that is read at once.
const STRIP_BYTES: usize = 1 << 10;

pub(super) type One = [[Complex64; 2]; 2];

const ZERO: Complex64 = Complex64::ZERO;
const ONE: Complex64 = Complex64::ONE;

/// What one step does, in address bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Action {
    /// A matrix on a bit.
    Turn { bit: u32 },
    /// A diagonal matrix whose element is chosen by the parity of these bits.
    Factor { parity: u64 },
}

/// Where the matrix of a step comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Fixed(One),
    /// The matrix of a one-qubit gate under its controls; the angles are those from the given place on.
    Gate {
        gate: Gate,
        first: usize,
    },
}

/// A matrix on one bit, or a diagonal, under controls.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) action: Action,
    /// Address bits that have to be 1.
    pub(super) controls: u64,
    pub(super) source: Source,
}

impl Step {
    /// Bits whose value it changes.
    fn changes(&self) -> u64 {
        match self.action {
            Action::Turn { bit } => 1 << bit,
            Action::Factor { .. } => 0,
        }
    }

    /// Bits whose value it depends on and leaves.
    fn reads(&self) -> u64 {
        match self.action {
            Action::Turn { .. } => self.controls,
            Action::Factor { parity } => self.controls | parity,
        }
    }
}

/// A part of the whole, in order.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Steps that one read and write of the state does, all within blocks of the `resident` bits.
    Pass { resident: u64, steps: Vec<Step> },
    /// A matrix on several qubits, for the plain engine, and the one that undoes it.
    Plain(Box<[Op; 2]>),
}

/// An ansatz made ready for one kind of number.
#[derive(Clone, Debug)]
pub(super) struct Tape {
    pub(super) qubits: u32,
    /// Address bits of one state, padding included.
    pub(super) width: u32,
    /// Which address bit each qubit is in the end.
    pub(super) positions: Vec<u8>,
    /// All angles, in the order of the ansatz.
    pub(super) angles: Vec<Angle>,
    pub(super) parts: Vec<Part>,
}

impl Tape {
    /// Makes an ansatz of at most 62 qubits ready for blocks that keep `threads` threads busy.
    pub(super) fn new<T: Real>(ansatz: &Ansatz, threads: usize) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "at most 62")]
        let positions = (0..ansatz.qubits() as u8).collect();
        let width = ansatz.qubits().max(T::LANE_BITS);
        let mut maker = Maker {
            tape: Self { qubits: ansatz.qubits(), width, positions, angles: Vec::new(), parts: Vec::new() },
            waiting: VecDeque::new(),
            block_bits: block_bits::<T>(width, threads),
            strip_bits: (STRIP_BYTES / (2 * size_of::<T>())).ilog2(),
        };
        for (operation, angles) in ansatz.operations() {
            let first = maker.tape.angles.len();
            maker.tape.angles.extend_from_slice(angles);
            maker.add(operation, first);
        }
        maker.close();
        maker.tape
    }
}

/// Address bits of one state's part of a block.
fn block_bits<T: Real>(width: u32, threads: usize) -> u32 {
    let fits = (BLOCK_BYTES / (4 * size_of::<T>())).ilog2();
    let threads = threads.next_power_of_two().ilog2();
    let parallel = threads > 0 && width >= MIN_PARALLEL_QUBITS;
    if parallel { fits.min(width - threads - 1) } else { fits.min(width) }
}

struct Maker {
    tape: Tape,
    waiting: VecDeque<Step>,
    block_bits: u32,
    strip_bits: u32,
}

impl Maker {
    fn position(&self, qubit: u32) -> u32 {
        self.tape.positions.get(qubit as usize).map_or(0, |&at| at.into())
    }

    fn mask(&self, qubits: &[u32]) -> u64 {
        qubits.iter().fold(0, |mask, &qubit| mask | 1 << self.position(qubit))
    }

    fn turn(&mut self, controls: u64, bit: u32, source: Source) {
        self.waiting.push_back(Step { action: Action::Turn { bit }, controls, source });
    }

    fn factor(&mut self, controls: u64, parity: u64, source: Source) {
        self.waiting.push_back(Step { action: Action::Factor { parity }, controls, source });
    }

    /// Adds one unitary whose angles begin at `first`. Factors of the whole state are left out: nothing that is read
    /// depends on them.
    fn add(&mut self, operation: Operation<'_>, first: usize) {
        let Operation::Gate { gate, qubits, .. } = operation else { return self.fixed(operation) };
        let (controls, targets) = qubits.split_at(gate.controls().min(qubits.len()));
        let controls = self.mask(controls);
        let own = Source::Gate { gate, first };
        match (gate, targets) {
            (Gate::GPhase | Gate::Id | Gate::U0, _) => {}
            (Gate::Swap, &[a, b]) => self.tape.positions.swap(a as usize, b as usize),
            (Gate::Iswap | Gate::Iswapdg, &[a, b]) => {
                self.tape.positions.swap(a as usize, b as usize);
                let factor = if gate == Gate::Iswap { Complex64::I } else { -Complex64::I };
                let parity = self.mask(targets);
                self.factor(0, parity, Source::Fixed([[ONE, ZERO], [ZERO, factor]]));
            }
            (Gate::Rzz, [_, _]) => {
                let parity = self.mask(targets);
                self.factor(0, parity, Source::Gate { gate: Gate::Rz, first });
            }
            // X on one qubit becomes X on both between controlled nots, and Z on one Z on both between controlled
            // phases.
            (Gate::Rxx, &[a, b]) => self.rxx(self.position(a), self.position(b), first),
            (Gate::Ryy, &[a, b]) => {
                let (a, b) = (self.position(a), self.position(b));
                for bit in [a, b] {
                    self.factor(0, 1 << bit, Source::Fixed([[ONE, ZERO], [ZERO, -Complex64::I]]));
                }
                self.rxx(a, b, first);
                for bit in [a, b] {
                    self.factor(0, 1 << bit, Source::Fixed([[ONE, ZERO], [ZERO, Complex64::I]]));
                }
            }
            (Gate::Rzx, &[a, b]) => self.rzx(a, b, Source::Gate { gate: Gate::Rx, first }),
            (Gate::Ecr, &[a, b]) => {
                // (X⊗1 − Y⊗X)/√2 = X·e^{−iπ/4·Z⊗X}, first qubit left.
                let (c, s) = (Complex64::from(FRAC_1_SQRT_2), Complex64::new(0.0, -FRAC_1_SQRT_2));
                self.rzx(a, b, Source::Fixed([[c, s], [s, c]]));
                self.turn(0, self.position(a), Source::Fixed([[ZERO, ONE], [ONE, ZERO]]));
            }
            (_, &[target]) => {
                let bit = self.position(target);
                if gate.spec().diagonal {
                    self.factor(controls, 1 << bit, own);
                } else {
                    self.turn(controls, bit, own);
                }
            }
            _ => self.fixed(operation),
        }
    }

    fn rxx(&mut self, a: u32, b: u32, first: usize) {
        let x = Source::Fixed([[ZERO, ONE], [ONE, ZERO]]);
        self.turn(1 << a, b, x.clone());
        self.turn(0, a, Source::Gate { gate: Gate::Rx, first });
        self.turn(1 << a, b, x);
    }

    fn rzx(&mut self, a: u32, b: u32, turn: Source) {
        let (a, b) = (self.position(a), self.position(b));
        let z = Source::Fixed([[ONE, ZERO], [ZERO, -ONE]]);
        self.factor(1 << a, 1 << b, z.clone());
        self.turn(0, b, turn);
        self.factor(1 << a, 1 << b, z);
    }

    /// A unitary without angles.
    fn fixed(&mut self, operation: Operation<'_>) {
        let Some(op) = Op::new(operation) else { return };
        let targets: Vec<u32> = op.targets.iter().map(|qubit| self.position(qubit)).collect();
        let controls =
            (0..64).filter(|qubit| op.controls >> qubit & 1 == 1).map(|qubit| self.position(qubit));
        let controls = controls.fold(0u64, |mask, bit| mask | 1 << bit);
        match (&op.block, targets.as_slice()) {
            (Block::Phase(angle), _) if controls != 0 => {
                let bit = controls & controls.wrapping_neg();
                let phase = Source::Fixed([[ONE, ZERO], [ZERO, Complex64::cis(*angle)]]);
                self.factor(controls & !bit, bit, phase);
            }
            (Block::Phase(_), _) => {}
            (Block::One(matrix), &[bit]) => self.turn(controls, bit, Source::Fixed(*matrix)),
            (block, _) => {
                let inverse = match block {
                    Block::Two(rows) => {
                        Block::Two(std::array::from_fn(|r| std::array::from_fn(|c| rows[c][r].conj())))
                    }
                    Block::Many(matrix) => Block::Many(matrix.adjoint()),
                    other => other.clone(),
                };
                let placed = |block| Op { controls, targets: Targets::new(&targets), block, gate: None };
                let both = [placed(block.clone()), placed(inverse)];
                self.close();
                self.tape.parts.push(Part::Plain(Box::new(both)));
            }
        }
    }

    /// Deals the steps that wait to passes: each takes what can be done while its bits are in a block, and the order
    /// of what does not commute is kept.
    fn close(&mut self) {
        let low = |bits: u32| (1u64 << bits) - 1;
        let (width, block_bits) = (self.tape.width, self.block_bits);
        let free = low(self.strip_bits.min(block_bits));
        while !self.waiting.is_empty() {
            let (mut taken, mut skipped) = (Vec::new(), VecDeque::new());
            let (mut resident, mut changed, mut read) = (free, 0u64, 0u64);
            for step in self.waiting.drain(..) {
                let wanted = resident | step.changes();
                let commutes = step.reads() & changed == 0 && step.changes() & (changed | read) == 0;
                if commutes && wanted.count_ones() <= block_bits {
                    resident = wanted;
                    taken.push(step);
                } else {
                    changed |= step.changes();
                    read |= step.reads();
                    skipped.push_back(step);
                }
            }
            self.waiting = skipped;
            // What room is left goes to the lowest bits: longer strips.
            for bit in 0..width {
                if resident.count_ones() < block_bits {
                    resident |= 1 << bit;
                }
            }
            self.tape.parts.push(Part::Pass { resident, steps: taken });
        }
    }
}
