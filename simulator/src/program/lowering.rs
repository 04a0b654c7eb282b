//! Takes unitaries apart into elements; swaps and flips become book-keeping, one-qubit gates are merged on the way.

use qhal::Complex64;
use qhal::circuit::{Block, Gate, MAX_MATRIX_QUBITS, Matrix};

use super::element::{Element, ElementKind};
use crate::kernels::{MAX_TARGETS, Where};
use crate::lower::{Op, Targets};

type One = [[Complex64; 2]; 2];

const ZERO: Complex64 = Complex64::ZERO;
const ONE: Complex64 = Complex64::ONE;
/// Elements below this are rounding: cos(π/2) and the like.
const ROUNDING: f64 = 4e-16;

/// A part of what unitaries were taken apart into.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    /// Elements in order.
    Elements(Vec<Element>),
    /// A unitary that is wider than the kernels: left to the plain engine.
    Plain(Box<Op>),
}

/// The book-keeping of the lowering.
pub(crate) struct Lowering {
    /// Address bits that say where in a lane group an amplitude lies.
    lanes: u32,
    /// Whether swaps and flips may be remembered instead of done; where histories branch they may not.
    relabel: bool,
    /// Which address bit each qubit is.
    pub(crate) positions: Vec<u8>,
    /// Address bits that read the other way round.
    pub(crate) flips: u64,
    /// One-qubit matrices that have not been put out yet, by address bit.
    waiting: Vec<Option<One>>,
    elements: Vec<Element>,
    pieces: Vec<Piece>,
    /// A factor of the whole state.
    pub(crate) global: Complex64,
}

fn bit_where(bit: u32) -> Where {
    Where { mask: 1 << bit, value: 1 << bit }
}

fn times(left: &One, right: &One) -> One {
    std::array::from_fn(|r| std::array::from_fn(|c| left[r][0] * right[0][c] + left[r][1] * right[1][c]))
}

/// The modulus of an element of a unitary: neither squares nor their sum are out of range, as `norm` fears.
fn modulus(value: Complex64) -> f64 {
    value.norm_sqr().sqrt()
}

fn is_zero(value: Complex64) -> bool {
    value.norm_sqr() < ROUNDING * ROUNDING
}

/// The number of modulus 1 with the same phase; 1 for 0, which has none.
fn direction(value: Complex64) -> Complex64 {
    let modulus = modulus(value);
    if modulus > 0.0 { value / modulus } else { ONE }
}

/// `a / b` for numbers of modulus 1, exact where both are powers of i.
fn over(a: Complex64, b: Complex64) -> Complex64 {
    a * b.conj()
}

impl Lowering {
    pub(crate) fn new(qubits: u32, lanes: u32, relabel: bool) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "at most 63")]
        let positions = (0..qubits as u8).collect();
        Self {
            lanes,
            relabel,
            positions,
            flips: 0,
            waiting: vec![None; qubits as usize],
            elements: Vec::new(),
            pieces: Vec::new(),
            global: ONE,
        }
    }

    /// Everything put out so far, in order.
    pub(crate) fn finish(mut self) -> (Vec<Piece>, Vec<u8>, u64, Complex64) {
        for bit in 0..self.waiting.len() as u32 {
            self.put_out(bit);
        }
        self.close_piece();
        (self.pieces, self.positions, self.flips, self.global)
    }

    fn close_piece(&mut self) {
        if !self.elements.is_empty() {
            self.pieces.push(Piece::Elements(std::mem::take(&mut self.elements)));
        }
    }

    fn position(&self, qubit: u32) -> u32 {
        self.positions.get(qubit as usize).map_or(0, |&at| at.into())
    }

    fn flipped(&self, bit: u32) -> bool {
        self.flips >> bit & 1 == 1
    }

    fn push(&mut self, on: Where, kind: ElementKind) {
        self.elements.push(Element { on, kind });
    }

    /// A factor on a part of the state; on all of it, it is only remembered.
    fn phase(&mut self, on: Where, factor: Complex64) {
        if on.mask == 0 {
            self.global *= factor;
        } else if (factor - ONE).norm_sqr() > 1e-31 {
            self.push(on, ElementKind::Phase(factor));
        }
    }

    /// Adds a unitary.
    pub(crate) fn add(&mut self, op: &Op) {
        let mut room = [0; MAX_MATRIX_QUBITS as usize];
        room.iter_mut().zip(op.targets.iter()).for_each(|(to, target)| *to = target);
        let targets = &room[..op.targets.iter().len()];
        match (&op.block, op.gate, targets) {
            (Block::Phase(angle), ..) => {
                let on = self.controls(op.controls);
                self.phase(on, Complex64::cis(*angle));
            }
            (Block::One(matrix), _, &[target]) => self.one(op.controls, target, matrix),
            (Block::Two(rows), Some(Gate::Rxx), &[a, b]) => self.rxx(a, b, rows[0][0], rows[0][3]),
            (Block::Two(rows), Some(Gate::Ryy), &[a, b]) => {
                let (s, sdg) = (diagonal(ONE, Complex64::I), diagonal(ONE, -Complex64::I));
                self.one(0, a, &sdg);
                self.one(0, b, &sdg);
                self.rxx(a, b, rows[0][0], rows[1][2]);
                self.one(0, a, &s);
                self.one(0, b, &s);
            }
            (Block::Two(rows), Some(Gate::Rzx), &[a, b]) => self.rzx(a, b, rows[0][0], rows[0][2]),
            (Block::Two(rows), Some(Gate::Ecr), &[a, b]) => {
                // (X⊗1 − Y⊗X)/√2 = X·e^{−iπ/4·Z⊗X}, first qubit left.
                self.rzx(a, b, rows[0][1], rows[0][3] * -1.0);
                self.one(0, a, &[[ZERO, ONE], [ONE, ZERO]]);
            }
            (Block::Two(rows), _, &[a, b]) => {
                let is_swap = [(0, 0), (1, 2), (2, 1), (3, 3)]
                    .iter()
                    .all(|&(row, column): &(usize, usize)| !is_zero(rows[row][column]));
                let elements: Vec<Complex64> = rows.concat();
                if is_swap && elements.iter().filter(|element| !is_zero(**element)).count() == 4 {
                    self.swap(op.controls, a, b);
                    self.diagonal(op.controls, &[a, b], &[rows[0][0], rows[1][2], rows[2][1], rows[3][3]]);
                } else {
                    self.many(op, targets, &elements);
                }
            }
            _ => self.many(op, targets, &op.elements()),
        }
    }

    /// Where the controls (by qubit) are all 1, after whatever waits there and does not commute has been put out.
    fn controls(&mut self, controls: u64) -> Where {
        let mut on = Where::default();
        for qubit in (0..64).filter(|qubit| controls >> qubit & 1 == 1) {
            let bit = self.position(qubit);
            self.put_out_turn(bit);
            on.mask |= 1 << bit;
            on.value |= u64::from(!self.flipped(bit)) << bit;
        }
        on
    }

    fn rxx(&mut self, a: u32, b: u32, c: Complex64, s: Complex64) {
        let x = [[ZERO, ONE], [ONE, ZERO]];
        self.one(1 << a, b, &x);
        self.one(0, a, &[[c, s], [s, c]]);
        self.one(1 << a, b, &x);
    }

    fn rzx(&mut self, a: u32, b: u32, c: Complex64, s: Complex64) {
        let z = diagonal(ONE, -ONE);
        self.one(1 << a, b, &z);
        self.one(0, b, &[[c, s], [s, c]]);
        self.one(1 << a, b, &z);
    }

    fn swap(&mut self, controls: u64, a: u32, b: u32) {
        if self.relabel && controls == 0 {
            self.positions.swap(a as usize, b as usize);
            return;
        }
        let x = [[ZERO, ONE], [ONE, ZERO]];
        self.one(1 << b, a, &x);
        self.one(controls | 1 << a, b, &x);
        self.one(1 << b, a, &x);
    }

    /// A one-qubit matrix under controls.
    fn one(&mut self, controls: u64, target: u32, matrix: &One) {
        let bit = self.position(target);
        if controls == 0 {
            let matrix = self.in_frame(bit, matrix);
            let before = self.waiting.get(bit as usize).copied().flatten();
            let merged = before.map_or(matrix, |before| times(&matrix, &before));
            self.set_waiting(bit, Some(merged));
            return;
        }
        let on = self.controls(controls);
        let diagonal = is_zero(matrix[0][1]) && is_zero(matrix[1][0]);
        if diagonal {
            self.put_out_turn(bit);
        } else {
            self.put_out(bit);
        }
        let matrix = self.in_frame(bit, matrix);
        let left = self.take_apart(on, bit, &matrix);
        self.diagonal_on(on, bit, left);
    }

    /// The matrix as the address bit sees it.
    fn in_frame(&self, bit: u32, &[[a, b], [c, d]]: &One) -> One {
        if self.flipped(bit) { [[d, c], [b, a]] } else { [[a, b], [c, d]] }
    }

    fn set_waiting(&mut self, bit: u32, matrix: Option<One>) {
        if let Some(slot) = self.waiting.get_mut(bit as usize) {
            *slot = matrix;
        }
    }

    /// Puts out all but a diagonal factor, which stays left of it and is returned.
    fn take_apart(&mut self, on: Where, bit: u32, &[[m00, m01], [m10, m11]]: &One) -> [Complex64; 2] {
        if is_zero(m01) && is_zero(m10) {
            return [m00, m11];
        }
        if is_zero(m00) && is_zero(m11) {
            self.push(on, ElementKind::Flip { bit });
            return [m01, m10];
        }
        let (c, s) = (modulus(m00), modulus(m10));
        // M = diag(p, q)·[[c, −s], [s, c]]·diag(1, r). What is far smaller than its row's other element may be rounding with
        // any phase: it may choose p or q, but never the phase of an element that counts.
        let (p, q) = (direction(m00), direction(m10));
        let r = if c < s { over(direction(-m01), p) } else { over(direction(m11), q) };
        let mirror = is_zero(r + 1.0);
        if !mirror {
            let both = Where { mask: on.mask | 1 << bit, value: on.value | 1 << bit };
            self.phase(both, r);
        }
        self.push(on, ElementKind::Turn { bit, c, s, mirror });
        [p, q]
    }

    fn diagonal_on(&mut self, on: Where, bit: u32, [zero, one]: [Complex64; 2]) {
        self.phase(on, zero);
        let both = Where { mask: on.mask | 1 << bit, value: on.value | 1 << bit };
        self.phase(both, over(one, zero));
    }

    /// Puts out what waits on a bit except a diagonal factor, which commutes with whatever only reads the bit.
    fn put_out_turn(&mut self, bit: u32) {
        let Some(matrix) = self.waiting.get(bit as usize).copied().flatten() else { return };
        if self.relabel && is_zero(matrix[0][0]) && is_zero(matrix[1][1]) {
            self.flips ^= 1 << bit;
            self.set_waiting(bit, Some(diagonal(matrix[1][0], matrix[0][1])));
            return;
        }
        let [zero, one] = self.take_apart(Where::default(), bit, &matrix);
        self.set_waiting(bit, Some(diagonal(zero, one)));
    }

    /// Puts out all that waits on a bit.
    fn put_out(&mut self, bit: u32) {
        self.put_out_turn(bit);
        if let Some([[zero, _], [_, one]]) = self.waiting.get(bit as usize).copied().flatten() {
            self.global *= zero;
            self.phase(bit_where(bit), over(one, zero));
            self.set_waiting(bit, None);
        }
    }

    /// A diagonal matrix on qubits, as one factor for each set of them that are all 1.
    fn diagonal(&mut self, controls: u64, targets: &[u32], factors: &[Complex64]) {
        let on = self.controls(controls);
        let bits: Vec<u32> = targets.iter().map(|&target| self.position(target)).collect();
        bits.iter().for_each(|&bit| self.put_out_turn(bit));
        let seen =
            bits.iter().enumerate().fold(0, |mask, (at, &bit)| mask | usize::from(self.flipped(bit)) << at);
        // Möbius inversion: first the values by address, then each divided by those of its subsets.
        let mut values: Vec<Complex64> =
            (0..factors.len()).map(|index| factors.get(index ^ seen).copied().unwrap_or(ONE)).collect();
        for at in 0..bits.len() {
            for index in (0..values.len()).filter(|index| index >> at & 1 == 1) {
                values[index] = over(values[index], values[index ^ 1 << at]);
            }
        }
        for (index, factor) in values.into_iter().enumerate() {
            let mask = bits
                .iter()
                .enumerate()
                .filter(|(at, _)| index >> at & 1 == 1)
                .fold(0, |mask, (_, bit)| mask | 1 << bit);
            self.phase(Where { mask: on.mask | mask, value: on.value | mask }, factor);
        }
    }

    /// A matrix on several qubits: a diagonal, a controlled flip with phases, or dense.
    fn many(&mut self, op: &Op, targets: &[u32], elements: &[Complex64]) {
        let dim = 1usize << targets.len();
        let columns: Vec<Vec<usize>> = elements
            .chunks_exact(dim)
            .map(|row| (0..dim).filter(|&column| !is_zero(row[column])).collect())
            .collect();
        if targets.len() <= 4 && columns.iter().all(|columns| columns.len() == 1) {
            let factors: Vec<Complex64> = columns
                .iter()
                .zip(elements.chunks_exact(dim))
                .map(|(columns, row)| row[columns[0]])
                .collect();
            let moved: Vec<usize> = (0..dim).filter(|&row| columns[row][0] != row).collect();
            if moved.is_empty() {
                return self.diagonal(op.controls, targets, &factors);
            }
            let bit = columns[moved[0]][0] ^ moved[0];
            let all = moved.iter().fold(dim - 1, |all, row| all & row) & !bit;
            let is_flip = bit.is_power_of_two()
                && moved.iter().all(|&row| columns[row][0] == row ^ bit)
                && moved.len() == dim >> all.count_ones();
            if is_flip {
                let qubit = targets[bit.trailing_zeros() as usize];
                let more = targets.iter().enumerate().filter(|(at, _)| all >> at & 1 == 1);
                let controls = more.fold(op.controls, |mask, (_, target)| mask | 1 << target);
                self.one(controls, qubit, &[[ZERO, ONE], [ONE, ZERO]]);
                return self.diagonal(op.controls, targets, &factors);
            }
        }
        let on = self.controls(op.controls);
        let bits: Vec<u32> = targets.iter().map(|&target| self.position(target)).collect();
        let is_on_many = bits.len() != 2 || on.mask != 0;
        if is_on_many {
            // This may flip bits, so it comes before a look at the flips.
            bits.iter().for_each(|&bit| self.put_out(bit));
        }
        let seen =
            bits.iter().enumerate().fold(0, |mask, (at, &bit)| mask | usize::from(self.flipped(bit)) << at);
        let framed =
            (0..dim * dim).map(|at| elements[((at / dim) ^ seen) * dim + ((at % dim) ^ seen)]).collect();
        let Ok(mut matrix) = Matrix::new(targets.len() as u32, framed) else { return };
        if is_on_many {
            match self.lanes_away(&bits, on) {
                Some(places) if bits.len() <= MAX_TARGETS => self.on_many(matrix, &bits, on, &places),
                _ => self.plain(op, &bits, on),
            }
            return;
        }
        let identity = diagonal(ONE, ONE);
        let first = self.waiting[bits[0] as usize].take().unwrap_or(identity);
        let second = self.waiting[bits[1] as usize].take().unwrap_or(identity);
        let product = |row: usize, column: usize| first[row & 1][column & 1] * second[row >> 1][column >> 1];
        if let Ok(before) = Matrix::new(2, (0..16).map(|at| product(at / 4, at % 4)).collect()) {
            matrix = matrix.times(&before).unwrap_or(matrix);
        }
        self.push(on, ElementKind::Dense { matrix: Box::new(matrix), targets: Targets::new(&bits) });
    }

    /// Pairs of a lane bit that a matrix needs and a bit that it does not need and that is none; `None` if there are too few.
    fn lanes_away(&self, bits: &[u32], on: Where) -> Option<Vec<(u32, u32)>> {
        let needed = bits.iter().fold(on.mask, |mask, bit| mask | 1 << bit);
        let mut free = (self.lanes..self.waiting.len() as u32).filter(|bit| needed >> bit & 1 == 0);
        let lanes = (0..self.lanes).filter(|bit| needed >> bit & 1 == 1);
        lanes.map(|lane| Some((lane, free.next()?))).collect()
    }

    /// A matrix on many bits or under conditions; while it acts, lane bits are exchanged with those of `places`.
    fn on_many(&mut self, matrix: Matrix, bits: &[u32], on: Where, places: &[(u32, u32)]) {
        let exchange = |lowering: &mut Self| {
            for &(a, b) in places {
                for (control, bit) in [(a, b), (b, a), (a, b)] {
                    lowering.push(bit_where(control), ElementKind::Flip { bit });
                }
            }
        };
        let place = |bit: u32| places.iter().find(|(lane, _)| *lane == bit).map_or(bit, |&(_, other)| other);
        let moved = |mask: u64| {
            (0..64).filter(|bit| mask >> bit & 1 == 1).fold(0, |moved, bit| moved | 1u64 << place(bit))
        };
        exchange(self);
        let targets: Vec<u32> = bits.iter().map(|&bit| place(bit)).collect();
        let on = Where { mask: moved(on.mask), value: moved(on.value) };
        self.push(on, ElementKind::Dense { matrix: Box::new(matrix), targets: Targets::new(&targets) });
        exchange(self);
    }

    /// Leaves a unitary to the plain engine, with qubits named by their address bits and nothing flipped.
    fn plain(&mut self, op: &Op, bits: &[u32], on: Where) {
        for bit in 0..64u32 {
            if on.mask >> bit & 1 == 1 || bits.contains(&bit) {
                self.put_out(bit);
                if self.flipped(bit) {
                    self.push(Where::default(), ElementKind::Flip { bit });
                    self.flips ^= 1 << bit;
                }
            }
        }
        self.close_piece();
        let op = Op { controls: on.mask, targets: Targets::new(bits), block: op.block.clone(), gate: None };
        self.pieces.push(Piece::Plain(Box::new(op)));
    }
}

fn diagonal(zero: Complex64, one: Complex64) -> One {
    [[zero, ZERO], [ZERO, one]]
}
