//! Square complex matrices of gates, small and row-major.

use crate::{Complex64, Error, ErrorKind, Result};

/// The largest number of qubits a matrix may act on: 2^10 × 2^10 elements are 16 MiB.
pub const MAX_MATRIX_QUBITS: u32 = 10;

/// A 2^k × 2^k matrix, row-major. The first qubit it acts on is the lowest bit of row and column index.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    qubits: u32,
    elements: Vec<Complex64>,
}

impl Matrix {
    /// A matrix on `qubits` qubits from its rows, one after the other: `4^qubits` finite elements.
    ///
    /// # Errors
    /// `InvalidInput` for the wrong number of elements, more than [`MAX_MATRIX_QUBITS`] qubits, or an element that
    /// is not finite.
    pub fn new(qubits: u32, elements: Vec<Complex64>) -> Result<Self> {
        let wrong = |why: String| Err(Error::new(ErrorKind::InvalidInput, why));
        if qubits > MAX_MATRIX_QUBITS {
            return wrong(format!("a matrix on {qubits} qubits is too large: at most {MAX_MATRIX_QUBITS}"));
        }
        if elements.len() != 1 << (2 * qubits) {
            return wrong(format!(
                "a matrix on {qubits} qubits has {} elements, not {}",
                1 << (2 * qubits),
                elements.len()
            ));
        }
        if elements.iter().any(|element| !element.is_finite()) {
            return wrong("a matrix element is not a finite number".to_owned());
        }
        Ok(Self { qubits, elements })
    }

    /// A matrix from an array of rows, where the size is known to be right.
    pub(crate) fn from_rows<const N: usize>(rows: [[Complex64; N]; N]) -> Self {
        debug_assert!(N.is_power_of_two());
        Self { qubits: N.trailing_zeros(), elements: rows.concat() }
    }

    /// The identity on `qubits` qubits (at most [`MAX_MATRIX_QUBITS`]; more are taken as that many).
    pub fn identity(qubits: u32) -> Self {
        let qubits = qubits.min(MAX_MATRIX_QUBITS);
        let dim = 1usize << qubits;
        let mut elements = vec![Complex64::ZERO; dim * dim];
        for diagonal in elements.iter_mut().step_by(dim + 1) {
            *diagonal = Complex64::ONE;
        }
        Self { qubits, elements }
    }

    /// How many qubits it acts on.
    pub fn qubits(&self) -> u32 {
        self.qubits
    }

    /// Rows, which is also columns: `2^qubits`.
    pub fn dim(&self) -> usize {
        1 << self.qubits
    }

    /// All elements, row after row.
    pub fn elements(&self) -> &[Complex64] {
        &self.elements
    }

    /// The element in `row` and `column`; zero outside.
    pub fn get(&self, row: usize, column: usize) -> Complex64 {
        if row < self.dim() && column < self.dim() {
            self.elements[row * self.dim() + column]
        } else {
            Complex64::ZERO
        }
    }

    /// The matrix product `self · right`: `right` acts first.
    ///
    /// # Errors
    /// `InvalidInput` when the sizes differ.
    pub fn times(&self, right: &Self) -> Result<Self> {
        if self.qubits != right.qubits {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("cannot multiply a matrix on {} qubits by one on {}", self.qubits, right.qubits),
            ));
        }
        let dim = self.dim();
        let mut elements = vec![Complex64::ZERO; dim * dim];
        for (row, out) in elements.chunks_exact_mut(dim).enumerate() {
            for (inner, line) in right.elements.chunks_exact(dim).enumerate() {
                let factor = self.elements[row * dim + inner];
                for (sum, element) in out.iter_mut().zip(line) {
                    *sum += factor * element;
                }
            }
        }
        Ok(Self { qubits: self.qubits, elements })
    }

    /// The conjugate transpose.
    #[must_use]
    pub fn adjoint(&self) -> Self {
        let dim = self.dim();
        let elements = (0..dim * dim).map(|at| self.elements[(at % dim) * dim + at / dim].conj()).collect();
        Self { qubits: self.qubits, elements }
    }

    /// The matrix under `controls` more qubits, which become the *first* (lowest) ones: it acts where all are 1.
    ///
    /// # Errors
    /// `InvalidInput` when the result would exceed [`MAX_MATRIX_QUBITS`].
    pub fn controlled(&self, controls: u32) -> Result<Self> {
        let qubits = self.qubits.saturating_add(controls);
        if qubits > MAX_MATRIX_QUBITS {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("a matrix on {qubits} qubits is too large: at most {MAX_MATRIX_QUBITS}"),
            ));
        }
        let mut result = Self::identity(qubits);
        let all_ones = (1usize << controls) - 1;
        for row in 0..self.dim() {
            for column in 0..self.dim() {
                let at = ((row << controls) | all_ones) * result.dim() + ((column << controls) | all_ones);
                result.elements[at] = self.elements[row * self.dim() + column];
            }
        }
        Ok(result)
    }

    /// How far from unitary: the largest element of `|M·M† − 1|`.
    pub fn unitarity_error(&self) -> f64 {
        let dim = self.dim();
        let mut worst = 0.0f64;
        for (first, a) in self.elements.chunks_exact(dim).enumerate() {
            for (second, b) in self.elements.chunks_exact(dim).enumerate().skip(first) {
                let product: Complex64 = a.iter().zip(b).map(|(x, y)| x * y.conj()).sum();
                let expected = if first == second { Complex64::ONE } else { Complex64::ZERO };
                worst = worst.max((product - expected).norm());
            }
        }
        worst
    }

    /// The largest distance between two elements at the same place; infinite for different sizes.
    pub fn distance(&self, other: &Self) -> f64 {
        if self.qubits != other.qubits {
            return f64::INFINITY;
        }
        self.elements.iter().zip(&other.elements).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max)
    }

    /// [`distance`](Self::distance) after the best global phase is taken out.
    pub fn distance_up_to_phase(&self, other: &Self) -> f64 {
        if self.qubits != other.qubits {
            return f64::INFINITY;
        }
        let overlap: Complex64 = self.elements.iter().zip(&other.elements).map(|(a, b)| a * b.conj()).sum();
        let phase = if overlap.norm() > 0.0 { overlap / overlap.norm() } else { Complex64::ONE };
        self.elements.iter().zip(&other.elements).map(|(a, b)| (a - b * phase).norm()).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const I: Complex64 = Complex64::I;

    #[test]
    fn a_controlled_not_has_its_control_in_the_lowest_bit() {
        let (o, l) = (Complex64::ZERO, Complex64::ONE);
        let x = Matrix::from_rows([[o, l], [l, o]]);
        let cx = Matrix::from_rows([[l, o, o, o], [o, o, o, l], [o, o, l, o], [o, l, o, o]]);
        assert_eq!(x.controlled(1).unwrap(), cx);
        assert!(x.controlled(10).is_err());
    }

    #[test]
    fn products_adjoints_and_phases() {
        let y = Matrix::from_rows([[Complex64::ZERO, -I], [I, Complex64::ZERO]]);
        assert!(y.times(&y).unwrap().distance(&Matrix::identity(1)) < 1e-15);
        assert_eq!(y.adjoint(), y);
        assert!(y.unitarity_error() < 1e-15);
        let turned = Matrix::new(1, y.elements().iter().map(|element| element * I).collect()).unwrap();
        assert!(turned.distance(&y) > 1.0 && turned.distance_up_to_phase(&y) < 1e-15);
    }

    #[test]
    fn sizes_and_infinities_are_refused() {
        assert!(Matrix::new(1, vec![Complex64::ONE; 3]).is_err());
        assert!(Matrix::new(11, Vec::new()).is_err());
        assert!(Matrix::new(0, vec![Complex64::new(f64::NAN, 0.0)]).is_err());
    }
}
