//! The amplitudes of one state: where each lies, and the sums over them.

use std::collections::TryReserveError;

use qhal::{Complex64, Result};

use crate::memory::Buffer;
use crate::moves::Moves;
use crate::real::Real;
use crate::workers::{CHUNK_BITS, Workers};

/// 2^n amplitudes in lane groups, and the place of each qubit in their address.
///
/// The address of a basis state is its index with the bits moved to `positions`. States smaller than a lane group
/// are padded with amplitudes that stay zero.
#[derive(Debug)]
pub(crate) struct Register<T> {
    qubits: u32,
    positions: Vec<u8>,
    /// Address bits that read the other way round.
    flips: u64,
    pub(crate) cells: Buffer<T>,
    pub(crate) workers: Workers,
}

/// The number of the cell that holds the real part of the amplitude at `address`; the imaginary part follows a
/// group's length later.
pub(crate) const fn cell<T: Real>(address: usize) -> usize {
    ((address >> T::LANE_BITS) << (T::LANE_BITS + 1)) | (address & (T::LANES - 1))
}

impl<T: Real> Register<T> {
    /// |0…0⟩ on `qubits` qubits.
    pub(crate) fn new(qubits: u32, workers: Workers) -> Result<Self> {
        let mut cells = Buffer::<T>::zeros(qubits.max(T::LANE_BITS))?;
        if let Some(first) = cells.first_mut() {
            *first = T::from_f64(1.0);
        }
        // `zeros` has refused more than 63 qubits.
        #[expect(clippy::cast_possible_truncation, reason = "at most 63")]
        let positions = (0..qubits as u8).collect();
        Ok(Self { qubits, positions, flips: 0, cells, workers })
    }

    /// A second register in the same state.
    pub(crate) fn duplicate(&self) -> Result<Self> {
        let mut copy = Self::new(self.qubits, self.workers.clone())?;
        copy.copy_from(self);
        Ok(copy)
    }

    /// Takes the state of another register of as many qubits.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.relabel(&other.positions, other.flips);
        let workers = self.workers.clone();
        let size = 2 << self.block_bits();
        workers.for_each_chunk(&mut self.cells, size, |number, chunk| {
            if let Some(from) = other.cells.get(number * size..(number + 1) * size) {
                chunk.copy_from_slice(from);
            }
        });
    }

    pub(crate) fn qubits(&self) -> u32 {
        self.qubits
    }

    /// Address bits, padding included.
    pub(crate) fn width(&self) -> u32 {
        self.qubits.max(T::LANE_BITS)
    }

    /// Which address bit `qubit` is.
    pub(crate) fn position(&self, qubit: u32) -> u32 {
        self.positions.get(qubit as usize).map_or(0, |&at| at.into())
    }

    /// Which address bit each qubit is, and which of them read the other way round.
    pub(crate) fn places(&self) -> (&[u8], u64) {
        (&self.positions, self.flips)
    }

    /// Makes all address bits read the right way round.
    pub(crate) fn settle_flips(&mut self) {
        let flips = std::mem::take(&mut self.flips);
        for qubit in 0..self.qubits {
            if flips >> self.position(qubit) & 1 == 1 {
                self.flip(qubit);
            }
        }
    }

    /// Notes where each qubit is and which address bits read the other way round.
    pub(crate) fn relabel(&mut self, positions: &[u8], flips: u64) {
        self.positions.clear();
        self.positions.extend_from_slice(positions);
        self.flips = flips;
    }

    /// Exchanges the places of whatever lies at two address bits in the book-keeping; padding bits stay unnamed.
    pub(crate) fn rename(&mut self, first: u32, second: u32) {
        for at in &mut self.positions {
            if u32::from(*at) == first {
                *at = second as u8;
            } else if u32::from(*at) == second {
                *at = first as u8;
            }
        }
    }

    /// Where basis state `index` lies.
    pub(crate) fn address(&self, index: u64) -> usize {
        let moved = self.positions.iter().enumerate().map(|(qubit, &at)| (index >> qubit & 1) << at);
        moved.fold(self.flips, |address, bit| address ^ bit) as usize
    }

    /// Which basis state lies at `address`.
    pub(crate) fn index(&self, address: usize) -> u64 {
        let address = address as u64 ^ self.flips;
        let moved = self.positions.iter().enumerate().map(|(qubit, &at)| (address >> at & 1) << qubit);
        moved.fold(0, |index, bit| index | bit)
    }

    /// What [`address`](Self::address) does, made ready for many basis states: where bits go, and what is flipped.
    pub(crate) fn addresses(&self) -> (Moves, u64) {
        (Moves::new((0..).zip(self.positions.iter().map(|&at| at.into()))), self.flips)
    }

    /// The amplitude at `address`; zero outside.
    pub(crate) fn at(&self, address: usize) -> Complex64 {
        let real = cell::<T>(address);
        match (self.cells.get(real), self.cells.get(real + T::LANES)) {
            (Some(real), Some(imaginary)) => Complex64::new(real.to_f64(), imaginary.to_f64()),
            _ => Complex64::ZERO,
        }
    }

    /// Amplitudes that are summed up and drawn from together; independent of the number of threads.
    pub(crate) fn block_bits(&self) -> u32 {
        self.width().min(CHUNK_BITS)
    }

    /// The probability of each block of addresses.
    pub(crate) fn block_sums(&self) -> Vec<f64> {
        let bits = self.block_bits();
        self.workers
            .map(1 << (self.width() - bits), |block| self.probability_of_run(block << bits, 1 << bits))
    }

    /// The probability of `count` amplitudes from a group boundary on.
    pub(crate) fn probability_of_run(&self, start: usize, count: usize) -> f64 {
        self.probability_of_lanes(start, count).iter().sum()
    }

    /// The probability of `count` amplitudes from a group boundary on, each lane summed up on its own.
    fn probability_of_lanes(&self, start: usize, count: usize) -> [f64; 16] {
        let mut sums = [0.0; 16];
        let cells = self.cells.get(2 * start..2 * (start + count)).unwrap_or_default();
        for group in cells.chunks_exact(2 * T::LANES) {
            let (real, imaginary) = group.split_at(T::LANES);
            for ((sum, re), im) in sums.iter_mut().zip(real).zip(imaginary) {
                let (re, im) = (re.to_f64(), im.to_f64());
                *sum += re * re + im * im;
            }
        }
        sums
    }

    /// The total probability: 1 up to rounding.
    pub(crate) fn total(&self) -> f64 {
        self.block_sums().into_iter().sum()
    }

    /// Addresses and probabilities of `count` amplitudes from a group boundary on.
    pub(crate) fn probabilities_at(&self, start: usize, count: usize) -> impl Iterator<Item = (usize, f64)> {
        let cells = self.cells.get(2 * start..2 * (start + count)).unwrap_or_default();
        cells.chunks_exact(2 * T::LANES).enumerate().flat_map(move |(group, lanes)| {
            let (real, imaginary) = lanes.split_at(T::LANES);
            real.iter().zip(imaginary).enumerate().map(move |(lane, (re, im))| {
                let (re, im) = (re.to_f64(), im.to_f64());
                (start + group * T::LANES + lane, re * re + im * im)
            })
        })
    }

    /// The probabilities that `qubit` is 0 and 1; their sum is 1 up to rounding.
    pub(crate) fn probabilities_of(&self, qubit: u32) -> (f64, f64) {
        let (bits, position) = (self.block_bits(), self.position(qubit));
        let blocks = self.workers.map(1 << (self.width() - bits), |block| {
            let start = block << bits;
            if position >= bits {
                let sum = self.probability_of_run(start, 1 << bits);
                return if start >> position & 1 == 0 { [sum, 0.0] } else { [0.0, sum] };
            }
            if position < T::LANE_BITS {
                let lanes = self.probability_of_lanes(start, 1 << bits);
                let mut sums = [0.0; 2];
                lanes.iter().enumerate().for_each(|(lane, sum)| sums[lane >> position & 1] += sum);
                return sums;
            }
            let mut sums = [0.0; 2];
            for (number, run) in (start..start + (1 << bits)).step_by(1 << position).enumerate() {
                sums[number & 1] += self.probability_of_run(run, 1 << position);
            }
            sums
        });
        let mut sums = [0.0; 2];
        blocks.into_iter().for_each(|[zero, one]| (sums[0], sums[1]) = (sums[0] + zero, sums[1] + one));
        let [zero, one] = sums;
        if self.flips >> position & 1 == 1 { (one, zero) } else { (zero, one) }
    }

    /// The probabilities of all outcomes of measuring `qubits`, the first of them the lowest bit.
    ///
    /// # Errors
    /// When there is no memory for the figures.
    pub(crate) fn marginal(&self, qubits: &[u32]) -> std::result::Result<Vec<f64>, TryReserveError> {
        let moves = Moves::new(qubits.iter().zip(0..).map(|(&qubit, bit)| (self.position(qubit), bit)));
        let start = moves.apply(self.flips);
        let zeros = || -> std::result::Result<Vec<f64>, TryReserveError> {
            let mut sums = Vec::new();
            sums.try_reserve_exact(1 << qubits.len())?;
            sums.resize(1 << qubits.len(), 0.0);
            Ok(sums)
        };
        // Sums of a part each, as many parts as are worth it: always the same ones, whatever the threads.
        let parts = if qubits.len() > 12 { 0 } else { (self.width() - self.block_bits()).min(4) };
        let part_bits = self.width() - parts;
        let parts = self.workers.map(1 << (self.width() - part_bits), |part| {
            let mut sums = zeros()?;
            for (address, probability) in self.probabilities_at(part << part_bits, 1 << part_bits) {
                let outcome = moves.apply(address as u64) ^ start;
                if let Some(sum) = sums.get_mut(outcome as usize) {
                    *sum += probability;
                }
            }
            Ok::<_, TryReserveError>(sums)
        });
        let mut total = zeros()?;
        for part in parts {
            total.iter_mut().zip(part?).for_each(|(sum, more): (&mut f64, f64)| *sum += more);
        }
        Ok(total)
    }

    /// Exchanges 0 and 1 of a qubit.
    pub(crate) fn flip(&mut self, qubit: u32) {
        let (bits, position) = (self.block_bits(), self.position(qubit));
        let workers = self.workers.clone();
        if position >= bits {
            for pair in self.cells.chunks_exact_mut(4 << position) {
                workers.for_each_pair(pair.split_at_mut(2 << position), 2 << bits, |zero, one| {
                    zero.swap_with_slice(one)
                });
            }
            return;
        }
        workers.for_each_chunk(&mut self.cells, 2 << bits, |_, chunk| {
            if position >= T::LANE_BITS {
                for pair in chunk.chunks_exact_mut(4 << position) {
                    let (zero, one) = pair.split_at_mut(2 << position);
                    zero.swap_with_slice(one);
                }
                return;
            }
            for lanes in chunk.chunks_exact_mut(T::LANES) {
                for pair in lanes.chunks_exact_mut(2 << position) {
                    let (zero, one) = pair.split_at_mut(1 << position);
                    zero.swap_with_slice(one);
                }
            }
        });
    }

    /// Keeps the part of the state where `qubit` is `outcome`, which has `probability`, as a state of norm 1.
    pub(crate) fn collapse(&mut self, qubit: u32, outcome: bool, probability: f64) {
        let (bits, position) = (self.block_bits(), self.position(qubit));
        let kept = outcome != (self.flips >> position & 1 == 1);
        let factor = T::from_f64(probability.sqrt().recip());
        let scales =
            |address: usize| if (address >> position & 1 == 1) == kept { factor } else { T::default() };
        let workers = self.workers.clone();
        workers.for_each_chunk(&mut self.cells, 2 << bits, |number, chunk| {
            for (group, lanes) in chunk.chunks_exact_mut(2 * T::LANES).enumerate() {
                let first = (number << bits) + group * T::LANES;
                let (real, imaginary) = lanes.split_at_mut(T::LANES);
                if position >= T::LANE_BITS {
                    let scale = scales(first);
                    real.iter_mut().chain(imaginary).for_each(|number| *number = *number * scale);
                    continue;
                }
                for (lane, (re, im)) in real.iter_mut().zip(imaginary).enumerate() {
                    let scale = scales(first + lane);
                    *re = *re * scale;
                    *im = *im * scale;
                }
            }
        });
    }
}
