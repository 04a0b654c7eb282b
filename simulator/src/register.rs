//! The amplitudes of one state: where each lies, and the sums over them.

use qhal::{Complex64, Result};

use crate::memory::Buffer;
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
        let mut cells = Buffer::<T>::zeros(self.width())?;
        cells.copy_from_slice(&self.cells);
        Ok(Self {
            qubits: self.qubits,
            positions: self.positions.clone(),
            flips: self.flips,
            cells,
            workers: self.workers.clone(),
        })
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

    /// Whether every basis state lies at the address of its own index.
    pub(crate) fn is_in_order(&self) -> bool {
        self.flips == 0 && self.positions.iter().enumerate().all(|(qubit, &at)| qubit == usize::from(at))
    }

    /// The probability of `count` amplitudes from a group boundary on, each lane summed up on its own.
    pub(crate) fn probability_of_run(&self, start: usize, count: usize) -> f64 {
        let mut sums = [0.0; 16];
        let cells = self.cells.get(2 * start..2 * (start + count)).unwrap_or_default();
        for group in cells.chunks_exact(2 * T::LANES) {
            let (real, imaginary) = group.split_at(T::LANES);
            for ((sum, re), im) in sums.iter_mut().zip(real).zip(imaginary) {
                let (re, im) = (re.to_f64(), im.to_f64());
                *sum += re * re + im * im;
            }
        }
        sums.iter().sum()
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
        let (bits, position, flips) = (self.block_bits(), self.position(qubit), self.flips as usize);
        let sums = self.workers.map(1 << (self.width() - bits), |block| {
            let mut sums = [0.0; 2];
            for (address, probability) in self.probabilities_at(block << bits, 1 << bits) {
                sums[(address ^ flips) >> position & 1] += probability;
            }
            sums
        });
        sums.into_iter().fold((0.0, 0.0), |(zeros, ones), [zero, one]| (zeros + zero, ones + one))
    }

    /// Keeps the part of the state where `qubit` is `outcome`, as a state of norm 1.
    pub(crate) fn collapse(&mut self, qubit: u32, outcome: bool) {
        let (bits, position, flips) = (self.block_bits(), self.position(qubit), self.flips as usize);
        let (zero, one) = self.probabilities_of(qubit);
        let factor = T::from_f64(if outcome { one } else { zero }.sqrt().recip());
        let workers = self.workers.clone();
        workers.for_each_chunk(&mut self.cells, 2 << bits, |number, chunk| {
            for (group, lanes) in chunk.chunks_exact_mut(2 * T::LANES).enumerate() {
                let first = (number << bits) + group * T::LANES;
                let (real, imaginary) = lanes.split_at_mut(T::LANES);
                for (lane, (re, im)) in real.iter_mut().zip(imaginary).enumerate() {
                    let kept = (((first + lane) ^ flips) >> position & 1 == 1) == outcome;
                    let scale = if kept { factor } else { T::default() };
                    *re = *re * scale;
                    *im = *im * scale;
                }
            }
        });
    }
}
