//! The table of gates: one row of data each, from which matrices, inverses and checks are made.
//!
//! Sources: arXiv 1707.03429 (OpenQASM 2 and `qelib1.inc`), arXiv 2104.14722 (OpenQASM 3 and `stdgates.inc`).
//! Conventions: the first operand is the lowest bit of a matrix index, R_P(θ) = e^{−iθP/2}, and `u3` has a real
//! non-negative upper left element for |θ| ≤ π.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, FRAC_PI_4, PI};

use super::gate::{Clifford, GateSpec, Inverse, Library};
use super::matrix::Matrix;
use crate::Complex64;

/// A gate of the table. The names of the variants are the OpenQASM names in Rust's spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Gate {
    /// `gphase`: a global phase e^{iγ}.
    GPhase,
    /// `id`: the identity.
    Id,
    /// `u0`: the identity for γ cycles.
    U0,
    /// `x`: Pauli X.
    X,
    /// `y`: Pauli Y.
    Y,
    /// `z`: Pauli Z.
    Z,
    /// `h`: Hadamard.
    H,
    /// `s`: √Z.
    S,
    /// `sdg`: inverse of s.
    Sdg,
    /// `t`: fourth root of Z.
    T,
    /// `tdg`: inverse of t.
    Tdg,
    /// `sx`: √X.
    Sx,
    /// `sxdg`: inverse of sx.
    Sxdg,
    /// `p`: diag(1, e^{iλ}).
    P,
    /// `u1`: the older name of p.
    U1,
    /// `rx`: e^{−iθX/2}.
    Rx,
    /// `ry`: e^{−iθY/2}.
    Ry,
    /// `rz`: e^{−iφZ/2}.
    Rz,
    /// `r`: e^{−iθ(cos φ X + sin φ Y)/2}.
    R,
    /// `u2`: u3(π/2, φ, λ).
    U2,
    /// `u3`: R_z(φ) R_y(θ) R_z(λ) times e^{i(φ+λ)/2}.
    U3,
    /// `u`: the same as u3.
    U,
    /// `cx`: controlled x.
    Cx,
    /// `cy`: controlled y.
    Cy,
    /// `cz`: controlled z.
    Cz,
    /// `ch`: controlled h.
    Ch,
    /// `cs`: controlled s.
    Cs,
    /// `csdg`: controlled sdg.
    Csdg,
    /// `csx`: controlled sx.
    Csx,
    /// `csxdg`: controlled sxdg.
    Csxdg,
    /// `cp`: controlled p.
    Cp,
    /// `cu1`: controlled u1.
    Cu1,
    /// `crx`: controlled rx.
    Crx,
    /// `cry`: controlled ry.
    Cry,
    /// `crz`: controlled rz.
    Crz,
    /// `cu3`: controlled u3, as Qiskit's `qelib1.inc` has it. The file of the paper turns the control by
    /// −(φ+λ)/2 beside it, because its u3 has determinant 1.
    Cu3,
    /// `cu`: controlled e^{iγ} u3(θ, φ, λ).
    Cu,
    /// `swap`: exchange of two qubits.
    Swap,
    /// `iswap`: exchange with a factor i on the exchanged states.
    Iswap,
    /// `iswapdg`: inverse of iswap.
    Iswapdg,
    /// `ecr`: echoed cross-resonance, (X⊗1 − Y⊗X)/√2 with the first qubit left.
    Ecr,
    /// `rxx`: e^{−iθ XX/2}.
    Rxx,
    /// `ryy`: e^{−iθ YY/2}.
    Ryy,
    /// `rzz`: e^{−iθ ZZ/2}.
    Rzz,
    /// `rzx`: e^{−iθ ZX/2}, Z on the first qubit.
    Rzx,
    /// `ccx`: Toffoli.
    Ccx,
    /// `ccz`: doubly controlled z.
    Ccz,
    /// `cswap`: Fredkin.
    Cswap,
    /// `rccx`: Toffoli up to relative phases (Margolus; arXiv quant-ph/0312225).
    Rccx,
    /// `c3x`: triply controlled x.
    C3x,
    /// `c3sqrtx`: triply controlled sx.
    C3sx,
    /// `c3sqrtxdg`: inverse of c3sqrtx.
    C3sxdg,
    /// `rc3x`: triply controlled x up to relative phases (arXiv 1508.03273).
    Rc3x,
    /// `rc3xdg`: inverse of rc3x.
    Rc3xdg,
    /// `c4x`: x under four controls.
    C4x,
}

/// How the matrix of a row is made, controls left out; the functions get four angles, unused ones 0.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unitary {
    Phase,
    One(fn(&[f64; 4]) -> [[Complex64; 2]; 2]),
    Two(fn(&[f64; 4]) -> [[Complex64; 4]; 4]),
    Many(fn() -> Matrix),
}

/// (diagonal, permutation)
type Shape = (bool, bool);
const DIAGONAL: Shape = (true, true);
const PERMUTATION: Shape = (false, true);
const GENERAL: Shape = (false, false);

#[expect(clippy::too_many_arguments, reason = "a row of a table has as many cells as the table has columns")]
const fn row(
    gate: Gate,
    name: &'static str,
    aliases: &'static [&'static str],
    qubits: u8,
    params: &'static [&'static str],
    controls: u8,
    inverse: Inverse,
    controlled: Option<Gate>,
    (diagonal, permutation): Shape,
    clifford: Clifford,
    library: Library,
    unitary: Unitary,
) -> GateSpec {
    GateSpec {
        gate,
        name,
        aliases,
        qubits,
        params,
        controls,
        inverse,
        controlled,
        diagonal,
        permutation,
        clifford,
        library,
        unitary,
    }
}

// One line a row, so that the table reads as a table.
#[rustfmt::skip]
pub(super) static TABLE: [GateSpec; 55] = [
    // gate, name, aliases, qubits, angles, controls, inverse, one more control, shape, Clifford, library, matrix
    row(Gate::GPhase, "gphase", &[], 0, &["gamma"], 0, Inverse::NegateAll, Some(Gate::P), DIAGONAL, Clifford::Always, Library::Extension, Unitary::Phase),
    row(Gate::Id, "id", &[], 1, &[], 0, Inverse::Itself, None, DIAGONAL, Clifford::Always, Library::Both, Unitary::One(|_| diagonal(0.0, 0.0))),
    row(Gate::U0, "u0", &[], 1, &["gamma"], 0, Inverse::Itself, None, DIAGONAL, Clifford::Always, Library::Extension, Unitary::One(|_| diagonal(0.0, 0.0))),
    row(Gate::X, "x", &[], 1, &[], 0, Inverse::Itself, Some(Gate::Cx), PERMUTATION, Clifford::Always, Library::Both, Unitary::One(x)),
    row(Gate::Y, "y", &[], 1, &[], 0, Inverse::Itself, Some(Gate::Cy), PERMUTATION, Clifford::Always, Library::Both, Unitary::One(y)),
    row(Gate::Z, "z", &[], 1, &[], 0, Inverse::Itself, Some(Gate::Cz), DIAGONAL, Clifford::Always, Library::Both, Unitary::One(|_| diagonal(0.0, PI))),
    row(Gate::H, "h", &[], 1, &[], 0, Inverse::Itself, Some(Gate::Ch), GENERAL, Clifford::Always, Library::Both, Unitary::One(h)),
    row(Gate::S, "s", &[], 1, &[], 0, Inverse::Gate(Gate::Sdg), Some(Gate::Cs), DIAGONAL, Clifford::Always, Library::Both, Unitary::One(|_| diagonal(0.0, FRAC_PI_2))),
    row(Gate::Sdg, "sdg", &[], 1, &[], 0, Inverse::Gate(Gate::S), Some(Gate::Csdg), DIAGONAL, Clifford::Always, Library::Both, Unitary::One(|_| diagonal(0.0, -FRAC_PI_2))),
    row(Gate::T, "t", &[], 1, &[], 0, Inverse::Gate(Gate::Tdg), None, DIAGONAL, Clifford::Never, Library::Both, Unitary::One(|_| diagonal(0.0, FRAC_PI_4))),
    row(Gate::Tdg, "tdg", &[], 1, &[], 0, Inverse::Gate(Gate::T), None, DIAGONAL, Clifford::Never, Library::Both, Unitary::One(|_| diagonal(0.0, -FRAC_PI_4))),
    row(Gate::Sx, "sx", &[], 1, &[], 0, Inverse::Gate(Gate::Sxdg), Some(Gate::Csx), GENERAL, Clifford::Always, Library::Stdgates, Unitary::One(sx)),
    row(Gate::Sxdg, "sxdg", &[], 1, &[], 0, Inverse::Gate(Gate::Sx), Some(Gate::Csxdg), GENERAL, Clifford::Always, Library::Extension, Unitary::One(sxdg)),
    row(Gate::P, "p", &["phase"], 1, &["lambda"], 0, Inverse::NegateAll, Some(Gate::Cp), DIAGONAL, Clifford::AtFractionsOfPi(2), Library::Stdgates, Unitary::One(|a| diagonal(0.0, a[0]))),
    row(Gate::U1, "u1", &[], 1, &["lambda"], 0, Inverse::NegateAll, Some(Gate::Cu1), DIAGONAL, Clifford::AtFractionsOfPi(2), Library::Both, Unitary::One(|a| diagonal(0.0, a[0]))),
    row(Gate::Rx, "rx", &[], 1, &["theta"], 0, Inverse::NegateAll, Some(Gate::Crx), GENERAL, Clifford::AtFractionsOfPi(2), Library::Both, Unitary::One(|a| rotation(a[0], 0.0))),
    row(Gate::Ry, "ry", &[], 1, &["theta"], 0, Inverse::NegateAll, Some(Gate::Cry), GENERAL, Clifford::AtFractionsOfPi(2), Library::Both, Unitary::One(|a| euler(a[0], 0.0, 0.0))),
    row(Gate::Rz, "rz", &[], 1, &["phi"], 0, Inverse::NegateAll, Some(Gate::Crz), DIAGONAL, Clifford::AtFractionsOfPi(2), Library::Both, Unitary::One(|a| diagonal(-a[0] / 2.0, a[0] / 2.0))),
    row(Gate::R, "r", &["prx"], 1, &["theta", "phi"], 0, Inverse::NegateFirst, None, GENERAL, Clifford::AtFractionsOfPi(2), Library::Extension, Unitary::One(|a| rotation(a[0], a[1]))),
    row(Gate::U2, "u2", &[], 1, &["phi", "lambda"], 0, Inverse::EulerHalf, None, GENERAL, Clifford::AtFractionsOfPi(2), Library::Both, Unitary::One(|a| euler(FRAC_PI_2, a[0], a[1]))),
    row(Gate::U3, "u3", &[], 1, &["theta", "phi", "lambda"], 0, Inverse::Euler, Some(Gate::Cu3), GENERAL, Clifford::AtFractionsOfPi(2), Library::Both, Unitary::One(|a| euler(a[0], a[1], a[2]))),
    row(Gate::U, "u", &["U"], 1, &["theta", "phi", "lambda"], 0, Inverse::Euler, Some(Gate::Cu), GENERAL, Clifford::AtFractionsOfPi(2), Library::Extension, Unitary::One(|a| euler(a[0], a[1], a[2]))),
    row(Gate::Cx, "cx", &["CX"], 2, &[], 1, Inverse::Itself, Some(Gate::Ccx), PERMUTATION, Clifford::Always, Library::Both, Unitary::One(x)),
    row(Gate::Cy, "cy", &[], 2, &[], 1, Inverse::Itself, None, PERMUTATION, Clifford::Always, Library::Both, Unitary::One(y)),
    row(Gate::Cz, "cz", &[], 2, &[], 1, Inverse::Itself, Some(Gate::Ccz), DIAGONAL, Clifford::Always, Library::Both, Unitary::One(|_| diagonal(0.0, PI))),
    row(Gate::Ch, "ch", &[], 2, &[], 1, Inverse::Itself, None, GENERAL, Clifford::Never, Library::Both, Unitary::One(h)),
    row(Gate::Cs, "cs", &[], 2, &[], 1, Inverse::Gate(Gate::Csdg), None, DIAGONAL, Clifford::Never, Library::Extension, Unitary::One(|_| diagonal(0.0, FRAC_PI_2))),
    row(Gate::Csdg, "csdg", &[], 2, &[], 1, Inverse::Gate(Gate::Cs), None, DIAGONAL, Clifford::Never, Library::Extension, Unitary::One(|_| diagonal(0.0, -FRAC_PI_2))),
    row(Gate::Csx, "csx", &[], 2, &[], 1, Inverse::Gate(Gate::Csxdg), None, GENERAL, Clifford::Never, Library::Extension, Unitary::One(sx)),
    row(Gate::Csxdg, "csxdg", &[], 2, &[], 1, Inverse::Gate(Gate::Csx), None, GENERAL, Clifford::Never, Library::Extension, Unitary::One(sxdg)),
    row(Gate::Cp, "cp", &["cphase"], 2, &["lambda"], 1, Inverse::NegateAll, None, DIAGONAL, Clifford::AtFractionsOfPi(1), Library::Stdgates, Unitary::One(|a| diagonal(0.0, a[0]))),
    row(Gate::Cu1, "cu1", &[], 2, &["lambda"], 1, Inverse::NegateAll, None, DIAGONAL, Clifford::AtFractionsOfPi(1), Library::Qelib1, Unitary::One(|a| diagonal(0.0, a[0]))),
    row(Gate::Crx, "crx", &[], 2, &["theta"], 1, Inverse::NegateAll, None, GENERAL, Clifford::AtFractionsOfPi(1), Library::Stdgates, Unitary::One(|a| rotation(a[0], 0.0))),
    row(Gate::Cry, "cry", &[], 2, &["theta"], 1, Inverse::NegateAll, None, GENERAL, Clifford::AtFractionsOfPi(1), Library::Stdgates, Unitary::One(|a| euler(a[0], 0.0, 0.0))),
    row(Gate::Crz, "crz", &[], 2, &["phi"], 1, Inverse::NegateAll, None, DIAGONAL, Clifford::AtFractionsOfPi(1), Library::Both, Unitary::One(|a| diagonal(-a[0] / 2.0, a[0] / 2.0))),
    row(Gate::Cu3, "cu3", &[], 2, &["theta", "phi", "lambda"], 1, Inverse::Euler, None, GENERAL, Clifford::AtFractionsOfPi(1), Library::Qelib1, Unitary::One(|a| euler(a[0], a[1], a[2]))),
    row(Gate::Cu, "cu", &[], 2, &["theta", "phi", "lambda", "gamma"], 1, Inverse::Euler, None, GENERAL, Clifford::AtFractionsOfPi(1), Library::Stdgates, Unitary::One(phased_euler)),
    row(Gate::Swap, "swap", &[], 2, &[], 0, Inverse::Itself, Some(Gate::Cswap), PERMUTATION, Clifford::Always, Library::Stdgates, Unitary::Two(swap)),
    row(Gate::Iswap, "iswap", &[], 2, &[], 0, Inverse::Gate(Gate::Iswapdg), None, PERMUTATION, Clifford::Always, Library::Extension, Unitary::Two(|_| swap_with_phase(I))),
    row(Gate::Iswapdg, "iswapdg", &[], 2, &[], 0, Inverse::Gate(Gate::Iswap), None, PERMUTATION, Clifford::Always, Library::Extension, Unitary::Two(|_| swap_with_phase(-I))),
    row(Gate::Ecr, "ecr", &[], 2, &[], 0, Inverse::Itself, None, GENERAL, Clifford::Always, Library::Extension, Unitary::Two(ecr)),
    row(Gate::Rxx, "rxx", &[], 2, &["theta"], 0, Inverse::NegateAll, None, GENERAL, Clifford::AtFractionsOfPi(2), Library::Extension, Unitary::Two(rxx)),
    row(Gate::Ryy, "ryy", &[], 2, &["theta"], 0, Inverse::NegateAll, None, GENERAL, Clifford::AtFractionsOfPi(2), Library::Extension, Unitary::Two(ryy)),
    row(Gate::Rzz, "rzz", &[], 2, &["theta"], 0, Inverse::NegateAll, None, DIAGONAL, Clifford::AtFractionsOfPi(2), Library::Extension, Unitary::Two(rzz)),
    row(Gate::Rzx, "rzx", &[], 2, &["theta"], 0, Inverse::NegateAll, None, GENERAL, Clifford::AtFractionsOfPi(2), Library::Extension, Unitary::Two(rzx)),
    row(Gate::Ccx, "ccx", &[], 3, &[], 2, Inverse::Itself, Some(Gate::C3x), PERMUTATION, Clifford::Never, Library::Both, Unitary::One(x)),
    row(Gate::Ccz, "ccz", &[], 3, &[], 2, Inverse::Itself, None, DIAGONAL, Clifford::Never, Library::Extension, Unitary::One(|_| diagonal(0.0, PI))),
    row(Gate::Cswap, "cswap", &[], 3, &[], 1, Inverse::Itself, None, PERMUTATION, Clifford::Never, Library::Stdgates, Unitary::Two(swap)),
    row(Gate::Rccx, "rccx", &[], 3, &[], 0, Inverse::Itself, None, PERMUTATION, Clifford::Never, Library::Extension, Unitary::Many(rccx)),
    row(Gate::C3x, "c3x", &["mcx3"], 4, &[], 3, Inverse::Itself, Some(Gate::C4x), PERMUTATION, Clifford::Never, Library::Extension, Unitary::One(x)),
    row(Gate::C3sx, "c3sqrtx", &["c3sx"], 4, &[], 3, Inverse::Gate(Gate::C3sxdg), None, GENERAL, Clifford::Never, Library::Extension, Unitary::One(sx)),
    row(Gate::C3sxdg, "c3sqrtxdg", &["c3sxdg"], 4, &[], 3, Inverse::Gate(Gate::C3sx), None, GENERAL, Clifford::Never, Library::Extension, Unitary::One(sxdg)),
    row(Gate::Rc3x, "rc3x", &["rcccx"], 4, &[], 0, Inverse::Gate(Gate::Rc3xdg), None, PERMUTATION, Clifford::Never, Library::Extension, Unitary::Many(rc3x)),
    row(Gate::Rc3xdg, "rc3xdg", &[], 4, &[], 0, Inverse::Gate(Gate::Rc3x), None, PERMUTATION, Clifford::Never, Library::Extension, Unitary::Many(rc3xdg)),
    row(Gate::C4x, "c4x", &[], 5, &[], 4, Inverse::Itself, None, PERMUTATION, Clifford::Never, Library::Extension, Unitary::One(x)),
];

const O: Complex64 = Complex64::ZERO;
const L: Complex64 = Complex64::ONE;
const I: Complex64 = Complex64::I;

fn diagonal(first: f64, second: f64) -> [[Complex64; 2]; 2] {
    [[turn(first), O], [O, turn(second)]]
}

/// e^{i·angle}, exact at the multiples of π/2 that named gates use.
fn turn(angle: f64) -> Complex64 {
    match angle {
        0.0 => L,
        PI => -L,
        FRAC_PI_2 => I,
        angle if angle == -FRAC_PI_2 => -I,
        angle => Complex64::cis(angle),
    }
}

fn x(_: &[f64; 4]) -> [[Complex64; 2]; 2] {
    [[O, L], [L, O]]
}

fn y(_: &[f64; 4]) -> [[Complex64; 2]; 2] {
    [[O, -I], [I, O]]
}

fn h(_: &[f64; 4]) -> [[Complex64; 2]; 2] {
    let r = Complex64::from(FRAC_1_SQRT_2);
    [[r, r], [r, -r]]
}

fn sx(_: &[f64; 4]) -> [[Complex64; 2]; 2] {
    let (plus, minus) = (Complex64::new(0.5, 0.5), Complex64::new(0.5, -0.5));
    [[plus, minus], [minus, plus]]
}

fn sxdg(_: &[f64; 4]) -> [[Complex64; 2]; 2] {
    let (plus, minus) = (Complex64::new(0.5, 0.5), Complex64::new(0.5, -0.5));
    [[minus, plus], [plus, minus]]
}

/// A turn by θ about the axis cos φ X + sin φ Y.
fn rotation(theta: f64, phi: f64) -> [[Complex64; 2]; 2] {
    let (sin, cos) = (theta / 2.0).sin_cos();
    [[cos.into(), -I * turn(-phi) * sin], [-I * turn(phi) * sin, cos.into()]]
}

/// u3(θ, φ, λ) of arXiv 1707.03429 eq. (2), times e^{i(φ+λ)/2}.
fn euler(theta: f64, phi: f64, lambda: f64) -> [[Complex64; 2]; 2] {
    let (sin, cos) = (theta / 2.0).sin_cos();
    [[cos.into(), -turn(lambda) * sin], [turn(phi) * sin, turn(phi + lambda) * cos]]
}

fn phased_euler(&[theta, phi, lambda, gamma]: &[f64; 4]) -> [[Complex64; 2]; 2] {
    euler(theta, phi, lambda).map(|line| line.map(|element| element * turn(gamma)))
}

fn swap(_: &[f64; 4]) -> [[Complex64; 4]; 4] {
    swap_with_phase(L)
}

fn swap_with_phase(f: Complex64) -> [[Complex64; 4]; 4] {
    [[L, O, O, O], [O, O, f, O], [O, f, O, O], [O, O, O, L]]
}

fn ecr(_: &[f64; 4]) -> [[Complex64; 4]; 4] {
    let r = Complex64::from(FRAC_1_SQRT_2);
    let i = I * FRAC_1_SQRT_2;
    [[O, r, O, i], [r, O, -i, O], [O, i, O, r], [-i, O, r, O]]
}

fn rxx(&[theta, ..]: &[f64; 4]) -> [[Complex64; 4]; 4] {
    let (c, s) = half(theta);
    [[c, O, O, s], [O, c, s, O], [O, s, c, O], [s, O, O, c]]
}

fn ryy(&[theta, ..]: &[f64; 4]) -> [[Complex64; 4]; 4] {
    let (c, s) = half(theta);
    [[c, O, O, -s], [O, c, s, O], [O, s, c, O], [-s, O, O, c]]
}

fn rzz(&[theta, ..]: &[f64; 4]) -> [[Complex64; 4]; 4] {
    let (minus, plus) = (turn(-theta / 2.0), turn(theta / 2.0));
    [[minus, O, O, O], [O, plus, O, O], [O, O, plus, O], [O, O, O, minus]]
}

fn rzx(&[theta, ..]: &[f64; 4]) -> [[Complex64; 4]; 4] {
    let (c, s) = half(theta);
    [[c, O, s, O], [O, c, O, -s], [s, O, c, O], [O, -s, O, c]]
}

/// cos(θ/2) and −i·sin(θ/2).
fn half(theta: f64) -> (Complex64, Complex64) {
    let (sin, cos) = (theta / 2.0).sin_cos();
    (cos.into(), -I * sin)
}

/// A permutation matrix with phases: row `r` has its one element `entries[r].1` in column `entries[r].0`.
fn monomial<const N: usize>(entries: [(usize, Complex64); N]) -> Matrix {
    let mut rows = [[O; N]; N];
    for (line, (column, phase)) in rows.iter_mut().zip(entries) {
        line[column] = phase;
    }
    Matrix::from_rows(rows)
}

fn rccx() -> Matrix {
    monomial([(0, L), (1, L), (2, L), (7, -I), (4, L), (5, -L), (6, L), (3, I)])
}

fn rc3x() -> Matrix {
    monomial([
        (0, L),
        (1, L),
        (2, L),
        (3, I),
        (4, L),
        (5, L),
        (6, L),
        (15, L),
        (8, L),
        (9, L),
        (10, L),
        (11, -I),
        (12, L),
        (13, L),
        (14, L),
        (7, -L),
    ])
}

fn rc3xdg() -> Matrix {
    rc3x().adjoint()
}
