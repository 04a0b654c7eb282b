//! States on which each qubit has one bit of the index (a vector) or two (a density matrix), and what waits to be applied.

use qhal::{Complex64, Error, ErrorKind, Result};

/// A square matrix by rows; index digits of base 2 (vector) or 4 (density matrix), the first qubit's lowest.
pub(crate) type Rows = Vec<Complex64>;

/// A state of qubits, `BITS` index bits each: 1 for amplitudes, 2 for a density matrix (row bit, then column bit).
///
/// What is done to it waits in blocks of one or two qubits until another qubit is needed: noise comes in many small
/// steps on the same few qubits, and each pass over the state costs more than all of them.
#[derive(Clone, Debug)]
pub(crate) struct Register<const BITS: u32> {
    qubits: u32,
    state: Vec<Complex64>,
    blocks: Vec<Block>,
    /// Which block each qubit is in.
    block_of: Vec<Option<usize>>,
    /// Blocks that are free.
    free: Vec<usize>,
}

#[derive(Clone, Debug, Default)]
struct Block {
    qubits: Vec<u32>,
    matrix: Rows,
    /// Whether it may change the norm, and with it what other qubits are likely to be.
    shrinks: bool,
}

impl<const BITS: u32> Register<BITS> {
    /// How many values a qubit's digit has.
    const BASE: usize = 1 << BITS;

    /// |0…0⟩.
    pub(crate) fn new(qubits: u32) -> Result<Self> {
        let no_memory =
            || Error::new(ErrorKind::Exhausted, format!("no memory for a state of {qubits} qubits"));
        let size = 1usize.checked_shl(qubits * BITS).filter(|size| size.ilog2() == qubits * BITS);
        let size = size.ok_or_else(no_memory)?;
        let mut state = Vec::new();
        state.try_reserve_exact(size).map_err(|cause| no_memory().because(cause))?;
        state.resize(size, Complex64::ZERO);
        if let Some(first) = state.first_mut() {
            *first = Complex64::ONE;
        }
        Ok(Self {
            qubits,
            state,
            blocks: Vec::new(),
            block_of: vec![None; qubits as usize],
            free: Vec::new(),
        })
    }

    /// Lets `matrix`, which keeps all norms, act on different `qubits` that exist.
    pub(crate) fn act(&mut self, qubits: &[u32], matrix: &[Complex64]) {
        self.act_or_shrink(qubits, matrix, false);
    }

    /// Lets `matrix` act that may change the norm: a projection, or part of a channel.
    pub(crate) fn shrink(&mut self, qubit: u32, matrix: &[Complex64]) {
        self.act_or_shrink(&[qubit], matrix, true);
    }

    fn act_or_shrink(&mut self, qubits: &[u32], matrix: &[Complex64], shrinks: bool) {
        if let &[qubit] = qubits {
            match self.block_of.get(qubit as usize).copied().flatten() {
                Some(at) => {
                    self.blocks[at].widen_and_multiply::<BITS>(qubits, matrix);
                    self.blocks[at].shrinks |= shrinks;
                }
                None => self.wait(Block { qubits: vec![qubit], matrix: matrix.to_vec(), shrinks }),
            }
            return;
        }
        if let &[a, b] = qubits {
            let of = [a, b].map(|qubit| self.block_of[qubit as usize]);
            if let [Some(first), Some(second)] = of
                && first == second
            {
                self.blocks[first].widen_and_multiply::<BITS>(qubits, matrix);
                self.blocks[first].shrinks |= shrinks;
                return;
            }
            let mut block = Block { qubits: vec![a, b], matrix: matrix.to_vec(), shrinks };
            for qubit in [a, b] {
                // A block of this qubit alone is done on the way; one with another is done before.
                match self.block_of[qubit as usize] {
                    Some(at) if self.blocks[at].qubits.len() == 1 => {
                        let before = self.take(at);
                        block.multiply_before::<BITS>(qubit, &before.matrix);
                        block.shrinks |= before.shrinks;
                    }
                    Some(at) => self.do_block(at),
                    None => {}
                }
            }
            self.wait(block);
            return;
        }
        qubits.iter().for_each(|&qubit| self.settle(qubit));
        self.apply(qubits, matrix);
    }

    fn wait(&mut self, block: Block) {
        let at = self.free.pop().unwrap_or_else(|| {
            self.blocks.push(Block::default());
            self.blocks.len() - 1
        });
        for &qubit in &block.qubits {
            self.block_of[qubit as usize] = Some(at);
        }
        self.blocks[at] = block;
    }

    fn take(&mut self, at: usize) -> Block {
        let block = std::mem::take(&mut self.blocks[at]);
        for &qubit in &block.qubits {
            self.block_of[qubit as usize] = None;
        }
        self.free.push(at);
        block
    }

    fn do_block(&mut self, at: usize) {
        let block = self.take(at);
        self.apply(&block.qubits, &block.matrix);
    }

    /// Does what waits on `qubit`.
    pub(crate) fn settle(&mut self, qubit: u32) {
        if let Some(at) = self.block_of.get(qubit as usize).copied().flatten() {
            self.do_block(at);
        }
    }

    /// Does what waits on `qubit` and whatever else decides what it is likely to be.
    pub(crate) fn settle_for_reading(&mut self, qubit: u32) {
        self.settle(qubit);
        for at in 0..self.blocks.len() {
            if self.blocks[at].shrinks {
                self.do_block(at);
            }
        }
    }

    /// Does all that waits.
    pub(crate) fn settle_all(&mut self) {
        (0..self.qubits).for_each(|qubit| self.settle(qubit));
    }

    /// The elements; right once all is settled.
    pub(crate) fn elements(&self) -> &[Complex64] {
        &self.state
    }

    pub(crate) fn elements_mut(&mut self) -> &mut [Complex64] {
        &mut self.state
    }

    fn apply(&mut self, qubits: &[u32], matrix: &[Complex64]) {
        let bits: Vec<u32> =
            qubits.iter().flat_map(|&qubit| (0..BITS).map(move |bit| qubit * BITS + bit)).collect();
        match bits.len() {
            1 => apply_fixed::<2>(&mut self.state, &bits, matrix),
            2 => apply_fixed::<4>(&mut self.state, &bits, matrix),
            4 => apply_fixed::<16>(&mut self.state, &bits, matrix),
            _ => apply_any(&mut self.state, &bits, matrix),
        }
    }
}

impl Block {
    /// Lets `matrix` on `qubits`, all of which are the block's, act after what the block does.
    fn widen_and_multiply<const BITS: u32>(&mut self, qubits: &[u32], matrix: &[Complex64]) {
        let base = Register::<BITS>::BASE;
        let wide = match (self.qubits.as_slice(), qubits) {
            (&[a, _], &[qubit]) => on_pair(matrix, base, qubit == a),
            (&[a, _], &[first, _]) if a != first => exchanged(matrix, base),
            _ => matrix.to_vec(),
        };
        self.matrix = product(&wide, &self.matrix);
    }

    /// Lets `matrix` on one of the block's two qubits act before what the block does.
    fn multiply_before<const BITS: u32>(&mut self, qubit: u32, matrix: &[Complex64]) {
        let wide = on_pair(matrix, Register::<BITS>::BASE, self.qubits.first() == Some(&qubit));
        self.matrix = product(&self.matrix, &wide);
    }
}

fn side(elements: usize) -> usize {
    elements.isqrt()
}

/// `left · right`: right acts first.
pub(crate) fn product(left: &[Complex64], right: &[Complex64]) -> Rows {
    let dim = side(left.len());
    let mut out = vec![Complex64::ZERO; dim * dim];
    for (row, line) in left.chunks_exact(dim).zip(out.chunks_exact_mut(dim)) {
        for (factor, from) in row.iter().zip(right.chunks_exact(dim)) {
            if *factor != Complex64::ZERO {
                line.iter_mut().zip(from).for_each(|(sum, element)| *sum += factor * element);
            }
        }
    }
    out
}

/// A matrix on one qubit as a matrix on a pair of which that qubit is the first, or the second.
fn on_pair(matrix: &[Complex64], base: usize, first: bool) -> Rows {
    let dim = base * base;
    let mut out = vec![Complex64::ZERO; dim * dim];
    for other in 0..base {
        for row in 0..base {
            for column in 0..base {
                let at = |own: usize| if first { own + base * other } else { other + base * own };
                out[at(row) * dim + at(column)] = matrix[row * base + column];
            }
        }
    }
    out
}

/// A matrix on a pair with its qubits in the other order.
fn exchanged(matrix: &[Complex64], base: usize) -> Rows {
    let dim = base * base;
    let other = |index: usize| index / base + index % base * base;
    (0..dim * dim).map(|at| matrix[other(at / dim) * dim + other(at % dim)]).collect()
}

/// What to add to an index for each row of a matrix on `bits`, the first of them the lowest.
fn offset(row: usize, bits: &[u32]) -> usize {
    bits.iter().enumerate().fold(0, |sum, (at, bit)| sum | (row >> at & 1) << bit)
}

/// `number` with zeros put in at `sorted` places.
fn spread(number: usize, sorted: &[u32]) -> usize {
    sorted.iter().fold(number, |number, bit| {
        let low = (1usize << bit) - 1;
        (number & !low) << 1 | number & low
    })
}

fn apply_fixed<const DIM: usize>(state: &mut [Complex64], bits: &[u32], matrix: &[Complex64]) {
    let offsets: [usize; DIM] = std::array::from_fn(|row| offset(row, bits));
    let mut rows = [[Complex64::ZERO; DIM]; DIM];
    rows.iter_mut().zip(matrix.chunks_exact(DIM)).for_each(|(row, from)| row.copy_from_slice(from));
    let mut sorted = bits.to_vec();
    sorted.sort_unstable();
    let mut before = [Complex64::ZERO; DIM];
    for number in 0..state.len() / DIM {
        let first = spread(number, &sorted);
        before.iter_mut().zip(&offsets).for_each(|(to, offset)| *to = state[first | offset]);
        for (row, offset) in rows.iter().zip(&offsets) {
            let mut sum = Complex64::ZERO;
            row.iter().zip(&before).for_each(|(element, value)| sum += element * value);
            state[first | offset] = sum;
        }
    }
}

fn apply_any(state: &mut [Complex64], bits: &[u32], matrix: &[Complex64]) {
    let dim = side(matrix.len());
    let offsets: Vec<usize> = (0..dim).map(|row| offset(row, bits)).collect();
    let mut sorted = bits.to_vec();
    sorted.sort_unstable();
    let mut before = vec![Complex64::ZERO; dim];
    for number in 0..state.len() / dim {
        let first = spread(number, &sorted);
        before.iter_mut().zip(&offsets).for_each(|(to, offset)| *to = state[first | offset]);
        for (row, offset) in matrix.chunks_exact(dim).zip(&offsets) {
            state[first | offset] = row.iter().zip(&before).map(|(element, value)| element * value).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use qhal::Gate;

    proptest! {
        /// Whatever waits and merges, the state is that of the gates one by one.
        #[test]
        fn blocks_do_what_their_gates_do(
            gates in proptest::collection::vec((0usize..4, 0u32..4, 1u32..4, -3.0..3.0f64), 1..30),
        ) {
            let mut register = Register::<1>::new(4).unwrap();
            let mut plain = register.elements().to_vec();
            for (which, a, step, angle) in gates {
                let b = (a + step) % 4;
                let (gate, qubits): (Gate, &[u32]) = match which {
                    0 => (Gate::Rx, &[a]),
                    1 => (Gate::Rz, &[a]),
                    2 => (Gate::Cry, &[a, b]),
                    _ => (Gate::Rxx, &[a, b]),
                };
                let matrix = gate.matrix(&[angle]);
                register.act(qubits, matrix.elements());
                apply_any(&mut plain, qubits, matrix.elements());
            }
            register.settle_all();
            for (found, expected) in register.elements().iter().zip(&plain) {
                prop_assert!((found - expected).norm() < 1e-12);
            }
        }
    }
}
