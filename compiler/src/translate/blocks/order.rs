//! In which order blocks may be done: groups on each wire, of which any member may come first.

use super::{Blocks, Kind};
use crate::translate::algebra::{Axis, parallel};

/// What has to wait for what, in a form made for being walked through many times.
///
/// The wires are those of the blocks and then the classical bits. A node may be done when each of its wires has come to
/// the node's group there; a wire goes on when all of a group is done.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// For each node, where its (wire, group) pairs start in `places`; one entry more at the end.
    starts: Vec<u32>,
    places: Vec<(u32, u32)>,
    /// For each wire, where its groups start in `groups`; one entry more at the end.
    wires: Vec<u32>,
    /// For each group of all wires, where its members start in `members`; one entry more at the end.
    groups: Vec<u32>,
    members: Vec<u32>,
    /// The nodes from first to last level.
    pub(crate) by_level: Vec<u32>,
}

impl Order {
    /// The order of blocks; with `commute` those that commute on a wire are one group there.
    pub(crate) fn new(blocks: &Blocks, commute: bool) -> Self {
        let wires = blocks.wires() + blocks.bits as usize;
        let mut last: Vec<(Option<Axis>, u32)> = vec![(None, 0); wires];
        let (mut starts, mut places) = (vec![0u32], Vec::new());
        for node in &blocks.nodes {
            let mut add = |wire: u32, axis: Option<&Axis>| {
                let (shared, group) = &mut last[wire as usize];
                let joins = commute
                    && matches!((&*shared, axis), (Some(shared), Some(axis)) if parallel(shared, axis));
                if !joins {
                    *group += 1;
                    *shared = axis.copied();
                }
                places.push((wire, *group - 1));
            };
            match &node.kind {
                Kind::Fixed(number) => {
                    let fixed = &blocks.fixed[*number as usize];
                    fixed.wires.iter().for_each(|&wire| add(wire, None));
                    fixed.bits().iter().for_each(|bit| add(blocks.wires() as u32 + bit, None));
                }
                _ => node.wires.iter().for_each(|&wire| add(wire, node.axis(wire))),
            }
            starts.push(places.len() as u32);
        }
        let counts = last.iter().map(|(_, groups)| *groups).collect::<Vec<u32>>();
        Self::assemble(starts, places, &counts)
    }

    /// The same from the end to the start.
    pub(crate) fn reversed(&self) -> Self {
        let counts: Vec<u32> = self.wires.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let places =
            self.places.iter().map(|&(wire, group)| (wire, counts[wire as usize] - 1 - group)).collect();
        Self::assemble(self.starts.clone(), places, &counts)
    }

    fn assemble(starts: Vec<u32>, places: Vec<(u32, u32)>, counts: &[u32]) -> Self {
        let mut wires = vec![0u32];
        for count in counts {
            wires.push(wires[wires.len() - 1] + count);
        }
        let all = wires[wires.len() - 1] as usize;
        let number = |&(wire, group): &(u32, u32)| (wires[wire as usize] + group) as usize;
        let mut groups = vec![0u32; all + 1];
        for place in &places {
            groups[number(place) + 1] += 1;
        }
        for at in 0..all {
            groups[at + 1] += groups[at];
        }
        let mut next = groups.clone();
        let mut members = vec![0u32; places.len()];
        for node in 0..starts.len() - 1 {
            for place in &places[starts[node] as usize..starts[node + 1] as usize] {
                let slot = &mut next[number(place)];
                members[*slot as usize] = node as u32;
                *slot += 1;
            }
        }
        let mut order = Self { starts, places, wires, groups, members, by_level: Vec::new() };
        order.by_level = order.levels();
        order
    }

    pub(crate) fn nodes(&self) -> usize {
        self.starts.len() - 1
    }

    /// The (wire, group) pairs of a node.
    pub(crate) fn places(&self, node: u32) -> &[(u32, u32)] {
        &self.places[self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize]
    }

    /// The members of a group of a wire; none behind the last.
    pub(crate) fn members(&self, wire: u32, group: u32) -> &[u32] {
        let at = self.wires[wire as usize] + group;
        if at >= self.wires[wire as usize + 1] {
            return &[];
        }
        &self.members[self.groups[at as usize] as usize..self.groups[at as usize + 1] as usize]
    }

    fn levels(&self) -> Vec<u32> {
        let mut walk = Walk::new(self);
        let mut sorted = Vec::with_capacity(self.nodes());
        let mut at = 0;
        walk.start(self, &mut sorted);
        while at < sorted.len() {
            let node = sorted[at];
            at += 1;
            walk.done(self, node, &mut sorted);
        }
        sorted
    }
}

/// How far a walk through an [`Order`] has come.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    /// For each wire, the group it has come to and how many of its members are not done.
    wires: Vec<(u32, u32)>,
    /// For each node, how many of its wires have not come to it.
    missing: Vec<u32>,
}

impl Walk {
    pub(crate) fn new(order: &Order) -> Self {
        let wires = order.wires.len() - 1;
        Self {
            wires: (0..wires as u32).map(|wire| (0, order.members(wire, 0).len() as u32)).collect(),
            missing: (0..order.nodes()).map(|node| order.starts[node + 1] - order.starts[node]).collect(),
        }
    }

    /// Adds the nodes that may be done at first.
    pub(crate) fn start(&mut self, order: &Order, ready: &mut Vec<u32>) {
        for node in 0..order.nodes() as u32 {
            if order.places(node).is_empty() {
                ready.push(node);
            }
        }
        for wire in 0..self.wires.len() as u32 {
            self.arrive(order, wire, ready);
        }
    }

    /// Marks a node as done and adds the nodes that may be done now.
    pub(crate) fn done(&mut self, order: &Order, node: u32, ready: &mut Vec<u32>) {
        for &(wire, _) in order.places(node) {
            let (group, left) = &mut self.wires[wire as usize];
            *left -= 1;
            if *left == 0 {
                *group += 1;
                *left = order.members(wire, *group).len() as u32;
                self.arrive(order, wire, ready);
            }
        }
    }

    /// The group that a wire has come to, and how many of its members are not done.
    pub(crate) fn at(&self, wire: u32) -> (u32, u32) {
        self.wires[wire as usize]
    }

    /// Tells the members of the group that a wire has come to.
    fn arrive(&mut self, order: &Order, wire: u32, ready: &mut Vec<u32>) {
        for &node in order.members(wire, self.wires[wire as usize].0) {
            let missing = &mut self.missing[node as usize];
            *missing -= 1;
            if *missing == 0 {
                ready.push(node);
            }
        }
    }
}
