//! The planned engine against the plain one: fused against unfused, over sizes, threads, precisions and families.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{BOTH, circuit_of, dense, random_gates, scrambled, tolerance};
use proptest::prelude::*;
use qhal::Complex64;
use qhal::circuit::{Circuit, Gate, Operation};
use qhal_simulator::{Options, Precision, Simulator, StateVector};

fn evolve(circuit: &Circuit, precision: Precision, threads: usize, fusion: bool) -> StateVector {
    let options = Options { threads, precision, fusion, ..Options::default() };
    Simulator::new(options).unwrap().run(circuit).unwrap()
}

/// The largest difference between two states, read in the order of qubits.
fn difference(a: &StateVector, b: &StateVector) -> f64 {
    a.iter().zip(b.iter()).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max)
}

fn assert_same(circuit: &Circuit) {
    for precision in BOTH {
        let plain = evolve(circuit, precision, 1, false);
        for threads in [1, 2] {
            let off = difference(&plain, &evolve(circuit, precision, threads, true));
            assert!(off < tolerance(precision), "{precision:?}, {threads} threads: off by {off:e}");
        }
    }
}

/// The quantum Fourier transform of a product state, with its swaps.
fn fourier(qubits: u32) -> Circuit {
    let mut circuit = Circuit::with_size(qubits, 0);
    for qubit in 0..qubits {
        circuit.gate(Gate::U, &[0.3 + f64::from(qubit), 1.0, 2.0], &[qubit]).unwrap();
    }
    for target in (0..qubits).rev() {
        circuit.gate(Gate::H, &[], &[target]).unwrap();
        for control in (0..target).rev() {
            let angle = std::f64::consts::PI / f64::from(1 << (target - control));
            circuit.gate(Gate::Cp, &[angle], &[control, target]).unwrap();
        }
    }
    for qubit in 0..qubits / 2 {
        circuit.gate(Gate::Swap, &[], &[qubit, qubits - 1 - qubit]).unwrap();
    }
    circuit
}

#[test]
fn families_that_need_several_passes() {
    // Above 2^14 amplitudes in f64 and 2^15 in f32 a block is only a part of the state.
    assert_same(&fourier(17));
    let mut ladders = Circuit::with_size(17, 0);
    for layer in 0..3 {
        for qubit in 0..17u32 {
            let angle = f64::from(qubit * 3 + layer);
            ladders
                .gate(Gate::Ry, &[angle], &[qubit])
                .unwrap()
                .gate(Gate::Rz, &[2.0 * angle], &[qubit])
                .unwrap();
        }
        for qubit in 0..16 {
            ladders.gate(Gate::Cx, &[], &[qubit, qubit + 1]).unwrap();
        }
    }
    assert_same(&ladders);
    let mut pairs = scrambled(16);
    for step in 0..60u32 {
        let (a, b) = (step * 7 % 16, (step * 7 + 5 + step % 9) % 16);
        if a != b {
            let gate =
                [Gate::Rxx, Gate::Ryy, Gate::Rzx, Gate::Rzz, Gate::Ecr, Gate::Iswap][step as usize % 6];
            pairs.gate(gate, &[0.3 * f64::from(step)][..gate.params()], &[a, b]).unwrap();
            pairs.gate(Gate::Ccx, &[], &[a, b, (0..16).find(|q| *q != a && *q != b).unwrap()]).unwrap();
        }
    }
    assert_same(&pairs);
}

#[test]
fn dense_runs_on_far_apart_pairs() {
    let mut circuit = Circuit::with_size(16, 0);
    for layer in 0..4u64 {
        for pair in 0..8u32 {
            let (a, b) = ((pair * 5 + layer as u32) % 16, (pair * 5 + layer as u32 + 8) % 16);
            circuit.unitary(&dense(2, layer * 31 + u64::from(pair)), 0, &[a, b]).unwrap();
            circuit.gate(Gate::U, &[0.2, 0.5, f64::from(pair)], &[a]).unwrap();
        }
    }
    assert_same(&circuit);
}

#[test]
fn wide_unitaries_between_passes() {
    let mut circuit = scrambled(15);
    circuit.gate(Gate::Swap, &[], &[1, 14]).unwrap().gate(Gate::X, &[], &[14]).unwrap();
    circuit.unitary(&dense(4, 5), 1, &[14, 1, 0, 13, 7]).unwrap();
    circuit.gate(Gate::X, &[], &[3]).unwrap().gate(Gate::H, &[], &[14]).unwrap();
    circuit.unitary(&dense(3, 6), 0, &[3, 14, 12]).unwrap();
    circuit.gate(Gate::GPhase, &[0.7], &[]).unwrap();
    assert_same(&circuit);
}

#[test]
fn circuits_with_histories_do_not_depend_on_fusion() {
    let mut circuit = scrambled(8);
    circuit.add_bits("m", 8).unwrap();
    circuit.gate(Gate::Swap, &[], &[0, 7]).unwrap().gate(Gate::X, &[], &[3]).unwrap();
    circuit.measure(7, 0).unwrap();
    let flip = qhal::circuit::Operation::Gate { gate: Gate::Swap, params: &[], qubits: &[1, 6] };
    let on = qhal::circuit::Condition::equals(0, 1, qhal::circuit::BitString::from_u64(1, 1));
    circuit.push(flip, Some(&on)).unwrap();
    circuit.reset(6).unwrap().gate(Gate::X, &[], &[6]).unwrap().gate(Gate::H, &[], &[1]).unwrap();
    let run = |fusion| {
        let simulator = Simulator::new(Options { fusion, ..Options::default() }).unwrap();
        simulator.probabilities(&simulator.plan(&circuit).unwrap()).unwrap()
    };
    let (plain, fused) = (run(false), run(true));
    assert_eq!(plain.len(), fused.len());
    for ((a, p), (b, q)) in plain.iter().zip(&fused) {
        assert_eq!(a, b);
        assert!((p - q).abs() < 1e-12);
    }
}

#[test]
fn a_plan_says_what_it_does_and_fits_only_its_precision() {
    let simulator = |precision| Simulator::new(Options { precision, ..Options::default() }).unwrap();
    let plan = simulator(Precision::F64).plan(&fourier(17)).unwrap();
    assert!(plan.explain().lines().count() >= 2);
    assert!(plan.explain().contains("predicted for"));
    let error = simulator(Precision::F32).evolve(&plan).unwrap_err();
    assert_eq!(error.kind(), qhal::ErrorKind::InvalidInput);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn random_circuits_over_several_blocks(gates in random_gates(15, 25)) {
        let circuit = circuit_of(15, &gates);
        let plain = evolve(&circuit, Precision::F64, 1, false);
        let off = difference(&plain, &evolve(&circuit, Precision::F64, 2, true));
        prop_assert!(off < 1e-12, "off by {:e}", off);
    }
}

#[test]
fn states_that_stay_mostly_zero() {
    // Stretches that were never written are passed over; H in between spreads the state into them.
    let mut circuit = Circuit::with_size(19, 0);
    circuit.gate(Gate::H, &[], &[2]).unwrap().gate(Gate::X, &[], &[18]).unwrap();
    for qubit in 0..18 {
        circuit.gate(Gate::Cx, &[], &[(qubit + 2) % 19, (qubit + 3) % 19]).unwrap();
    }
    circuit.gate(Gate::Ry, &[0.4], &[17]).unwrap().gate(Gate::Ch, &[], &[18, 9]).unwrap();
    circuit.gate(Gate::Rxx, &[0.9], &[0, 18]).unwrap().gate(Gate::Ccx, &[], &[17, 9, 16]).unwrap();
    let plain = evolve(&circuit, Precision::F64, 1, false);
    for threads in [1, 2] {
        assert!(difference(&plain, &evolve(&circuit, Precision::F64, threads, true)) < 1e-12);
    }
}

/// Products of one-qubit gates that are diagonal or flips but for rounding: the phase of what rounding leaves must not
/// become the phase of anything that counts.
#[test]
fn gates_that_undo_each_other_but_for_rounding() {
    let quarter = std::f64::consts::FRAC_PI_2;
    for step in 0..400u32 {
        let mut circuit = scrambled(8);
        let angle = 0.0173 * f64::from(step) - 7.0;
        for qubit in 0..8 {
            let target = [qubit];
            circuit.gate(Gate::U2, &[-quarter, angle], &target).unwrap();
            circuit.gate(Gate::Sxdg, &[], &target).unwrap();
            circuit.gate(Gate::Rx, &[angle], &target).unwrap();
            circuit.gate(Gate::Rz, &[0.3], &target).unwrap();
            circuit.gate(Gate::Rz, &[-0.3], &target).unwrap();
            circuit
                .gate(Gate::Rx, &[if step % 2 == 0 { -angle } else { 2.0 * quarter - angle }], &target)
                .unwrap();
        }
        circuit.gate(Gate::Ccx, &[], &[0, 3, 7]).unwrap();
        circuit.unitary(&dense(3, u64::from(step)), 1, &[1, 2, 4, 6]).unwrap();
        assert_same(&circuit);
    }
}

/// The instructions of a circuit from one number to another.
fn part(circuit: &Circuit, instructions: std::ops::Range<usize>) -> Circuit {
    let mut part = Circuit::with_size(circuit.qubits(), 0);
    for instruction in circuit.instructions().skip(instructions.start).take(instructions.len()) {
        match instruction.operation {
            Operation::Gate { gate, params, qubits } => {
                part.gate(gate, params, qubits).unwrap();
            }
            Operation::Unitary { matrix, controls, qubits } => {
                part.unitary(matrix, controls, qubits).unwrap();
            }
            _ => {}
        }
    }
    part
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn circuits_applied_in_parts_are_circuits(
        gates in random_gates(9, 60), cuts in [0..60usize, 0..60usize], fusion in any::<[bool; 3]>()
    ) {
        let circuit = circuit_of(9, &gates);
        let count = circuit.instructions().count();
        let mut cuts = cuts.map(|cut| cut.min(count));
        cuts.sort_unstable();
        for precision in BOTH {
            let whole = evolve(&circuit, precision, 1, false);
            let mut zero = vec![Complex64::ZERO; 1 << 9];
            zero[0] = Complex64::ONE;
            let with = |fusion| Simulator::new(Options { precision, fusion, threads: 2, ..Options::default() }).unwrap();
            let mut state = with(true).prepare(&zero).unwrap();
            for (range, fusion) in [0..cuts[0], cuts[0]..cuts[1], cuts[1]..count].into_iter().zip(fusion) {
                with(fusion).apply(&part(&circuit, range), &mut state).unwrap();
            }
            let off = difference(&whole, &state);
            prop_assert!(off < tolerance(precision), "{precision:?}, cut at {cuts:?}, fused {fusion:?}: off by {off:e}");
        }
    }
}

#[test]
fn states_are_taken_over_or_refused() {
    let simulator = Simulator::new(Options::default()).unwrap();
    let given: Vec<Complex64> = (0..32u32).map(|at| Complex64::cis(f64::from(at)) / 32f64.sqrt()).collect();
    let mut state = simulator.prepare(&given).unwrap();
    assert!(state.iter().zip(&given).all(|(a, b)| (a - b).norm() < 1e-15));
    for (wrong, words) in [
        (&given[..31], "2^n amplitudes, not 31"),
        (&given[..16], "norm"),
        (&[][..], "2^n amplitudes, not 0"),
        (&[Complex64::new(f64::NAN, 0.0)][..], "norm"),
    ] {
        let error = simulator.prepare(wrong).unwrap_err();
        assert!(error.message().contains(words), "{error}");
    }
    let error = simulator.apply(&Circuit::with_size(4, 0), &mut state).unwrap_err();
    assert_eq!(error.message(), "a circuit on 4 qubits cannot act on a state of 5");
    let mut dynamic = Circuit::with_size(5, 1);
    dynamic.measure(0, 0).unwrap().gate(Gate::X, &[], &[0]).unwrap();
    assert!(simulator.apply(&dynamic, &mut state).is_err());
}

#[test]
fn a_state_that_spreads_by_small_angles_has_no_subnormal_amplitudes() {
    // Each flip costs a factor of 1e-6, so f32 would leave its full precision at the seventh.
    let mut circuit = Circuit::with_size(16, 0);
    for _ in 0..3 {
        for qubit in 0..16 {
            circuit.gate(Gate::Rx, &[2e-6], &[qubit]).unwrap();
        }
        for qubit in 0..15 {
            circuit.gate(Gate::Rzz, &[2e-6], &[qubit, qubit + 1]).unwrap();
        }
    }
    let state = evolve(&circuit, Precision::F32, 2, true);
    let parts =
        || (0..state.len()).map(|index| state.amplitude(index)).flat_map(|a| [a.re.abs(), a.im.abs()]);
    assert_eq!(parts().filter(|&part| part > 0.0 && part < f64::from(f32::MIN_POSITIVE)).count(), 0);
    // Six flips are still there: (3 · 1e-6)^6.
    assert!((state.probability(0b11_1111).sqrt() / 3e-6_f64.powi(6) - 1.0).abs() < 1e-5);
}
