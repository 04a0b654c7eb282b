//! A circuit as blocks on pairs of qubits, with everything on one qubit absorbed and what commutes brought together.
//!
//! A gate on two qubits that is locally equivalent to e^{ix·ZZ} (every controlled one-qubit gate, `rxx`, `rzz`, …) is kept as
//! e^{ix·P⊗Q} with axes P and Q of the Bloch sphere, and the one-qubit gates beside it are pushed on: a later block sees
//! them as other axes. Two such blocks that share a qubit commute if their axes there are parallel, whatever the gates
//! were called. This finds what cancels or merges across others (Nam, Ross, Su, Childs and Maslov, npj Quantum Inf. 4, 23
//! (2018), rely on the same idea for phase polynomials), and it tells routing which blocks may be done in any order.

mod build;
pub(crate) mod order;

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};

use qhal::circuit::Condition;

use super::algebra::{self, Axis, One, Two};
use super::synthesis::kak::Kak;
use super::synthesis::native::Entanglers;

pub(crate) use build::Builder;

/// What a block does to its pair.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// e^{ix·P⊗Q}, P on the first wire, 0 < x ≤ π/4.
    Rotation { x: f64, axes: [Axis; 2] },
    /// Anything else.
    General(Box<Kak>),
    /// Not a block: an instruction that stays where it is, by its number in [`Blocks::fixed`].
    Fixed(u32),
}

/// A block on a pair of wires, or an instruction that stays in place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The wires; for instructions that stay in place see [`Fixed`].
    pub(crate) wires: [u32; 2],
    pub(crate) kind: Kind,
    /// Entangling gates it needs, and needs with an exchange of its qubits behind.
    pub(crate) plain: u32,
    pub(crate) mirror: u32,
}

/// What is done in place.
#[derive(Clone, Debug)]
pub(crate) enum InPlace {
    Measure {
        bit: u32,
    },
    Reset,
    Barrier,
    Delay(f64),
    /// A unitary on one qubit; conditioned, or it would have been absorbed.
    One(One),
    /// A unitary on two qubits; conditioned.
    Two(Box<Kak>),
}

/// An instruction that nothing is moved across.
#[derive(Clone, Debug)]
pub(crate) struct Fixed {
    pub(crate) what: InPlace,
    pub(crate) condition: Option<Condition>,
    /// Its qubits.
    pub(crate) wires: Vec<u32>,
    /// What has to be done to each of them before.
    pub(crate) before: Vec<One>,
    /// The instruction of the program that it is.
    pub(crate) origin: u32,
}

impl Fixed {
    /// The classical bits it reads or writes.
    pub(crate) fn bits(&self) -> Vec<u32> {
        let written = match self.what {
            InPlace::Measure { bit } => Some(bit),
            _ => None,
        };
        let read = self.condition.iter().flat_map(|condition| condition.bits());
        let mut bits: Vec<u32> = read.chain(written).collect();
        bits.sort_unstable();
        bits.dedup();
        bits
    }
}

/// A diagonal e^{ix·ZZ} in front of two final measurements, which it does not change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Discarded {
    pub(crate) x: f64,
    pub(crate) wires: [u32; 2],
}

/// A circuit as blocks, in an order in which they can be done.
#[derive(Clone, Debug)]
pub(crate) struct Blocks {
    pub(crate) nodes: Vec<Node>,
    pub(crate) fixed: Vec<Fixed>,
    /// What is done to each wire at the end.
    pub(crate) tail: Vec<One>,
    pub(crate) phase: f64,
    pub(crate) bits: u32,
    /// On which wire each qubit is at the end; at the start qubit k is on wire k.
    pub(crate) wire_of: Vec<u32>,
    /// What was left out because a measurement follows.
    pub(crate) discarded: Vec<Discarded>,
}

impl Blocks {
    pub(crate) fn wires(&self) -> usize {
        self.tail.len()
    }

    /// Entangling gates of all blocks, if every pair were coupled.
    pub(crate) fn cost(&self) -> u32 {
        self.nodes.iter().map(|node| node.plain).sum()
    }
}

impl Node {
    /// The canonical form, with the first wire as first qubit.
    pub(crate) fn kak(&self) -> Option<Kak> {
        match &self.kind {
            Kind::Rotation { x, axes } => Some(Kak::rotation(*x, axes)),
            Kind::General(kak) => Some((**kak).clone()),
            Kind::Fixed(_) => None,
        }
    }

    /// The unitary on (`first`, the other wire); `None` for instructions that stay in place.
    pub(crate) fn matrix_from(&self, first: u32) -> Option<Two> {
        let matrix = match &self.kind {
            Kind::Rotation { x, axes } => algebra::rotation(*x, axes),
            Kind::General(kak) => kak.matrix(),
            Kind::Fixed(_) => return None,
        };
        Some(if self.wires[0] == first { matrix } else { algebra::exchanged(&matrix) })
    }

    pub(crate) fn is_fixed(&self) -> bool {
        matches!(self.kind, Kind::Fixed(_))
    }

    /// The axis on a wire; only rotations have one.
    pub(crate) fn axis(&self, wire: u32) -> Option<&Axis> {
        match &self.kind {
            Kind::Rotation { axes, .. } => Some(&axes[usize::from(self.wires[1] == wire)]),
            _ => None,
        }
    }

    pub(crate) fn rotation(wires: [u32; 2], x: f64, axes: [Axis; 2], entanglers: &Entanglers) -> Self {
        let (plain, mirror) = costs(&[x, 0.0, 0.0], entanglers);
        Self { wires, kind: Kind::Rotation { x, axes }, plain, mirror }
    }

    pub(crate) fn general(wires: [u32; 2], kak: Kak, entanglers: &Entanglers) -> Self {
        let (plain, mirror) = costs(&kak.coordinates, entanglers);
        Self { wires, kind: Kind::General(Box::new(kak)), plain, mirror }
    }
}

/// What canonical coordinates cost, alone and with an exchange behind.
pub(crate) fn costs(coordinates: &[f64; 3], entanglers: &Entanglers) -> (u32, u32) {
    let [x, y, z] = *coordinates;
    // The canonical coordinates of the mirrored unitary, up to a sign that no count depends on.
    let mirrored = [FRAC_PI_4 - z.abs(), FRAC_PI_4 - y, FRAC_PI_4 - x];
    (entanglers.best(coordinates).1, entanglers.best(&mirrored).1)
}

/// x between 0 and π/4 for a rotation by any x: how many times π/2 were taken away, and whether an axis turns round.
pub(crate) fn folded(x: f64) -> (f64, i64, bool) {
    let steps = (x / FRAC_PI_2).round();
    let rest = x - steps * FRAC_PI_2;
    (rest.abs(), steps as i64, rest < 0.0)
}
