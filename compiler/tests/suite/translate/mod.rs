//! Translation: what comes out is native, coupled, and does what the program does.

mod counts;
mod fits;
mod random;
mod targets;

use qhal::circuit::{Matrix, Operation};
use qhal::processor::{Capabilities, Couplings, Features, NativeGate, QubitProperties};
use qhal::{Circuit, Complex64, Gate};
use qhal_compiler::translate::{Target, Translation, fits};

use crate::reference::unitary;

/// A processor of these gates, everywhere, that can do everything beside them.
pub(crate) fn processor(qubits: u32, couplings: Couplings, gates: &[Gate]) -> Target {
    let native_gates = gates.iter().map(|&gate| NativeGate { gate, sites: Vec::new() }).collect();
    let features =
        Features { mid_circuit_measurement: true, reset: true, conditions: true, ..Features::default() };
    let capabilities = Capabilities {
        qubits: vec![QubitProperties::default(); qubits as usize],
        native_gates,
        couplings,
        features,
        formats: Vec::new(),
        max_shots: 1,
    };
    Target::of("test", &capabilities)
}

pub(crate) fn line(qubits: u32) -> Couplings {
    Couplings::Pairs((1..qubits).map(|qubit| (qubit - 1, qubit)).collect())
}

/// Every gate is one of the target's, on qubits where it has it.
pub(crate) fn assert_native(translation: &Translation, target: &Target) {
    fits(&translation.circuit, target).unwrap();
    let capabilities = &target.capabilities;
    for instruction in translation.circuit.instructions() {
        let Operation::Gate { gate, params, qubits } = instruction.operation else {
            assert!(!instruction.operation.is_unitary());
            continue;
        };
        let native = capabilities.native_gates.iter().find(|native| native.gate == gate);
        let native = native.unwrap_or_else(|| panic!("{gate} is not native to {}", target.name));
        let symmetric =
            matches!(gate, Gate::Cz | Gate::Iswap | Gate::Rzz | Gate::Rxx | Gate::Ryy | Gate::Swap);
        let same = |site: &[u32]| site == qubits || (symmetric && site.iter().rev().eq(qubits));
        assert!(
            native.sites.is_empty() || native.sites.iter().any(|site| same(&site.qubits)),
            "{gate} {qubits:?}"
        );
        if let (Couplings::Pairs(pairs), &[a, b]) = (&capabilities.couplings, qubits) {
            assert!(pairs.iter().any(|&(c, d)| same(&[c, d])), "{gate} on ({a}, {b})");
        }
        if target.quarter_turns && matches!(gate, Gate::R | Gate::Rx) {
            let quarters = params[0] / std::f64::consts::FRAC_PI_2;
            assert!((quarters - quarters.round()).abs() < 1e-9, "{gate} {params:?}");
        }
        // Ranges of AQT's interface (qiskit-aqt-provider 2.0.1): R by 0 to π about 0 to 2π, RXX by 0 to π/2.
        let in_range = |angle: f64, most: f64| (-1e-12..most + 1e-9).contains(&angle);
        match gate {
            Gate::R => assert!(
                in_range(params[0], std::f64::consts::PI) && in_range(params[1], 2.0 * std::f64::consts::PI)
            ),
            Gate::Rxx | Gate::Rzz => assert!(in_range(params[0], std::f64::consts::FRAC_PI_2), "{params:?}"),
            _ => {}
        }
    }
}

/// The unitary that a translation without measurements makes of the program's qubits; the others start and end in |0⟩.
/// Computed by the test's own matrices; the translation's own check has no part in it.
pub(crate) fn unitary_of(program: &Circuit, translation: &Translation) -> Matrix {
    let whole = unitary(&translation.circuit);
    let spread = |index: usize, layout: &[u32]| -> usize {
        layout.iter().enumerate().map(|(qubit, place)| (index >> qubit & 1) << place).sum()
    };
    let dim = 1usize << program.qubits();
    let phase = Complex64::cis(translation.global_phase);
    let mut elements = Vec::with_capacity(dim * dim);
    for row in 0..dim {
        for column in 0..dim {
            let (row, column) =
                (spread(row, &translation.final_layout), spread(column, &translation.initial_layout));
            elements.push(whole.get(row, column) * phase);
        }
    }
    Matrix::new(program.qubits(), elements).unwrap()
}
