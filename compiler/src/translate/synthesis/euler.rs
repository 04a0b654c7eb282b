//! Unitaries on one qubit as pulses of a device, with the last R_z left over where it can wait.
//!
//! An R_z costs nothing on hardware that counts phases in software, and passes controlled-Z gates and measurements. So it
//! is carried along until something needs it (McKay, Wood, Sheldon, Chow and Gambetta, Phys. Rev. A 96, 022330 (2017)).

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI, TAU};

use qhal::Gate;
use qhal::circuit::Params;

use super::native::{Pulses, negligible};
use crate::translate::algebra::{self, One, times, turn, wrapped};

/// Up to five gates on one qubit in the order of time.
#[derive(Clone, Debug)]
pub(crate) struct Train {
    gates: [(Gate, Params); 5],
    len: usize,
    /// The angle of the R_z that is still to be done behind them.
    pub(crate) z: f64,
    /// The global phase that they leave out.
    pub(crate) phase: f64,
}

impl Train {
    fn new(phase: f64) -> Self {
        Self { gates: [(Gate::Id, Params::default()); 5], len: 0, z: 0.0, phase }
    }

    pub(crate) fn gates(&self) -> &[(Gate, Params)] {
        &self.gates[..self.len]
    }

    fn push(&mut self, gate: Gate, params: &[f64]) {
        if let Some(slot) = self.gates.get_mut(self.len) {
            *slot = (gate, Params::new(params));
            self.len += 1;
        }
    }

    /// R_z by `angle`, written with `gate`.
    fn push_z(&mut self, gate: Gate, angle: f64) {
        let (short, turns) = tidy(angle);
        self.phase += PI * turns;
        if negligible(short) {
            return;
        }
        self.push(gate, &[short]);
        if gate != Gate::Rz {
            // p(λ) = e^{iλ/2} rz(λ).
            self.phase -= short / 2.0;
        }
    }

    /// R(θ, φ) with θ from 0 to π and φ from 0 to 2π.
    fn push_equator(&mut self, theta: f64, phi: f64) {
        let (mut theta, turns) = tidy(theta);
        self.phase += PI * turns;
        let mut phi = phi;
        if theta < 0.0 {
            (theta, phi) = (-theta, phi + PI);
        }
        if negligible(theta) {
            return;
        }
        let (phi, _) = tidy(phi);
        self.push(Gate::R, &[theta, if phi < 0.0 { phi + TAU } else { phi }]);
    }

    /// R_x or R_y.
    fn push_turn(&mut self, gate: Gate, angle: f64) {
        let (short, turns) = tidy(angle);
        self.phase += PI * turns;
        if !negligible(short) {
            self.push(gate, &[short]);
        }
    }
}

/// The angle in (−π, π], on a multiple of π/8 if it is one but for rounding, and how many whole turns were taken away.
fn tidy(angle: f64) -> (f64, f64) {
    let mut short = wrapped(angle);
    let eighths = short * 8.0 / PI;
    if (eighths - eighths.round()).abs() < 1e-11 {
        short = eighths.round() * PI / 8.0;
    }
    if short <= -PI {
        short = PI;
    }
    (short, ((angle - short) / TAU).round())
}

/// Writes `u` as pulses. With `keep_z` an R_z may be left over in [`Train::z`]; without it everything is done.
pub(crate) fn pulses(u: &One, pulses: Pulses, keep_z: bool) -> Train {
    let [theta, phi, lambda, gamma] = algebra::euler(u);
    let mut train = Train::new(gamma);
    let diagonal = negligible(theta);
    if diagonal && (keep_z || negligible(wrapped(phi + lambda))) {
        train.z = phi + lambda;
        if !keep_z {
            // A whole turn is a sign at most.
            train.phase += PI * (train.z / TAU).round();
            train.z = 0.0;
        }
        return train;
    }
    match pulses {
        Pulses::QuarterTurns { z, as_rx, half } => {
            quarter_turns(&mut train, [theta, phi, lambda], z, as_rx, half)
        }
        Pulses::Equator { quarters, .. } => equator(&mut train, [theta, phi, lambda], quarters),
        Pulses::TwoAxes { z, other } => two_axes(&mut train, [theta, phi, lambda], z, other),
        Pulses::XAndY => {
            // The same angles about X and Y: u = V·u'·V† where V turns Z into X.
            let v = turn(-FRAC_PI_4, &algebra::Y);
            let [theta, phi, lambda, gamma] = algebra::euler(&times(&algebra::adjoint(&v), &times(u, &v)));
            train.phase = gamma;
            train.push_turn(Gate::Rx, lambda);
            train.push_turn(Gate::Ry, theta);
            train.push_turn(Gate::Rx, phi);
        }
        Pulses::Universal(gate) => {
            // u(θ, φ, λ) = e^{i(φ+λ)/2} R_z(φ) R_y(θ) R_z(λ); whole turns of φ and λ change nothing in it.
            train.phase -= (phi + lambda) / 2.0;
            let [theta, phi, lambda] = [theta, phi, lambda].map(|angle| tidy(angle).0);
            if diagonal {
                train.push(gate, &[0.0, 0.0, wrapped(phi + lambda)]);
            } else {
                train.push(gate, &[theta, phi, lambda]);
            }
        }
    }
    if !keep_z {
        let z = std::mem::take(&mut train.z);
        match pulses.z() {
            Some(gate) => train.push_z(gate, z),
            // A whole turn is a sign at most.
            None if negligible(wrapped(z)) => train.phase += PI * (z / TAU).round(),
            None => without_z(&mut train, z),
        }
    }
    train
}

fn quarter_turns(train: &mut Train, [theta, phi, lambda]: [f64; 3], z: Gate, as_rx: bool, half: bool) {
    // R_y(θ) = R_z(π/2) R_x(θ) R_z(−π/2); sx is e^{iπ/4} R_x(π/2) and x is e^{iπ/2} R_x(π).
    let quarter = |train: &mut Train| {
        if as_rx {
            train.push(Gate::Rx, &[FRAC_PI_2]);
        } else {
            train.push(Gate::Sx, &[]);
            train.phase -= FRAC_PI_4;
        }
    };
    if negligible(theta) {
        train.z = phi + lambda;
    } else if negligible(theta - FRAC_PI_2) {
        train.push_z(z, lambda - FRAC_PI_2);
        quarter(train);
        train.z = phi + FRAC_PI_2;
    } else if half && negligible(theta - PI) {
        // R_x(π) R_z(a) = R_z(−a) R_x(π).
        if as_rx {
            train.push(Gate::Rx, &[PI]);
        } else {
            train.push(Gate::X, &[]);
            train.phase -= FRAC_PI_2;
        }
        train.z = phi + FRAC_PI_2 - (lambda - FRAC_PI_2);
    } else {
        // R_y(θ) = R_z(π) R_x(π/2) R_z(θ + π) R_x(π/2) up to a sign that is +1: both sides are multiplied out in a test.
        train.push_z(z, lambda);
        quarter(train);
        train.push_z(z, theta + PI);
        quarter(train);
        train.z = phi + PI;
        train.phase += PI;
    }
}

fn equator(train: &mut Train, [theta, phi, lambda]: [f64; 3], quarters: bool) {
    let half_turn = negligible(theta - PI) || negligible(theta - FRAC_PI_2);
    if negligible(theta) {
        train.z = phi + lambda;
    } else if !quarters || half_turn {
        train.push_equator(theta, FRAC_PI_2 - lambda);
        train.z = phi + lambda;
    } else {
        // Two quarter turns as above, with each R_z carried to the end: R(θ, a) R_z(t) = R_z(t) R(θ, a − t).
        let sum = lambda + theta + PI;
        train.push_equator(FRAC_PI_2, -lambda);
        train.push_equator(FRAC_PI_2, -sum);
        train.z = phi + PI + sum;
        train.phase += PI;
    }
}

fn two_axes(train: &mut Train, [theta, phi, lambda]: [f64; 3], z: Gate, other: Gate) {
    match other {
        _ if negligible(theta) => train.z = phi + lambda,
        Gate::Ry => {
            train.push_z(z, lambda);
            train.push_turn(Gate::Ry, theta);
            train.z = phi;
        }
        Gate::Rx => {
            train.push_z(z, lambda - FRAC_PI_2);
            train.push_turn(Gate::Rx, theta);
            train.z = phi + FRAC_PI_2;
        }
        _ => {
            // R_x(θ) = H R_z(θ) H.
            train.push_z(z, lambda - FRAC_PI_2);
            train.push(Gate::H, &[]);
            train.push_z(z, theta);
            train.push(Gate::H, &[]);
            train.z = phi + FRAC_PI_2;
        }
    }
}

/// R_z where no gate does it: R_z(t) = −R(π, t/2 + a) R(π, a) for every a, and the second joins the turn before it.
fn without_z(train: &mut Train, z: f64) {
    let (theta, axis) = match train.gates() {
        [] => (0.0, 0.0),
        gates => {
            let (_, params) = gates[gates.len() - 1];
            train.len -= 1;
            (params[0], params[1])
        }
    };
    if (theta - FRAC_PI_2).abs() < 1e-9 || theta == 0.0 || (theta - PI).abs() < 1e-9 {
        train.push_equator(theta, axis);
        train.push_equator(PI, axis);
    } else {
        train.push_equator(PI + theta, axis);
    }
    train.push_equator(PI, z / 2.0 + axis);
    train.phase += PI;
}
