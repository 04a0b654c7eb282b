//! The circuits of tests/data: read here, run by the matrices of their gates, compared with Qiskit's probabilities.

use std::fs;

use crate::reference::{data, read, state};

/// Each circuit is there in both languages, as Qiskit wrote it.
#[test]
fn every_circuit_has_the_reference_probabilities() {
    let mut files = 0;
    for entry in fs::read_dir(data("circuits")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "qasm" && extension != "qasm3") {
            continue;
        }
        files += 1;
        let circuit = read(&fs::read_to_string(&path).unwrap());
        let reference = fs::read_to_string(path.with_extension("expected.json")).unwrap();
        let reference: serde_json::Value = serde_json::from_str(&reference).unwrap();
        assert_eq!(u64::from(circuit.qubits()), reference["qubits"].as_u64().unwrap(), "{}", path.display());

        let mut probabilities: Vec<f64> =
            state(&circuit).iter().map(|amplitude| amplitude.norm_sqr()).collect();
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let mut smallest = f64::MAX;
        for (bits, expected) in reference["probabilities_top64"].as_object().unwrap() {
            let expected = expected.as_f64().unwrap();
            smallest = smallest.min(expected);
            let index = usize::from_str_radix(bits, 2).unwrap();
            let found = std::mem::take(&mut probabilities[index]);
            assert!((found - expected).abs() < 1e-9, "{}: {bits}: {found} {expected}", path.display());
        }
        // Nothing that is not listed is larger than what is.
        let rest = probabilities.iter().copied().fold(0.0, f64::max);
        assert!(rest < smallest + 1e-9, "{}: {rest} {smallest}", path.display());
    }
    assert_eq!(files, 54);
}
