//! What would come of a request on one processor: its qubits, the fidelity that can be expected, and the time on it.
//!
//! A circuit is translated for the processor, and the translation's own estimate counts. Without a circuit a request stands
//! for D layers on N qubits: F = (Π f₁(q) · f̄₂^⌊N/2⌋)^D · Π r(q), with f₁ the worst one-qubit gate of each qubit, f̄₂ the
//! geometric mean over the couplings that are used, r the readout fidelity; the time of a layer is that of its slowest
//! one-qubit and its slowest two-qubit gate.

use std::time::Duration;

use qhal_compiler::translate::{Options, Target, estimate, translate};

use super::region::{Chip, Region, assign};
use super::{Candidate, Connectivity, Pace, Request, Work};

/// What can be expected of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The probability that nothing goes wrong, where all figures are known.
    pub fidelity: Option<f64>,
    /// The time on the processor for all shots, where it is known: gates and measurements alone.
    pub run: Option<Duration>,
    /// Gates on two qubits.
    pub two_qubit_gates: usize,
    /// Operations that must follow each other.
    pub depth: usize,
}

/// The qubits of a request on a candidate, and what can be expected; the reason where it cannot be done.
pub(super) fn of(
    request: &Request,
    candidate: &Candidate,
    target: &Target,
) -> Result<(Vec<u32>, Expectation), String> {
    match &request.work {
        Work::Circuit(circuit) => {
            let mut options = Options::level(2);
            options.threads = request.threads;
            // Each block is checked all the same; whoever runs it compares states.
            options.compare = false;
            let translation =
                translate(circuit, target, options).map_err(|error| error.message().to_owned())?;
            let estimate = estimate(&translation.circuit, &target.capabilities);
            let exact = candidate.pace == Pace::StateVector;
            let expected = Expectation {
                fidelity: if exact { Some(1.0) } else { estimate.fidelity },
                run: run(
                    request,
                    candidate.pace,
                    target,
                    circuit.qubits(),
                    translation.circuit.len(),
                    estimate.seconds,
                ),
                two_qubit_gates: estimate.two_qubit_gates,
                depth: estimate.depth,
            };
            Ok((translation.initial_layout, expected))
        }
        &Work::Layers { qubits, depth, connectivity } => {
            layers(request, candidate.pace, target, (qubits, depth), connectivity)
        }
    }
}

fn layers(
    request: &Request,
    pace: Pace,
    target: &Target,
    (qubits, depth): (u32, u32),
    connectivity: Connectivity,
) -> Result<(Vec<u32>, Expectation), String> {
    let pairs_a_layer = qubits as usize / 2;
    let gates = depth as usize * (qubits as usize + pairs_a_layer);
    let (assigned, fidelity, seconds) = if pace == Pace::StateVector {
        ((0..qubits).collect(), Some(1.0), None)
    } else {
        let chip = Chip::new(target);
        let Region { qubits: assigned, pairs } = assign(target, &chip, qubits, connectivity)?;
        let singles: Option<f64> = assigned.iter().map(|&qubit| chip.single[qubit as usize]).sum();
        let doubles: Option<f64> = pairs.iter().map(|&(a, b)| chip.pair_loss(a, b)).sum();
        let mean = |sum: f64| if pairs.is_empty() { 0.0 } else { sum / pairs.len() as f64 };
        let readout: f64 = assigned.iter().map(|&qubit| chip.readout[qubit as usize]).sum();
        let lost = singles.zip(doubles).map(|(singles, doubles)| {
            f64::from(depth) * (singles + pairs_a_layer as f64 * mean(doubles)) + readout
        });
        let layer = layer_seconds(target, &assigned, pairs_a_layer > 0);
        (assigned, lost.map(|lost| (-lost).exp()), layer.map(|layer| layer * f64::from(depth)))
    };
    let expected = Expectation {
        fidelity,
        run: run(request, pace, target, qubits, gates, seconds),
        two_qubit_gates: depth as usize * pairs_a_layer,
        depth: 2 * depth as usize + 1,
    };
    Ok((assigned, expected))
}

/// The slowest one-qubit gate and, if wanted, the slowest two-qubit gate within some qubits, one after the other.
fn layer_seconds(target: &Target, assigned: &[u32], pairs: bool) -> Option<f64> {
    let slowest = |width: usize| -> Option<f64> {
        let mut most = None;
        for native in target.capabilities.native_gates.iter().filter(|native| native.gate.qubits() == width) {
            if native.sites.is_empty() {
                return None;
            }
            for site in &native.sites {
                if site.qubits.iter().all(|qubit| assigned.contains(qubit)) {
                    most = most.max(Some(site.duration?));
                }
            }
        }
        most.map(|time: Duration| time.as_secs_f64())
    };
    Some(slowest(1)? + if pairs { slowest(2)? } else { 0.0 })
}

/// All shots: on a chip by its durations, in a simulation by what has to be computed.
fn run(
    request: &Request,
    pace: Pace,
    target: &Target,
    qubits: u32,
    gates: usize,
    seconds: Option<f64>,
) -> Option<Duration> {
    // Nanoseconds an amplitude takes a gate.
    const PLAIN: f64 = 1e-9;
    const NOISY: f64 = 4e-9;
    let shots = request.shots as f64;
    let amplitudes = 2f64.powi(qubits as i32);
    let time = match pace {
        Pace::Chip => {
            let measurement = target.measurement.unwrap_or_default().as_secs_f64();
            shots * (seconds? + measurement)
        }
        Pace::StateVector => gates as f64 * amplitudes * PLAIN,
        Pace::Noise => gates as f64 * NOISY * (4.0 * amplitudes * amplitudes).min(shots * amplitudes),
    };
    Duration::try_from_secs_f64(time).ok()
}
