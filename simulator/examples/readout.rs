//! All ways to read a state: amplitudes, probabilities, marginals, expectation values, samples, and a view without a copy.

use qhal::circuit::{Circuit, Gate};
use qhal_simulator::{Cells, Options, PauliString, Precision, Simulator};

pub(crate) fn main() -> qhal::Result<()> {
    // 0000 and 1111, then a turn of the last qubit.
    let mut circuit = Circuit::with_size(4, 0);
    circuit.gate(Gate::H, &[], &[0])?;
    for qubit in 1..4 {
        circuit.gate(Gate::Cx, &[], &[qubit - 1, qubit])?;
    }
    circuit.gate(Gate::Ry, &[1.0], &[3])?;
    let simulator = Simulator::new(Options { precision: Precision::F32, ..Options::default() })?;
    let state = simulator.run(&circuit)?;

    let (cos, sin) = (0.5f64.cos(), 0.5f64.sin());
    assert!((state.amplitude(0b0000).re - cos / 2f64.sqrt()).abs() < 1e-6);
    let two = state.amplitudes_of(&[0b1000, 0b0111]);
    assert!((two[0].re - sin / 2f64.sqrt()).abs() < 1e-6 && (two[1].re + sin / 2f64.sqrt()).abs() < 1e-6);
    assert_eq!(state.probabilities(1e-9)?.len(), 4);

    // Qubits 0 and 1 alone agree; the first named is the lowest bit.
    let marginal = state.marginal(&[0, 1])?;
    assert!((marginal[0b00] - 0.5).abs() < 1e-6 && marginal[0b01] < 1e-9);
    let agreement = state.expectation(&[PauliString::new(1.0, "IIZZ")?, PauliString::new(0.5, "ZIIZ")?])?;
    assert!((agreement - (1.0 + 0.5 * 1f64.cos())).abs() < 1e-6);

    // A million shots of all qubits: basis states and how often each was seen.
    let drawn = state.sample(1_000_000, 7)?;
    let low = drawn.iter().find(|(state, _)| *state == 0).map_or(0, |(_, count)| *count);
    assert!((low as f64 / 1e6 - cos * cos / 2.0).abs() < 0.005);

    // The numbers as they lie in memory.
    let view = state.view();
    let (re, im) = view.place(0b1000);
    let Cells::F32(cells) = view.cells() else { return Ok(()) };
    assert!((f64::from(cells[re]) - sin / 2f64.sqrt()).abs() < 1e-6 && cells[im].abs() < 1e-6);
    Ok(())
}
