//! Which layout and which way through: an embedding if there is one, else many searches of which the best is taken.

use qhal::{Error, ErrorKind, Result};

use super::Options;
use super::blocks::Blocks;
use super::blocks::order::{Order, Walk};
use super::device::Device;
use super::layout::{self, Interactions};
use super::place::Placing;
use super::random::Random;
use super::route::{Placed, Problem, Routed, Weights, route};

/// Places blocks on a device.
///
/// # Errors
/// `Other` when no way was found, which a connected device does not let happen.
pub(crate) fn place(blocks: &Blocks, device: &Device, options: Options) -> Result<Placing> {
    let order = Order::new(blocks, options.level >= 2);
    let trivial = layout::trivial(blocks.wires(), device);
    if device.all_to_all {
        return Ok(in_order(blocks, &order, trivial, options.level >= 2));
    }
    let problem = Problem::new(blocks, device);
    let interactions = interactions(blocks, &problem);
    if options.level >= 1
        && let Some(initial) = layout::embedding(&interactions, device, None)
    {
        return Ok(in_order(blocks, &order, initial, false));
    }
    let placing =
        best(&problem, &order, &interactions, trivial, options).map(Placing::from).ok_or_else(|| {
            Error::new(ErrorKind::Other, "no way was found to bring the qubits of each gate together")
        })?;
    Ok(if options.level >= 2 && device.is_uneven() {
        on_better_qubits(blocks, &problem, placing, &interactions)
    } else {
        placing
    })
}

/// The same steps on the part of the device where the couplings that they use are best.
fn on_better_qubits(
    blocks: &Blocks,
    problem: &Problem<'_>,
    placing: Placing,
    interactions: &Interactions,
) -> Placing {
    let device = problem.device;
    let mut used = Interactions::new(device.qubits as usize);
    for step in &placing.steps {
        let node = blocks.nodes.get(step.node as usize);
        match node {
            Some(node) if node.is_fixed() => {}
            Some(node) => used.add(step.at, f64::from(if step.mirrored { node.mirror } else { node.plain })),
            None => used.add(step.at, 3.0),
        }
    }
    for (wire, &place) in placing.last.iter().enumerate() {
        used.measured[place as usize] = interactions.measured[wire];
    }
    let identity: Vec<u32> = (0..device.qubits).collect();
    match layout::embedding(&used, device, Some(&identity)) {
        Some(to) => placing.moved(&to),
        None => placing,
    }
}

fn interactions(blocks: &Blocks, problem: &Problem<'_>) -> Interactions {
    let mut interactions = Interactions::new(blocks.wires());
    for (node, pair) in blocks.nodes.iter().zip(problem.pairs()) {
        if let Some(pair) = pair {
            interactions.add(*pair, f64::from(node.plain.max(1)));
        }
    }
    for fixed in &blocks.fixed {
        if let (super::blocks::InPlace::Measure { .. }, &[wire]) = (&fixed.what, fixed.wires.as_slice()) {
            interactions.measured[wire as usize] += 1.0;
        }
    }
    interactions
}

/// Every block where it is; with `mirror` two qubits change places wherever that makes a block cheaper.
fn in_order(blocks: &Blocks, order: &Order, initial: Vec<u32>, mirror: bool) -> Placing {
    let mut place = initial.clone();
    let mut steps = Vec::with_capacity(order.nodes());
    let mut walk = Walk::new(order);
    let mut ready = Vec::new();
    walk.start(order, &mut ready);
    ready.reverse();
    while let Some(number) = ready.pop() {
        let node = &blocks.nodes[number as usize];
        let [a, b] = node.wires.map(|wire| wire as usize);
        let mirrored = mirror && !node.is_fixed() && node.mirror < node.plain;
        let at = if node.is_fixed() { [0, 0] } else { [place[a], place[b]] };
        steps.push(Placed { node: number, at, mirrored });
        if mirrored {
            place.swap(a, b);
        }
        walk.done(order, number, &mut ready);
    }
    Placing { steps, initial, last: place }
}

/// A layout under improvement: the best way through that was found from it, and where the last way ended.
#[derive(Clone)]
struct Climb {
    trial: usize,
    random: Random,
    weights: Weights,
    /// Where the wires are for the next pass, and whether that goes backward.
    layout: Vec<u32>,
    backward: bool,
    best: Option<(Routed, bool)>,
}

impl Climb {
    fn cost(&self) -> u32 {
        self.best.as_ref().map_or(u32::MAX, |(routed, _)| routed.cost)
    }

    /// Goes through the circuit `passes` times, to and fro.
    fn go(&mut self, problem: &Problem<'_>, orders: [&Order; 2], passes: usize) {
        for _ in 0..passes {
            let order = orders[usize::from(self.backward)];
            let seed = self.random.next();
            // What is much worse on the way than the best at its end is not worth its end.
            let limit = self.cost().saturating_add(self.cost() / 4);
            let Some(routed) = route(problem, order, &self.layout, self.weights, seed, limit) else { return };
            self.layout.clone_from(&routed.last);
            if routed.cost < self.cost() {
                self.best = Some((routed, self.backward));
            }
            self.backward = !self.backward;
        }
    }
}

/// Runs `work` on all items, on several threads.
fn on_threads<T: Send>(items: &mut [T], threads: usize, work: impl Fn(&mut T) + Sync) {
    let share = items.len().div_ceil(threads.max(1)).max(1);
    if share >= items.len() {
        items.iter_mut().for_each(work);
        return;
    }
    std::thread::scope(|scope| {
        let work = &work;
        let mut parts = items.chunks_mut(share);
        let first = parts.next();
        for part in parts {
            scope.spawn(move || part.iter_mut().for_each(work));
        }
        first.into_iter().flatten().for_each(work);
    });
}

/// How much is searched at a level.
#[derive(Clone, Copy)]
struct Effort {
    /// Layouts to start from, how many of them are carried on, and changes of the best.
    starts: usize,
    kept: usize,
    changed: usize,
    /// Passes from each of these.
    passes: [usize; 3],
}

impl Effort {
    /// Beyond so many nodes there are fewer layouts, so that large circuits take no longer than they must.
    const NODES: usize = 500;

    fn new(nodes: usize, level: u8) -> Self {
        let (starts, kept, changed) = match level {
            0 => return Self { starts: 1, kept: 0, changed: 0, passes: [1, 0, 0] },
            1 => (2, 1, 0),
            2 => (6, 2, 2),
            _ => (12, 3, 6),
        };
        let share = |count: usize| (count * Self::NODES / nodes.max(Self::NODES)).max(1);
        Self {
            starts: share(starts),
            kept: share(kept),
            changed: share(changed).min(changed),
            passes: [2, 3, 3],
        }
    }
}

fn best(
    problem: &Problem<'_>,
    order: &Order,
    interactions: &Interactions,
    trivial: Vec<u32>,
    options: Options,
) -> Option<Routed> {
    let reversed = order.reversed();
    let orders = [order, &reversed];
    let effort = Effort::new(order.nodes(), options.level);
    let start = |trial: usize| -> Option<Climb> {
        let mut random = Random(options.seed ^ (trial as u64 + 1).wrapping_mul(0xA076_1D64_78BD_642F));
        let layout = match trial {
            0 => trivial.clone(),
            _ => layout::somewhere(interactions, problem.device, &mut random)?,
        };
        Some(Climb { trial, random, weights: weights(trial), layout, backward: false, best: None })
    };
    let mut climbs: Vec<Climb> = (0..effort.starts).map(start).collect::<Option<_>>()?;
    on_threads(&mut climbs, options.threads, |climb| climb.go(problem, orders, effort.passes[0]));
    // The cheapest first, of equals the first trial: the same for any number of threads.
    climbs.sort_by_key(|climb| (climb.cost(), climb.trial));
    climbs.truncate(effort.kept.max(1));
    on_threads(&mut climbs, options.threads, |climb| climb.go(problem, orders, effort.passes[1]));
    climbs.sort_by_key(|climb| (climb.cost(), climb.trial));
    if effort.changed > 0 {
        let (best, backward) = climbs.first()?.best.clone()?;
        let mut changed: Vec<Climb> = (0..effort.changed)
            .map(|number| {
                let trial = effort.starts + number;
                let mut random =
                    Random(options.seed ^ (trial as u64 + 1).wrapping_mul(0xA076_1D64_78BD_642F));
                let mut layout = best.initial.clone();
                // Some wires change places; where the best came from is where this one starts.
                for _ in 0..number % 3 {
                    let (a, b) = (random.below(layout.len()), random.below(layout.len()));
                    layout.swap(a, b);
                }
                Climb { trial, random, weights: weights(number), layout, backward, best: None }
            })
            .collect();
        on_threads(&mut changed, options.threads, |climb| climb.go(problem, orders, effort.passes[2]));
        climbs.extend(changed);
    }
    let (routed, backward) = climbs.into_iter().min_by_key(|climb| (climb.cost(), climb.trial))?.best?;
    Some(if backward {
        let cost = routed.cost;
        let Placing { steps, initial, last } = Placing::from(routed).reversed();
        Routed { cost, steps, initial, last }
    } else {
        routed
    })
}

/// Different searches go by different weights: these did best together on the circuits of tests/data/translate.
fn weights(trial: usize) -> Weights {
    const NEVER: f32 = f32::INFINITY;
    const TABLE: [(usize, f32, f32, f32, f32); 6] = [
        (16, 0.7, 0.9, 0.8, NEVER),
        (12, 0.5, 0.8, 0.6, NEVER),
        (16, 0.9, 0.98, 0.3, 0.25),
        (30, 0.3, 0.9, 0.6, 1.0),
        (12, 0.7, 0.95, 0.6, NEVER),
        (8, 0.5, 0.9, 0.2, NEVER),
    ];
    let (horizon, ahead, fade, price, threshold) = TABLE[trial % TABLE.len()];
    Weights { horizon, ahead, fade, price, threshold, noise: 0.15, decay: 0.05 }
}
