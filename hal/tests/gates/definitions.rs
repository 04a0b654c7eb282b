//! The gates of the OpenQASM 2 paper's `qelib1.inc` (arXiv 1707.03429, appendix) from their definitions there, down to
//! U and CX.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use proptest::prelude::*;
use qhal::circuit::Matrix;
use qhal::{Complex64, Gate};

use crate::angles;

/// A product of U and CX on a few qubits, kept as the columns of its matrix.
struct Product {
    qubits: u32,
    columns: Vec<Vec<Complex64>>,
}

impl Product {
    fn new(qubits: usize) -> Self {
        let dim = 1usize << qubits;
        let unit =
            |at| (0..dim).map(|row| Complex64::from(f64::from(u8::from(row == at)))).collect::<Vec<_>>();
        Self { qubits: qubits as u32, columns: (0..dim).map(unit).collect() }
    }

    /// Equation (2) of the paper: U(θ, φ, λ) = R_z(φ) R_y(θ) R_z(λ), with determinant 1.
    fn u3(&mut self, theta: f64, phi: f64, lambda: f64, qubit: usize) -> &mut Self {
        let turn = |angle: f64| Complex64::cis(angle / 2.0);
        let (sin, cos) = (theta / 2.0).sin_cos();
        let (a, b) = (turn(-phi - lambda) * cos, -turn(lambda - phi) * sin);
        let (c, d) = (turn(phi - lambda) * sin, turn(phi + lambda) * cos);
        for column in &mut self.columns {
            for low in (0..column.len()).filter(|index| index >> qubit & 1 == 0) {
                let high = low | 1 << qubit;
                (column[low], column[high]) =
                    (a * column[low] + b * column[high], c * column[low] + d * column[high]);
            }
        }
        self
    }

    fn cx(&mut self, control: usize, target: usize) -> &mut Self {
        for column in &mut self.columns {
            for low in (0..column.len()).filter(|i| i >> control & 1 == 1 && i >> target & 1 == 0) {
                column.swap(low, low | 1 << target);
            }
        }
        self
    }

    fn u2(&mut self, phi: f64, lambda: f64, qubit: usize) -> &mut Self {
        self.u3(FRAC_PI_2, phi, lambda, qubit)
    }

    fn u1(&mut self, lambda: f64, qubit: usize) -> &mut Self {
        self.u3(0.0, 0.0, lambda, qubit)
    }

    fn h(&mut self, qubit: usize) -> &mut Self {
        self.u2(0.0, PI, qubit)
    }

    fn matrix(&self) -> Matrix {
        let dim = self.columns.len();
        let elements = (0..dim * dim).map(|at| self.columns[at % dim][at / dim]).collect();
        Matrix::new(self.qubits, elements).unwrap()
    }
}

/// What the paper defines `gate` as; `None` for a gate that is not in its file.
fn defined(gate: Gate, angles: &[f64; 4]) -> Option<Matrix> {
    let [first, second, third, _] = *angles;
    let (a, b, c) = (0, 1, 2);
    let (s, t) = (FRAC_PI_2, FRAC_PI_4);
    let mut product = Product::new(gate.qubits());
    let made = match gate {
        Gate::U3 => product.u3(first, second, third, a),
        Gate::U2 => product.u2(first, second, a),
        Gate::U1 | Gate::Rz => product.u1(first, a),
        Gate::Id => product.u3(0.0, 0.0, 0.0, a),
        Gate::X => product.u3(PI, 0.0, PI, a),
        Gate::Y => product.u3(PI, FRAC_PI_2, FRAC_PI_2, a),
        Gate::Z => product.u1(PI, a),
        Gate::H => product.h(a),
        Gate::S => product.u1(s, a),
        Gate::Sdg => product.u1(-s, a),
        Gate::T => product.u1(t, a),
        Gate::Tdg => product.u1(-t, a),
        Gate::Rx => product.u3(first, -FRAC_PI_2, FRAC_PI_2, a),
        Gate::Ry => product.u3(first, 0.0, 0.0, a),
        Gate::Cx => product.cx(a, b),
        Gate::Cz => product.h(b).cx(a, b).h(b),
        Gate::Cy => product.u1(-s, b).cx(a, b).u1(s, b),
        Gate::Ch => {
            product.h(b).u1(-s, b).cx(a, b).h(b).u1(t, b).cx(a, b);
            product.u1(t, b).h(b).u1(s, b).u3(PI, 0.0, PI, b).u1(s, a)
        }
        Gate::Ccx => {
            product.h(c).cx(b, c).u1(-t, c).cx(a, c).u1(t, c).cx(b, c).u1(-t, c).cx(a, c);
            product.u1(t, b).u1(t, c).h(c).cx(a, b).u1(t, a).u1(-t, b).cx(a, b)
        }
        Gate::Crz => product.u1(first / 2.0, b).cx(a, b).u1(-first / 2.0, b).cx(a, b),
        Gate::Cu1 => product.u1(first / 2.0, a).cx(a, b).u1(-first / 2.0, b).cx(a, b).u1(first / 2.0, b),
        Gate::Cu3 => {
            product.u1((third - second) / 2.0, b).cx(a, b);
            product.u3(-first / 2.0, 0.0, -(second + third) / 2.0, b).cx(a, b).u3(first / 2.0, second, 0.0, b)
        }
        _ => return None,
    };
    Some(made.matrix())
}

proptest! {
    #[test]
    fn the_gates_of_the_paper_are_what_it_defines(angles in angles()) {
        let mut count = 0;
        for gate in Gate::all() {
            let Some(expected) = defined(gate, &angles) else { continue };
            count += 1;
            let mut matrix = gate.matrix(&angles);
            if gate == Gate::Cu3 {
                // With U of determinant 1, its controlled form is another gate than with Qiskit's U, which has a real
                // upper left element: the table follows Qiskit, whose file turns the control by (φ+λ)/2.
                let mut turn = Product::new(2);
                turn.u1(-(angles[1] + angles[2]) / 2.0, 0);
                matrix = turn.matrix().times(&matrix).unwrap();
            }
            let distance = matrix.distance_up_to_phase(&expected);
            prop_assert!(distance < 1e-13, "{gate} at {angles:?} is off by {distance:e}");
        }
        prop_assert_eq!(count, 23, "the paper's file defines 23 gates");
    }
}
