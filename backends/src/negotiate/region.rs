//! Which qubits of a chip a request without a circuit gets: coupled as it asks, and the best by fidelity.

use std::collections::{BTreeSet, HashMap};

use qhal::processor::Couplings;
use qhal::{Circuit, Gate};
use qhal_compiler::translate::{Options, Target, translate};

use super::Connectivity;

/// What is known of a chip's qubits and couplings, as −ln of fidelities.
pub(super) struct Chip {
    pub(super) qubits: u32,
    /// Whether any two are coupled.
    all: bool,
    neighbours: Vec<BTreeSet<u32>>,
    /// The worst one-qubit gate of each qubit, where all are known.
    pub(super) single: Vec<Option<f64>>,
    /// The best two-qubit gate of each coupling that has a figure, lower qubit first.
    pair: HashMap<(u32, u32), f64>,
    /// Readout; 0 where it is not known.
    pub(super) readout: Vec<f64>,
}

/// Where nothing is known a choice needs a figure all the same: worse than any that is known.
const UNKNOWN: f64 = 1.0;

fn loss(fidelity: f64) -> f64 {
    -fidelity.clamp(1e-12, 1.0).ln()
}

impl Chip {
    pub(super) fn new(target: &Target) -> Self {
        let capabilities = &target.capabilities;
        let qubits = capabilities.qubits.len() as u32;
        let mut chip = Self {
            qubits,
            all: matches!(capabilities.couplings, Couplings::All),
            neighbours: vec![BTreeSet::new(); qubits as usize],
            single: vec![Some(0.0); qubits as usize],
            pair: HashMap::new(),
            readout: capabilities
                .qubits
                .iter()
                .map(|qubit| loss(1.0 - qubit.readout_error.unwrap_or(0.0)))
                .collect(),
        };
        if let Couplings::Pairs(pairs) = &capabilities.couplings {
            for &(a, b) in pairs.iter().filter(|(a, b)| (*a).max(*b) < qubits) {
                chip.neighbours[a as usize].insert(b);
                chip.neighbours[b as usize].insert(a);
            }
        }
        for native in &capabilities.native_gates {
            match native.gate.qubits() {
                1 if native.sites.is_empty() => chip.single.fill(None),
                1 => {
                    for site in &native.sites {
                        if let Some(slot) =
                            site.qubits.first().and_then(|&qubit| chip.single.get_mut(qubit as usize))
                        {
                            *slot = slot.zip(site.fidelity).map(|(worst, found)| worst.max(loss(found)));
                        }
                    }
                }
                2 => {
                    for site in &native.sites {
                        if let (&[a, b], Some(fidelity)) = (site.qubits.as_slice(), site.fidelity) {
                            let best = chip.pair.entry((a.min(b), a.max(b))).or_insert(f64::INFINITY);
                            *best = best.min(loss(fidelity));
                        }
                    }
                }
                _ => {}
            }
        }
        chip
    }

    pub(super) fn coupled(&self, a: u32, b: u32) -> bool {
        a != b && (self.all || self.neighbours.get(a as usize).is_some_and(|near| near.contains(&b)))
    }

    /// −ln of the fidelity of a two-qubit gate on a coupling, where it is known.
    pub(super) fn pair_loss(&self, a: u32, b: u32) -> Option<f64> {
        self.pair.get(&(a.min(b), a.max(b))).copied()
    }

    fn own_loss(&self, qubit: u32) -> f64 {
        self.single[qubit as usize].unwrap_or(UNKNOWN) + self.readout[qubit as usize]
    }

    /// `count` qubits that hang together, grown from each qubit in turn by the neighbour that costs least; the best of all.
    fn connected(&self, count: usize) -> Option<Vec<u32>> {
        let mut best: Option<(f64, Vec<u32>)> = None;
        for start in 0..self.qubits {
            let mut region = vec![start];
            let mut sum = self.own_loss(start);
            // The cheapest way to each qubit from what is there.
            let mut near: HashMap<u32, f64> = HashMap::new();
            while region.len() < count {
                let last = region[region.len() - 1];
                let everybody: Vec<u32>;
                let around: Box<dyn Iterator<Item = &u32> + '_> = if self.all {
                    everybody = (0..self.qubits).filter(|&other| other != last).collect();
                    Box::new(everybody.iter())
                } else {
                    Box::new(self.neighbours[last as usize].iter())
                };
                for &other in around.filter(|other| !region.contains(other)) {
                    let cost = self.pair_loss(last, other).unwrap_or(UNKNOWN) + self.own_loss(other);
                    let least = near.entry(other).or_insert(f64::INFINITY);
                    *least = least.min(cost);
                }
                let next = near.iter().min_by(|a, b| a.1.total_cmp(b.1).then(a.0.cmp(b.0)));
                let Some((&qubit, &cost)) = next else { break };
                near.remove(&qubit);
                region.push(qubit);
                sum += cost;
            }
            if region.len() == count && best.as_ref().is_none_or(|(least, _)| sum < *least) {
                best = Some((sum, region));
            }
        }
        best.map(|(_, region)| region)
    }
}

/// The pairs that must be coupled.
fn pattern(count: u32, connectivity: Connectivity) -> Vec<(u32, u32)> {
    let line = (1..count).map(|qubit| (qubit - 1, qubit));
    match connectivity {
        Connectivity::Any => Vec::new(),
        Connectivity::Line => line.collect(),
        Connectivity::Ring if count > 2 => line.chain([(count - 1, 0)]).collect(),
        Connectivity::Ring => line.collect(),
        Connectivity::All => (0..count).flat_map(|b| (0..b).map(move |a| (a, b))).collect(),
    }
}

/// Qubits, and the pairs of them on which gates are done.
pub(super) struct Region {
    pub(super) qubits: Vec<u32>,
    pub(super) pairs: Vec<(u32, u32)>,
}

/// The qubits of a request and the pairs of them on which its gates are done; the reason where there are none.
pub(super) fn assign(
    target: &Target,
    chip: &Chip,
    count: u32,
    connectivity: Connectivity,
) -> Result<Region, String> {
    let none = || format!("no {count} of its qubits are coupled as asked ({})", connectivity.as_str());
    if connectivity == Connectivity::Any || count == 1 {
        let region = chip.connected(count as usize).ok_or_else(none)?;
        let pairs = region.iter().enumerate().flat_map(|(at, &b)| region[..at].iter().map(move |&a| (a, b)));
        let coupled = pairs.filter(|&(a, b)| chip.coupled(a, b)).collect();
        return Ok(Region { pairs: coupled, qubits: region });
    }
    let wanted = pattern(count, connectivity);
    if chip.all {
        let region = chip.connected(count as usize).ok_or_else(none)?;
        let pairs = wanted.iter().map(|&(a, b)| (region[a as usize], region[b as usize])).collect();
        return Ok(Region { qubits: region, pairs });
    }
    // The translator's search for an exact embedding is the search for this pattern.
    let mut circuit = Circuit::with_size(count, count);
    let written = wanted.iter().try_for_each(|&(a, b)| circuit.gate(Gate::Cz, &[], &[a, b]).map(drop));
    let measured = written.and_then(|()| circuit.measure_all().map(drop));
    let mut options = Options::level(1);
    options.compare = false;
    let layout = measured
        .and_then(|()| translate(&circuit, target, options))
        .map_err(|error| error.message().to_owned())?
        .initial_layout;
    let pairs: Vec<(u32, u32)> =
        wanted.iter().map(|&(a, b)| (layout[a as usize], layout[b as usize])).collect();
    let coupled = pairs.iter().all(|&(a, b)| chip.coupled(a, b));
    if coupled { Ok(Region { qubits: layout, pairs }) } else { Err(none()) }
}
