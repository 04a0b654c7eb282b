//! Reading states and small circuits: samples, expectation values, marginals, gradients, and the cost of one run.
#![allow(missing_docs, reason = "the macro of the harness makes undocumented items")]

use criterion::{Criterion, criterion_group, criterion_main};
use qhal::circuit::{BitString, Circuit, Condition, Gate, Operation};
use qhal_simulator::{Ansatz, Options, PauliString, Simulator};

fn dense(qubits: u32, layers: u32) -> qhal::Result<Circuit> {
    let mut circuit = Circuit::with_size(qubits, qubits);
    for layer in 0..layers {
        for qubit in 0..qubits {
            let angle = 0.3 + f64::from(layer * qubits + qubit);
            circuit.gate(Gate::Ry, &[angle], &[qubit])?.gate(Gate::Rz, &[2.0 * angle], &[qubit])?;
        }
        for qubit in 1..qubits {
            circuit.gate(Gate::Cx, &[], &[qubit - 1, qubit])?;
        }
    }
    Ok(circuit)
}

/// Z on each qubit and its neighbour.
fn ring(qubits: u32) -> Vec<PauliString> {
    let pair = |qubit: u32| 1u64 << qubit | 1u64 << ((qubit + 1) % qubits);
    (0..qubits).map(|qubit| PauliString { coefficient: 1.0, x: 0, z: pair(qubit) }).collect()
}

/// Strings of 1 to 12 letters without a pattern.
fn strings(qubits: u32) -> Vec<PauliString> {
    let mut state = 1u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let string = |_| {
        let mut string = PauliString { coefficient: 1.0, x: 0, z: 0 };
        for _ in 0..1 + next(12) {
            let (qubit, letter) = (next(qubits.into()), 1 + next(3));
            string.x |= (letter & 1) << qubit;
            string.z |= (letter >> 1) << qubit;
        }
        string
    };
    (0..100).map(string).collect()
}

fn large(criterion: &mut Criterion) -> qhal::Result<()> {
    const QUBITS: u32 = 24;
    let simulator = Simulator::new(Options { threads: 2, ..Options::default() })?;
    let mut circuit = dense(QUBITS, 2)?;
    circuit.measure_all()?;
    let plan = simulator.plan(&circuit)?;
    let state = simulator.evolve(&plan)?;
    let mut group = criterion.benchmark_group("24 qubits");
    group.sample_size(10);
    group.bench_function("counts of 1000000 shots", |bencher| {
        bencher.iter(|| state.counts(&plan, 1_000_000, 1))
    });
    group.bench_function("24 ZZ terms", |bencher| bencher.iter(|| state.expectation(&ring(QUBITS))));
    group.bench_function("100 Pauli strings", |bencher| bencher.iter(|| state.expectation(&strings(QUBITS))));
    group.bench_function("marginal of 8 qubits", |bencher| {
        bencher.iter(|| state.marginal(&[0, 3, 6, 9, 12, 15, 18, 21]));
    });
    group.finish();
    Ok(())
}

fn small(criterion: &mut Criterion) -> qhal::Result<()> {
    let simulator = Simulator::new(Options::default())?;
    for qubits in [2, 4, 8, 12] {
        let circuit = dense(qubits, 1)?;
        let plan = simulator.plan(&circuit)?;
        criterion
            .bench_function(&format!("plan {qubits}"), |bencher| bencher.iter(|| simulator.plan(&circuit)));
        criterion
            .bench_function(&format!("evolve {qubits}"), |bencher| bencher.iter(|| simulator.evolve(&plan)));
    }
    for qubits in [4, 8, 12, 16] {
        let (ansatz, parameters) = Ansatz::of(&dense(qubits, 4)?)?;
        criterion.bench_function(&format!("gradient {qubits}, {} parameters", parameters.len()), |bencher| {
            bencher.iter(|| simulator.gradient(&ansatz, &parameters, &ring(qubits)));
        });
    }
    Ok(())
}

/// Teleportation, of which the last qubit is measured as well.
fn teleport() -> qhal::Result<Circuit> {
    let mut circuit = Circuit::with_size(3, 3);
    circuit.gate(Gate::Ry, &[1.2], &[0])?.gate(Gate::H, &[], &[1])?.gate(Gate::Cx, &[], &[1, 2])?;
    circuit.gate(Gate::Cx, &[], &[0, 1])?.gate(Gate::H, &[], &[0])?.measure(0, 0)?.measure(1, 1)?;
    for (gate, bit) in [(Gate::X, 1), (Gate::Z, 0)] {
        let is_one = Condition::equals(bit, 1, BitString::from_u64(1, 1));
        circuit.push(Operation::Gate { gate, params: &[], qubits: &[2] }, Some(&is_one))?;
    }
    circuit.measure(2, 2)?;
    Ok(circuit)
}

/// Rounds of parity checks between `data` neighbours; if it is `disturbed`, every check has a random outcome.
fn checks(data: u32, rounds: u32, disturbed: bool) -> qhal::Result<Circuit> {
    let mut circuit = Circuit::with_size(2 * data - 1, (data - 1) * rounds);
    for qubit in 0..data {
        circuit.gate(Gate::Ry, &[0.4 + 0.2 * f64::from(qubit)], &[qubit])?;
    }
    for round in 0..rounds {
        for check in 0..data - 1 {
            let ancilla = data + check;
            circuit.gate(Gate::Cx, &[], &[check, ancilla])?.gate(Gate::Cx, &[], &[check + 1, ancilla])?;
            circuit.measure(ancilla, round * (data - 1) + check)?.reset(ancilla)?;
        }
        if disturbed {
            for qubit in 0..data {
                circuit.gate(Gate::Ry, &[0.3], &[qubit])?;
            }
        }
    }
    Ok(circuit)
}

/// A chain whose links are entangled, then reset one after the other.
fn resets(qubits: u32) -> qhal::Result<Circuit> {
    let mut circuit = Circuit::with_size(qubits, qubits);
    for qubit in 0..qubits - 1 {
        circuit.gate(Gate::Ry, &[1.0], &[qubit])?.gate(Gate::Cx, &[], &[qubit, qubit + 1])?.reset(qubit)?;
    }
    circuit.measure_all()?;
    Ok(circuit)
}

fn dynamic(criterion: &mut Criterion) -> qhal::Result<()> {
    let simulator = Simulator::new(Options { threads: 2, ..Options::default() })?;
    let mut group = criterion.benchmark_group("dynamic");
    group.sample_size(10);
    let cases = [
        ("teleport, 100000 shots", teleport()?, 100_000),
        ("10 rounds of checks of 9 qubits, 1000 shots", checks(9, 10, false)?, 1000),
        ("10 disturbed rounds of checks of 5 qubits, 1000 shots", checks(5, 10, true)?, 1000),
        ("reset chain of 20 qubits, 100 shots", resets(20)?, 100),
    ];
    for (name, circuit, shots) in cases {
        group.bench_function(name, |bencher| bencher.iter(|| simulator.sample(&circuit, shots, 1)));
    }
    group.finish();
    Ok(())
}

fn all(criterion: &mut Criterion) {
    for result in [small(criterion), large(criterion), dynamic(criterion)] {
        assert!(result.is_ok(), "{result:?}");
    }
}

criterion_group!(benches, all);
criterion_main!(benches);
