//! Programs out of the gates that a processor has: flips, superpositions and Bell pairs in whichever set it is.

use std::f64::consts::{FRAC_PI_2, PI};

use crate::circuit::{Circuit, Gate};
use crate::processor::{Capabilities, Couplings};

/// One gate with its angles.
pub(super) type Step = (Gate, &'static [f64]);

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

/// Ways to turn the Z axis into the equator and back: V and V† with V† Z V = ±X or ±Y.
const TURNS: &[(&[Step], &[Step])] = &[
    (&[(Gate::H, &[])], &[(Gate::H, &[])]),
    (&[(Gate::Ry, &[FRAC_PI_2])], &[(Gate::Ry, &[-FRAC_PI_2])]),
    (&[(Gate::Sx, &[])], &[(Gate::Sx, &[]), (Gate::Sx, &[]), (Gate::Sx, &[])]),
    (&[(Gate::Rx, &[FRAC_PI_2])], &[(Gate::Rx, &[-FRAC_PI_2])]),
    (&[(Gate::R, &[FRAC_PI_2, FRAC_PI_2])], &[(Gate::R, &[-FRAC_PI_2, FRAC_PI_2])]),
    (&[(Gate::U3, &[FRAC_PI_2, 0.0, PI])], &[(Gate::U3, &[FRAC_PI_2, 0.0, PI])]),
    (&[(Gate::U, &[FRAC_PI_2, 0.0, PI])], &[(Gate::U, &[FRAC_PI_2, 0.0, PI])]),
    (&[(Gate::U2, &[0.0, PI])], &[(Gate::U2, &[0.0, PI])]),
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

/// Appends `steps` on one qubit.
pub(super) fn append(circuit: &mut Circuit, steps: &[Step], qubit: u32) -> crate::Result<()> {
    steps.iter().try_for_each(|&(gate, angles)| circuit.gate(gate, angles, &[qubit]).map(drop))
}

fn can_all(capabilities: &Capabilities, steps: &[Step], qubit: u32) -> bool {
    steps.iter().all(|&(gate, _)| can(capabilities, gate, &[qubit]))
}

/// How to turn `qubit` from 0 to 1.
pub(super) fn flip(capabilities: &Capabilities, qubit: u32) -> Option<&'static [Step]> {
    FLIPS.iter().copied().find(|way| can_all(capabilities, way, qubit))
}

/// How to turn `qubit` from the axis to the equator, and back.
pub(super) fn turn(capabilities: &Capabilities, qubit: u32) -> Option<(&'static [Step], &'static [Step])> {
    let can_both =
        |way: &(&[Step], &[Step])| can_all(capabilities, way.0, qubit) && can_all(capabilities, way.1, qubit);
    TURNS.iter().copied().find(can_both)
}

/// A circuit in which two qubits become a Bell pair (|00⟩ + e^{iα}|11⟩)/√2, with those qubits; `None` if the native
/// gates offer none of the common ways.
pub(super) fn bell_pair(capabilities: &Capabilities) -> crate::Result<Option<(Circuit, [u32; 2])>> {
    for gate in [Gate::Cx, Gate::Cz, Gate::Ecr, Gate::Rxx, Gate::Ryy, Gate::Rzz, Gate::Rzx] {
        let Some(&[a, b]) = first_site(capabilities, gate).as_deref() else { continue };
        let mut circuit = Circuit::with_size(a.max(b).saturating_add(1), 2);
        let turns = (turn(capabilities, a), turn(capabilities, b));
        match (gate, turns) {
            (Gate::Rxx | Gate::Ryy, _) => {
                circuit.gate(gate, &[FRAC_PI_2], &[a, b])?;
            }
            (Gate::Cx, (Some((there, _)), _)) => {
                append(&mut circuit, there, a)?;
                circuit.gate(Gate::Cx, &[], &[a, b])?;
            }
            // V† Z V flips.
            (Gate::Cz, (Some((on_a, _)), Some((there, back)))) => {
                append(&mut circuit, on_a, a)?;
                append(&mut circuit, there, b)?;
                circuit.gate(Gate::Cz, &[], &[a, b])?;
                append(&mut circuit, back, b)?;
            }
            // From e^{−iπ ZZ/4} to e^{−iπ PP/4} with P of X and Y.
            (Gate::Rzz, (Some(on_a), Some(on_b))) => {
                append(&mut circuit, on_a.0, a)?;
                append(&mut circuit, on_b.0, b)?;
                circuit.gate(Gate::Rzz, &[FRAC_PI_2], &[a, b])?;
                append(&mut circuit, on_a.1, a)?;
                append(&mut circuit, on_b.1, b)?;
            }
            // X on the first qubit and ecr are e^{−iπ ZX/4}; a flip about Y would not be undone.
            (Gate::Ecr, (Some((there, back)), _)) => {
                let Some(flip) = flip(capabilities, a) else { continue };
                if flip.iter().any(|(gate, _)| matches!(gate, Gate::Ry | Gate::Y | Gate::U2)) {
                    continue;
                }
                append(&mut circuit, there, a)?;
                circuit.gate(Gate::Ecr, &[], &[a, b])?;
                append(&mut circuit, flip, a)?;
                append(&mut circuit, back, a)?;
            }
            (Gate::Rzx, (Some((there, back)), _)) => {
                append(&mut circuit, there, a)?;
                circuit.gate(Gate::Rzx, &[FRAC_PI_2], &[a, b])?;
                append(&mut circuit, back, a)?;
            }
            _ => continue,
        }
        return Ok(Some((circuit, [a, b])));
    }
    Ok(None)
}
