//! The plain engine: one gate after the other, straight from the definition. The fast engine is tested against it.

use crate::lower::Op;
use crate::real::Real;
use crate::register::{Register, cell};
use crate::workers::CHUNK_BITS;

/// A matrix and where it acts, in address bits.
struct Local<T> {
    /// Row after row.
    elements: Vec<[T; 2]>,
    /// What to add to a chunk's address for each row; its length is a power of two.
    offsets: Vec<usize>,
    /// Address bits of the targets, ascending.
    sorted: Vec<u32>,
    controls: usize,
}

/// Applies `op` to the state.
pub(crate) fn apply<T: Real>(register: &mut Register<T>, op: &Op) {
    let chunk_bits = register.width().min(CHUNK_BITS);
    bring_into_chunk(register, op, chunk_bits);
    let positions: Vec<u32> = op.targets.iter().map(|qubit| register.position(qubit)).collect();
    let mut sorted = positions.clone();
    sorted.sort_unstable();
    let offset = |row: usize| {
        positions.iter().enumerate().fold(0, |sum, (bit, position)| sum | (row >> bit & 1) << position)
    };
    let local = Local {
        elements: op
            .elements()
            .iter()
            .map(|element| [T::from_f64(element.re), T::from_f64(element.im)])
            .collect(),
        offsets: (0..1 << positions.len()).map(offset).collect(),
        sorted,
        controls: register.address(op.controls),
    };
    let workers = register.workers.clone();
    workers.for_each_chunk(&mut register.cells, 2 << chunk_bits, |number, chunk| {
        local.apply(chunk, number << chunk_bits, 1 << chunk_bits);
    });
}

/// Brings every qubit back to the address bit of its own number.
pub(crate) fn restore_order<T: Real>(register: &mut Register<T>) {
    let chunk_bits = register.width().min(CHUNK_BITS);
    for qubit in 0..register.qubits() {
        let at = register.position(qubit);
        if at != qubit {
            let (low, high) = (at.min(qubit), at.max(qubit));
            exchange(register, low, high, chunk_bits);
            register.rename(low, high);
        }
    }
}

/// Exchanges targets that lie above a chunk with the lowest qubits that are not targets.
fn bring_into_chunk<T: Real>(register: &mut Register<T>, op: &Op, chunk_bits: u32) {
    for qubit in op.targets.iter() {
        let high = register.position(qubit);
        if high < chunk_bits {
            continue;
        }
        let taken: Vec<u32> = op.targets.iter().map(|target| register.position(target)).collect();
        // A matrix has fewer targets than a chunk has bits, so there is always one.
        if let Some(low) = (0..chunk_bits).find(|low| !taken.contains(low)) {
            exchange(register, low, high, chunk_bits);
            register.rename(low, high);
        }
    }
}

/// Exchanges address bits `low` and `high` of all amplitudes; `low` lies inside a chunk, `high` above.
fn exchange<T: Real>(register: &mut Register<T>, low: u32, high: u32, chunk_bits: u32) {
    let workers = register.workers.clone();
    for pair in register.cells.chunks_exact_mut(4 << high) {
        workers.for_each_pair(pair.split_at_mut(2 << high), 2 << chunk_bits, |zero, one| {
            for address in (0..1usize << chunk_bits).filter(|address| address >> low & 1 == 1) {
                for part in [0, T::LANES] {
                    let (from, to) = (cell::<T>(address) + part, cell::<T>(address ^ 1 << low) + part);
                    if let (Some(a), Some(b)) = (zero.get_mut(from), one.get_mut(to)) {
                        std::mem::swap(a, b);
                    }
                }
            }
        });
    }
}

impl<T: Real> Local<T> {
    /// Applies the matrix to the `count` amplitudes of a chunk that begins at `base`.
    fn apply(&self, chunk: &mut [T], base: usize, count: usize) {
        let dim = self.offsets.len();
        let mut before = vec![[T::default(); 2]; dim];
        for number in 0..count / dim {
            let first = self.sorted.iter().fold(number, |address, &position| insert_zero(address, position));
            if (base | first) & self.controls != self.controls {
                continue;
            }
            for (amplitude, offset) in before.iter_mut().zip(&self.offsets) {
                let at = cell::<T>(first | offset);
                *amplitude = [chunk[at], chunk[at + T::LANES]];
            }
            for (row, offset) in self.elements.chunks_exact(dim).zip(&self.offsets) {
                let mut sum = [T::default(); 2];
                for (&[mr, mi], &[vr, vi]) in row.iter().zip(&before) {
                    sum[0] += mr * vr - mi * vi;
                    sum[1] += mr * vi + mi * vr;
                }
                let at = cell::<T>(first | offset);
                [chunk[at], chunk[at + T::LANES]] = sum;
            }
        }
    }
}

/// Moves the bits of `address` from `position` on up by one.
fn insert_zero(address: usize, position: u32) -> usize {
    let low = (1 << position) - 1;
    (address & !low) << 1 | address & low
}
