//! Programs out of the gates that a processor has: flips, superpositions and Bell pairs in whichever set it is.

use std::f64::consts::{FRAC_PI_2, PI};

use crate::circuit::{Circuit, Gate};
use crate::processor::{Capabilities, Couplings};

/// One gate with its angles.
type Step = (Gate, &'static [f64]);

/// Ways to turn |0⟩ into |1⟩, up to a phase.
const FLIPS: &[&[Step]] = &[
    &[(Gate::X, &[])],
    &[(Gate::Sx, &[]), (Gate::Sx, &[])],
    &[(Gate::Sxdg, &[]), (Gate::Sxdg, &[])],
    &[(Gate::Rx, &[PI])],
    &[(Gate::Ry, &[PI])],
    &[(Gate::Rx, &[FRAC_PI_2]), (Gate::Rx, &[FRAC_PI_2])],
    &[(Gate::R, &[PI, 0.0])],
    &[(Gate::U3, &[PI, 0.0, PI])],
    &[(Gate::U, &[PI, 0.0, PI])],
    &[(Gate::Y, &[])],
    &[(Gate::H, &[]), (Gate::Z, &[]), (Gate::H, &[])],
    &[(Gate::H, &[]), (Gate::Rz, &[PI]), (Gate::H, &[])],
    &[(Gate::U2, &[0.0, 0.0]), (Gate::U2, &[0.0, 0.0])],
];

/// Ways to turn the Z axis into the equator and back: V and V† with V Z V† = ±X or ±Y.
const TURNS: &[(Step, Step)] = &[
    ((Gate::H, &[]), (Gate::H, &[])),
    ((Gate::Ry, &[FRAC_PI_2]), (Gate::Ry, &[-FRAC_PI_2])),
    ((Gate::Sx, &[]), (Gate::Sxdg, &[])),
    ((Gate::Rx, &[FRAC_PI_2]), (Gate::Rx, &[-FRAC_PI_2])),
    ((Gate::R, &[FRAC_PI_2, FRAC_PI_2]), (Gate::R, &[-FRAC_PI_2, FRAC_PI_2])),
    ((Gate::U3, &[FRAC_PI_2, 0.0, PI]), (Gate::U3, &[FRAC_PI_2, 0.0, PI])),
    ((Gate::U, &[FRAC_PI_2, 0.0, PI]), (Gate::U, &[FRAC_PI_2, 0.0, PI])),
    ((Gate::U2, &[0.0, PI]), (Gate::U2, &[0.0, PI])),
];

/// Where a gate can be done: its first site, or the first qubits if it is done everywhere.
pub(super) fn first_site(capabilities: &Capabilities, gate: Gate) -> Option<Vec<u32>> {
    let native = capabilities.native_gates.iter().find(|native| native.gate == gate)?;
    if let Some(site) = native.sites.first() {
        return Some(site.qubits.clone());
    }
    match (&capabilities.couplings, gate.qubits()) {
        (Couplings::Pairs(pairs), 2) => pairs.first().map(|&(a, b)| vec![a, b]),
        (_, count) if count <= capabilities.qubits.len() => (0..).take(count).map(Some).collect(),
        _ => None,
    }
}

/// Whether a gate can be done on just these qubits.
fn can(capabilities: &Capabilities, gate: Gate, qubits: &[u32]) -> bool {
    let everywhere = |qubits: &[u32]| match (&capabilities.couplings, qubits) {
        (Couplings::Pairs(pairs), &[a, b]) => pairs.contains(&(a, b)),
        _ => true,
    };
    capabilities.native_gates.iter().any(|native| {
        native.gate == gate
            && if native.sites.is_empty() {
                everywhere(qubits)
            } else {
                native.sites.iter().any(|site| site.qubits == qubits)
            }
    })
}

/// How to turn `qubit` from 0 to 1.
pub(super) fn flip(capabilities: &Capabilities, qubit: u32) -> Option<&'static [Step]> {
    FLIPS.iter().copied().find(|way| way.iter().all(|&(gate, _)| can(capabilities, gate, &[qubit])))
}

/// How to turn `qubit` from the axis to the equator, and back.
pub(super) fn turn(capabilities: &Capabilities, qubit: u32) -> Option<(Step, Step)> {
    TURNS
        .iter()
        .copied()
        .find(|(there, back)| can(capabilities, there.0, &[qubit]) && can(capabilities, back.0, &[qubit]))
}

/// A circuit in which two qubits become a Bell pair (|00⟩ + e^{iα}|11⟩)/√2, with those qubits; `None` if the native
/// gates offer none of the common ways.
pub(super) fn bell_pair(capabilities: &Capabilities) -> crate::Result<Option<(Circuit, [u32; 2])>> {
    for gate in [Gate::Cx, Gate::Cz, Gate::Rxx, Gate::Ryy, Gate::Rzz] {
        let Some(&[a, b]) = first_site(capabilities, gate).as_deref() else { continue };
        let mut circuit = Circuit::with_size(a.max(b).saturating_add(1), 2);
        let turns = (turn(capabilities, a), turn(capabilities, b));
        match (gate, turns) {
            (Gate::Rxx | Gate::Ryy, _) => {
                circuit.gate(gate, &[FRAC_PI_2], &[a, b])?;
            }
            (Gate::Cx, (Some((there, _)), _)) => {
                circuit.gate(there.0, there.1, &[a])?.gate(Gate::Cx, &[], &[a, b])?;
            }
            (Gate::Cz, (Some((there, _)), Some((turned, back)))) => {
                circuit.gate(there.0, there.1, &[a])?.gate(back.0, back.1, &[b])?;
                circuit.gate(Gate::Cz, &[], &[a, b])?.gate(turned.0, turned.1, &[b])?;
            }
            (Gate::Rzz, (Some(first), Some(second))) => {
                circuit.gate(first.1.0, first.1.1, &[a])?.gate(second.1.0, second.1.1, &[b])?;
                circuit.gate(Gate::Rzz, &[FRAC_PI_2], &[a, b])?;
                circuit.gate(first.0.0, first.0.1, &[a])?.gate(second.0.0, second.0.1, &[b])?;
            }
            _ => continue,
        }
        return Ok(Some((circuit, [a, b])));
    }
    Ok(None)
}
