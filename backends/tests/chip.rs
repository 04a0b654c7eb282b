//! Simulated chips: what they promise, refuse and compute, against qiskit-aer and closed formulas.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use qhal::circuit::Operation;
use qhal::processor::{Job, JobResult, Program, Wanted, wait};
use qhal::{
    Circuit, Driver, ErrorKind, Gate, JobState, Kind, OpenDevice, Policy, Processor, Provenance, conformance,
};
use qhal_backends::simulated::{NoiseSettings, ProcessorSettings, SimulatedDriver};
use qhal_backends::{DeviceSpec, Registry, choose, select};

fn driver() -> SimulatedDriver {
    let processor = ProcessorSettings { threads: 2, memory_limit: 1 << 28, ..ProcessorSettings::default() };
    SimulatedDriver::new(NoiseSettings { seed: Some(1), ..NoiseSettings::default() }, processor)
}

fn chip(name: &str) -> Box<dyn Processor> {
    let address = format!("simulated:{name}").parse().unwrap();
    let driver = driver();
    let OpenDevice::Processor(chip) = driver.open(&driver.identify(&address).unwrap()).unwrap() else {
        panic!("another kind")
    };
    chip
}

fn pause(_: &JobState) -> ControlFlow<()> {
    std::thread::sleep(Duration::from_micros(100));
    ControlFlow::Continue(())
}

fn job(circuit: &Circuit, shots: u64, seed: u64) -> Job {
    Job { program: Program::Circuit(circuit.clone()), shots, seed: Some(seed), wanted: Wanted::default() }
}

fn run(chip: &mut dyn Processor, circuit: &Circuit, shots: u64, seed: u64) -> JobResult {
    let id = chip.submit(job(circuit, shots, seed)).unwrap();
    wait(chip, &id, &mut pause).unwrap()
}

fn counts(result: &JobResult) -> BTreeMap<String, u64> {
    result.counts.iter().map(|(bits, count)| (bits.to_string(), *count)).collect()
}

#[test]
fn chips_keep_the_promises_of_a_processor() {
    for name in ["garnet", "emerald", "heron", "nighthawk", "eagle", "aqt", "quantinuum"] {
        conformance::processor::check(chip(name).as_mut(), &mut pause)
            .unwrap_or_else(|violation| panic!("{name}: {violation}"));
    }
}

#[test]
fn every_chip_opens_and_says_that_it_is_a_simulation() {
    let driver = driver();
    let found = driver.probe().unwrap();
    let names: Vec<String> = found.iter().map(|device| device.id.to_string()).collect();
    for name in
        ["garnet", "emerald", "heron", "nighthawk", "eagle", "aria", "forte", "quantinuum", "rigetti", "aqt"]
    {
        assert!(names.contains(&format!("simulator:{name}")), "{name}: {names:?}");
    }
    for device in found.iter().filter(|device| device.kind == Kind::Processor) {
        conformance::driver::check_open(&driver, device).unwrap();
        assert_eq!(device.provenance, Provenance::Simulated);
    }
}

/// The figures and the noise model are qiskit-aer's own reading of the same description (tests/data/noise).
#[test]
fn noise_is_that_of_qiskit_aer() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/noise/aer.json");
    let golden: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut garnet = chip("garnet");
    let all = golden["circuits"].as_array().unwrap();
    assert_eq!(all.len(), 7);
    for entry in all {
        let program = entry["program"].as_str().unwrap();
        let circuit = qhal_compiler::parse(program, "aer", &qhal_compiler::NoIncludes).unwrap();
        const SHOTS: u64 = 200_000;
        let result = run(garnet.as_mut(), &circuit, SHOTS, 9);
        assert!(
            result.method.as_deref().unwrap().starts_with("density matrix with noise"),
            "{:?}",
            result.method
        );
        let counts = counts(&result);
        let (mut chi, mut rare) = (0.0, [0.0, 0.0]);
        for (outcome, probability) in entry["probabilities"].as_object().unwrap() {
            let mean = probability.as_f64().unwrap() * SHOTS as f64;
            let hits = counts.get(outcome).copied().unwrap_or(0) as f64;
            if mean < 5.0 {
                rare = [rare[0] + hits, rare[1] + mean];
            } else {
                chi += (hits - mean).powi(2) / mean;
            }
        }
        // The quantile of 1 - 1e-6 of chi-square with 15 degrees of freedom.
        assert!(chi < 56.5, "{}: {chi}", entry["name"]);
        assert!(rare[0] <= rare[1] + 5.0 * rare[1].sqrt() + 5.0, "{}: {rare:?}", entry["name"]);
    }
}

#[test]
fn shots_by_trajectories_are_the_same_distribution() {
    // A path of eight qubits of Garnet and few shots: too wide for a density matrix.
    let path = [0, 1, 4, 9, 10, 11, 16, 15];
    let mut circuit = Circuit::with_size(20, 8);
    circuit.gate(Gate::R, &[std::f64::consts::PI, 0.0], &[0]).unwrap();
    for pair in path.windows(2) {
        circuit.gate(Gate::Cz, &[], pair).unwrap();
    }
    for (bit, qubit) in (0..).zip(path) {
        circuit.measure(qubit, bit).unwrap();
    }
    let mut garnet = chip("garnet");
    let few = run(garnet.as_mut(), &circuit, 900, 3);
    assert!(few.method.as_deref().unwrap().contains("trajectories"), "{:?}", few.method);
    let many = run(garnet.as_mut(), &circuit, 100_000, 3);
    assert!(many.method.as_deref().unwrap().contains("density matrix"), "{:?}", many.method);
    let share = |result: &JobResult| counts(result)["00000001"] as f64 / result.shots as f64;
    let (p, found) = (share(&many), share(&few));
    assert!((found - p).abs() < 4.0 * (p * (1.0 - p) / 900.0).sqrt(), "{found} instead of {p}");
}

/// 156 qubits, of which seven are used; without figures nothing goes wrong.
#[test]
fn large_chips_run_on_the_qubits_that_are_used() {
    let mut circuit = Circuit::with_size(156, 3);
    for (bit, qubit) in [(0, 155), (1, 80), (2, 3)] {
        circuit.gate(Gate::X, &[], &[qubit]).unwrap().measure(qubit, bit).unwrap();
    }
    circuit.push(Operation::Barrier { qubits: &[] }, None).unwrap();
    let result = run(chip("heron").as_mut(), &circuit, 100, 1);
    assert_eq!(counts(&result), BTreeMap::from([("111".to_owned(), 100)]));
    let method = result.method.unwrap();
    assert!(method.contains("without noise") && method.contains("3 of 156 qubits used"), "{method}");
    // All of them do not fit.
    let mut all = Circuit::with_size(156, 156);
    for qubit in 0..156 {
        all.gate(Gate::Sx, &[], &[qubit]).unwrap().measure(qubit, qubit).unwrap();
    }
    let error = chip("heron").submit(job(&all, 10, 1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted);
    assert!(error.message().contains("156 of 156 qubits used"), "{error}");
}

#[test]
fn what_the_chip_refuses_is_refused_with_the_mend() {
    let refused = |write: fn(&mut Circuit), shots: u64| {
        let mut circuit = Circuit::with_size(20, 1);
        write(&mut circuit);
        chip("garnet").submit(job(&circuit, shots, 1)).unwrap_err()
    };
    let gate = refused(|circuit| drop(circuit.gate(Gate::H, &[], &[0])), 1);
    assert_eq!(gate.kind(), ErrorKind::Unsupported);
    for part in ["h on 0", "it has r, cz", "qhal translate FILE --to simulated:garnet", "--translate"] {
        assert!(gate.message().contains(part), "{gate}");
    }
    let coupling = refused(|circuit| drop(circuit.gate(Gate::Cz, &[], &[0, 19])), 1);
    assert!(
        coupling.message().contains("no coupling") && coupling.message().contains("--to simulated:garnet")
    );
    let reset = refused(|circuit| drop(circuit.reset(0)), 1);
    assert!(reset.message().contains("no resets") && !reset.message().contains("translate"), "{reset}");
    let size = refused(|circuit| drop(circuit.add_qubits("more", 1)), 1);
    assert_eq!(size.kind(), ErrorKind::Exhausted);
    let shots = refused(|_| (), 1_000_001);
    assert!(shots.message().contains("at most 1000000"), "{shots}");
    let error = chip("aqt").submit(job(&Circuit::with_size(1, 1), 2001, 1)).unwrap_err();
    assert!(error.message().contains("at most 2000"), "{error}");
    let mut exact = job(&Circuit::with_size(1, 1), 1, 1);
    exact.wanted.state = true;
    let error = chip("garnet").submit(exact).unwrap_err();
    assert!(error.message().contains("counts alone"), "{error}");
}

#[test]
fn a_description_in_a_file_is_a_chip() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.json");
    let text = r#"{"schema-version": 1, "name": "mine", "numQubits": 2, "couplings": [[0, 1]], "features": ["reset"],
        "qubitProperties": {"defaults": {"t1": 10000, "t2": 30000}},
        "operations": [{"name": "x", "numQubits": 1, "duration": 1000, "fidelity": 0.99},
                       {"name": "cz", "numQubits": 2, "duration": 100}, {"name": "measure", "numQubits": 1, "fidelity": 0.9}]}"#;
    std::fs::write(&path, text).unwrap();
    let mut mine = chip(path.to_str().unwrap());
    assert_eq!(mine.descriptor().model, "simulation of mine");
    let told = mine.properties().unwrap();
    assert!(told.iter().any(|property| property.name.contains("t2 exceeds 2·t1")), "{told:?}");
    // 1 µs of T1 = 10 µs costs more than 1 − F = 0.01, so nothing is depolarized; then a wait of 5 µs, then the readout.
    let mut circuit = Circuit::with_size(2, 1);
    circuit.gate(Gate::X, &[], &[0]).unwrap();
    circuit.push(Operation::Delay { qubit: 0, seconds: 5e-6 }, None).unwrap();
    circuit.measure(0, 0).unwrap();
    let stays = (-0.6f64).exp();
    let expected = stays * 0.9 + (1.0 - stays) * 0.1;
    let result = run(mine.as_mut(), &circuit, 100_000, 2);
    let found = counts(&result)["1"] as f64 / 1e5;
    assert!(
        (found - expected).abs() < 4.0 * (expected * (1.0 - expected) / 1e5).sqrt(),
        "{found}, not {expected}"
    );
    let missing = driver().identify(&"simulated:nowhere.json".parse().unwrap()).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

/// A chip that imitates is taken where it is named, and nowhere else.
#[test]
fn chips_are_taken_by_name_alone() {
    let registry = Registry::new(vec![Box::new(driver())]);
    let listing = registry.probe();
    let choice = choose(&listing.devices, Kind::Processor, Policy::PreferHardware, None);
    assert_eq!(choice.chosen.unwrap().id.to_string(), "simulator:statevector");
    for (named, id) in [
        ("simulator", "simulator:statevector"),
        ("simulator:garnet", "simulator:garnet"),
        ("simulated:garnet", "simulator:garnet"),
        ("simulated:iqm-garnet", "simulator:garnet"),
    ] {
        let spec: DeviceSpec = named.parse().unwrap();
        let selected = select(&registry, Kind::Processor, Policy::PreferHardware, Some(&spec)).unwrap();
        assert_eq!(selected.choice.device().unwrap().id.to_string(), id);
        assert!(select(&registry, Kind::Processor, Policy::RequireHardware, Some(&spec)).is_err());
    }
}

#[test]
fn a_job_with_noise_can_be_given_up() {
    let mut circuit = Circuit::with_size(20, 20);
    for round in 0..200 {
        for qubit in 0..19 {
            circuit.gate(Gate::R, &[1.0 + f64::from(round), 0.3], &[qubit]).unwrap();
        }
        for pair in [[0, 1], [3, 4], [8, 9], [13, 14], [17, 18], [5, 6], [11, 16], [7, 12], [10, 15]] {
            circuit.gate(Gate::Cz, &[], &pair).unwrap();
        }
    }
    for qubit in 0..19 {
        circuit.measure(qubit, qubit).unwrap();
    }
    let mut garnet = chip("garnet");
    let id = garnet.submit(job(&circuit, 100, 1)).unwrap();
    assert_eq!(garnet.queue().unwrap().jobs, Some(1));
    garnet.cancel(&id).unwrap();
    assert!(matches!(garnet.poll(&id).unwrap(), JobState::Cancelled));
}
