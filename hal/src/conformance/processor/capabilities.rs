//! What a processor says it can do must make sense in itself.

use std::collections::HashSet;

use super::{COUPLINGS, FIDELITY, FORMATS, NATIVE, QUBITS, READOUT, SITES};
use crate::conformance::{Violation, require};
use crate::processor::{Capabilities, Couplings, NativeGate};

pub(super) fn check(capabilities: &Capabilities) -> Result<(), Violation> {
    let qubits = capabilities.qubits.len();
    require(qubits > 0 && capabilities.max_shots > 0, QUBITS, || {
        format!("it has {qubits} qubits and runs at most {} shots", capabilities.max_shots)
    })?;
    for (index, qubit) in capabilities.qubits.iter().enumerate() {
        require(qubit.readout_error.is_none_or(is_probability), READOUT, || {
            format!("qubit {index} has the readout error {:?}", qubit.readout_error)
        })?;
    }
    let mut pairs = HashSet::new();
    if let Couplings::Pairs(listed) = &capabilities.couplings {
        for &(a, b) in listed {
            let exist = (a as usize) < qubits && (b as usize) < qubits;
            require(exist && a != b && pairs.insert([a, b]), COUPLINGS, || {
                format!("({a}, {b}) in couplings of {qubits} qubits: {listed:?}")
            })?;
        }
    }
    let mut gates = HashSet::new();
    for native in &capabilities.native_gates {
        require(gates.insert(native.gate), NATIVE, || format!("{} is listed twice", native.gate))?;
        check_sites(native, qubits)?;
        let coupled = |site: &[u32]| match (&capabilities.couplings, site) {
            (Couplings::Pairs(_), &[a, b]) => pairs.contains(&[a, b]),
            _ => true,
        };
        for site in &native.sites {
            require(coupled(&site.qubits), SITES, || {
                format!("{} is sited on {:?}, which is no coupling", native.gate, site.qubits)
            })?;
        }
    }
    let formats: HashSet<_> = capabilities.formats.iter().collect();
    require(!formats.is_empty() && formats.len() == capabilities.formats.len(), FORMATS, || {
        format!("the formats are {:?}", capabilities.formats)
    })
}

fn check_sites(native: &NativeGate, qubits: usize) -> Result<(), Violation> {
    let mut seen = HashSet::new();
    for site in &native.sites {
        let different: HashSet<_> = site.qubits.iter().collect();
        let fits = site.qubits.len() == native.gate.qubits()
            && different.len() == site.qubits.len()
            && site.qubits.iter().all(|&qubit| (qubit as usize) < qubits)
            && seen.insert(&site.qubits);
        require(fits, NATIVE, || {
            format!("{} is sited on {:?}, and there are {qubits} qubits", native.gate, site.qubits)
        })?;
        require(site.fidelity.is_none_or(is_probability), FIDELITY, || {
            format!("{} on {:?} has the fidelity {:?}", native.gate, site.qubits, site.fidelity)
        })?;
    }
    Ok(())
}

fn is_probability(figure: f64) -> bool {
    (0.0..=1.0).contains(&figure)
}
