//! Unitaries on two qubits as the fewest entangling gates of a device, with one-qubit gates around them.

pub(crate) mod euler;
pub(crate) mod kak;
pub(crate) mod native;

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};

use qhal::Complex64;

use super::TOLERANCE;
use super::algebra::{self, HADAMARD, One, SWAP, Two, X, Y, Z, both, times, times2, turn};
use kak::Kak;
use native::{Entangler, Family};

/// A piece of a synthesized unitary, in the order of time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A unitary on the first (0) or second (1) qubit.
    Local(usize, One),
    /// The entangling gate: CZ or iSWAP, or e^{ix·P⊗Q} of a device with continuous angles.
    Entangle(f64),
}

/// A unitary on two qubits in terms of one entangling gate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sequence {
    /// The global phase that the steps leave out.
    pub(crate) phase: f64,
    pub(crate) steps: Vec<Step>,
}

/// How many gates of a family a unitary with these canonical coordinates needs.
///
/// CZ: Shende, Bullock and Markov, Phys. Rev. A 70, 012310 (2004). iSWAP is CZ and an exchange, so n of them do what
/// n CZ do, exchanged where n is odd.
pub(crate) fn count(family: Family, &[x, y, z]: &[f64; 3]) -> u32 {
    let zero = |coordinate: f64| coordinate.abs() < TOLERANCE;
    let quarter = |coordinate: f64| (coordinate.abs() - FRAC_PI_4).abs() < TOLERANCE;
    let continuous = [x, y, z].iter().filter(|&&coordinate| !zero(coordinate)).count() as u32;
    match family {
        _ if zero(x) => 0,
        Family::ControlledZ if quarter(x) && zero(y) && zero(z) => 1,
        Family::Iswap if quarter(x) && quarter(y) && zero(z) => 1,
        Family::ControlledZ | Family::Iswap => {
            if zero(z) {
                2
            } else {
                3
            }
        }
        Family::Rotation => continuous,
    }
}

/// Writes a unitary in terms of `entangler`.
pub(crate) fn synthesize(kak: &Kak, entangler: &Entangler) -> Sequence {
    match entangler.family {
        Family::ControlledZ => with_controlled_z(kak, count(Family::ControlledZ, &kak.coordinates)),
        Family::Rotation => with_rotations(kak, entangler),
        Family::Iswap => with_iswaps(kak),
    }
}

impl Sequence {
    fn local(&mut self, pair: [One; 2]) {
        for (side, u) in pair.into_iter().enumerate() {
            self.steps.push(Step::Local(side, u));
        }
    }

    fn entangle(&mut self, x: f64) {
        self.steps.push(Step::Entangle(x));
    }

    /// What the steps and the phase multiply to.
    pub(crate) fn matrix(&self, entangler: &Entangler) -> Two {
        let mut product = both(&[algebra::ONE, algebra::ONE]);
        for step in &self.steps {
            let factor = match *step {
                Step::Local(0, u) => both(&[u, algebra::ONE]),
                Step::Local(_, u) => both(&[algebra::ONE, u]),
                Step::Entangle(x) => match entangler.family {
                    Family::ControlledZ => controlled_z(),
                    Family::Rotation => algebra::rotation(x, &entangler.axes),
                    Family::Iswap => {
                        times2(&SWAP, &times2(&controlled_z(), &both(&[phase_gate(), phase_gate()])))
                    }
                },
            };
            product = times2(&factor, &product);
        }
        algebra::scaled(&product, Complex64::cis(self.phase))
    }
}

fn phase_gate() -> One {
    [[Complex64::ONE, Complex64::ZERO], [Complex64::ZERO, Complex64::I]]
}

fn controlled_z() -> Two {
    let mut cz = both(&[algebra::ONE, algebra::ONE]);
    cz[3][3] = -cz[3][3];
    cz
}

/// `gates` controlled-Z gates, at least as many as are needed; 3 are enough for everything.
fn with_controlled_z(kak: &Kak, gates: u32) -> Sequence {
    let [x, y, z] = kak.coordinates;
    let mut sequence = Sequence { phase: kak.phase, steps: Vec::with_capacity(16) };
    // N(x, y, z) = e^{i(xXX + yYY + zZZ)} = after · core · before.
    let (before, after): ([One; 2], [One; 2]);
    let mut core = Sequence::default();
    match gates {
        0 => (before, after) = ([algebra::ONE; 2], [algebra::ONE; 2]),
        1 => {
            // e^{iπ/4·ZZ} = e^{−iπ/4} (e^{iπ/4·Z} ⊗ e^{iπ/4·Z}) CZ
            let quarter = times(&HADAMARD, &turn(FRAC_PI_4, &Z));
            (before, after) = ([HADAMARD; 2], [quarter; 2]);
            core.entangle(FRAC_PI_4);
            sequence.phase -= FRAC_PI_4;
        }
        2 => {
            // CZ (e^{ixX} ⊗ e^{iyX}) CZ = e^{i(x·XZ + y·ZX)}, with the axes turned so that XZ is XX and ZX is YY.
            let frame = turn(-FRAC_PI_4, &X);
            let low = times(&frame, &HADAMARD);
            after = [low, frame];
            before = after.map(|u| algebra::adjoint(&u));
            core.entangle(FRAC_PI_4);
            core.local([turn(y, &X), turn(x, &X)]);
            core.entangle(FRAC_PI_4);
        }
        _ => {
            // Vatan and Williams, Phys. Rev. A 69, 032315 (2004), figure 6, each CX as H·CZ·H.
            let (theta, phi, lambda) = (FRAC_PI_2 - 2.0 * z, 2.0 * x - FRAC_PI_2, FRAC_PI_2 - 2.0 * y);
            let ry = |angle: f64| turn(-angle / 2.0, &Y);
            let rz = |angle: f64| turn(-angle / 2.0, &Z);
            before = [HADAMARD, rz(-FRAC_PI_2)];
            after = [times(&rz(FRAC_PI_2), &HADAMARD), algebra::ONE];
            core.entangle(FRAC_PI_4);
            core.local([times(&rz(theta), &HADAMARD), times(&HADAMARD, &ry(phi))]);
            core.entangle(FRAC_PI_4);
            core.local([HADAMARD, times(&ry(lambda), &HADAMARD)]);
            core.entangle(FRAC_PI_4);
            sequence.phase += FRAC_PI_4;
        }
    }
    sequence.local([times(&before[0], &kak.right[0]), times(&before[1], &kak.right[1])]);
    sequence.steps.append(&mut core.steps);
    sequence.local([times(&kak.left[0], &after[0]), times(&kak.left[1], &after[1])]);
    sequence
}

/// One rotation for each coordinate, its axes turned to those of the device.
fn with_rotations(kak: &Kak, entangler: &Entangler) -> Sequence {
    let mut sequence = Sequence { phase: kak.phase, steps: Vec::with_capacity(12) };
    sequence.local(kak.right);
    for (coordinate, axis) in kak.coordinates.into_iter().zip([X, Y, Z]) {
        if coordinate.abs() < TOLERANCE {
            continue;
        }
        // Devices count e^{−iθ/2·P⊗Q} with θ from 0 on: the sign goes into the axis of one side.
        let signed = if coordinate > 0.0 { axis.map(|part| -part) } else { axis };
        let frame = [frame(&entangler.axes[0], &axis), frame(&entangler.axes[1], &signed)];
        sequence.local(frame.map(|u| algebra::adjoint(&u)));
        sequence.entangle(-coordinate.abs());
        sequence.local(frame);
    }
    sequence.local(kak.left);
    sequence
}

/// A unitary that turns one axis into another.
fn frame(from: &algebra::Axis, to: &algebra::Axis) -> One {
    if algebra::parallel(from, to) && algebra::dot(from, to) > 0.0 {
        return algebra::ONE;
    }
    times(&algebra::from_z(to), &algebra::adjoint(&algebra::from_z(from)))
}

/// Each CZ as SWAP · iSWAP · (S†⊗S†), with the exchanges carried to the end; an odd number leaves one, so that the
/// mirrored unitary is made then.
fn with_iswaps(kak: &Kak) -> Sequence {
    let gates = count(Family::Iswap, &kak.coordinates);
    let odd = gates % 2 == 1;
    let base =
        if odd { with_controlled_z(&kak.clone().mirrored(), gates) } else { with_controlled_z(kak, gates) };
    let mut sequence = Sequence { phase: base.phase, steps: Vec::with_capacity(base.steps.len() + 6) };
    let back = algebra::adjoint(&phase_gate());
    let mut side = usize::from(odd);
    for step in base.steps {
        match step {
            Step::Local(which, u) => sequence.steps.push(Step::Local(which ^ side, u)),
            Step::Entangle(x) => {
                sequence.local([back, back]);
                sequence.entangle(x);
                side ^= 1;
            }
        }
    }
    sequence
}

#[cfg(test)]
mod tests;
