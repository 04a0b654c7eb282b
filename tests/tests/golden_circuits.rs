//! Real programs end to end, from OpenQASM text to probabilities and counts, held to reference results of Qiskit
//! (tests/data/circuits, origin in tests/data/README.md).

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

use std::collections::HashMap;
use std::path::PathBuf;

use qhal::Circuit;
use qhal::circuit::BitString;
use qhal_simulator::{Options, Precision, Simulator};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/circuits")
}

/// Every program with its reference: name, circuit, the 64 largest probabilities.
fn programs() -> Vec<(String, Circuit, HashMap<String, f64>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "qasm") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let circuit = qhal_compiler::parse(&text, &name, &qhal_compiler::NoIncludes).unwrap();
        let expected = std::fs::read_to_string(path.with_file_name(format!("{name}.expected.json"))).unwrap();
        let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
        let top = expected["probabilities_top64"].as_object().unwrap();
        let top = top.iter().map(|(bits, p)| (bits.clone(), p.as_f64().unwrap())).collect();
        assert_eq!(u64::from(circuit.qubits()), expected["qubits"].as_u64().unwrap(), "{name}");
        all.push((name, circuit, top));
    }
    assert_eq!(all.len(), 27, "the set of programs is complete");
    all
}

fn simulator(precision: Precision) -> Simulator {
    Simulator::new(Options { precision, threads: 2, ..Options::default() }).unwrap()
}

fn probabilities_agree(precision: Precision, tolerance: f64) {
    let simulator = simulator(precision);
    for (name, circuit, expected) in programs() {
        let plan = simulator.plan(&circuit).unwrap();
        let found: HashMap<String, f64> = simulator
            .evolve(&plan)
            .unwrap()
            .probabilities(0.0)
            .unwrap()
            .into_iter()
            .map(|(bits, p)| (bits.to_string(), p))
            .collect();
        for (bits, p) in &expected {
            let ours = found.get(bits).copied().unwrap_or(0.0);
            assert!((ours - p).abs() < tolerance, "{name}: {bits} has {ours}, Qiskit says {p}");
        }
        // The reference lists the 64 largest; what it does not list cannot be larger than its smallest.
        let smallest = expected.values().copied().fold(f64::INFINITY, f64::min);
        let limit = if expected.len() < 64 { tolerance } else { smallest + tolerance };
        for (bits, ours) in &found {
            assert!(
                expected.contains_key(bits) || *ours <= limit,
                "{name}: {bits} has {ours}, and Qiskit does not list it"
            );
        }
    }
}

#[test]
fn double_precision_agrees_to_1e_9() {
    probabilities_agree(Precision::F64, 1e-9);
}

#[test]
fn single_precision_agrees_to_1e_5() {
    probabilities_agree(Precision::F32, 1e-5);
}

/// Pearson's chi-square of counts against the reference, over outcomes expected at least five times; the rest is one
/// more cell. The limit is 5 standard deviations (Wilson–Hilferty).
#[test]
fn counts_follow_the_reference() {
    const SHOTS: u64 = 20_000;
    let simulator = simulator(Precision::F64);
    for (name, mut circuit, expected) in programs() {
        if circuit.instructions().all(|instruction| instruction.operation.name() != "measure") {
            circuit.measure_all().unwrap();
        }
        // Outcomes are classical bits; the reference speaks of qubits.
        let mut qubit_of_bit = vec![None; circuit.bits() as usize];
        for instruction in circuit.instructions() {
            if let qhal::circuit::Operation::Measure { qubit, bit } = instruction.operation {
                qubit_of_bit[bit as usize] = Some(qubit);
            }
        }
        let plan = simulator.plan(&circuit).unwrap();
        let counts = simulator.counts(&plan, SHOTS, 20_261_123).unwrap();
        assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), SHOTS, "{name}");
        let measured: Vec<u32> = qubit_of_bit.iter().flatten().copied().collect();
        let mut expected_of: HashMap<BitString, f64> = HashMap::new();
        for (text, p) in &expected {
            let state: BitString = text.parse().unwrap();
            let mut outcome = BitString::zeros(circuit.bits());
            for (bit, qubit) in (0u32..).zip(&qubit_of_bit) {
                if let Some(qubit) = qubit {
                    outcome.set(bit, state.get(*qubit));
                }
            }
            *expected_of.entry(outcome).or_default() += p;
        }
        if measured.len() < circuit.qubits() as usize && expected.len() == 64 {
            // The 64 largest do not determine a marginal.
            continue;
        }
        let (mut chi_square, mut cells, mut covered, mut seen_covered) = (0.0, 0u32, 0.0, 0);
        let seen: HashMap<&BitString, u64> = counts.iter().map(|(bits, count)| (bits, *count)).collect();
        for (bits, p) in &expected_of {
            let mean = p * SHOTS as f64;
            let count = seen.get(bits).copied().unwrap_or(0);
            if mean >= 5.0 {
                chi_square += (count as f64 - mean).powi(2) / mean;
                cells += 1;
                covered += p;
                seen_covered += count;
            }
        }
        let rest = (1.0 - covered).max(0.0) * SHOTS as f64;
        let seen_rest = (SHOTS - seen_covered) as f64;
        if rest >= 5.0 {
            chi_square += (seen_rest - rest).powi(2) / rest;
            cells += 1;
        } else {
            assert!(
                seen_rest <= rest + 5.0 * rest.sqrt() + 8.0,
                "{name}: {seen_rest} shots where {rest} are expected"
            );
        }
        if cells > 1 {
            let k = f64::from(cells - 1);
            let limit = k * (1.0 - 2.0 / (9.0 * k) + 5.0 * (2.0 / (9.0 * k)).sqrt()).powi(3);
            assert!(chi_square < limit, "{name}: chi-square {chi_square} over {cells} cells");
        }
    }
}
