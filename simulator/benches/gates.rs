//! Single gates on a large state: how close each comes to what memory allows.
#![allow(missing_docs, reason = "the macro of the harness makes undocumented items")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use qhal::circuit::{Circuit, Gate};
use qhal_simulator::{Options, Precision, Simulator};

const QUBITS: u32 = 24;

fn gates(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("gate on 24 qubits");
    group.sample_size(20);
    for precision in [Precision::F64, Precision::F32] {
        let Ok(simulator) = Simulator::new(Options { threads: 2, precision, ..Options::default() }) else {
            return;
        };
        // A state without zeros.
        let mut spread = Circuit::with_size(QUBITS, 0);
        for qubit in 0..QUBITS {
            let _ = spread.gate(Gate::H, &[], &[qubit]);
        }
        let Ok(mut state) = simulator.run(&spread) else { return };
        // One read and one write of every amplitude.
        let amplitude = match precision {
            Precision::F32 => 8,
            _ => 16,
        };
        group.throughput(Throughput::Bytes((2 * amplitude) << QUBITS));
        let cases: [(&str, Gate, &[f64], &[u32]); 9] = [
            ("h 0", Gate::H, &[], &[0]),
            ("h 12", Gate::H, &[], &[12]),
            ("h 23", Gate::H, &[], &[23]),
            ("rz 12", Gate::Rz, &[0.3], &[12]),
            ("u 23", Gate::U, &[0.3, 0.4, 0.5], &[23]),
            ("cx 0 23", Gate::Cx, &[], &[0, 23]),
            ("cx 22 23", Gate::Cx, &[], &[22, 23]),
            ("cp 3 20", Gate::Cp, &[0.3], &[3, 20]),
            ("rzz 22 23", Gate::Rzz, &[0.3], &[22, 23]),
        ];
        for (name, gate, params, qubits) in cases {
            let mut circuit = Circuit::with_size(QUBITS, 0);
            if circuit.gate(gate, params, qubits).is_err() {
                continue;
            }
            group.bench_function(BenchmarkId::new(name, precision.as_str()), |bencher| {
                bencher.iter(|| simulator.apply(&circuit, &mut state));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, gates);
criterion_main!(benches);
