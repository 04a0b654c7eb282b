//! Synthesis held to known Weyl coordinates, known counts and the unitary itself.

use std::f64::consts::{FRAC_PI_4, PI};

use proptest::prelude::*;
use qhal::Gate;

use super::kak::{Kak, decompose};
use super::native::{Entangler, Entanglers, Family, Pulses, two};
use super::*;
use crate::translate::algebra::{ONE, distance, rz};
use crate::translate::blocks::costs;

fn product(kak: &Kak, entangler: &Entangler) -> f64 {
    distance(&synthesize(kak, entangler).matrix(entangler), &kak.matrix())
}

fn entanglers() -> Vec<Entangler> {
    let all =
        [Gate::Cz, Gate::Cx, Gate::Ecr, Gate::Rzz, Gate::Rxx, Gate::Rzx, Gate::Ryy, Gate::Iswap, Gate::Cy];
    all.into_iter().map(|gate| Entangler::new(gate).unwrap()).collect()
}

/// A random element of U(4): local gates around any point, in or out of the chamber.
fn unitary() -> impl Strategy<Value = Two> {
    let angle = || prop_oneof![3 => -PI..PI, 1 => (-4i32..5).prop_map(|k| f64::from(k) * FRAC_PI_4)];
    (prop::collection::vec(angle(), 12), prop::collection::vec(angle(), 3), angle()).prop_map(
        |(a, c, phase)| {
            let u = |k: usize| times(&rz(a[k]), &times(&turn(a[k + 1], &Y), &rz(a[k + 2])));
            let middle = times2(
                &algebra::rotation(c[0], &[X, X]),
                &times2(&algebra::rotation(c[1], &[Y, Y]), &algebra::rotation(c[2], &[Z, Z])),
            );
            let all = times2(&both(&[u(0), u(3)]), &times2(&middle, &both(&[u(6), u(9)])));
            algebra::scaled(&all, Complex64::cis(phase))
        },
    )
}

/// Coordinates and numbers of CZ, iSWAP and rotations: Zhang et al. (2003) table I, Shende et al. (2004).
#[test]
fn known_gates_have_their_known_coordinates() {
    let q = FRAC_PI_4;
    type Row = (Gate, &'static [f64], [f64; 3], [u32; 3]);
    let table: [Row; 12] = [
        (Gate::Cx, &[], [q, 0.0, 0.0], [1, 2, 1]),
        (Gate::Cz, &[], [q, 0.0, 0.0], [1, 2, 1]),
        (Gate::Ecr, &[], [q, 0.0, 0.0], [1, 2, 1]),
        (Gate::Ch, &[], [q, 0.0, 0.0], [1, 2, 1]),
        (Gate::Swap, &[], [q, q, q], [3, 3, 3]),
        (Gate::Iswap, &[], [q, q, 0.0], [2, 1, 2]),
        (Gate::Csx, &[], [q / 2.0, 0.0, 0.0], [2, 2, 1]),
        (Gate::Cp, &[0.5], [0.125, 0.0, 0.0], [2, 2, 1]),
        (Gate::Rzz, &[0.3], [0.15, 0.0, 0.0], [2, 2, 1]),
        (Gate::Rxx, &[-2.0], [PI / 2.0 - 1.0, 0.0, 0.0], [2, 2, 1]),
        (Gate::Cu, &[PI / 3.0, 0.0, 0.0, 0.0], [PI / 12.0, 0.0, 0.0], [2, 2, 1]),
        (Gate::Cp, &[0.0], [0.0, 0.0, 0.0], [0, 0, 0]),
    ];
    for (gate, params, coordinates, counts) in table {
        let kak = decompose(&two(gate, params)).unwrap();
        for (found, expected) in kak.coordinates.iter().zip(coordinates) {
            assert!((found - expected).abs() < 1e-12, "{gate}: {:?}", kak.coordinates);
        }
        let families = [Family::ControlledZ, Family::Iswap, Family::Rotation];
        assert_eq!(families.map(|family| count(family, &kak.coordinates)), counts, "{gate}");
    }
    // √SWAP is (π/8, π/8, π/8), its inverse has z < 0: both need three CZ.
    for sign in [1.0, -1.0] {
        let root = [X, Y, Z].iter().fold(both(&[ONE, ONE]), |u, axis| {
            times2(&algebra::rotation(sign * q / 2.0, &[*axis, *axis]), &u)
        });
        let kak = decompose(&root).unwrap();
        assert!((kak.coordinates[2] - sign * q / 2.0).abs() < 1e-12);
        assert_eq!(count(Family::ControlledZ, &kak.coordinates), 3);
    }
}

/// Qiskit 2.6.2: `TwoQubitWeylDecomposition` and the CX count of `TwoQubitBasisDecomposer` (tests/data/translate).
#[test]
fn coordinates_and_counts_are_qiskits() {
    let text = include_str!("../../../../tests/data/translate/qiskit-weyl.json");
    let cases: serde_json::Value = serde_json::from_str(text).unwrap();
    for case in cases.as_array().unwrap() {
        let number = |row: usize, at: usize| case["unitary"][row][at].as_f64().unwrap();
        let u: Two = std::array::from_fn(|row| {
            std::array::from_fn(|column| Complex64::new(number(row, 2 * column), number(row, 2 * column + 1)))
        });
        let kak = decompose(&u).unwrap();
        for (found, expected) in kak.coordinates.iter().zip(case["coordinates"].as_array().unwrap()) {
            assert!(
                (found.abs() - expected.as_f64().unwrap().abs()).abs() < 1e-8,
                "{case} {:?}",
                kak.coordinates
            );
        }
        let counted = count(Family::ControlledZ, &kak.coordinates);
        assert_eq!(u64::from(counted), case["cx"].as_u64().unwrap(), "{case}");
    }
}

#[test]
fn an_exchange_behind_changes_what_a_gate_costs() {
    let cz = Entanglers::choose(&[Gate::Cz]).unwrap();
    let iswap = Entanglers::choose(&[Gate::Iswap]).unwrap();
    for (gate, params, of_cz, of_iswap) in [
        (Gate::Cx, &[][..], (1, 2), (2, 1)),
        (Gate::Swap, &[], (3, 0), (3, 0)),
        (Gate::Iswap, &[], (2, 1), (1, 2)),
        (Gate::Cp, &[0.4], (2, 3), (2, 3)),
    ] {
        let kak = decompose(&two(gate, params)).unwrap();
        assert_eq!(
            (costs(&kak.coordinates, &cz), costs(&kak.coordinates, &iswap)),
            (of_cz, of_iswap),
            "{gate}"
        );
    }
}

#[test]
fn every_gate_of_the_table_is_made_by_every_entangler() {
    for gate in Gate::all().filter(|gate| gate.qubits() == 2) {
        let u = two(gate, &[0.4, -1.1, 2.3, 0.7][..gate.params()]);
        let kak = decompose(&u).unwrap();
        assert!(distance(&kak.matrix(), &u) < 1e-13, "{gate}");
        for entangler in entanglers() {
            assert!(product(&kak, &entangler) < 1e-13, "{gate} by {}", entangler.gate);
            assert!(
                product(&kak.clone().mirrored(), &entangler) < 1e-13,
                "{gate}, exchanged, by {}",
                entangler.gate
            );
        }
    }
}

/// The entangler's own gate with what goes around it is what the steps mean.
#[test]
fn entanglers_are_what_they_stand_for() {
    for entangler in entanglers() {
        for x in [FRAC_PI_4, -0.2] {
            let (params, before, after, phase) = entangler.realize(x);
            let identity = [ONE, ONE];
            let mut u = two(entangler.gate, &params);
            u = times2(&both(after.unwrap_or(&identity)), &times2(&u, &both(before.unwrap_or(&identity))));
            let meant = Sequence { phase: 0.0, steps: vec![Step::Entangle(x)] }.matrix(&entangler);
            assert!(
                distance(&algebra::scaled(&u, Complex64::cis(phase)), &meant) < 1e-13,
                "{}",
                entangler.gate
            );
        }
    }
}

fn one(gate: Gate, params: &[f64]) -> One {
    let matrix = gate.matrix(params);
    std::array::from_fn(|row| std::array::from_fn(|column| matrix.get(row, column)))
}

fn every_pulses() -> Vec<Pulses> {
    let mut all = vec![
        Pulses::XAndY,
        Pulses::Universal(Gate::U),
        Pulses::Universal(Gate::U3),
        Pulses::Equator { z: None, quarters: false },
        Pulses::Equator { z: None, quarters: true },
    ];
    for z in [Gate::Rz, Gate::P, Gate::U1] {
        for half in [true, false] {
            all.push(Pulses::QuarterTurns { z, as_rx: false, half });
        }
        all.push(Pulses::QuarterTurns { z, as_rx: true, half: true });
        all.extend([Gate::Rx, Gate::Ry, Gate::H].map(|other| Pulses::TwoAxes { z, other }));
        all.extend([true, false].map(|quarters| Pulses::Equator { z: Some(z), quarters }));
    }
    all
}

proptest! {
    #[test]
    fn every_unitary_is_decomposed_and_synthesized(u in unitary()) {
        let kak = decompose(&u).unwrap();
        prop_assert!(distance(&kak.matrix(), &u) < 1e-12);
        let [x, y, z] = kak.coordinates;
        prop_assert!(FRAC_PI_4 + 1e-12 > x && x > y - 1e-12 && y > z.abs() - 1e-12);
        let mirrored = kak.clone().mirrored();
        prop_assert!(distance(&mirrored.matrix(), &times2(&u, &SWAP)) < 1e-12);
        for entangler in entanglers() {
            prop_assert!(product(&kak, &entangler) < 1e-9);
            prop_assert!(product(&mirrored, &entangler) < 1e-9);
        }
    }

    #[test]
    fn every_turn_is_made_of_pulses(angles in prop::array::uniform4(-7.0..7.0f64), grid in any::<[bool; 3]>(), tiny in -40..-20i32, exact in any::<bool>()) {
        let off = if exact { 0.0 } else { f64::from(tiny).exp2() };
        let round = |k: usize| {
            let angle = angles[k];
            // On the grid but for a little: small elements must not spoil the phase.
            if grid[k] { (angle / FRAC_PI_4).round() * FRAC_PI_4 + off * f64::from(k as i32 - 1) } else { angle }
        };
        let u = times(&rz(round(0)), &times(&turn(round(1), &Y), &rz(round(2))));
        let u = algebra::scaled(&u, Complex64::cis(angles[3]));
        for pulses in every_pulses() {
            for keep_z in [true, false] {
                let train = euler::pulses(&u, pulses, keep_z);
                let mut made = ONE;
                for (gate, params) in train.gates() {
                    made = times(&one(*gate, params), &made);
                    if *gate == Gate::R {
                        prop_assert!((0.0..=PI).contains(&params[0]) && (0.0..=2.0 * PI).contains(&params[1]));
                    }
                }
                prop_assert!(keep_z || train.z == 0.0);
                made = algebra::scaled(&times(&rz(train.z), &made), Complex64::cis(train.phase));
                prop_assert!(distance(&made, &u) < 1e-9, "{pulses:?} {keep_z} {:?}", train);
            }
        }
    }
}
