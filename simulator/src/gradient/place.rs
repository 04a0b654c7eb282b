//! From a step and its numbers to what the kernels take: lines of constants, and what the sums they return mean.

use std::f64::consts::{FRAC_PI_2, PI, SQRT_2};

use qhal::Complex64;
use qhal::circuit::{Block, Gate};

use super::tape::{Action, One, Source, Step};
use crate::kernels::{Form, Line, Local, Sums};
use crate::real::Real;

/// A step in the blocks of one pass.
pub(super) struct Placed<T: Real> {
    /// Bits outside the block that have to be 1.
    pub(super) controls: u64,
    /// Bits outside the block whose parity counts.
    pub(super) parity: u64,
    pub(super) local: Local<T>,
    /// Lanes that have to be 1.
    lane_controls: usize,
    /// Lanes whose parity counts.
    lane_parity: usize,
}

/// The bits of `mask` that lie in a block, moved to where they are there.
fn gather(resident: u64, mask: u64) -> usize {
    let mut rest = mask & resident;
    let mut inside = 0;
    while rest != 0 {
        let bit = rest & rest.wrapping_neg();
        inside |= 1 << (resident & (bit - 1)).count_ones();
        rest ^= bit;
    }
    inside
}

fn parity(bits: usize) -> usize {
    bits.count_ones() as usize & 1
}

impl Source {
    /// The matrix for given angles.
    pub(super) fn matrix(&self, angles: &[f64]) -> One {
        match *self {
            Self::Fixed(matrix) => matrix,
            Self::Gate { gate, first } => {
                one(gate, angles.get(first..first + gate.params()).unwrap_or_default())
            }
        }
    }
}

/// The matrix of a gate on one qubit without its controls.
fn one(gate: Gate, angles: &[f64]) -> One {
    match gate.block(angles) {
        Block::One(matrix) => matrix,
        // Only gates on one qubit are put into steps.
        _ => [[Complex64::ONE, Complex64::ZERO], [Complex64::ZERO, Complex64::ONE]],
    }
}

pub(super) fn adjoint(&[[a, b], [c, d]]: &One) -> One {
    [[a.conj(), c.conj()], [b.conj(), d.conj()]]
}

impl<T: Real> Placed<T> {
    /// Puts a step with its matrix into blocks of the `resident` bits.
    pub(super) fn new(step: &Step, resident: u64, matrix: &One) -> Self {
        let lanes = T::LANES - 1;
        let controls = gather(resident, step.controls);
        let lane_controls = controls & lanes;
        let holds = |lane: usize| lane & lane_controls == lane_controls;
        let (mut lane_parity, mut outer_parity) = (0, 0);
        let mut lines = [Line(T::lanes(|_| T::default())); 8];
        let mut set = |at: usize, make: &dyn Fn(usize) -> Complex64| {
            if let Some(pair) = lines.get_mut(at..at + 2) {
                pair[0] = Line(T::lanes(|lane| T::from_f64(make(lane).re)));
                pair[1] = Line(T::lanes(|lane| T::from_f64(make(lane).im)));
            }
        };
        let [[a, b], [c, d]] = *matrix;
        let one_where_not =
            |factor: Complex64| move |lane: usize| if holds(lane) { factor } else { Complex64::ONE };
        let zero_where_not =
            |factor: Complex64| move |lane: usize| if holds(lane) { factor } else { Complex64::ZERO };
        let form = match step.action {
            Action::Turn { bit } => {
                let inside = gather(resident, 1 << bit);
                if inside > lanes {
                    set(0, &one_where_not(a));
                    set(2, &zero_where_not(b));
                    set(4, &zero_where_not(c));
                    set(6, &one_where_not(d));
                    Form::Pair { bit: inside.trailing_zeros() - T::LANE_BITS }
                } else {
                    lane_parity = inside;
                    let is_one = |lane: usize| lane & inside != 0;
                    set(1, &|lane| one_where_not(if is_one(lane) { d } else { a })(lane));
                    set(3, &|lane| zero_where_not(if is_one(lane) { c } else { b })(lane));
                    lines[0] = Line(T::lanes(|lane| T::from_index(lane ^ inside)));
                    Form::Lane
                }
            }
            Action::Factor { parity: mask } => {
                let inside = gather(resident, mask);
                lane_parity = inside & lanes;
                outer_parity = mask & !resident;
                let factors = [a, d];
                for odd in 0..2 {
                    set(2 * odd, &|lane| one_where_not(factors[parity(lane & lane_parity) ^ odd])(lane));
                }
                Form::Diagonal { parity: inside >> T::LANE_BITS }
            }
        };
        let real = [a, b, c, d].iter().all(|element| element.im == 0.0);
        Self {
            controls: step.controls & !resident,
            parity: outer_parity,
            local: Local { form, controls: controls >> T::LANE_BITS, real, lines },
            lane_controls,
            lane_parity,
        }
    }

    /// Im S(0,0), Im S(1,1), Re S(0,1) − Re S(1,0) and Im S(0,1) + Im S(1,0) from what the kernel summed up lane by lane.
    pub(super) fn reduce(&self, sums: &Sums<T>) -> [f64; 4] {
        let mut total = [0.0; 4];
        let at =
            |line: usize, lane: usize| sums[line].0.as_ref().get(lane).map_or(0.0, |number| number.to_f64());
        for lane in (0..T::LANES).filter(|lane| lane & self.lane_controls == self.lane_controls) {
            let odd = parity(lane & self.lane_parity);
            match self.local.form {
                Form::Pair { .. } => {
                    total.iter_mut().enumerate().for_each(|(line, sum)| *sum += at(line, lane));
                }
                Form::Lane => {
                    total[odd] += at(0, lane);
                    total[2] += if odd == 0 { at(1, lane) } else { -at(1, lane) };
                    total[3] += at(2, lane);
                }
                Form::Diagonal { .. } => {
                    total[odd] += at(0, lane);
                    total[1 - odd] += at(1, lane);
                }
            }
        }
        total
    }
}

/// What the four figures of [`Placed::reduce`] are multiplied by for the derivative by angle number `which` of a gate.
///
/// 2·Re ⟨λ|∂B·B†|ψ⟩ with B the gate's matrix. Its elements are sums of e^{iωθ} with ω of 0, ½ and 1 in every angle, for
/// which four values of B give ∂B without error (a general parameter-shift rule: Wierichs, Izaac, Wang and Lin, Quantum
/// 6, 677, 2022).
pub(super) fn weights(gate: Gate, angles: &[f64], which: usize) -> [f64; 4] {
    let mut derivative = [[Complex64::ZERO; 2]; 2];
    for (shift, factor) in [(PI, (1.0 - SQRT_2) / 4.0), (FRAC_PI_2, 0.5)] {
        for sign in [1.0, -1.0] {
            let mut shifted = angles.to_vec();
            if let Some(angle) = shifted.get_mut(which) {
                *angle += sign * shift;
            }
            let matrix = one(gate, &shifted);
            for (to, from) in derivative.iter_mut().flatten().zip(matrix.iter().flatten()) {
                *to += from * (sign * factor);
            }
        }
    }
    let inverse = adjoint(&one(gate, angles));
    let product = |row: usize, column: usize| {
        derivative[row][0] * inverse[0][column] + derivative[row][1] * inverse[1][column]
    };
    [-2.0 * product(0, 0).im, -2.0 * product(1, 1).im, 2.0 * product(0, 1).re, -2.0 * product(0, 1).im]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_of_all_gates_are_those_of_small_differences() {
        const STEP: f64 = 1e-5;
        for gate in Gate::all().filter(|gate| matches!(gate.block(&[]), Block::One(_))) {
            let angles: Vec<f64> = (0..gate.params()).map(|at| 0.7 - 1.1 * at as f64).collect();
            for which in 0..angles.len() {
                let near = |sign: f64| {
                    let mut angles = angles.clone();
                    angles[which] += sign * STEP;
                    one(gate, &angles)
                };
                let (after, before, inverse) = (near(1.0), near(-1.0), adjoint(&one(gate, &angles)));
                let d: One = std::array::from_fn(|row| {
                    std::array::from_fn(|column| {
                        (0..2)
                            .map(|k| (after[row][k] - before[row][k]) / (2.0 * STEP) * inverse[k][column])
                            .sum()
                    })
                });
                let expected = [-2.0 * d[0][0].im, -2.0 * d[1][1].im, 2.0 * d[0][1].re, -2.0 * d[0][1].im];
                for (got, expected) in weights(gate, &angles, which).into_iter().zip(expected) {
                    assert!((got - expected).abs() < 1e-9, "{gate} angle {which}: {got} and {expected}");
                }
            }
        }
    }
}
