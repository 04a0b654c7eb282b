//! Programs with noise against closed formulas, and the two ways of computing them against each other.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use proptest::prelude::*;
use qhal::circuit::{BitString, Condition};
use qhal::{ErrorKind, Gate};
use qhal_simulator::Options;
use qhal_simulator::noise::{Method, NoisyProgram, Readout, Relaxation};

const SHOTS: u64 = 20_000;

fn options(threads: usize) -> Options {
    Options { threads, memory_limit: 1 << 28, ..Options::default() }
}

fn gate(program: &mut NoisyProgram, gate: Gate, angles: &[f64], qubits: &[u32]) {
    program.unitary(&gate.matrix(angles), qubits, None).unwrap();
}

fn counts(program: &NoisyProgram, method: Method, seed: u64) -> BTreeMap<String, u64> {
    let counts = program.counts_by(method, SHOTS, seed, &options(2), &AtomicBool::new(false)).unwrap();
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), SHOTS);
    counts.into_iter().map(|(bits, count)| (bits.to_string(), count)).collect()
}

/// Both methods give `outcome` with `probability`: exactly, and within four standard deviations.
fn assert_probability(program: &NoisyProgram, outcome: &str, probability: f64) {
    let exact = program.distribution(&options(1)).unwrap();
    let found = exact.iter().find(|(bits, _)| bits.to_string() == outcome).map_or(0.0, |(_, p)| *p);
    assert!((found - probability).abs() < 1e-12, "{outcome}: {found} instead of {probability}");
    for method in [Method::DensityMatrix, Method::Trajectories] {
        let hits = counts(program, method, 11).get(outcome).copied().unwrap_or(0) as f64;
        let (mean, spread) =
            (probability * SHOTS as f64, (SHOTS as f64 * probability * (1.0 - probability)).sqrt());
        assert!(
            (hits - mean).abs() <= 4.0 * spread,
            "{method:?} {outcome}: {hits} instead of {mean} ± {spread}"
        );
    }
}

fn relaxation(t: u64, t1: u64, t2: u64) -> Relaxation {
    let us = |time| Some(Duration::from_micros(time));
    Relaxation::over(Duration::from_micros(t), us(t1), us(t2))
}

#[test]
fn an_excited_qubit_decays_with_its_relaxation_time() {
    for t in [5, 40, 200] {
        let mut program = NoisyProgram::new(1, 1);
        gate(&mut program, Gate::X, &[], &[0]);
        program.relax(0, relaxation(t, 50, 30), None).unwrap();
        program.measure(0, 0, Readout::default(), None).unwrap();
        assert_probability(&program, "1", (-(t as f64) / 50.0).exp());
    }
}

#[test]
fn coherence_is_lost_with_the_dephasing_time() {
    for t2 in [20, 50, 100] {
        // In two parts, so that a decayed qubit goes on.
        let mut program = NoisyProgram::new(1, 1);
        gate(&mut program, Gate::H, &[], &[0]);
        program.relax(0, relaxation(7, 50, t2), None).unwrap();
        program.relax(0, relaxation(8, 50, t2), None).unwrap();
        gate(&mut program, Gate::H, &[], &[0]);
        program.measure(0, 0, Readout::default(), None).unwrap();
        assert_probability(&program, "0", (1.0 + (-15.0 / t2 as f64).exp()) / 2.0);
    }
}

#[test]
fn depolarized_pairs_have_a_quarter_of_everything() {
    let p = 0.3;
    let mut program = NoisyProgram::new(2, 2);
    gate(&mut program, Gate::H, &[], &[0]);
    gate(&mut program, Gate::Cx, &[], &[0, 1]);
    program.depolarize(&[1, 0], p, None).unwrap();
    program.measure(0, 0, Readout::default(), None).unwrap();
    program.measure(1, 1, Readout::default(), None).unwrap();
    assert_probability(&program, "00", (1.0 - p) / 2.0 + p / 4.0);
    assert_probability(&program, "01", p / 4.0);
    // In the other bases, too: a Bell pair turned back is |00⟩.
    let mut back = NoisyProgram::new(2, 2);
    gate(&mut back, Gate::H, &[], &[0]);
    gate(&mut back, Gate::Cx, &[], &[0, 1]);
    back.depolarize(&[0, 1], p, None).unwrap();
    gate(&mut back, Gate::Cx, &[], &[0, 1]);
    gate(&mut back, Gate::H, &[], &[0]);
    back.measure(0, 0, Readout::default(), None).unwrap();
    back.measure(1, 1, Readout::default(), None).unwrap();
    assert_probability(&back, "00", 1.0 - p * 3.0 / 4.0);
}

#[test]
fn one_qubit_depolarizes_towards_one_half() {
    let mut program = NoisyProgram::new(1, 1);
    for _ in 0..10 {
        gate(&mut program, Gate::X, &[], &[0]);
        program.depolarize(&[0], 0.05, None).unwrap();
    }
    program.measure(0, 0, Readout::default(), None).unwrap();
    assert_probability(&program, "0", (1.0 + 0.95f64.powi(10)) / 2.0);
}

#[test]
fn readout_takes_one_for_the_other() {
    let readout = Readout { one_for_zero: 0.02, zero_for_one: 0.11 };
    let mut program = NoisyProgram::new(2, 2);
    gate(&mut program, Gate::Ry, &[0.8], &[0]);
    program.measure(0, 1, readout, None).unwrap();
    program.measure(1, 0, readout, None).unwrap();
    let one = (0.4f64).sin().powi(2);
    let read = one * 0.89 + (1.0 - one) * 0.02;
    assert_probability(&program, "10", read * 0.98);
    assert_probability(&program, "01", (1.0 - read) * 0.02);
}

#[test]
fn a_reset_forgets() {
    let mut program = NoisyProgram::new(2, 2);
    gate(&mut program, Gate::H, &[], &[0]);
    gate(&mut program, Gate::Cx, &[], &[0, 1]);
    program.reset(0, None).unwrap();
    program.measure(0, 0, Readout::default(), None).unwrap();
    program.measure(1, 1, Readout::default(), None).unwrap();
    assert_probability(&program, "10", 0.5);
    assert_probability(&program, "00", 0.5);
}

#[test]
fn outcomes_on_the_way_decide_as_they_were_read() {
    // A flip that is undone where it was seen: what is left are the readings that were wrong.
    let error = 0.1;
    let mut program = NoisyProgram::new(1, 2);
    gate(&mut program, Gate::H, &[], &[0]);
    program.measure(0, 0, Readout::symmetric(error), None).unwrap();
    let seen = Condition::equals(0, 1, BitString::from_u64(1, 1));
    program.unitary(&Gate::X.matrix(&[]), &[0], Some(&seen)).unwrap();
    program.measure(0, 1, Readout::default(), None).unwrap();
    assert!(program.is_dynamic());
    assert_eq!(program.distribution(&options(1)).unwrap_err().kind(), ErrorKind::Unsupported);
    let counts = counts(&program, Method::Trajectories, 5);
    for (outcome, probability) in
        [("00", 0.5 - error / 2.0), ("01", 0.5 - error / 2.0), ("10", error / 2.0), ("11", error / 2.0)]
    {
        // 00: was 0, read 0; 01: was 1, read 1, flipped to 0; 10: was 1, read 0; 11: was 0, read 1, flipped to 1.
        let hits = counts.get(outcome).copied().unwrap_or(0) as f64;
        let mean = probability * SHOTS as f64;
        assert!((hits - mean).abs() < 4.0 * (mean * (1.0 - probability)).sqrt(), "{outcome}: {counts:?}");
    }
}

#[test]
fn long_programs_keep_their_norm() {
    let mut program = NoisyProgram::new(1, 1);
    gate(&mut program, Gate::X, &[], &[0]);
    for _ in 0..3000 {
        program.relax(0, relaxation(10, 50, 50), None).unwrap();
        gate(&mut program, Gate::X, &[], &[0]);
    }
    program.measure(0, 0, Readout::default(), None).unwrap();
    // p' = 1 − e^{−t/T1} p at each round: its fixed point.
    assert_probability(&program, "1", 1.0 / (1.0 + (-0.2f64).exp()));
}

/// A decay says something about the qubits that the decayed one was entangled with: of cos a·|00⟩ + sin a·|11⟩, it leaves
/// |1⟩ on the other, with certainty.
#[test]
fn what_one_qubit_suffers_decides_what_another_is() {
    let mut program = NoisyProgram::new(2, 2);
    gate(&mut program, Gate::Ry, &[0.6], &[0]);
    gate(&mut program, Gate::Cx, &[], &[0, 1]);
    program.relax(1, relaxation(20, 30, 30), None).unwrap();
    program.reset(0, None).unwrap();
    program.measure(1, 1, Readout::default(), None).unwrap();
    let stays = 0.3f64.sin().powi(2) * (-20.0f64 / 30.0).exp();
    assert_probability(&program, "00", 1.0 - stays);
    assert_probability(&program, "10", stays);
}

#[test]
fn counts_depend_on_the_seed_and_not_on_the_threads() {
    let mut program = NoisyProgram::new(3, 3);
    for qubit in 0..3 {
        gate(&mut program, Gate::Ry, &[1.0], &[qubit]);
        program.relax(qubit, relaxation(10, 50, 50), None).unwrap();
        program.depolarize(&[qubit, (qubit + 1) % 3], 0.2, None).unwrap();
    }
    for qubit in 0..3 {
        program.measure(qubit, qubit, Readout::symmetric(0.05), None).unwrap();
    }
    let run = |seed, threads| {
        let stop = AtomicBool::new(false);
        program.counts_by(Method::Trajectories, 5000, seed, &options(threads), &stop).unwrap()
    };
    assert_eq!(run(3, 1), run(3, 4));
    assert_ne!(run(3, 1), run(4, 1));
}

#[test]
fn what_does_not_fit_is_refused_and_what_is_stopped_stops() {
    let mut program = NoisyProgram::new(30, 1);
    program.relax(29, relaxation(1, 2, 2), None).unwrap();
    assert_eq!(program.check(100, &options(1)).unwrap_err().kind(), ErrorKind::Exhausted);
    // One state of 22 qubits fits 64 MiB, the copies that 1000 shots may need do not.
    let large = NoisyProgram::new(22, 1);
    let few = Options { memory_limit: 1 << 27, ..options(4) };
    assert!(large.check(1, &few).is_ok());
    let error = large.check(1000, &few).unwrap_err();
    assert!(error.message().contains("fewer shots"), "{error}");
    let mut long = NoisyProgram::new(2, 1);
    gate(&mut long, Gate::H, &[], &[0]);
    for method in [Method::DensityMatrix, Method::Trajectories] {
        let stopped = long.counts_by(method, 10, 0, &options(1), &AtomicBool::new(true));
        assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Refused);
    }
}

#[test]
fn impossible_steps_are_refused() {
    let mut program = NoisyProgram::new(2, 1);
    let read = Condition::equals(0, 2, BitString::zeros(2));
    let x = Gate::X.matrix(&[]);
    for result in [
        program.unitary(&x, &[2], None),
        program.unitary(&x, &[0, 1], None),
        program.unitary(&x, &[0], Some(&read)),
        program.relax(2, relaxation(1, 1, 1), None),
        program.depolarize(&[0, 0], 0.1, None),
        program.depolarize(&[0], 1.1, None),
        program.depolarize(&[0], f64::NAN, None),
        program.measure(0, 1, Readout::default(), None),
        program.measure(0, 0, Readout::symmetric(-0.1), None),
        program.reset(7, None),
    ] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert!(program.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Trajectories draw from the distribution of the density matrix: chi-square over outcomes of at least five expected.
    #[test]
    fn trajectories_draw_from_the_exact_distribution(
        steps in proptest::collection::vec((0usize..6, 0u32..3, 1u32..3, 0.0..3.0f64), 1..25),
        seed in 0u64..1000,
    ) {
        let mut program = NoisyProgram::new(3, 3);
        for (kind, a, step, figure) in steps {
            let b = (a + step) % 3;
            match kind {
                0 => gate(&mut program, Gate::Ry, &[figure], &[a]),
                1 => gate(&mut program, Gate::Crx, &[figure], &[a, b]),
                2 => program.relax(a, relaxation((figure * 10.0) as u64, 30, 40), None).unwrap(),
                3 => program.depolarize(&[a, b], figure / 10.0, None).unwrap(),
                4 => program.depolarize(&[a], figure / 5.0, None).unwrap(),
                _ => program.reset(a, None).unwrap(),
            }
        }
        for qubit in 0..3 {
            program.measure(qubit, 2 - qubit, Readout { one_for_zero: 0.01, zero_for_one: 0.05 }, None).unwrap();
        }
        let exact = program.distribution(&options(1)).unwrap();
        prop_assert!((exact.iter().map(|(_, p)| p).sum::<f64>() - 1.0).abs() < 1e-9);
        for method in [Method::DensityMatrix, Method::Trajectories] {
            let found = counts(&program, method, seed);
            let (mut chi, mut freedom, mut rest) = (0.0, 0, [0.0, 0.0]);
            for (bits, probability) in &exact {
                let (hits, mean) = (found.get(&bits.to_string()).copied().unwrap_or(0) as f64, probability * SHOTS as f64);
                if mean < 5.0 {
                    rest = [rest[0] + hits, rest[1] + mean];
                } else {
                    chi += (hits - mean).powi(2) / mean;
                    freedom += 1;
                }
            }
            prop_assert!(rest[0] <= rest[1] + 6.0 * rest[1].sqrt() + 6.0, "{:?}: {:?}", method, rest);
            // The quantile of 1 - 1e-9 of chi-square with up to 7 degrees of freedom is below 57.
            prop_assert!(freedom <= 8 && chi < 57.0, "{:?}: {} with {}", method, chi, freedom);
        }
    }
}
