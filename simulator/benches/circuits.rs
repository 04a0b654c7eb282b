//! Whole circuits, planning included: the families that decide how long people wait.
#![allow(missing_docs, reason = "the macro of the harness makes undocumented items")]

use criterion::{Criterion, criterion_group, criterion_main};
use qhal::circuit::{Circuit, Gate};
use qhal_simulator::{Options, Precision, Simulator};

fn fourier(qubits: u32) -> qhal::Result<Circuit> {
    let mut circuit = Circuit::with_size(qubits, 0);
    for target in (0..qubits).rev() {
        circuit.gate(Gate::H, &[], &[target])?;
        for control in (0..target).rev() {
            circuit.gate(
                Gate::Cp,
                &[std::f64::consts::PI / f64::from(1 << (target - control))],
                &[control, target],
            )?;
        }
    }
    Ok(circuit)
}

fn ansatz(qubits: u32, layers: u32) -> qhal::Result<Circuit> {
    let mut circuit = Circuit::with_size(qubits, 0);
    for layer in 0..layers {
        for qubit in 0..qubits {
            let angle = f64::from(layer * qubits + qubit);
            circuit.gate(Gate::Ry, &[angle], &[qubit])?.gate(Gate::Rz, &[2.0 * angle], &[qubit])?;
        }
        for qubit in 1..qubits {
            circuit.gate(Gate::Cx, &[], &[qubit - 1, qubit])?;
        }
    }
    Ok(circuit)
}

fn circuits(criterion: &mut Criterion) {
    for precision in [Precision::F64, Precision::F32] {
        let Ok(simulator) = Simulator::new(Options { threads: 2, precision, ..Options::default() }) else {
            return;
        };
        let cases = [("fourier 8", fourier(8)), ("fourier 20", fourier(20)), ("ansatz 20", ansatz(20, 10))];
        for (name, circuit) in cases {
            let Ok(circuit) = circuit else { continue };
            criterion.bench_function(&format!("{name} {}", precision.as_str()), |bencher| {
                bencher.iter(|| simulator.run(&circuit));
            });
        }
    }
}

criterion_group!(benches, circuits);
criterion_main!(benches);
