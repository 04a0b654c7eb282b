//! A routed circuit, and its blocks on the qubits of the device.

use super::blocks::order::{Order, Walk};
use super::blocks::{Blocks, Builder, Discarded, Kind};
use super::device::Device;
use super::emit::swap;
use super::route::{EXCHANGE, Placed, Routed};

/// Which step is done where.
#[derive(Clone, Debug)]
pub(crate) struct Placing {
    pub(crate) steps: Vec<Placed>,
    /// Where each wire is at the start and at the end.
    pub(crate) initial: Vec<u32>,
    pub(crate) last: Vec<u32>,
}

impl From<Routed> for Placing {
    fn from(Routed { steps, initial, last, .. }: Routed) -> Self {
        Self { steps, initial, last }
    }
}

impl Placing {
    /// The way back: what was found from the end to the start, read from the start to the end.
    pub(crate) fn reversed(mut self) -> Self {
        self.steps.reverse();
        for step in self.steps.iter_mut().filter(|step| step.mirrored) {
            step.at.swap(0, 1);
        }
        std::mem::swap(&mut self.initial, &mut self.last);
        self
    }

    /// The same on other qubits of the device: qubit p becomes `to[p]`.
    pub(crate) fn moved(mut self, to: &[u32]) -> Self {
        let there = |place: &mut u32| *place = to[*place as usize];
        self.steps.iter_mut().for_each(|step| step.at.iter_mut().for_each(there));
        self.initial.iter_mut().for_each(there);
        self.last.iter_mut().for_each(there);
        self
    }
}

/// Whether the steps do every block once, in an order that is allowed, on qubits that are coupled, and end where they say.
pub(crate) fn is_legal(blocks: &Blocks, placing: &Placing, device: &Device, commute: bool) -> bool {
    let order = Order::new(blocks, commute);
    let mut walk = Walk::new(&order);
    let mut ready = Vec::new();
    let mut may = vec![false; order.nodes()];
    let mut place = placing.initial.clone();
    let mut held = holders(&place, device);
    let mut left = order.nodes();
    walk.start(&order, &mut ready);
    for step in &placing.steps {
        ready.drain(..).for_each(|node| may[node as usize] = true);
        let coupled = device.distance(step.at[0], step.at[1]) == 1;
        if step.node == EXCHANGE {
            if !coupled {
                return false;
            }
        } else {
            let node = &blocks.nodes[step.node as usize];
            let here = node.wires.map(|wire| place[wire as usize]);
            if !std::mem::take(&mut may[step.node as usize])
                || !(node.is_fixed() || (coupled && here == step.at))
            {
                return false;
            }
            left -= 1;
            walk.done(&order, step.node, &mut ready);
        }
        if step.mirrored {
            exchange(step.at, &mut place, &mut held);
        }
    }
    left == 0 && place == placing.last
}

/// Which wire is on each qubit of the device.
fn holders(place: &[u32], device: &Device) -> Vec<Option<u32>> {
    let mut held = vec![None; device.qubits as usize];
    for (wire, &at) in place.iter().enumerate() {
        held[at as usize] = Some(wire as u32);
    }
    held
}

/// Two qubits change places.
fn exchange(at: [u32; 2], place: &mut [u32], held: &mut [Option<u32>]) {
    let [p, q] = at.map(|at| at as usize);
    held.swap(p, q);
    for at in [p, q] {
        if let Some(wire) = held[at] {
            place[wire as usize] = at as u32;
        }
    }
}

/// The blocks on the device's qubits, in the order of the steps.
pub(crate) fn on_device(blocks: &Blocks, placing: &Placing, device: &Device, level: u8) -> Blocks {
    let n = device.qubits as usize;
    let mut builder = Builder::new(n, blocks.bits, &device.entanglers, level, false);
    let mut place = placing.initial.clone();
    let mut held = holders(&place, device);
    builder.phase(blocks.phase);
    for step in &placing.steps {
        if step.node == EXCHANGE {
            builder.two(step.at, swap());
        } else {
            let node = &blocks.nodes[step.node as usize];
            match (&node.kind, node.kak()) {
                // An exchange behind on (p, q) is the unitary on (q, p) with an exchange in front.
                (_, Some(kak)) if step.mirrored => builder.two([step.at[1], step.at[0]], kak.mirrored()),
                (Kind::Rotation { x, axes }, _) => builder.rotation(step.at, *x, *axes),
                (_, Some(kak)) => builder.two(step.at, kak),
                (Kind::Fixed(number), None) => {
                    let fixed = blocks.fixed[*number as usize].clone();
                    let at: Vec<u32> = fixed.wires.iter().map(|&wire| place[wire as usize]).collect();
                    for (&qubit, u) in at.iter().zip(&fixed.before) {
                        builder.one(qubit, u);
                    }
                    builder.fixed(&at, fixed.what, fixed.condition, fixed.origin);
                }
                _ => {}
            }
        }
        if step.mirrored {
            exchange(step.at, &mut place, &mut held);
        }
    }
    for (wire, u) in blocks.tail.iter().enumerate() {
        builder.one(placing.last[wire], u);
    }
    let mut done = builder.finish();
    done.discarded = blocks
        .discarded
        .iter()
        .map(|old| Discarded { wires: old.wires.map(|wire| placing.last[wire as usize]), ..*old })
        .collect();
    done
}
