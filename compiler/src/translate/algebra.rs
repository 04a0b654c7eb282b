//! Two- and four-dimensional unitaries on the stack, and the axes of Pauli-like rotations.
//!
//! The first qubit of a pair is the lower bit of the index, as in `qhal::circuit`; in a pair of matrices it comes first.

use qhal::Complex64;

/// A matrix on one qubit.
pub(crate) type One = [[Complex64; 2]; 2];
/// A matrix on two qubits.
pub(crate) type Two = [[Complex64; 4]; 4];
/// A unit vector (x, y, z): the Pauli-like operator xX + yY + zZ.
pub(crate) type Axis = [f64; 3];

pub(crate) const X: Axis = [1.0, 0.0, 0.0];
pub(crate) const Y: Axis = [0.0, 1.0, 0.0];
pub(crate) const Z: Axis = [0.0, 0.0, 1.0];

const O: Complex64 = Complex64::ZERO;
const L: Complex64 = Complex64::ONE;

pub(crate) const ONE: One = [[L, O], [O, L]];
pub(crate) const HADAMARD: One = {
    let r = Complex64::new(std::f64::consts::FRAC_1_SQRT_2, 0.0);
    let m = Complex64::new(-std::f64::consts::FRAC_1_SQRT_2, 0.0);
    [[r, r], [r, m]]
};
pub(crate) const SWAP: Two = [[L, O, O, O], [O, O, L, O], [O, L, O, O], [O, O, O, L]];

/// The product: `right` acts first.
#[inline]
pub(crate) fn times(left: &One, right: &One) -> One {
    let cell = |row: usize, column: usize| left[row][0] * right[0][column] + left[row][1] * right[1][column];
    [[cell(0, 0), cell(0, 1)], [cell(1, 0), cell(1, 1)]]
}

#[inline]
pub(crate) fn adjoint(u: &One) -> One {
    [[u[0][0].conj(), u[1][0].conj()], [u[0][1].conj(), u[1][1].conj()]]
}

/// The product: `right` acts first.
pub(crate) fn times2(left: &Two, right: &Two) -> Two {
    let mut out = [[O; 4]; 4];
    for (line, row) in out.iter_mut().zip(left) {
        for (inner, factor) in row.iter().enumerate() {
            for (sum, element) in line.iter_mut().zip(&right[inner]) {
                *sum += factor * element;
            }
        }
    }
    out
}

pub(crate) fn adjoint2(u: &Two) -> Two {
    std::array::from_fn(|row| std::array::from_fn(|column| u[column][row].conj()))
}

/// One matrix on each qubit of a pair, the first on the lower bit.
pub(crate) fn both([low, high]: &[One; 2]) -> Two {
    std::array::from_fn(|row| {
        std::array::from_fn(|column| high[row >> 1][column >> 1] * low[row & 1][column & 1])
    })
}

/// The same unitary with its two qubits exchanged.
pub(crate) fn exchanged(u: &Two) -> Two {
    const FLIP: [usize; 4] = [0, 2, 1, 3];
    std::array::from_fn(|row| std::array::from_fn(|column| u[FLIP[row]][FLIP[column]]))
}

pub(crate) fn scaled<const N: usize>(u: &[[Complex64; N]; N], factor: Complex64) -> [[Complex64; N]; N] {
    u.map(|row| row.map(|element| element * factor))
}

/// The largest distance between elements at the same place.
pub(crate) fn distance<const N: usize>(a: &[[Complex64; N]; N], b: &[[Complex64; N]; N]) -> f64 {
    a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| (a - b).norm_sqr()).fold(0.0, f64::max).sqrt()
}

/// xX + yY + zZ.
pub(crate) fn pauli(&[x, y, z]: &Axis) -> One {
    [[Complex64::new(z, 0.0), Complex64::new(x, -y)], [Complex64::new(x, y), Complex64::new(-z, 0.0)]]
}

/// e^{i·angle·axis}.
pub(crate) fn turn(angle: f64, axis: &Axis) -> One {
    let (sin, cos) = angle.sin_cos();
    let [[a, b], [c, d]] = pauli(axis);
    let i = Complex64::new(0.0, sin);
    [[i * a + cos, i * b], [i * c, i * d + cos]]
}

/// R_z(angle) = e^{−i·angle·Z/2}.
#[inline]
pub(crate) fn rz(angle: f64) -> One {
    let half = Complex64::cis(angle / 2.0);
    [[half.conj(), O], [O, half]]
}

/// The axis of u†·axis·u.
#[inline]
pub(crate) fn seen_before(u: &One, axis: &Axis) -> Axis {
    let m = times(&adjoint(u), &times(&pauli(axis), u));
    normalized([m[1][0].re, m[1][0].im, m[0][0].re])
}

fn normalized(axis: Axis) -> Axis {
    let length = (axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2]).sqrt();
    // Rounding must not make two axes out of one.
    axis.map(|part| if part.abs() < 1e-14 { 0.0 } else { part / length })
}

/// Whether two axes are the same up to sign.
#[inline]
pub(crate) fn parallel(a: &Axis, b: &Axis) -> bool {
    let cross = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    cross[0] * cross[0] + cross[1] * cross[1] + cross[2] * cross[2] < super::TOLERANCE * super::TOLERANCE
}

pub(crate) fn dot(a: &Axis, b: &Axis) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// A unitary that turns Z into `axis`: V·Z·V† = axis.
pub(crate) fn from_z(axis: &Axis) -> One {
    let polar = axis[0].hypot(axis[1]).atan2(axis[2]);
    let azimuth = if axis[0].hypot(axis[1]) < 1e-14 { 0.0 } else { axis[1].atan2(axis[0]) };
    times(&turn(-azimuth / 2.0, &Z), &turn(-polar / 2.0, &Y))
}

/// A unitary that turns X into `axis`.
pub(crate) fn from_x(axis: &Axis) -> One {
    times(&from_z(axis), &HADAMARD)
}

/// e^{ix·P⊗Q} with P on the first qubit.
pub(crate) fn rotation(x: f64, axes: &[Axis; 2]) -> Two {
    let (sin, cos) = x.sin_cos();
    let mut out = scaled(&both(&[pauli(&axes[0]), pauli(&axes[1])]), Complex64::new(0.0, sin));
    for (at, row) in out.iter_mut().enumerate() {
        row[at] += cos;
    }
    out
}

/// Angles (θ, φ, λ, γ) with u = e^{iγ} R_z(φ) R_y(θ) R_z(λ), θ in [0, π].
pub(crate) fn euler(u: &One) -> [f64; 4] {
    let theta = 2.0 * u[1][0].norm().atan2(u[0][0].norm());
    // arg(u11) = γ + (φ+λ)/2, arg(u00) = γ − (φ+λ)/2, arg(u10) = γ + (φ−λ)/2, arg(−u01) = γ − (φ−λ)/2.
    let pair = |plus: Complex64, minus: Complex64| {
        if plus.norm_sqr() > 1e-24 {
            (plus.arg() - minus.arg(), (plus.arg() + minus.arg()) / 2.0)
        } else {
            (0.0, 0.0)
        }
    };
    let (sum, of_sum) = pair(u[1][1], u[0][0]);
    let (difference, of_difference) = pair(u[1][0], -u[0][1]);
    // γ comes from the larger elements: the arguments of small ones are rounded off. The others have to agree with it up to
    // their rounding, and half a turn between them is a sign of half angles.
    let opposite = Complex64::cis(of_difference - of_sum).re < 0.0;
    let turn = if opposite && u[0][0].norm_sqr().min(u[1][0].norm_sqr()) > 1e-24 {
        std::f64::consts::TAU
    } else {
        0.0
    };
    let (sum, difference, gamma) = if u[0][0].norm_sqr() >= u[1][0].norm_sqr() {
        (sum, difference + turn, of_sum)
    } else {
        (sum + turn, difference, of_difference)
    };
    [theta, (sum + difference) / 2.0, (sum - difference) / 2.0, gamma]
}

/// The angle in (−π, π].
pub(crate) fn wrapped(angle: f64) -> f64 {
    let turns = angle / std::f64::consts::TAU;
    let wrapped = angle - turns.round() * std::f64::consts::TAU;
    if wrapped <= -std::f64::consts::PI { wrapped + std::f64::consts::TAU } else { wrapped }
}
