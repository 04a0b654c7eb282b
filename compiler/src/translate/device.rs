//! A processor as translation sees it: which qubits and couplings can be used, how far apart, and by which gates.

use std::collections::{HashMap, HashSet, VecDeque};

use qhal::processor::{Capabilities, Couplings, NativeGate};
use qhal::{Error, ErrorKind, Gate, Result};

use super::synthesis::native::{Entanglers, Pulses};

/// No way between two qubits.
pub(crate) const APART: u16 = u16::MAX;

/// A processor prepared for translation.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) qubits: u32,
    /// The qubits that can be used: they have every gate and are connected with each other.
    pub(crate) usable: Vec<u32>,
    /// Whether any two qubits are coupled.
    pub(crate) all_to_all: bool,
    /// The neighbours of each qubit, ascending; empty where all are.
    pub(crate) neighbours: Vec<Vec<u32>>,
    /// Steps between two qubits, row by row; empty where all are coupled.
    distances: Vec<u16>,
    pub(crate) pulses: Pulses,
    pub(crate) entanglers: Entanglers,
    /// The pairs on which each entangling gate may be done, in this order; gates that may be done everywhere are missing.
    directed: HashMap<Gate, HashSet<(u32, u32)>>,
    /// −ln of the fidelity of the entangling gates on a coupling, lower qubit first, where it is known.
    losses: HashMap<(u32, u32), f64>,
    worst_loss: f64,
    /// −ln of the fidelity of the readout of a qubit, where it is known.
    readout: Vec<f64>,
}

impl Device {
    /// # Errors
    /// `Unsupported` where the native gates do not make every unitary.
    pub(crate) fn new(capabilities: &Capabilities, quarters: bool) -> Result<Self> {
        let qubits = u32::try_from(capabilities.qubits.len())
            .map_err(|_| Error::new(ErrorKind::InvalidInput, "a processor has at most 2^32 - 1 qubits"))?;
        let native = |width: usize| -> Vec<&NativeGate> {
            capabilities.native_gates.iter().filter(|native| native.gate.qubits() == width).collect()
        };
        let singles: Vec<Gate> = native(1).iter().map(|native| native.gate).collect();
        let pulses = Pulses::choose(&singles, quarters)?;
        let mut pairs = native(2);
        // Where gates differ in where they can be done, the one with most couplings is what all others are made of.
        let places =
            |native: &NativeGate| if native.sites.is_empty() { usize::MAX } else { native.sites.len() };
        let most = pairs.iter().map(|native| places(native)).max().unwrap_or(0);
        pairs.retain(|native| places(native) == most);
        let gates: Vec<Gate> = pairs.iter().map(|native| native.gate).collect();
        let entanglers = match Entanglers::choose(&gates) {
            Some(entanglers) => entanglers,
            None if qubits <= 1 => Entanglers::choose(&[Gate::Cz]).ok_or_else(no_entangler)?,
            None => return Err(no_entangler()),
        };
        let mut device = Self {
            qubits,
            usable: Vec::new(),
            all_to_all: matches!(capabilities.couplings, Couplings::All) && most == usize::MAX,
            neighbours: Vec::new(),
            distances: Vec::new(),
            pulses,
            entanglers,
            directed: HashMap::new(),
            losses: HashMap::new(),
            worst_loss: 0.0,
            readout: capabilities
                .qubits
                .iter()
                .map(|qubit| loss(1.0 - qubit.readout_error.unwrap_or(0.0)))
                .collect(),
        };
        for site in pairs.iter().flat_map(|native| &native.sites) {
            if let (&[a, b], Some(fidelity)) = (site.qubits.as_slice(), site.fidelity) {
                let worst = device.losses.entry((a.min(b), a.max(b))).or_insert(0.0);
                *worst = worst.max(loss(fidelity));
                device.worst_loss = device.worst_loss.max(loss(fidelity));
            }
        }
        let mut alive = vec![true; qubits as usize];
        for native in native(1).iter().filter(|native| !native.sites.is_empty() && device.needs(native.gate))
        {
            let mut here = vec![false; qubits as usize];
            for site in &native.sites {
                if let Some(slot) = site.qubits.first().and_then(|&qubit| here.get_mut(qubit as usize)) {
                    *slot = true;
                }
            }
            alive.iter_mut().zip(here).for_each(|(alive, here)| *alive &= here);
        }
        if !device.all_to_all {
            device.connect(capabilities, &pairs, &alive);
        }
        device.find_usable(&alive);
        Ok(device)
    }

    /// Whether the pulses are made of this gate.
    fn needs(&self, gate: Gate) -> bool {
        match self.pulses {
            Pulses::QuarterTurns { z, as_rx, half } => {
                gate == z
                    || (as_rx && gate == Gate::Rx)
                    || (!as_rx && (gate == Gate::Sx || (half && gate == Gate::X)))
            }
            Pulses::Equator { z, .. } => gate == Gate::R || z == Some(gate),
            Pulses::TwoAxes { z, other } => gate == z || gate == other,
            Pulses::XAndY => matches!(gate, Gate::Rx | Gate::Ry),
            Pulses::Universal(universal) => gate == universal,
        }
    }

    fn connect(&mut self, capabilities: &Capabilities, pairs: &[&NativeGate], alive: &[bool]) {
        let coupled: Vec<(u32, u32)> = match &capabilities.couplings {
            Couplings::Pairs(pairs) => pairs.clone(),
            Couplings::All => Vec::new(),
        };
        let n = self.qubits as usize;
        let mut neighbours = vec![Vec::new(); n];
        for native in pairs.iter().filter(|native| self.entanglers.gates().any(|gate| gate == native.gate)) {
            let sites: Vec<(u32, u32)> = if native.sites.is_empty() {
                coupled.clone()
            } else {
                native
                    .sites
                    .iter()
                    .filter_map(|site| Some((*site.qubits.first()?, *site.qubits.get(1)?)))
                    .collect()
            };
            let usable = |qubit: u32| alive.get(qubit as usize) == Some(&true);
            let directed = self.directed.entry(native.gate).or_default();
            for (a, b) in sites.into_iter().filter(|&(a, b)| a != b && usable(a) && usable(b)) {
                directed.insert((a, b));
                neighbours[a as usize].push(b);
                neighbours[b as usize].push(a);
            }
        }
        for list in &mut neighbours {
            list.sort_unstable();
            list.dedup();
        }
        self.distances = vec![APART; n * n];
        for from in 0..n {
            let row = &mut self.distances[from * n..][..n];
            row[from] = 0;
            let mut queue = VecDeque::from([from as u32]);
            while let Some(at) = queue.pop_front() {
                let next = row[at as usize] + 1;
                for &to in &neighbours[at as usize] {
                    if row[to as usize] == APART {
                        row[to as usize] = next;
                        queue.push_back(to);
                    }
                }
            }
        }
        self.neighbours = neighbours;
    }

    /// The largest part of the qubits that are alive and connected.
    fn find_usable(&mut self, alive: &[bool]) {
        let all = 0..self.qubits;
        if self.all_to_all {
            self.usable = all.filter(|&qubit| alive[qubit as usize]).collect();
            return;
        }
        let part = |from: u32| -> Vec<u32> {
            (0..self.qubits).filter(|&to| alive[to as usize] && self.distance(from, to) != APART).collect()
        };
        let mut best: Vec<u32> = Vec::new();
        for from in all.filter(|&qubit| alive[qubit as usize]) {
            if !best.contains(&from) {
                let found = part(from);
                if found.len() > best.len() {
                    best = found;
                }
            }
        }
        self.usable = best;
    }

    /// Steps from one qubit to another: 1 for neighbours.
    #[inline]
    pub(crate) fn distance(&self, from: u32, to: u32) -> u16 {
        if self.all_to_all {
            u16::from(from != to)
        } else {
            self.distances[from as usize * self.qubits as usize + to as usize]
        }
    }

    /// The distances from a qubit to all others; empty where all are coupled.
    #[inline]
    pub(crate) fn distances_from(&self, qubit: u32) -> &[u16] {
        let n = self.qubits as usize;
        self.distances.get(qubit as usize * n..(qubit as usize + 1) * n).unwrap_or(&[])
    }

    /// −ln of the fidelity of one entangling gate between two qubits; the worst of all where it alone is not known.
    pub(crate) fn loss(&self, a: u32, b: u32) -> f64 {
        self.losses.get(&(a.min(b), a.max(b))).copied().unwrap_or(self.worst_loss)
    }

    /// −ln of the fidelity of a measurement; 0 where nothing is known.
    pub(crate) fn readout_loss(&self, qubit: u32) -> f64 {
        self.readout.get(qubit as usize).copied().unwrap_or(0.0)
    }

    /// Whether qubits or couplings differ in what is known of their fidelity.
    pub(crate) fn is_uneven(&self) -> bool {
        !self.losses.is_empty() || self.readout.iter().any(|loss| *loss > 0.0)
    }

    /// Whether `gate` has to be done on (b, a) where (a, b) is wanted.
    pub(crate) fn reversed(&self, gate: Gate, a: u32, b: u32) -> bool {
        self.directed.get(&gate).is_some_and(|pairs| !pairs.contains(&(a, b)))
    }
}

fn loss(fidelity: f64) -> f64 {
    -fidelity.clamp(1e-6, 1.0).ln()
}

fn no_entangler() -> Error {
    let message = "it has no two-qubit gate that is known here: cz, cx, ecr or one of their class, rxx, ryy, rzz, rzx, iswap";
    Error::new(ErrorKind::Unsupported, message)
}
