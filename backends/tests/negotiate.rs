//! Negotiation by its properties, and its figures against the formulas that it is said to go by.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;
use qhal::processor::{Couplings, Queue};
use qhal::{Access, Address, Circuit, Descriptor, DeviceId, Gate, Kind, Policy, Provenance, QuantumOrigin};
use qhal_backends::negotiate::{
    Candidate, Connectivity, Negotiation, Pace, Request, Strategy as Goal, Work, negotiate,
};
use qhal_compiler::translate::Target;

fn descriptor(unit: &str, provenance: Provenance) -> Descriptor {
    Descriptor {
        id: DeviceId::new("lab", unit),
        kind: Kind::Processor,
        provenance,
        evidence: String::new(),
        origin: QuantumOrigin::Quantum,
        address: Address::File { path: format!("/dev/{unit}") },
        model: unit.to_owned(),
        serial: None,
        access: Access::Ready,
    }
}

fn candidate(unit: &str, target: Target, jobs: u64) -> Candidate {
    Candidate {
        descriptor: descriptor(unit, Provenance::Hardware),
        target: Ok(target),
        pace: Pace::Chip,
        queue: Queue { jobs: Some(jobs), wait: None },
        leased: None,
    }
}

/// A line of `qubits` with one fidelity for each kind of operation.
fn line(qubits: u32, single: f64, pair: f64, readout: f64, nanoseconds: u32) -> Target {
    let couplings: Vec<String> = (1..qubits).map(|b| format!("[{}, {b}]", b - 1)).collect();
    let text = format!(
        r#"{{"schema-version": 1, "name": "line", "numQubits": {qubits}, "couplings": [{}], "operations": [
        {{"name": "r", "numQubits": 1, "duration": {nanoseconds}, "fidelity": {single}}},
        {{"name": "cz", "numQubits": 2, "duration": {nanoseconds}, "fidelity": {pair}}},
        {{"name": "measure", "numQubits": 1, "duration": 1000, "fidelity": {readout}}}]}}"#,
        couplings.join(", ")
    );
    Target::from_json(&text).unwrap()
}

fn request(qubits: u32, depth: u32, strategy: Goal) -> Request {
    Request {
        work: Work::Layers { qubits, depth, connectivity: Connectivity::Any },
        shots: 1000,
        deadline: None,
        fidelity: None,
        strategy,
        policy: Policy::RequireHardware,
        named: None,
        threads: 1,
    }
}

fn names(negotiation: &Negotiation) -> Vec<&str> {
    negotiation.offers.iter().map(|offer| offer.device.unit()).collect()
}

#[test]
fn figures_are_those_of_the_formulas() {
    let (f1, f2, r) = (0.999, 0.99, 0.98f64);
    let all = [candidate("a", line(6, f1, f2, r, 100), 2)];
    let found = negotiate(&request(4, 10, Goal::Balanced), &all).unwrap();
    let offer = &found.offers[0];
    let fidelity = (f1.powi(4) * f2.powi(2)).powi(10) * r.powi(4);
    assert!((offer.expected.fidelity.unwrap() - fidelity).abs() < 1e-12);
    // Ten layers of 200 ns and a measurement of 1 µs, a thousand times; two jobs as long before it.
    let close = |time: Option<Duration>, seconds: f64| (time.unwrap().as_secs_f64() - seconds).abs() < 1e-6;
    assert!(close(offer.expected.run, 3e-3) && close(offer.queue, 6e-3), "{offer:?}");
    let score = fidelity / (1.0 + 9e-3 / 60.0);
    assert!((offer.score - score).abs() < 1e-9, "{offer:?}");
    let adaptive = Request {
        fidelity: Some(0.5),
        deadline: Some(Duration::from_secs(1)),
        ..request(4, 10, Goal::Adaptive)
    };
    let offer = &negotiate(&adaptive, &all).unwrap().offers[0];
    let score = (fidelity / (1.0 + 9e-3)).sqrt();
    assert!((offer.score - score).abs() < 1e-9, "{offer:?}");
}

#[test]
fn strategies_decide_as_they_are_called() {
    let all = [
        candidate("small", line(5, 0.99, 0.9, 0.9, 1000), 10),
        candidate("fast", line(20, 0.99, 0.95, 0.9, 10), 0),
        candidate("good", line(30, 0.9999, 0.999, 0.99, 1000), 1000),
        candidate("both", line(40, 0.9995, 0.998, 0.98, 100), 1),
    ];
    let winner = |goal| names(&negotiate(&request(5, 20, goal), &all).unwrap())[0].to_owned();
    assert_eq!(winner(Goal::Minimal), "small");
    assert_eq!(winner(Goal::Performance), "fast");
    assert_eq!(winner(Goal::Reliability), "good");
    assert_eq!(winner(Goal::Balanced), "both");
    assert_eq!(winner(Goal::Adaptive), "both");
}

#[test]
fn every_refusal_has_its_reasons() {
    let mut small = candidate("small", line(2, 0.99, 0.9, 0.9, 10), 0);
    if let Ok(target) = &mut small.target {
        target.capabilities.max_shots = 10;
    }
    let mut broken = candidate("broken", line(9, 0.99, 0.9, 0.9, 10), 0);
    broken.target = Err("it does not answer".to_owned());
    let mut model = candidate("model", line(9, 0.99, 0.9, 0.9, 10), 0);
    model.descriptor.provenance = Provenance::Simulated;
    let mut unknown = candidate("unknown", line(9, 0.99, 0.9, 0.9, 10), 0);
    if let Ok(target) = &mut unknown.target {
        target.capabilities.native_gates.iter_mut().for_each(|native| native.sites.clear());
    }
    let bad = candidate("bad", line(9, 0.99, 0.5, 0.9, 10), 0);
    let mut leased = candidate("leased", line(9, 1.0, 1.0, 1.0, 10), 0);
    leased.leased = Some(("somebody".to_owned(), Duration::from_secs(60)));
    let strict = Request {
        fidelity: Some(0.5),
        deadline: Some(Duration::from_secs(10)),
        ..request(4, 10, Goal::Balanced)
    };
    let found = negotiate(&strict, &[small, broken, model, unknown, bad, leased]).unwrap();
    assert!(found.offers.is_empty());
    let why = |unit: &str| {
        let refusal = found.refusals.iter().find(|refusal| refusal.device.unit() == unit).unwrap();
        refusal.reasons.join("; ")
    };
    assert!(why("small").contains("2 qubits") && why("small").contains("10 shots"));
    assert!(why("broken").contains("does not answer"));
    assert!(why("model").contains("simulation"));
    assert!(why("unknown").contains("fidelity is not known") && why("unknown").contains("time is not known"));
    assert!(why("bad").contains("expected fidelity"));
    assert!(why("leased").contains("deadline"));
    for wrong in [
        request(0, 1, Goal::Balanced),
        Request { shots: 0, ..request(1, 1, Goal::Balanced) },
        Request { fidelity: Some(f64::NAN), ..request(1, 1, Goal::Balanced) },
    ] {
        assert!(negotiate(&wrong, &[]).is_err());
    }
}

#[test]
fn hardware_goes_before_simulations_where_it_is_preferred() {
    let mut model = candidate("a-model", line(9, 1.0, 1.0, 1.0, 1), 0);
    model.descriptor.provenance = Provenance::Simulated;
    let all = [model, candidate("real", line(9, 0.9, 0.8, 0.9, 1000), 5)];
    let with = |policy| Request { policy, ..request(3, 3, Goal::Reliability) };
    assert_eq!(names(&negotiate(&with(Policy::PreferHardware), &all).unwrap()), ["real", "a-model"]);
    assert_eq!(names(&negotiate(&with(Policy::SimulatorOnly), &all).unwrap()), ["a-model"]);
    assert_eq!(names(&negotiate(&with(Policy::RequireHardware), &all).unwrap()), ["real"]);
}

#[test]
fn the_region_is_the_best_that_is_coupled() {
    // A star around 0 and a path 4-5-6-7; all couplings of the path are better but one.
    let text = r#"{"schema-version": 1, "name": "n", "numQubits": 8, "couplings": [[0,1],[0,2],[0,3],[3,4],[4,5],[5,6],[6,7]],
        "operations": [{"name": "r", "numQubits": 1, "fidelity": 0.999},
        {"name": "cz", "numQubits": 2, "fidelity": 0.9, "siteOverrides": [{"sites": [4,5], "fidelity": 0.99},
        {"sites": [5,6], "fidelity": 0.99}, {"sites": [0,1], "fidelity": 0.98}, {"sites": [0,2], "fidelity": 0.98}]},
        {"name": "measure", "numQubits": 1, "fidelity": 0.97}]}"#;
    let all = [candidate("n", Target::from_json(text).unwrap(), 0)];
    let region = |qubits, connectivity| {
        let request = Request {
            work: Work::Layers { qubits, depth: 1, connectivity },
            ..request(1, 1, Goal::Balanced)
        };
        let found = negotiate(&request, &all).unwrap();
        found.offers.first().map(|offer| {
            let mut qubits = offer.qubits.clone();
            qubits.sort_unstable();
            qubits
        })
    };
    assert_eq!(region(3, Connectivity::Any), Some(vec![4, 5, 6]));
    assert_eq!(region(3, Connectivity::Line), Some(vec![4, 5, 6]));
    assert_eq!(region(5, Connectivity::Line), Some(vec![3, 4, 5, 6, 7]));
    assert_eq!(region(3, Connectivity::Ring), None);
    assert_eq!(region(3, Connectivity::All), None);
    assert_eq!(region(2, Connectivity::All), Some(vec![4, 5]));
}

#[test]
fn a_circuit_counts_as_its_translation() {
    let mut circuit = Circuit::with_size(3, 3);
    circuit.gate(Gate::H, &[], &[0]).unwrap();
    circuit.gate(Gate::Cx, &[], &[0, 1]).unwrap();
    circuit.gate(Gate::Cx, &[], &[1, 2]).unwrap();
    circuit.measure_all().unwrap();
    let work = Work::Circuit(circuit);
    let request = Request { work, ..request(1, 1, Goal::Reliability) };
    let garnet = Target::named("iqm-garnet").unwrap();
    let found = negotiate(&request, &[candidate("garnet", garnet.clone(), 0)]).unwrap();
    let offer = &found.offers[0];
    assert_eq!((offer.expected.two_qubit_gates, offer.qubits.len()), (2, 3));
    let Couplings::Pairs(pairs) = &garnet.capabilities.couplings else { panic!("garnet has couplings") };
    for pair in offer.qubits.windows(2) {
        assert!(
            pairs.contains(&(pair[0], pair[1])) || pairs.contains(&(pair[1], pair[0])),
            "{:?}",
            offer.qubits
        );
    }
    assert!((0.85..1.0).contains(&offer.expected.fidelity.unwrap()));
    // 3 shots' worth of microseconds, 15 µs of measurement each.
    assert!(offer.expected.run.unwrap() > Duration::from_micros(15_000));
}

fn goals() -> impl Strategy<Value = Goal> {
    (0..Goal::ALL.len()).prop_map(|at| Goal::ALL[at])
}

type Figures = (u32, f64, f64, f64, u32, u64);

fn figures() -> impl Strategy<Value = Figures> {
    (3u32..8, 0.9..1.0f64, 0.8..1.0f64, 0.8..1.0f64, 1u32..1000, 0u64..20)
}

fn made(number: usize, (qubits, single, pair, readout, time, jobs): Figures) -> Candidate {
    candidate(&format!("d{number}"), line(qubits, single, pair, readout, time), jobs)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_worse_device_never_changes_the_winner(
        all in proptest::collection::vec(figures(), 1..6), worse in 0.9..0.999f64, of in 0usize..6, goal in goals(),
    ) {
        let request = request(3, 5, goal);
        let mut candidates: Vec<Candidate> = all.iter().copied().enumerate().map(|(at, f)| made(at, f)).collect();
        let before = negotiate(&request, &candidates).unwrap();
        let (qubits, single, pair, readout, time, jobs) = all[of % all.len()];
        let figures = (qubits + 1, single * worse, pair * worse, readout * worse, time + 10, jobs + 1);
        candidates.push(made(99, figures));
        let after = negotiate(&request, &candidates).unwrap();
        if let Some(winner) = before.offers.first() {
            prop_assert_eq!(winner, &after.offers[0]);
        }
        // Nor does the order in which they are found.
        candidates.reverse();
        prop_assert_eq!(negotiate(&request, &candidates).unwrap(), after);
    }

    #[test]
    fn a_stricter_request_never_gets_more_offers(
        all in proptest::collection::vec(figures(), 1..6), goal in goals(),
        fidelities in (0.0..1.0f64, 0.0..1.0f64), deadlines in (1u64..100_000, 1u64..100_000),
    ) {
        let candidates: Vec<Candidate> = all.iter().copied().enumerate().map(|(at, f)| made(at, f)).collect();
        let offers = |fidelity, deadline| -> HashSet<String> {
            let deadline = Some(Duration::from_micros(deadline));
            let request = Request { fidelity: Some(fidelity), deadline, ..request(3, 5, goal) };
            let found = negotiate(&request, &candidates).unwrap();
            assert_eq!(found.offers.len() + found.refusals.len(), candidates.len());
            found.offers.iter().map(|offer| offer.device.to_string()).collect()
        };
        let loose = offers(fidelities.0.min(fidelities.1), deadlines.0.max(deadlines.1));
        let strict = offers(fidelities.0.max(fidelities.1), deadlines.0.min(deadlines.1));
        prop_assert!(strict.is_subset(&loose));
    }

    #[test]
    fn assigned_qubits_are_different_and_hang_together(qubits in 1u32..20, depth in 1u32..20) {
        for name in ["iqm-garnet", "ibm-heron", "ionq-aria"] {
            let target = Target::named(name).unwrap();
            let found = negotiate(&request(qubits, depth, Goal::Balanced), &[candidate("c", target.clone(), 0)]).unwrap();
            let assigned = &found.offers[0].qubits;
            prop_assert_eq!(assigned.iter().collect::<HashSet<_>>().len(), qubits as usize);
            let Couplings::Pairs(pairs) = &target.capabilities.couplings else { continue };
            // Grown one by one, each next to one before it.
            for (at, qubit) in assigned.iter().enumerate().skip(1) {
                let near = |&(a, b): &(u32, u32)| {
                    a == *qubit && assigned[..at].contains(&b) || b == *qubit && assigned[..at].contains(&a)
                };
                prop_assert!(pairs.iter().any(near), "{:?}", assigned);
            }
        }
    }
}
