//! Building blocks: instruction by instruction, each merged with what it can reach.

use std::f64::consts::FRAC_PI_2;

use qhal::circuit::Condition;

use super::{Blocks, Discarded, Fixed, InPlace, Kind, Node, folded};
use crate::translate::TOLERANCE;
use crate::translate::algebra::{self, Axis, ONE, One, Z, parallel, pauli, seen_before, times, times2};
use crate::translate::synthesis::kak::{self, Kak};
use crate::translate::synthesis::native::{Entanglers, negligible};

/// Blocks on one wire that commute with each other there.
#[derive(Clone, Debug)]
struct Group {
    /// The axis that all of them share; `None` for a single block without one.
    axis: Option<Axis>,
    members: Vec<u32>,
}

/// Takes instructions in the order of the program.
pub(crate) struct Builder<'e> {
    entanglers: &'e Entanglers,
    /// Whether blocks on the same pair are merged, and whether others that commute may lie between them.
    merge: bool,
    commute: bool,
    /// Whether an exchange of two qubits only renames them.
    rename: bool,
    nodes: Vec<Option<Node>>,
    fixed: Vec<Fixed>,
    /// What has been done to each wire since its last block.
    pending: Vec<One>,
    groups: Vec<Vec<Group>>,
    phase: f64,
    bits: u32,
    wire_of: Vec<u32>,
    discarded: Vec<Discarded>,
}

impl<'e> Builder<'e> {
    /// `level` 0 merges nothing, 1 what is adjacent, 2 and more what commutes; `rename` lets exchanges of qubits change
    /// their names instead of their places.
    pub(crate) fn new(wires: usize, bits: u32, entanglers: &'e Entanglers, level: u8, rename: bool) -> Self {
        Self {
            entanglers,
            merge: level >= 1,
            commute: level >= 2,
            rename,
            nodes: Vec::new(),
            fixed: Vec::new(),
            pending: vec![ONE; wires],
            groups: vec![Vec::new(); wires],
            phase: 0.0,
            bits,
            wire_of: (0..wires as u32).collect(),
            discarded: Vec::new(),
        }
    }

    pub(crate) fn phase(&mut self, angle: f64) {
        self.phase += angle;
    }

    /// A unitary on a qubit.
    pub(crate) fn one(&mut self, qubit: u32, u: &One) {
        let wire = self.wire(qubit);
        self.after(wire, u);
    }

    /// e^{ix·P⊗Q} on two qubits.
    pub(crate) fn rotation(&mut self, qubits: [u32; 2], x: f64, axes: [Axis; 2]) {
        let wires = qubits.map(|qubit| self.wire(qubit));
        let seen = std::array::from_fn(|k| seen_before(&self.pending[wires[k] as usize], &axes[k]));
        self.add_rotation(wires, x, seen);
    }

    /// Any unitary on two qubits.
    pub(crate) fn two(&mut self, qubits: [u32; 2], mut kak: Kak) {
        let wires = qubits.map(|qubit| self.wire(qubit));
        for (k, wire) in wires.into_iter().enumerate() {
            let pending = std::mem::replace(&mut self.pending[wire as usize], ONE);
            kak.right[k] = times(&kak.right[k], &pending);
        }
        self.add_general(wires, kak);
    }

    /// An instruction that stays in place.
    pub(crate) fn fixed(&mut self, qubits: &[u32], what: InPlace, condition: Option<Condition>, origin: u32) {
        let wires: Vec<u32> = qubits.iter().map(|&qubit| self.wire(qubit)).collect();
        let before =
            wires.iter().map(|&wire| std::mem::replace(&mut self.pending[wire as usize], ONE)).collect();
        let at = self.nodes.len() as u32;
        for &wire in &wires {
            self.groups[wire as usize].push(Group { axis: None, members: vec![at] });
        }
        let number = self.fixed.len() as u32;
        self.fixed.push(Fixed { what, condition, wires, before, origin });
        self.nodes.push(Some(Node { wires: [0, 0], kind: Kind::Fixed(number), plain: 0, mirror: 0 }));
    }

    /// Takes all of what has been built before, once more.
    pub(crate) fn again(&mut self, blocks: Blocks) {
        self.phase += blocks.phase;
        let mut fixed: Vec<Option<Fixed>> = blocks.fixed.into_iter().map(Some).collect();
        for node in blocks.nodes {
            match node.kind {
                Kind::Rotation { x, axes } => self.rotation(node.wires, x, axes),
                Kind::General(kak) => self.two(node.wires, *kak),
                Kind::Fixed(number) => {
                    if let Some(old) = fixed.get_mut(number as usize).and_then(Option::take) {
                        for (&wire, u) in old.wires.iter().zip(&old.before) {
                            self.one(wire, u);
                        }
                        self.fixed(&old.wires, old.what, old.condition, old.origin);
                    }
                }
            }
        }
        for (wire, u) in blocks.tail.iter().enumerate() {
            self.one(wire as u32, u);
        }
        // What the first time called wires are the qubits of this one.
        let renamed = |old: &Discarded| Discarded { wires: old.wires.map(|wire| self.wire(wire)), ..*old };
        let discarded = blocks.discarded.iter().map(renamed).collect();
        self.wire_of = blocks.wire_of.iter().map(|&wire| self.wire(wire)).collect();
        self.discarded = discarded;
    }

    pub(crate) fn finish(self) -> Blocks {
        Blocks {
            nodes: self.nodes.into_iter().flatten().collect(),
            fixed: self.fixed,
            tail: self.pending,
            phase: self.phase,
            bits: self.bits,
            wire_of: self.wire_of,
            discarded: self.discarded,
        }
    }

    fn wire(&self, qubit: u32) -> u32 {
        self.wire_of[qubit as usize]
    }

    fn after(&mut self, wire: u32, u: &One) {
        let pending = &mut self.pending[wire as usize];
        *pending = times(u, pending);
    }

    /// Adds a rotation whose axes are those in front of what is pending.
    fn add_rotation(&mut self, wires: [u32; 2], x: f64, mut axes: [Axis; 2]) {
        let (x, steps, turned) = folded(x);
        self.paulis(wires, &axes, steps);
        if negligible(x) {
            return;
        }
        if turned {
            axes[0] = axes[0].map(|part| -part);
        }
        if self.merge {
            if let Some(earlier) = self.same_rotation(wires, &axes) {
                self.increase(earlier, wires, x, &axes);
                return;
            }
            if let Some(product) = self.product_with_last(wires, || algebra::rotation(x, &axes)) {
                self.add_general(wires, product);
                return;
            }
            if self.commute && self.join_general(wires, x, &axes) {
                return;
            }
        }
        let node = Node::rotation(wires, x, axes, self.entanglers);
        self.append(node, [Some(axes[0]), Some(axes[1])]);
    }

    /// (i·P⊗Q)^steps at the end: the axes commute with whatever they have to pass.
    fn paulis(&mut self, wires: [u32; 2], axes: &[Axis; 2], steps: i64) {
        self.phase += FRAC_PI_2 * steps as f64;
        if steps % 2 != 0 {
            for (wire, axis) in wires.into_iter().zip(axes) {
                let pending = &mut self.pending[wire as usize];
                *pending = times(pending, &pauli(axis));
            }
        }
    }

    /// Adds a unitary that has taken up what was pending on its wires.
    fn add_general(&mut self, wires: [u32; 2], kak: Kak) {
        let [x, y, z] = kak.coordinates;
        if negligible(y) && negligible(z) {
            self.phase += kak.phase;
            for (k, wire) in wires.into_iter().enumerate() {
                // Nothing is pending here, so this is what comes after the rotation.
                self.pending[wire as usize] = times(&kak.left[k], &kak.right[k]);
            }
            if !negligible(x) {
                let axes = std::array::from_fn(|k| seen_before(&kak.right[k], &algebra::X));
                self.add_rotation(wires, x, axes);
            }
            return;
        }
        if self.merge
            && let Some(product) = self.product_with_last(wires, || kak.matrix())
        {
            self.add_general(wires, product);
            return;
        }
        let quarter = std::f64::consts::FRAC_PI_4 - TOLERANCE;
        if self.rename && y > quarter && z.abs() > quarter {
            let mirrored = kak.mirrored();
            self.phase += mirrored.phase;
            // U = mirrored · SWAP: the contents change places first, so each name moves to the other wire.
            for name in &mut self.wire_of {
                if *name == wires[0] {
                    *name = wires[1];
                } else if *name == wires[1] {
                    *name = wires[0];
                }
            }
            // Nothing moves, so what acts on the first place after the exchange acts on the second wire.
            for k in 0..2 {
                self.pending[wires[1 - k] as usize] = times(&mirrored.left[k], &mirrored.right[k]);
            }
            return;
        }
        let node = Node::general(wires, kak, self.entanglers);
        self.append(node, [None, None]);
    }

    fn append(&mut self, node: Node, axes: [Option<Axis>; 2]) {
        let at = self.nodes.len() as u32;
        for (wire, axis) in node.wires.into_iter().zip(axes) {
            let groups = &mut self.groups[wire as usize];
            match (groups.last_mut(), axis) {
                (Some(Group { axis: Some(shared), members }), Some(axis)) if parallel(shared, &axis) => {
                    members.push(at);
                }
                _ => groups.push(Group { axis, members: vec![at] }),
            }
        }
        self.nodes.push(Some(node));
    }

    /// The block on the same pair in the last group of both wires: it can be moved to the end.
    fn last_of_both(&self, wires: [u32; 2]) -> Option<u32> {
        let [first, second] = wires.map(|wire| self.groups[wire as usize].last());
        let (first, second) = (first?, second?);
        if !self.commute && (first.members.len() > 1 || second.members.len() > 1) {
            // Nothing lies between only if it is the last on both.
            let last = first.members.last().copied();
            return last.filter(|at| second.members.last() == Some(at) && self.is_block_on(*at, wires));
        }
        first
            .members
            .iter()
            .rev()
            .copied()
            .find(|at| second.members.contains(at) && self.is_block_on(*at, wires))
    }

    fn is_block_on(&self, at: u32, wires: [u32; 2]) -> bool {
        self.nodes[at as usize].as_ref().is_some_and(|node| {
            !node.is_fixed() && (node.wires == wires || node.wires == [wires[1], wires[0]])
        })
    }

    /// An earlier rotation of the same pair about the same axes that everything in between commutes with.
    fn same_rotation(&self, wires: [u32; 2], axes: &[Axis; 2]) -> Option<u32> {
        let at = self.last_of_both(wires)?;
        let node = self.nodes[at as usize].as_ref()?;
        let same = (0..2).all(|k| node.axis(wires[k]).is_some_and(|axis| parallel(axis, &axes[k])));
        same.then_some(at)
    }

    /// Adds to the angle of a rotation about the same axes.
    fn increase(&mut self, at: u32, wires: [u32; 2], x: f64, axes: &[Axis; 2]) {
        let Some(node) = self.nodes[at as usize].take() else { return };
        let Kind::Rotation { x: old, axes: mut old_axes } = node.kind else { return };
        if node.wires != wires {
            old_axes.swap(0, 1);
        }
        let sign: f64 = (0..2).map(|k| algebra::dot(&old_axes[k], &axes[k]).signum()).product();
        let (sum, steps, turned) = folded(old + sign * x);
        self.paulis(wires, &old_axes, steps);
        if negligible(sum) {
            self.forget(at, wires);
            return;
        }
        if turned {
            old_axes[0] = old_axes[0].map(|part| -part);
        }
        self.nodes[at as usize] = Some(Node::rotation(wires, sum, old_axes, self.entanglers));
    }

    /// The product of a new unitary with the last block on its pair, which is taken out; `None` if there is none.
    fn product_with_last(&mut self, wires: [u32; 2], new: impl FnOnce() -> algebra::Two) -> Option<Kak> {
        let at = self.last_of_both(wires)?;
        let old = self.nodes[at as usize].as_ref()?.matrix_from(wires[0])?;
        let product = times2(&new(), &old);
        let mut kak = kak::decompose(&product)?;
        self.nodes[at as usize] = None;
        self.forget(at, wires);
        // What is pending comes after; a general block takes nothing along that is pending, so it stays.
        for (k, wire) in wires.into_iter().enumerate() {
            let pending = std::mem::replace(&mut self.pending[wire as usize], ONE);
            kak.left[k] = times(&pending, &kak.left[k]);
        }
        Some(kak)
    }

    /// Multiplies a rotation into a general block that it can be moved back to.
    fn join_general(&mut self, wires: [u32; 2], x: f64, axes: &[Axis; 2]) -> bool {
        let reach = |k: usize| -> Option<u32> {
            let groups = &self.groups[wires[k] as usize];
            let last = groups.last()?;
            if last.axis.is_none() {
                return last.members.first().copied();
            }
            let before = groups.len().checked_sub(2).map(|at| &groups[at])?;
            let passes = last.axis.is_some_and(|axis| parallel(&axis, &axes[k]));
            if passes && before.axis.is_none() { before.members.first().copied() } else { None }
        };
        let (Some(first), Some(second)) = (reach(0), reach(1)) else { return false };
        if first != second || !self.is_block_on(first, wires) {
            return false;
        }
        let Some(node) = self.nodes[first as usize].as_ref() else { return false };
        let (order, Some(old)) = (node.wires, node.matrix_from(wires[0])) else { return false };
        let product = times2(&algebra::rotation(x, axes), &old);
        let product = if order == wires { product } else { algebra::exchanged(&product) };
        match kak::decompose(&product) {
            // It has to stay a block without axes, or its groups would be wrong.
            Some(kak) if !negligible(kak.coordinates[1]) => {
                self.nodes[first as usize] = Some(Node::general(order, kak, self.entanglers));
                true
            }
            _ => false,
        }
    }

    /// Takes a block out of the groups of its wires.
    fn forget(&mut self, at: u32, wires: [u32; 2]) {
        for wire in wires {
            let groups = &mut self.groups[wire as usize];
            for place in (0..groups.len()).rev() {
                let members = &mut groups[place].members;
                let before = members.len();
                members.retain(|member| *member != at);
                if members.len() != before {
                    if members.is_empty() {
                        groups.remove(place);
                    }
                    break;
                }
            }
        }
    }

    /// Leaves out rotations in front of final measurements that they do not change; `is_final` says for each instruction
    /// of the program whether it is one.
    pub(crate) fn leave_out_before(&mut self, is_final: &[bool]) {
        let mut again = true;
        while std::mem::take(&mut again) {
            for at in (0..self.nodes.len()).rev() {
                let Some(Node { wires, kind: Kind::Rotation { x, axes }, .. }) = &self.nodes[at] else {
                    continue;
                };
                let (wires, x, axes) = (*wires, *x, *axes);
                let signs: Option<Vec<f64>> =
                    (0..2).map(|k| self.measured_sign(wires[k], at as u32, &axes[k], is_final)).collect();
                if let Some(signs) = signs {
                    self.discarded.push(Discarded { x: x * signs[0] * signs[1], wires });
                    self.nodes[at] = None;
                    self.forget(at as u32, wires);
                    again = true;
                }
            }
        }
    }

    /// Whether a block is followed by nothing but a final measurement of this axis: the sign of the axis then.
    fn measured_sign(&self, wire: u32, at: u32, axis: &Axis, is_final: &[bool]) -> Option<f64> {
        let groups = &self.groups[wire as usize];
        let (last, before) = (groups.last()?, groups.len().checked_sub(2).map(|k| &groups[k])?);
        let Kind::Fixed(number) = self.nodes[*last.members.first()? as usize].as_ref()?.kind else {
            return None;
        };
        let fixed = self.fixed.get(number as usize)?;
        let measured =
            matches!(fixed.what, InPlace::Measure { .. }) && *is_final.get(fixed.origin as usize)?;
        if !measured || !before.members.contains(&at) {
            return None;
        }
        let observable = seen_before(fixed.before.first()?, &Z);
        parallel(&observable, axis).then(|| algebra::dot(&observable, axis).signum())
    }
}
