//! The canonical decomposition of unitaries on two qubits, and their place in the Weyl chamber.
//!
//! U = e^{iγ} (A₁⊗A₀) e^{i(xXX + yYY + zZZ)} (B₁⊗B₀) with π/4 ≥ x ≥ y ≥ |z|, and z ≥ 0 where x = π/4: Zhang, Vala, Sastry
//! and Whaley, Phys. Rev. A 67, 042313 (2003). In the magic basis M = UᵀU is symmetric, so its real and its imaginary part
//! have a common real eigenbasis. It is found by Jacobi rotations that act on both parts at once (Bunse-Gerstner, Byers
//! and Mehrmann, SIAM J. Matrix Anal. Appl. 14, 927 (1993)), which degenerate eigenvalues do not disturb.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use qhal::Complex64;

use super::TOLERANCE;
use super::algebra::{self, Axis, ONE, One, Two, X, Y, Z, adjoint2, both, pauli, times, times2, turn};

/// A unitary on two qubits in its canonical form; the first qubit comes first in each pair.
#[derive(Clone, Debug)]
pub(crate) struct Kak {
    /// γ.
    pub(crate) phase: f64,
    /// A₀ and A₁.
    pub(crate) left: [One; 2],
    /// B₀ and B₁.
    pub(crate) right: [One; 2],
    /// (x, y, z).
    pub(crate) coordinates: [f64; 3],
}

const R: f64 = std::f64::consts::FRAC_1_SQRT_2;
const O: Complex64 = Complex64::ZERO;
const fn re(value: f64) -> Complex64 {
    Complex64::new(value, 0.0)
}
const fn im(value: f64) -> Complex64 {
    Complex64::new(0.0, value)
}

/// Columns are the magic basis: XX, YY and ZZ are diagonal in it, and products of one-qubit gates are real.
const MAGIC: Two = [[re(R), O, O, im(R)], [O, im(R), re(R), O], [O, im(R), re(-R), O], [re(R), O, O, im(-R)]];

type Real = [[f64; 4]; 4];

/// Decomposes a unitary; `None` if it is none to about 1e-9.
pub(crate) fn decompose(u: &Two) -> Option<Kak> {
    let determinant = determinant(u);
    let mut phase = determinant.arg() / 4.0;
    let special = algebra::scaled(u, Complex64::cis(-phase));
    let magic = times2(&adjoint2(&MAGIC), &times2(&special, &MAGIC));
    let (mut a, mut b) = ([[0.0; 4]; 4], [[0.0; 4]; 4]);
    for row in 0..4 {
        for column in 0..4 {
            let sum: Complex64 = (0..4).map(|k| magic[k][row] * magic[k][column]).sum();
            (a[row][column], b[row][column]) = (sum.re, sum.im);
        }
    }
    let mut basis = common_eigenbasis(&mut a, &mut b);
    if real_determinant(&basis) < 0.0 {
        basis.iter_mut().for_each(|row| row[0] = -row[0]);
    }
    let mut angles: [f64; 4] = std::array::from_fn(|k| b[k][k].atan2(a[k][k]) / 2.0);
    // The left factor V·P·e^{−iθ} is real by construction.
    let mut left: Real = [[0.0; 4]; 4];
    for (row, line) in left.iter_mut().enumerate() {
        for (column, cell) in line.iter_mut().enumerate() {
            let sum: Complex64 = (0..4).map(|k| magic[row][k] * basis[k][column]).sum();
            *cell = (sum * Complex64::cis(-angles[column])).re;
        }
    }
    if real_determinant(&left) < 0.0 {
        angles[0] += PI;
        left.iter_mut().for_each(|row| row[0] = -row[0]);
    }
    let mean = angles.iter().sum::<f64>() / 4.0;
    phase += mean;
    let [t0, t1, _, t3] = angles.map(|angle| angle - mean);
    let transposed: Real = std::array::from_fn(|row| std::array::from_fn(|column| basis[column][row]));
    let mut kak = Kak {
        phase,
        left: factors(&out_of_magic(&left))?,
        right: factors(&out_of_magic(&transposed))?,
        coordinates: [(t0 + t1) / 2.0, (t1 + t3) / 2.0, (t0 + t3) / 2.0],
    };
    kak.canonicalize();
    (algebra::distance(&kak.matrix(), u) < 1e-9).then_some(kak)
}

impl Kak {
    /// e^{ix·P⊗Q} in its canonical form; x from 0 to π/4.
    pub(crate) fn rotation(x: f64, axes: &[Axis; 2]) -> Self {
        let left = [algebra::from_x(&axes[0]), algebra::from_x(&axes[1])];
        let right = left.map(|u| algebra::adjoint(&u));
        Self { phase: 0.0, left, right, coordinates: [x, 0.0, 0.0] }
    }

    /// The canonical form of this unitary after an exchange of the qubits: U·SWAP.
    #[must_use]
    pub(crate) fn mirrored(mut self) -> Self {
        self.right.swap(0, 1);
        self.coordinates = self.coordinates.map(|coordinate| coordinate + FRAC_PI_4);
        self.phase -= FRAC_PI_4;
        self.canonicalize();
        self
    }

    /// The unitary itself.
    pub(crate) fn matrix(&self) -> Two {
        let [x, y, z] = self.coordinates;
        let middle = times2(
            &algebra::rotation(x, &[X, X]),
            &times2(&algebra::rotation(y, &[Y, Y]), &algebra::rotation(z, &[Z, Z])),
        );
        algebra::scaled(
            &times2(&both(&self.left), &times2(&middle, &both(&self.right))),
            Complex64::cis(self.phase),
        )
    }

    /// Brings the coordinates into the chamber.
    fn canonicalize(&mut self) {
        const AXES: [Axis; 3] = [X, Y, Z];
        for (k, axis) in AXES.iter().enumerate() {
            self.shift(k, axis);
        }
        for (a, b, axis) in [(0, 1, &Z), (1, 2, &X), (0, 1, &Z)] {
            if self.coordinates[a].abs() < self.coordinates[b].abs() {
                self.coordinates.swap(a, b);
                let (w, undo) = (turn(-FRAC_PI_4, axis), turn(FRAC_PI_4, axis));
                self.around(&[w, w], &[undo, undo]);
            }
        }
        let [x, y, _] = self.coordinates;
        match (x < 0.0, y < 0.0) {
            (true, true) => self.flip(0, 1, &Z),
            (true, false) => self.flip(0, 2, &Y),
            (false, true) => self.flip(1, 2, &X),
            (false, false) => {}
        }
        // On this face of the chamber z and −z are the same place.
        if self.coordinates[0] > FRAC_PI_4 - TOLERANCE && self.coordinates[2] < 0.0 {
            self.coordinates[0] -= FRAC_PI_2;
            self.by_pauli(&X, 1);
            self.flip(0, 2, &Y);
        }
    }

    /// Takes whole multiples of π/2 out of a coordinate: each is a Pauli operator on both qubits.
    fn shift(&mut self, k: usize, axis: &Axis) {
        let steps = (self.coordinates[k] / FRAC_PI_2).round();
        if steps != 0.0 {
            self.coordinates[k] -= steps * FRAC_PI_2;
            self.by_pauli(axis, steps as i64);
        }
    }

    fn by_pauli(&mut self, axis: &Axis, steps: i64) {
        self.phase += FRAC_PI_2 * steps as f64;
        if steps % 2 != 0 {
            let p = pauli(axis);
            self.right = self.right.map(|u| times(&p, &u));
        }
    }

    /// Turns the signs of two coordinates by a Pauli operator on the second qubit.
    fn flip(&mut self, a: usize, b: usize, axis: &Axis) {
        self.coordinates[a] = -self.coordinates[a];
        self.coordinates[b] = -self.coordinates[b];
        let p = pauli(axis);
        self.around(&[ONE, p], &[ONE, p]);
    }

    fn around(&mut self, before: &[One; 2], after: &[One; 2]) {
        for k in 0..2 {
            self.left[k] = times(&self.left[k], &before[k]);
            self.right[k] = times(&after[k], &self.right[k]);
        }
    }
}

fn out_of_magic(real: &Real) -> Two {
    let complex: Two = real.map(|row| row.map(re));
    times2(&MAGIC, &times2(&complex, &adjoint2(&MAGIC)))
}

/// The two factors of a tensor product, of determinant 1 each; `None` if it is none.
pub(crate) fn factors(u: &Two) -> Option<[One; 2]> {
    // The block with the largest element is a multiple of the first factor.
    let (mut best, mut at) = (0.0, (0, 0));
    for (row, line) in u.iter().enumerate() {
        for (column, element) in line.iter().enumerate() {
            if element.norm_sqr() > best {
                (best, at) = (element.norm_sqr(), (row, column));
            }
        }
    }
    let (high_row, high_column) = (at.0 >> 1, at.1 >> 1);
    let block: One = std::array::from_fn(|row| {
        std::array::from_fn(|column| u[high_row * 2 + row][high_column * 2 + column])
    });
    let determinant = block[0][0] * block[1][1] - block[0][1] * block[1][0];
    if determinant.norm_sqr() < 1e-12 {
        return None;
    }
    let low = algebra::scaled(&block, determinant.sqrt().inv());
    let pivot = low[at.0 & 1][at.1 & 1];
    let high: One = std::array::from_fn(|row| {
        std::array::from_fn(|column| u[row * 2 + (at.0 & 1)][column * 2 + (at.1 & 1)] / pivot)
    });
    (algebra::distance(&both(&[low, high]), u) < 1e-8).then_some([low, high])
}

fn determinant(u: &Two) -> Complex64 {
    let mut m = *u;
    let mut product = Complex64::ONE;
    for column in 0..4 {
        let pivot = (column..4)
            .max_by(|&a, &b| m[a][column].norm_sqr().total_cmp(&m[b][column].norm_sqr()))
            .unwrap_or(column);
        if pivot != column {
            m.swap(pivot, column);
            product = -product;
        }
        let head = m[column][column];
        if head == O {
            return O;
        }
        product *= head;
        let pivot_row = m[column];
        for row in &mut m[column + 1..] {
            let factor = row[column] / head;
            for (element, above) in row.iter_mut().zip(&pivot_row).skip(column) {
                *element -= factor * above;
            }
        }
    }
    product
}

fn real_determinant(m: &Real) -> f64 {
    determinant(&m.map(|row| row.map(re))).re
}

/// An orthogonal matrix whose columns are eigenvectors of both symmetric matrices, which become diagonal.
fn common_eigenbasis(a: &mut Real, b: &mut Real) -> Real {
    let mut basis = [[0.0; 4]; 4];
    for (k, row) in basis.iter_mut().enumerate() {
        row[k] = 1.0;
    }
    // Converges quadratically; a dozen sweeps are far more than it ever needs.
    for _ in 0..24 {
        let mut rest = 0.0f64;
        for p in 0..3 {
            for q in p + 1..4 {
                let (d1, o1) = (a[p][p] - a[q][q], 2.0 * a[p][q]);
                let (d2, o2) = (b[p][p] - b[q][q], 2.0 * b[p][q]);
                rest = rest.max(o1 * o1 + o2 * o2);
                if o1 * o1 + o2 * o2 < 1e-33 {
                    continue;
                }
                let on = d1 * d1 + d2 * d2 - o1 * o1 - o2 * o2;
                let off = 2.0 * (d1 * o1 + d2 * o2);
                let angle = 0.25 * off.atan2(on);
                let (sin, cos) = angle.sin_cos();
                for m in [&mut *a, &mut *b] {
                    turn_columns(m, p, q, sin, cos);
                    let (row_p, row_q) = (m[p], m[q]);
                    m[p] = std::array::from_fn(|k| cos * row_p[k] + sin * row_q[k]);
                    m[q] = std::array::from_fn(|k| cos * row_q[k] - sin * row_p[k]);
                }
                turn_columns(&mut basis, p, q, sin, cos);
            }
        }
        if rest < 1e-31 {
            break;
        }
    }
    basis
}

fn turn_columns(m: &mut Real, p: usize, q: usize, sin: f64, cos: f64) {
    for row in m.iter_mut() {
        let (x, y) = (row[p], row[q]);
        (row[p], row[q]) = (cos * x + sin * y, cos * y - sin * x);
    }
}
