//! The state as it lies in memory, for those who cannot afford a copy.

use qhal::Complex64;

use crate::moves::Moves;

/// The numbers of a state: groups of 8 real and 8 imaginary parts in `f64`, of 16 and 16 in `f32`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Cells<'a> {
    /// Single precision. The norm may differ from 1 by rounding, which other readings divide out.
    F32(&'a [f32]),
    /// Double precision.
    F64(&'a [f64]),
}

impl<'a> From<&'a [f32]> for Cells<'a> {
    fn from(cells: &'a [f32]) -> Self {
        Self::F32(cells)
    }
}

impl<'a> From<&'a [f64]> for Cells<'a> {
    fn from(cells: &'a [f64]) -> Self {
        Self::F64(cells)
    }
}

/// A state lent by [`StateVector::view`](crate::StateVector::view): its numbers, and where each amplitude's are.
///
/// The planner may leave qubits in other places than their own, and bits the other way round.
#[derive(Clone, Debug)]
pub struct View<'a> {
    pub(crate) cells: Cells<'a>,
    pub(crate) moves: Moves,
    pub(crate) flips: u64,
    pub(crate) len: u64,
}

impl<'a> View<'a> {
    /// All numbers. States smaller than a group are padded with zeros.
    pub fn cells(&self) -> Cells<'a> {
        self.cells
    }

    /// Where the real and the imaginary part of basis state `index` are among the [`cells`](Self::cells).
    pub fn place(&self, index: u64) -> (usize, usize) {
        let lane_bits = match self.cells {
            Cells::F32(_) => 4,
            Cells::F64(_) => 3,
        };
        let address = (self.moves.apply(index) ^ self.flips) as usize;
        let real = address >> lane_bits << (lane_bits + 1) | address & ((1 << lane_bits) - 1);
        (real, real + (1 << lane_bits))
    }

    /// The amplitude of basis state `index` as it is stored; zero from 2^n on.
    pub fn amplitude(&self, index: u64) -> Complex64 {
        if index >= self.len {
            return Complex64::ZERO;
        }
        let (re, im) = self.place(index);
        match self.cells {
            Cells::F32(cells) => match (cells.get(re), cells.get(im)) {
                (Some(&re), Some(&im)) => Complex64::new(re.into(), im.into()),
                _ => Complex64::ZERO,
            },
            Cells::F64(cells) => match (cells.get(re), cells.get(im)) {
                (Some(&re), Some(&im)) => Complex64::new(re, im),
                _ => Complex64::ZERO,
            },
        }
    }
}
