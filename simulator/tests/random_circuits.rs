//! Random circuits of the whole gate set, planned against gate by gate, in every instruction set of this machine.
//!
//! `QHAL_SIMULATOR_PROOF=100000 cargo test --release -p qhal-simulator --test random_circuits` takes more of them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{BOTH, circuit_of, random_gates, tolerance};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use qhal::circuit::Circuit;
use qhal_simulator::{Options, PauliString, Precision, Simulator, StateVector, limits};

/// How many circuits there are: about three seconds' worth if nobody says.
fn circuits() -> u32 {
    std::env::var("QHAL_SIMULATOR_PROOF").ok().and_then(|count| count.parse().ok()).unwrap_or(500)
}

fn simulator(precision: Precision, threads: usize, fusion: bool) -> Simulator {
    Simulator::new(Options { threads, precision, fusion, ..Options::default() }).unwrap()
}

fn difference(a: &StateVector, b: &StateVector) -> f64 {
    a.iter().zip(b.iter()).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max)
}

/// Simulators are made once: each of two threads starts a pool.
struct All {
    plain: Simulator,
    fused: Vec<Simulator>,
}

impl All {
    fn new() -> Self {
        let fused =
            BOTH.into_iter().flat_map(|precision| [1, 2].map(|threads| simulator(precision, threads, true)));
        Self { plain: simulator(Precision::F64, 1, false), fused: fused.collect() }
    }

    /// How far states and readings of a circuit are from those of the plain engine.
    fn check(&self, circuit: &Circuit, seed: u64) -> Result<(), TestCaseError> {
        let plain = self.plain.run(circuit).unwrap();
        let mask = plain.len() - 1;
        let sum = [PauliString { coefficient: 0.7, x: seed & mask, z: seed >> 20 & mask }];
        let value = plain.expectation(&sum).unwrap();
        for fused in &self.fused {
            let precision = fused.options().precision;
            let state = fused.run(circuit).unwrap();
            let off = difference(&plain, &state);
            let threads = fused.options().threads;
            prop_assert!(off < tolerance(precision), "{precision:?}, {threads} threads: off by {off:e}");
            let off = (state.expectation(&sum).unwrap() - value).abs();
            prop_assert!(off < 5.0 * tolerance(precision), "{precision:?}: a Pauli string is off by {off:e}");
        }
        Ok(())
    }
}

#[test]
fn planned_and_gate_by_gate() {
    let all = All::new();
    // Most are small, so that thousands take seconds; all sizes from 3 to 14 come.
    let sizes = (3u32..=14, 3u32..=14).prop_map(|(a, b)| a.min(b));
    let one = sizes.prop_flat_map(|qubits| (Just(qubits), random_gates(qubits, 40), any::<u64>()));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(circuits()) });
    runner.run(&one, |(qubits, gates, seed)| all.check(&circuit_of(qubits, &gates), seed)).unwrap();
}

/// A process chooses its instructions once; the other sets are proved in processes of their own.
#[test]
fn the_other_instruction_sets() {
    const VARIABLE: &str = "QHAL_SIMULATOR_KERNELS";
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    for set in limits::instruction_sets() {
        let test = ["--exact", "planned_and_gate_by_gate"];
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(test)
            .env(VARIABLE, set)
            .env("QHAL_SIMULATOR_PROOF", (circuits() / 4).to_string())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{set}: {text}");
    }
}
