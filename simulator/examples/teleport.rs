//! A circuit with measurements on the way: teleportation, whose corrections depend on two outcomes.

use qhal::circuit::{BitString, Circuit, Condition, Gate, Operation};
use qhal_simulator::{Options, Simulator};

pub(crate) fn main() -> qhal::Result<()> {
    let mut circuit = Circuit::with_size(3, 3);
    circuit.gate(Gate::Ry, &[1.2], &[0])?; // the state to send: 1 with probability sin²(0.6)
    circuit.gate(Gate::H, &[], &[1])?.gate(Gate::Cx, &[], &[1, 2])?;
    circuit.gate(Gate::Cx, &[], &[0, 1])?.gate(Gate::H, &[], &[0])?;
    circuit.measure(0, 0)?.measure(1, 1)?;
    let is_one = |bit| Condition::equals(bit, 1, BitString::from_u64(1, 1));
    for (gate, bit) in [(Gate::X, 1), (Gate::Z, 0)] {
        circuit.push(Operation::Gate { gate, params: &[], qubits: &[2] }, Some(&is_one(bit)))?;
    }
    circuit.measure(2, 2)?;

    let simulator = Simulator::new(Options::default())?;
    let counts = simulator.sample(&circuit, 100_000, 1)?;
    let ones: u64 = counts.iter().filter(|(bits, _)| bits.get(2)).map(|(_, count)| count).sum();
    assert!((ones as f64 / 1e5 - 0.6f64.sin().powi(2)).abs() < 0.01);
    Ok(())
}
