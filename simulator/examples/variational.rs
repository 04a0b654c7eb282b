//! A variational eigensolver: gradient descent on the energy of a chain of spins, with exact gradients.

use qhal::circuit::Gate;
use qhal_simulator::{Angle, Ansatz, Options, PauliString, Simulator};

const SPINS: u32 = 6;
const LAYERS: usize = 6;

pub(crate) fn main() -> qhal::Result<()> {
    // H = −Σ Z Z − Σ X on an open chain: the Ising model in a transverse field, at its critical point.
    let mut energy = Vec::new();
    for spin in 0..SPINS {
        energy.push(PauliString { coefficient: -1.0, x: 1 << spin, z: 0 });
        if spin > 0 {
            energy.push(PauliString { coefficient: -1.0, x: 0, z: 0b11 << (spin - 1) });
        }
    }
    // Two parameters a layer, each of which turns many gates: e^{iγΣZZ}, then e^{iβΣX}.
    let mut ansatz = Ansatz::new(SPINS);
    for spin in 0..SPINS {
        ansatz.gate(Gate::H, &[], &[spin])?;
    }
    for layer in 0..LAYERS {
        let (gamma, beta) = (Angle::parameter(2 * layer), Angle::parameter(2 * layer + 1));
        for spin in 1..SPINS {
            ansatz.gate(Gate::Rzz, &[-2.0 * gamma], &[spin - 1, spin])?;
        }
        for spin in 0..SPINS {
            ansatz.gate(Gate::Rx, &[-2.0 * beta], &[spin])?;
        }
    }

    let simulator = Simulator::new(Options::default())?;
    let mut parameters: Vec<f64> = (0..ansatz.parameters())
        .map(|at| {
            let progress = (at / 2) as f64 / LAYERS as f64;
            if at % 2 == 0 { 0.1 + 0.3 * progress } else { 0.4 - 0.3 * progress }
        })
        .collect();
    let mut speed = vec![0.0; parameters.len()];
    for _ in 0..600 {
        let (_, gradient) = simulator.gradient(&ansatz, &parameters, &energy)?;
        for ((parameter, speed), slope) in parameters.iter_mut().zip(&mut speed).zip(gradient) {
            *speed = 0.9 * *speed - 0.01 * slope;
            *parameter += *speed;
        }
    }
    let (lowest, _) = simulator.gradient(&ansatz, &parameters, &energy)?;
    // The exact energy (Pfeuty, Annals of Physics 57, 79, 1970): 1 − 1/sin(π/(4n + 2)).
    let exact = 1.0 - 1.0 / (std::f64::consts::PI / f64::from(4 * SPINS + 2)).sin();
    assert!(lowest >= exact - 1e-9 && lowest < exact + 0.01, "{lowest} and {exact}");

    // How the energy changes with the last angle: many sets of parameters at once.
    let sets: Vec<Vec<f64>> = (-5..=5)
        .map(|step| {
            let mut moved = parameters.clone();
            moved[2 * LAYERS - 1] += 0.05 * f64::from(step);
            moved
        })
        .collect();
    let energies = simulator.expectation_batch(&ansatz, &sets, &energy)?;
    assert!(energies.iter().all(|other| *other >= lowest - 1e-6));
    Ok(())
}
