//! What a search is given and what it gives back.

use crate::translate::blocks::{Blocks, InPlace, Kind};
use crate::translate::device::Device;

/// A step that only exchanges two qubits.
pub(crate) const EXCHANGE: u32 = u32::MAX;

/// One step on the device's qubits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    /// The node of the blocks, or [`EXCHANGE`].
    pub(crate) node: u32,
    /// Where the node's first and second wire are; anything for nodes that are not on a pair.
    pub(crate) at: [u32; 2],
    /// Whether the two qubits change places in the same step.
    pub(crate) mirrored: bool,
}

/// A way through a circuit.
#[derive(Clone, Debug)]
pub(crate) struct Routed {
    /// Entangling gates in all.
    pub(crate) cost: u32,
    pub(crate) steps: Vec<Placed>,
    /// Where each wire is at the start and at the end.
    pub(crate) initial: Vec<u32>,
    pub(crate) last: Vec<u32>,
}

/// What a search goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights {
    /// How many blocks beyond those in front are looked at.
    pub(crate) horizon: usize,
    /// The weight of the first of them, and the factor from each to the next.
    pub(crate) ahead: f32,
    pub(crate) fade: f32,
    /// What one entangling gate weighs against one step of distance.
    pub(crate) price: f32,
    /// How much better an exchange right behind a block has to be; infinite for never.
    pub(crate) threshold: f32,
    /// How much chance has a say.
    pub(crate) noise: f32,
    /// How strongly qubits that have just moved are left alone.
    pub(crate) decay: f32,
}

/// What does not change between searches.
pub(crate) struct Problem<'a> {
    pub(crate) device: &'a Device,
    pub(super) wires: usize,
    /// For each node its pair, if it needs one.
    pub(super) pairs: Vec<Option<[u32; 2]>>,
    pub(super) plain: Vec<u32>,
    pub(super) mirror: Vec<u32>,
    pub(super) exchange: u32,
    pub(super) can_mirror: Vec<bool>,
    pub(super) fixed_wires: Vec<Vec<u32>>,
}

impl<'a> Problem<'a> {
    pub(crate) fn new(blocks: &Blocks, device: &'a Device) -> Self {
        let pair = |kind: &Kind, wires: [u32; 2]| match kind {
            Kind::Fixed(number) => {
                let fixed = &blocks.fixed[*number as usize];
                matches!(fixed.what, InPlace::Two(_)).then(|| [fixed.wires[0], fixed.wires[1]])
            }
            _ => Some(wires),
        };
        let quarter = [std::f64::consts::FRAC_PI_4; 3];
        Self {
            device,
            wires: blocks.wires(),
            pairs: blocks.nodes.iter().map(|node| pair(&node.kind, node.wires)).collect(),
            plain: blocks.nodes.iter().map(|node| node.plain).collect(),
            mirror: blocks.nodes.iter().map(|node| node.mirror).collect(),
            exchange: device.entanglers.best(&quarter).1,
            can_mirror: blocks.nodes.iter().map(|node| !node.is_fixed()).collect(),
            fixed_wires: blocks
                .nodes
                .iter()
                .map(|node| match &node.kind {
                    Kind::Fixed(number) => blocks.fixed[*number as usize].wires.clone(),
                    _ => Vec::new(),
                })
                .collect(),
        }
    }

    pub(crate) fn pairs(&self) -> &[Option<[u32; 2]>] {
        &self.pairs
    }
}
