//! Shots: sampling by the probabilities, measurements on the way, resets, conditions, seeds and limits.

mod common;

use std::collections::BTreeMap;

use common::{BOTH, assert_fits, evolve, scrambled, simulator};
use qhal::ErrorKind;
use qhal::circuit::{BitString, Circuit, Condition, Gate, Operation};
use qhal_simulator::{Options, Precision, Simulator};

const X: Operation<'_> = Operation::Gate { gate: Gate::X, params: &[], qubits: &[1] };

#[test]
fn samples_follow_the_probabilities() {
    for precision in BOTH {
        // Fewer shots than states in a block, and more; one block, and several.
        for (qubits, shots) in [(6, 1_000), (6, 1_000_000), (14, 100_000)] {
            let state = evolve(&scrambled(qubits), precision);
            let counts: BTreeMap<u64, u64> = state.sample(shots, 11).unwrap().into_iter().collect();
            assert_eq!(counts.values().sum::<u64>(), shots);
            let observed: Vec<(u64, f64)> = (0..state.len())
                .map(|index| (counts.get(&index).copied().unwrap_or(0), state.probability(index)))
                .collect();
            assert_fits(&observed, shots);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_counts_on_any_number_of_threads() {
    let mut circuit = scrambled(15);
    circuit.measure_all().unwrap();
    let mut dynamic = Circuit::with_size(15, 15);
    for instruction in circuit.instructions().take(30) {
        dynamic.push(instruction.operation, None).unwrap();
    }
    dynamic.measure(3, 0).unwrap().gate(Gate::H, &[], &[3]).unwrap().reset(14).unwrap();
    dynamic.measure_all().unwrap();
    for circuit in [circuit, dynamic] {
        let run = |threads, seed| {
            let simulator = simulator(Precision::F64, threads);
            simulator.counts(&simulator.plan(&circuit).unwrap(), 5000, seed).unwrap()
        };
        let one = run(1, 7);
        assert_eq!(one, run(2, 7));
        assert_eq!(one, run(3, 7));
        assert_ne!(one, run(1, 8));
        assert!(one.is_sorted());
        assert_eq!(one.iter().map(|(_, count)| count).sum::<u64>(), 5000);
    }
}

#[test]
fn final_measurements_go_to_their_bits_and_the_last_one_stays() {
    let mut circuit = Circuit::with_size(3, 4);
    circuit.gate(Gate::X, &[], &[2]).unwrap();
    circuit.measure(0, 3).unwrap().measure(2, 3).unwrap().measure(2, 0).unwrap();
    let simulator = simulator(Precision::F64, 1);
    let counts = simulator.counts(&simulator.plan(&circuit).unwrap(), 10, 1).unwrap();
    assert_eq!(counts, [("1001".parse().unwrap(), 10)]);
}

#[test]
fn more_than_64_bits_and_none_at_all() {
    let simulator = simulator(Precision::F64, 1);
    let mut wide = Circuit::with_size(2, 100);
    wide.gate(Gate::H, &[], &[0]).unwrap().measure(0, 99).unwrap().measure(1, 1).unwrap();
    let counts = simulator.counts(&simulator.plan(&wide).unwrap(), 1000, 1).unwrap();
    assert_eq!(counts.len(), 2);
    assert!(counts[1].0.get(99) && !counts[0].0.get(99));
    let counts = simulator.counts(&simulator.plan(&Circuit::with_size(2, 0)).unwrap(), 5, 1).unwrap();
    assert_eq!(counts, [(BitString::zeros(0), 5)]);
    assert!(simulator.counts(&simulator.plan(&wide).unwrap(), 0, 1).unwrap().is_empty());
}

#[test]
fn a_measured_qubit_stays_what_it_was_measured_as() {
    for precision in BOTH {
        let mut circuit = Circuit::with_size(2, 3);
        circuit.gate(Gate::Ry, &[1.0], &[0]).unwrap().gate(Gate::Cx, &[], &[0, 1]).unwrap();
        circuit.measure(0, 0).unwrap().measure(0, 1).unwrap();
        circuit.gate(Gate::Z, &[], &[0]).unwrap();
        circuit.measure(1, 2).unwrap().measure(0, 1).unwrap();
        let simulator = simulator(precision, 1);
        let counts = simulator.counts(&simulator.plan(&circuit).unwrap(), 100_000, 5).unwrap();
        let one = 0.5f64.sin().powi(2);
        assert_eq!(counts.len(), 2);
        assert_eq!(counts[0].0.to_string(), "000");
        assert_eq!(counts[1].0.to_string(), "111");
        assert_fits(&[(counts[0].1, 1.0 - one), (counts[1].1, one)], 100_000);
    }
}

#[test]
fn reset_brings_any_state_to_zero_and_leaves_the_partner_mixed() {
    let mut circuit = Circuit::with_size(2, 2);
    circuit.gate(Gate::H, &[], &[0]).unwrap().gate(Gate::Cx, &[], &[0, 1]).unwrap();
    circuit.reset(0).unwrap().measure_all().unwrap();
    let simulator = simulator(Precision::F64, 1);
    let plan = simulator.plan(&circuit).unwrap();
    let counts = simulator.counts(&plan, 10_000, 3).unwrap();
    assert_eq!(counts.len(), 2);
    assert_eq!([counts[0].0.to_string(), counts[1].0.to_string()], ["00", "10"]);
    assert_fits(&[(counts[0].1, 0.5), (counts[1].1, 0.5)], 10_000);
    let probabilities = simulator.probabilities(&plan).unwrap();
    assert_eq!(probabilities.len(), 2);
    assert!(probabilities.iter().all(|(_, probability)| (probability - 0.5).abs() < 1e-12));
    assert_eq!(simulator.evolve(&plan).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn conditions_read_registers_as_numbers() {
    // Qubit 1 is flipped only if the two bits read 2: the first bit is the lowest.
    let mut circuit = Circuit::with_size(3, 3);
    circuit.gate(Gate::H, &[], &[0]).unwrap().gate(Gate::H, &[], &[2]).unwrap();
    circuit.measure(0, 0).unwrap().measure(2, 1).unwrap();
    circuit.push(X, Some(&Condition::equals(0, 2, BitString::from_u64(2, 2)))).unwrap();
    circuit.measure(1, 2).unwrap();
    let simulator = simulator(Precision::F64, 1);
    let counts = simulator.counts(&simulator.plan(&circuit).unwrap(), 8000, 3).unwrap();
    let seen: Vec<String> = counts.iter().map(|(bits, _)| bits.to_string()).collect();
    assert_eq!(seen, ["000", "001", "011", "110"]);
    let observed: Vec<(u64, f64)> = counts.iter().map(|&(_, count)| (count, 0.25)).collect();
    assert_fits(&observed, 8000);
}

#[test]
fn histories_without_room_are_run_again_with_the_same_result() {
    let mut circuit = Circuit::with_size(10, 10);
    for round in 0..12u32 {
        let qubit = round % 10;
        circuit.gate(Gate::Ry, &[0.3 + f64::from(round)], &[qubit]).unwrap();
        circuit.gate(Gate::Cx, &[], &[qubit, (qubit + 3) % 10]).unwrap();
        if round % 3 == 2 {
            circuit.reset(qubit).unwrap();
        } else {
            circuit.measure(qubit, qubit).unwrap();
        }
    }
    let run = |memory_limit| {
        let options = Options { memory_limit, ..Options::default() };
        let simulator = Simulator::new(options).unwrap();
        simulator.counts(&simulator.plan(&circuit).unwrap(), 3000, 9).unwrap()
    };
    let roomy = run(1 << 30);
    assert!(roomy.len() > 20);
    assert_eq!(roomy, run(16 << 10));
    assert_eq!(roomy, run(40 << 10));
}

#[test]
fn too_many_histories_have_counts_but_no_exact_probabilities() {
    let mut circuit = Circuit::with_size(1, 1);
    for _ in 0..13 {
        circuit.gate(Gate::H, &[], &[0]).unwrap().measure(0, 0).unwrap();
    }
    circuit.gate(Gate::H, &[], &[0]).unwrap();
    let simulator = simulator(Precision::F64, 1);
    let plan = simulator.plan(&circuit).unwrap();
    assert_eq!(simulator.probabilities(&plan).unwrap_err().kind(), ErrorKind::Unsupported);
    let counts = simulator.counts(&plan, 1000, 2).unwrap();
    assert_fits(&[(counts[0].1, 0.5), (counts[1].1, 0.5)], 1000);
}

#[test]
fn impossible_sizes_are_refused_before_anything_is_allocated() {
    let simulator = simulator(Precision::F64, 1);
    for qubits in [27, 60, 63, 64, 100, u32::MAX] {
        let error = simulator.plan(&Circuit::with_size(qubits, 0)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exhausted);
        assert!(error.message().contains("at most 26 qubits fit"), "{error}");
    }
    assert_eq!(simulator.max_qubits(), Some(26));
    let boundless = Simulator::new(Options { memory_limit: u64::MAX, ..Options::default() }).unwrap();
    let plan = boundless.plan(&Circuit::with_size(59, 0)).unwrap();
    assert_eq!(boundless.evolve(&plan).unwrap_err().kind(), ErrorKind::Exhausted);
    assert!(Simulator::new(Options { threads: 0, ..Options::default() }).is_err());
}

#[test]
fn readings_agree_with_each_other() {
    let state = evolve(&scrambled(7), Precision::F64);
    let all = state.amplitudes().unwrap();
    assert_eq!(all, state.iter().collect::<Vec<_>>());
    let mut part = vec![qhal::Complex64::ZERO; 100];
    assert_eq!(state.read(100, &mut part), 28);
    assert_eq!(part[..28], all[100..]);
    assert_eq!(state.amplitude(128), qhal::Complex64::ZERO);
    let marginal = state.marginal(&[6, 2]).unwrap();
    for (outcome, probability) in marginal.iter().enumerate() {
        let expected: f64 = (0..128usize)
            .filter(|index| index >> 6 & 1 == outcome & 1 && index >> 2 & 1 == outcome >> 1)
            .map(|index| all[index].norm_sqr())
            .sum();
        assert!((probability - expected).abs() < 1e-14);
    }
    assert_eq!(state.marginal(&[7]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(state.marginal(&[1, 1]).unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// 1/√2 rounded to `f32` is a little too small: thousands of Hadamards would show.
#[test]
fn single_precision_keeps_its_probabilities_through_thousands_of_gates() {
    let mut circuit = Circuit::with_size(3, 0);
    for round in 0..2000 {
        circuit.gate(Gate::H, &[], &[round % 3]).unwrap();
        circuit.gate(Gate::Rz, &[0.37], &[(round + 1) % 3]).unwrap();
        circuit.gate(Gate::Cx, &[], &[round % 3, (round + 1) % 3]).unwrap();
    }
    let found = [Precision::F32, Precision::F64].map(|precision| {
        let simulator = Simulator::new(Options { precision, ..Options::default() }).unwrap();
        let state = simulator.run(&circuit).unwrap();
        (0..8).map(|index| state.probability(index)).collect::<Vec<_>>()
    });
    assert!((found[0].iter().sum::<f64>() - 1.0).abs() < 1e-9, "{found:?}");
    for (single, double) in found[0].iter().zip(&found[1]) {
        assert!((single - double).abs() < 1e-5, "{found:?}");
    }
}
