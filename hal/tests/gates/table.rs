//! Each column of the table against what it says of the matrix, at random angles.

use std::collections::BTreeMap;

use proptest::prelude::*;
use qhal::circuit::{Block, Library, Matrix};
use qhal::{Complex64, ErrorKind, Gate};

use crate::angles;

/// Angles at which nothing holds by chance.
const GENERIC: [f64; 4] = [0.7312, -1.1294, 2.3841, 0.4177];

fn matrix(gate: Gate, angles: &[f64; 4]) -> Matrix {
    gate.matrix(&angles[..gate.params()])
}

fn identity(size: usize, row: usize, column: usize) -> Complex64 {
    assert!(row < size && column < size);
    if row == column { Complex64::ONE } else { Complex64::ZERO }
}

#[test]
fn every_variant_has_its_row_in_order() {
    let source = include_str!("../../src/circuit/table.rs");
    let variants: Vec<&str> = source
        .split_once("pub enum Gate {")
        .and_then(|(_, rest)| rest.split_once("\n}"))
        .map(|(body, _)| body.lines().filter_map(|line| line.trim().strip_suffix(',')).collect())
        .unwrap();
    let variants: Vec<&str> = variants.into_iter().filter(|name| !name.starts_with("//")).collect();
    let rows: Vec<String> = Gate::all().map(|gate| format!("{gate:?}")).collect();
    assert_eq!(variants, rows, "the enum and the table list different gates, or in a different order");
    for (index, gate) in Gate::all().enumerate() {
        assert_eq!((gate as usize, gate.spec().gate), (index, gate));
    }
}

#[test]
fn every_name_and_alias_is_found_and_means_one_gate() {
    let mut names = BTreeMap::new();
    for gate in Gate::all() {
        let spec = gate.spec();
        for name in std::iter::once(&spec.name).chain(spec.aliases) {
            assert_eq!(names.insert(*name, gate), None, "{name} is in the table twice");
            assert_eq!(name.parse::<Gate>().unwrap(), gate);
            let identifier = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && !name.as_bytes()[0].is_ascii_digit();
            assert!(identifier, "{name} cannot be written in OpenQASM");
        }
        assert_eq!((gate.name(), gate.to_string().as_str()), (spec.name, spec.name));
    }
    for name in names.keys() {
        for other in [name.to_uppercase(), name.to_lowercase()] {
            let found = other.parse::<Gate>().ok();
            assert_eq!(found, names.get(other.as_str()).copied(), "{other} must not be found as {name}");
        }
    }
    for unknown in ["", "cnot", " x", "x "] {
        assert_eq!(unknown.parse::<Gate>().unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn sizes_agree() {
    for gate in Gate::all() {
        let spec = gate.spec();
        assert!(gate.params() <= 4, "{gate}");
        assert_eq!(matrix(gate, &GENERIC).qubits() as usize, gate.qubits(), "{gate}");
        let targets = match gate.block(&GENERIC) {
            Block::Phase(_) => 0,
            Block::One(_) => 1,
            Block::Two(_) => 2,
            Block::Many(matrix) => matrix.qubits() as usize,
        };
        assert_eq!(targets + gate.controls(), gate.qubits(), "{gate}");
        let mut named = spec.params.to_vec();
        named.sort_unstable();
        named.dedup();
        assert_eq!(named.len(), gate.params(), "{gate} has two angles of one name");
    }
}

/// Both published lists: the file of the paper arXiv 1707.03429 (git history of openqasm/openqasm, 2017) and
/// `stdgates.inc` of OpenQASM 3.1.
#[test]
fn the_library_column_is_that_of_the_published_files() {
    let qelib1 = "u3 u2 u1 cx id x y z h s sdg t tdg rx ry rz cz cy ch ccx crz cu1 cu3";
    let stdgates = "p x y z h s sdg t tdg sx rx ry rz cx cy cz cp crx cry crz ch swap ccx cswap cu \
                    CX phase cphase id u1 u2 u3";
    for gate in Gate::all() {
        let (in_qelib1, in_stdgates) = (
            qelib1.split(' ').any(|name| name == gate.name()),
            stdgates.split(' ').any(|name| name == gate.name()),
        );
        let expected = match (in_qelib1, in_stdgates) {
            (true, true) => Library::Both,
            (true, false) => Library::Qelib1,
            (false, true) => Library::Stdgates,
            (false, false) => Library::Extension,
        };
        assert_eq!(gate.spec().library, expected, "{gate}");
    }
    for name in qelib1.split(' ').chain(stdgates.split_whitespace()) {
        assert!(name.parse::<Gate>().is_ok(), "{name} is published and not in the table");
    }
}

#[test]
fn diagonal_and_permutation_are_flagged_exactly_where_they_hold() {
    for gate in Gate::all() {
        let matrix = matrix(gate, &GENERIC);
        let dim = matrix.dim();
        let places = || {
            (0..dim * dim).filter(|at| matrix.elements()[*at].norm() > 1e-12).map(|at| (at / dim, at % dim))
        };
        let diagonal = places().all(|(row, column)| row == column);
        let permutation = (0..dim).all(|row| places().filter(|&(other, _)| other == row).count() == 1);
        assert_eq!(gate.spec().diagonal, diagonal, "{gate}: diagonal");
        assert_eq!(gate.spec().permutation, permutation, "{gate}: permutation");
    }
}

#[test]
fn a_controlled_form_is_named_wherever_the_table_has_one() {
    for gate in Gate::all() {
        let under_control = matrix(gate, &GENERIC).controlled(1).unwrap();
        let forms: Vec<Gate> = Gate::all()
            // With angles that are all 0, every rotation is the identity.
            .filter(|form| form.params() >= gate.params() && (form.params() == 0 || gate.params() > 0))
            .filter(|form| {
                let mut angles = GENERIC;
                angles[gate.params()..].fill(0.0);
                matrix(*form, &angles).distance(&under_control) < 1e-12
            })
            .collect();
        match gate.spec().controlled {
            Some(form) => assert!(forms.contains(&form), "{gate} under control is one of {forms:?}"),
            None => assert_eq!(forms, [], "{gate} has a controlled form and does not name it"),
        }
    }
}

proptest! {
    #[test]
    fn every_matrix_is_unitary(angles in angles()) {
        for gate in Gate::all() {
            let error = matrix(gate, &angles).unitarity_error();
            prop_assert!(error < 1e-14, "{gate} at {angles:?} is off by {error:e}");
        }
    }

    #[test]
    fn a_flag_holds_at_every_angle(angles in angles()) {
        for gate in Gate::all() {
            let (spec, matrix) = (gate.spec(), matrix(gate, &angles));
            for row in 0..matrix.dim() {
                let columns: Vec<usize> =
                    (0..matrix.dim()).filter(|&column| matrix.get(row, column).norm() > 0.0).collect();
                prop_assert!(!spec.permutation || columns.len() == 1, "{gate}, row {row}");
                prop_assert!(!spec.diagonal || columns == [row], "{gate}, row {row}");
            }
        }
    }

    #[test]
    fn the_inverse_undoes_and_its_inverse_is_the_gate(angles in angles()) {
        for gate in Gate::all() {
            let angles = &angles[..gate.params()];
            let (inverse, new) = gate.inverse(angles);
            prop_assert_eq!(new.len(), inverse.params());
            let product = inverse.matrix(&new).times(&gate.matrix(angles)).unwrap();
            let error = product.distance(&Matrix::identity(gate.qubits() as u32));
            prop_assert!(error < 1e-13, "{gate} at {angles:?}: {inverse} at {new:?} is off by {error:e}");
            let (again, back) = inverse.inverse(&new);
            let error = again.matrix(&back).distance(&gate.matrix(angles));
            prop_assert!(again == gate && error < 1e-13, "{gate} at {angles:?} came back as {again} {back:?}");
        }
    }

    #[test]
    fn the_controlled_form_is_the_matrix_under_a_control(angles in angles()) {
        for gate in Gate::all() {
            let angles = &angles[..gate.params()];
            let form = gate.controlled(angles);
            prop_assert_eq!(form.map(|(form, _)| form), gate.spec().controlled);
            let Some((form, new)) = form else { continue };
            prop_assert_eq!(new.len(), form.params());
            let error = form.matrix(&new).distance(&gate.matrix(angles).controlled(1).unwrap());
            prop_assert!(error < 1e-14, "{gate} at {angles:?}: {form} at {new:?} is off by {error:e}");
        }
    }

    #[test]
    fn where_a_control_is_0_nothing_happens(angles in angles()) {
        for gate in Gate::all() {
            let matrix = matrix(gate, &angles);
            let controls = (1usize << gate.controls()) - 1;
            for row in 0..matrix.dim() {
                for column in (0..matrix.dim()).filter(|column| (row & column & controls) != controls) {
                    let expected = identity(matrix.dim(), row, column);
                    prop_assert_eq!(matrix.get(row, column), expected, "{} ({}, {})", gate, row, column);
                }
            }
        }
    }

    #[test]
    fn missing_angles_count_as_0_and_more_are_passed_over(angles in angles()) {
        for gate in Gate::all() {
            let count = gate.params();
            prop_assert_eq!(gate.matrix(&[]), gate.matrix(&[0.0; 4]));
            prop_assert_eq!(gate.matrix(&angles), gate.matrix(&angles[..count]));
        }
    }
}
