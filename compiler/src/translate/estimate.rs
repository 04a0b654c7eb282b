//! What a circuit of native gates will cost on its processor: depth, time, and the probability that nothing goes wrong.
//!
//! Fidelities multiply as if errors were independent. A qubit that waits loses what relaxation and dephasing take: the
//! average fidelity of waiting for t is ½ + e^{−t/T1}/6 + e^{−t/T2}/3.

use std::collections::HashMap;

use qhal::circuit::Operation;
use qhal::processor::{Capabilities, GateSite};
use qhal::{Circuit, Gate};

/// Figures of a circuit of native gates.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// The longest chain of operations that must follow each other.
    pub depth: usize,
    /// Gates on two qubits.
    pub two_qubit_gates: usize,
    /// The longest chain of gates on two qubits.
    pub two_qubit_depth: usize,
    /// How long it takes without measurements, in seconds, where every gate's duration is known.
    pub seconds: Option<f64>,
    /// The probability that no gate fails, no waiting qubit decays and no outcome is read wrongly, where the fidelity of
    /// every gate is known; what is not known of waiting and reading counts as perfect.
    pub fidelity: Option<f64>,
    /// The part of it that waiting takes, where times are known.
    pub waiting: Option<f64>,
    /// The part of it that reading takes, where errors are known.
    pub readout: Option<f64>,
}

/// When every instruction starts, in seconds, and when all is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// One entry an instruction.
    pub starts: Vec<f64>,
    /// The end of the last instruction.
    pub total: f64,
}

/// Looks up what is known of gates where they are done.
#[derive(Debug)]
pub struct Sites<'c> {
    known: HashMap<(Gate, &'c [u32]), &'c GateSite>,
}

impl<'c> Sites<'c> {
    /// The sites of a processor.
    pub fn new(capabilities: &'c Capabilities) -> Self {
        let all = capabilities.native_gates.iter();
        let known = all
            .flat_map(|native| native.sites.iter().map(|site| ((native.gate, site.qubits.as_slice()), site)));
        Self { known: known.collect() }
    }

    /// What is known of `gate` on `qubits`, or on a pair in the other order.
    pub fn get(&self, gate: Gate, qubits: &[u32]) -> Option<&'c GateSite> {
        if let Some(site) = self.known.get(&(gate, qubits)) {
            return Some(site);
        }
        let &[a, b] = qubits else { return None };
        self.known.get(&(gate, [b, a].as_slice())).copied()
    }

    /// Seconds of an instruction; measurements and resets count nothing, their durations are not known.
    fn seconds(&self, operation: &Operation<'_>) -> Option<f64> {
        match *operation {
            Operation::Gate { gate, qubits, .. } => Some(self.get(gate, qubits)?.duration?.as_secs_f64()),
            Operation::Delay { seconds, .. } => Some(seconds),
            _ => Some(0.0),
        }
    }
}

/// Starts every instruction as soon as its qubits and bits are free; `None` where a gate's duration is not known.
pub fn as_soon_as_possible(circuit: &Circuit, capabilities: &Capabilities) -> Option<Schedule> {
    let sites = Sites::new(capabilities);
    let durations: Vec<f64> = circuit
        .instructions()
        .map(|instruction| sites.seconds(&instruction.operation))
        .collect::<Option<_>>()?;
    let starts = earliest(circuit, &durations, (0..circuit.len()).collect());
    Some(Schedule { total: ends(&starts, &durations), starts })
}

/// Starts every instruction as late as the end allows: qubits stay in |0⟩, where nothing decays, for longer.
pub fn as_late_as_possible(circuit: &Circuit, capabilities: &Capabilities) -> Option<Schedule> {
    let sites = Sites::new(capabilities);
    let durations: Vec<f64> = circuit
        .instructions()
        .map(|instruction| sites.seconds(&instruction.operation))
        .collect::<Option<_>>()?;
    let backward = earliest(circuit, &durations, (0..circuit.len()).rev().collect());
    let total = ends(&backward, &durations);
    let starts = backward.iter().zip(&durations).map(|(start, duration)| total - start - duration).collect();
    Some(Schedule { starts, total })
}

fn ends(starts: &[f64], durations: &[f64]) -> f64 {
    starts.iter().zip(durations).map(|(start, duration)| start + duration).fold(0.0, f64::max)
}

/// The earliest starts when instructions are taken in this order, which is that of time or its reverse.
fn earliest(circuit: &Circuit, durations: &[f64], order: Vec<usize>) -> Vec<f64> {
    let mut qubits = vec![0.0f64; circuit.qubits() as usize];
    let mut bits = vec![0.0f64; circuit.bits() as usize];
    let mut starts = vec![0.0; durations.len()];
    let everywhere: Vec<u32> = (0..circuit.qubits()).collect();
    for at in order {
        let Some(instruction) = circuit.get(at) else { continue };
        let on = match instruction.operation {
            Operation::Barrier { qubits: [] } => &everywhere,
            ref operation => operation.qubits(),
        };
        let written = match instruction.operation {
            Operation::Measure { bit, .. } => Some(bit),
            _ => None,
        };
        let read = instruction.condition.map_or(0..0, |condition| condition.bits());
        let touched: Vec<u32> = read.chain(written).collect();
        let free = on.iter().map(|&qubit| qubits[qubit as usize]);
        let start = free.chain(touched.iter().map(|&bit| bits[bit as usize])).fold(0.0, f64::max);
        starts[at] = start;
        for &qubit in on {
            qubits[qubit as usize] = start + durations[at];
        }
        for bit in touched {
            bits[bit as usize] = start + durations[at];
        }
    }
    starts
}

/// Estimates a circuit whose gates are native to a processor with these capabilities.
pub fn estimate(circuit: &Circuit, capabilities: &Capabilities) -> Estimate {
    let sites = Sites::new(capabilities);
    let mut gates = Some(0.0f64);
    let mut readout = Some(0.0f64);
    for instruction in circuit.instructions() {
        match instruction.operation {
            Operation::Gate { gate, qubits, .. } => {
                let fidelity = sites.get(gate, qubits).and_then(|site| site.fidelity);
                gates = gates.zip(fidelity).map(|(sum, fidelity)| sum + fidelity.ln());
            }
            Operation::Measure { qubit, .. } => {
                let error = capabilities.qubits.get(qubit as usize).and_then(|qubit| qubit.readout_error);
                readout = readout.zip(error).map(|(sum, error)| sum + (1.0 - error).ln());
            }
            _ => {}
        }
    }
    let late = as_late_as_possible(circuit, capabilities);
    let waiting = late.as_ref().and_then(|schedule| waiting(circuit, capabilities, &sites, schedule));
    Estimate {
        depth: circuit.depth(),
        two_qubit_gates: circuit.two_qubit_gates(),
        two_qubit_depth: circuit.multi_qubit_depth(),
        seconds: late.map(|schedule| schedule.total),
        fidelity: gates.map(|sum| (sum + waiting.unwrap_or(0.0) + readout.unwrap_or(0.0)).exp()),
        waiting: waiting.map(f64::exp),
        readout: readout.map(f64::exp),
    }
}

/// ln of the fidelity of all waiting between the first and the last instruction of each qubit.
fn waiting(
    circuit: &Circuit,
    capabilities: &Capabilities,
    sites: &Sites<'_>,
    schedule: &Schedule,
) -> Option<f64> {
    let mut free_since: HashMap<u32, f64> = HashMap::new();
    let mut sum = 0.0;
    for (instruction, &start) in circuit.instructions().zip(&schedule.starts) {
        if matches!(instruction.operation, Operation::Barrier { .. } | Operation::Delay { .. }) {
            continue;
        }
        let end = start + sites.seconds(&instruction.operation)?;
        for &qubit in instruction.operation.qubits() {
            if let Some(idle) = free_since.insert(qubit, end).map(|since| start - since)
                && idle > 0.0
            {
                let known = capabilities.qubits.get(qubit as usize)?;
                let (t1, t2) = (known.t1?.as_secs_f64(), known.t2?.as_secs_f64());
                sum += (0.5 + (-idle / t1).exp() / 6.0 + (-idle / t2).exp() / 3.0).ln();
            }
        }
    }
    Some(sum)
}
