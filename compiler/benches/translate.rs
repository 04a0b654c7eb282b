//! How long translation takes on the ten rows that Qiskit is measured on (`peers.py` beside this file), and how many gates come out.

use std::fs;
use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, criterion_group, criterion_main};
use qhal::Circuit;
use qhal_compiler::translate::{Options, Target, translate};
use qhal_compiler::{NoIncludes, parse};

const CIRCUITS: [&str; 5] = ["qft_16", "qpeexact_12", "qaoa_12", "graphstate_16", "randomcircuit_8"];

fn read(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/translate").join(name);
    fs::read_to_string(&path).unwrap_or_default()
}

/// A line of 16 and the heavy-hex map of 19, with the gates of the rows.
fn maps() -> Vec<(&'static str, Target)> {
    let target = |name, qubits: usize, pairs: Vec<String>| {
        let text = format!(
            r#"{{"schema-version": 1, "name": "{name}", "numQubits": {qubits}, "couplings": [{}], "operations": [
                {{"name": "sx", "numQubits": 1}}, {{"name": "x", "numQubits": 1}}, {{"name": "rz", "numQubits": 1}},
                {{"name": "cz", "numQubits": 2}}]}}"#,
            pairs.join(",")
        );
        Target::from_json(&text).ok().map(|target| (name, target))
    };
    let line = (1..16).map(|at| format!("[{},{at}]", at - 1)).collect();
    let hex = read("heavy-hex-19.txt").lines().map(|pair| format!("[{}]", pair.replace(' ', ","))).collect();
    [target("line", 16, line), target("heavy-hex", 19, hex)].into_iter().flatten().collect()
}

/// The search alone, without the comparison of states, which takes 2^16 amplitudes through every gate.
fn options(seed: u64) -> Options {
    let mut options = Options::level(3);
    options.threads = std::thread::available_parallelism().map_or(1, usize::from);
    options.compare = false;
    options.seed = seed;
    options
}

fn rows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("translate");
    group.sample_size(20);
    for name in CIRCUITS {
        let program: Circuit = parse(&read(&format!("{name}.qasm")), name, &NoIncludes).unwrap_or_default();
        assert!(!program.is_empty(), "{name} is not in tests/data/translate");
        for (map, target) in maps() {
            let mut counts: Vec<usize> = (0..5)
                .filter_map(|seed| translate(&program, &target, options(seed)).ok())
                .map(|translation| translation.circuit.two_qubit_gates())
                .collect();
            counts.sort_unstable();
            assert_eq!(counts.len(), 5);
            group.bench_function(format!("{name} on {map}, {} gates", counts[2]), |bencher| {
                bencher.iter(|| translate(black_box(&program), &target, options(0)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, rows);
criterion_main!(benches);
