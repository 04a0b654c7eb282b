//! The Clifford column against its definition: Pauli operators become Pauli operators.

use std::f64::consts::PI;

use qhal::circuit::{Clifford, Matrix};
use qhal::{Complex64, Gate};

/// The Pauli operator with X on the qubits of `x` and Z on those of `z` (Y up to a phase on both).
fn pauli(qubits: usize, x: usize, z: usize) -> Matrix {
    let dim = 1usize << qubits;
    let mut elements = vec![Complex64::ZERO; dim * dim];
    for column in 0..dim {
        elements[(column ^ x) * dim + column] = sign(column & z).into();
    }
    Matrix::new(qubits as u32, elements).unwrap()
}

/// −1 where an odd number of bits is set.
fn sign(bits: usize) -> f64 {
    if bits.count_ones().is_multiple_of(2) { 1.0 } else { -1.0 }
}

/// Whether a unitary is a Pauli operator up to a phase: all its weight lies on one of them.
fn is_pauli(matrix: &Matrix) -> bool {
    let dim = matrix.dim();
    (0..dim).any(|x| {
        (0..dim).any(|z| {
            let trace: Complex64 =
                (0..dim).map(|column| matrix.get(column ^ x, column) * sign(column & z)).sum();
            (trace.norm() / dim as f64 - 1.0).abs() < 1e-9
        })
    })
}

/// The generators are enough: products of Pauli operators go to products of their images.
fn is_clifford(matrix: &Matrix) -> bool {
    let qubits = matrix.qubits() as usize;
    (0..qubits).flat_map(|qubit| [(1 << qubit, 0), (0, 1 << qubit)]).all(|(x, z)| {
        let image = matrix.times(&pauli(qubits, x, z)).unwrap().times(&matrix.adjoint()).unwrap();
        is_pauli(&image)
    })
}

/// Every combination of multiples of `step` from 0 to below 4π, the period of half angles.
fn grid(count: usize, step: f64) -> Vec<Vec<f64>> {
    let multiples = (4.0 * PI / step).round() as u32;
    (0..count).fold(vec![Vec::new()], |lists, _| {
        lists
            .into_iter()
            .flat_map(|list: Vec<f64>| {
                (0..multiples).map(move |k| list.iter().copied().chain([f64::from(k) * step]).collect())
            })
            .collect()
    })
}

#[test]
fn the_test_knows_a_clifford_gate_from_another() {
    assert!(is_clifford(&Matrix::identity(2)) && is_clifford(&pauli(3, 0b011, 0b110)));
    assert!(is_clifford(&Gate::H.matrix(&[])) && is_clifford(&Gate::Cx.matrix(&[])));
    assert!(!is_clifford(&Gate::T.matrix(&[])) && !is_clifford(&Gate::Ccx.matrix(&[])));
}

#[test]
fn the_clifford_column_holds_in_both_directions() {
    for gate in Gate::all() {
        let generic = &[0.7312, -1.1294, 2.3841, 0.4177][..gate.params()];
        match gate.spec().clifford {
            Clifford::Always => {
                assert!(is_clifford(&gate.matrix(generic)), "{gate}");
                assert!(gate.is_clifford(generic), "{gate}");
            }
            Clifford::Never => {
                assert!(!is_clifford(&gate.matrix(generic)), "{gate} is a Clifford gate at {generic:?}");
                assert!(!gate.is_clifford(generic), "{gate}");
            }
            Clifford::AtFractionsOfPi(divisor) => {
                assert!(gate.params() > 0, "{gate} has no angle to look at");
                let step = PI / f64::from(divisor);
                for angles in grid(gate.params(), step) {
                    assert!(is_clifford(&gate.matrix(&angles)), "{gate} at {angles:?}");
                    assert!(gate.is_clifford(&angles), "{gate} at {angles:?}");
                }
                // The fraction is the finest that will do.
                let between = grid(gate.params(), step / 2.0);
                assert!(
                    between.iter().any(|angles| !is_clifford(&gate.matrix(angles))),
                    "{gate}: divisor {divisor}"
                );
                for angles in [generic.to_vec(), vec![step / 2.0; gate.params()]] {
                    assert!(!is_clifford(&gate.matrix(&angles)), "{gate} at {angles:?}");
                    assert!(!gate.is_clifford(&angles), "{gate} at {angles:?}");
                }
            }
        }
    }
}

#[test]
fn an_angle_that_is_no_number_is_no_clifford_gate() {
    for gate in Gate::all().filter(|gate| matches!(gate.spec().clifford, Clifford::AtFractionsOfPi(_))) {
        for angle in [f64::NAN, f64::INFINITY] {
            assert!(!gate.is_clifford(&vec![angle; gate.params()]), "{gate} at {angle}");
        }
    }
}
