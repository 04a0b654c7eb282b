//! The shortest use: a Bell pair, its amplitudes, its counts and a correlation.

use qhal::circuit::{Circuit, Gate};
use qhal_simulator::{Options, PauliString, Simulator};

pub(crate) fn main() -> qhal::Result<()> {
    let mut circuit = Circuit::with_size(2, 2);
    circuit.gate(Gate::H, &[], &[0])?.gate(Gate::Cx, &[], &[0, 1])?.measure_all()?;

    let simulator = Simulator::new(Options::default())?;
    let state = simulator.run(&circuit)?;
    assert!((state.probability(0b00) - 0.5).abs() < 1e-15);
    assert!((state.probability(0b11) - 0.5).abs() < 1e-15);
    assert!((state.expectation(&[PauliString::new(1.0, "XX")?])? - 1.0).abs() < 1e-15);

    let counts = simulator.sample(&circuit, 1000, 7)?;
    assert!(counts.iter().all(|(bits, _)| bits.get(0) == bits.get(1)));
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 1000);
    Ok(())
}
