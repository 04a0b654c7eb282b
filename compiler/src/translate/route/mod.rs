//! Bringing the qubits of each block next to each other with as few entangling gates as can be found.
//!
//! The search is SABRE (Li, Ding and Xie, ASPLOS 2019, arXiv 1809.02573) with the changes of LightSABRE (arXiv 2409.08368):
//! distances are updated and not summed up again, and a way out when it gets stuck. Here an exchange has its real price:
//! with a block of three CZ before it on the same pair it is free, with a CX before it it costs one more gate, not three
//! (McKinney, Xia, Zhou, Lu, Hatridge and Jones, MIRAGE, arXiv 2308.03874), and on qubits that nothing has touched it
//! only changes the layout.

mod problem;
mod score;

use super::blocks::order::{Order, Walk};
use super::device::APART;
use super::random::Random;

pub(crate) use problem::{EXCHANGE, Placed, Problem, Routed, Weights};

/// No wire is on this qubit.
const EMPTY: u32 = u32::MAX;

/// A search under way.
struct Search<'p, 'a> {
    problem: &'p Problem<'a>,
    order: &'p Order,
    weights: Weights,
    random: Random,
    walk: Walk,
    ready: Vec<u32>,
    /// Blocks that may be done and whose qubits are apart.
    front: Vec<u32>,
    in_front: Vec<bool>,
    done: Vec<bool>,
    /// Where in `order.by_level` the first node is that is not done.
    scanned: usize,
    place: Vec<u32>,
    held: Vec<u32>,
    initial: Vec<u32>,
    steps: Vec<Placed>,
    dead: Vec<bool>,
    cost: u32,
    touched: Vec<bool>,
    /// The steps on each qubit that can still be moved to the end there, and the group they belong to.
    tails: Vec<Vec<u32>>,
    tail_group: Vec<(u32, u32)>,
    /// For each wire the wires it should come near to, with weights.
    pulls: Vec<Vec<(u32, f32)>>,
    pulled: Vec<u32>,
    tired: Vec<f32>,
    marks: Vec<u32>,
    mark: u32,
    /// Whether something was done since the last look ahead.
    moved_on: bool,
}

/// Walks through `order` from the wires' places `initial`; gives up when it gets more expensive than `limit`.
pub(crate) fn route(
    problem: &Problem<'_>,
    order: &Order,
    initial: &[u32],
    weights: Weights,
    seed: u64,
    limit: u32,
) -> Option<Routed> {
    let n = problem.device.qubits as usize;
    let mut held = vec![EMPTY; n];
    for (wire, &place) in initial.iter().enumerate() {
        held[place as usize] = wire as u32;
    }
    let search = Search {
        problem,
        order,
        weights,
        random: Random(seed),
        walk: Walk::new(order),
        ready: Vec::with_capacity(64),
        front: Vec::with_capacity(64),
        in_front: vec![false; order.nodes()],
        done: vec![false; order.nodes()],
        scanned: 0,
        place: initial.to_vec(),
        held,
        initial: initial.to_vec(),
        steps: Vec::with_capacity(order.nodes() * 2),
        dead: Vec::with_capacity(order.nodes() * 2),
        cost: 0,
        touched: vec![false; n],
        tails: vec![Vec::new(); n],
        tail_group: vec![(EMPTY, 0); n],
        pulls: vec![Vec::new(); problem.wires],
        pulled: Vec::new(),
        tired: vec![0.0; n],
        marks: vec![0; n],
        mark: 0,
        moved_on: true,
    };
    search.run(limit)
}

impl Search<'_, '_> {
    fn run(mut self, limit: u32) -> Option<Routed> {
        let order = self.order;
        self.walk.start(order, &mut self.ready);
        // In the order of the program, whatever the order of wires is.
        self.ready.reverse();
        self.settle();
        let mut since = 0u32;
        let patience = 12 + 3 * (self.problem.wires as u32).min(64);
        while !self.front.is_empty() {
            if self.cost > limit {
                return None;
            }
            if since > patience {
                self.break_out()?;
                since = 0;
                continue;
            }
            if std::mem::take(&mut self.moved_on) {
                self.look_ahead();
            }
            let (p, q, price) = self.best_exchange()?;
            self.exchange(p, q, price);
            let before = self.front.len();
            self.arrived(p, q);
            if self.front.len() < before {
                since = 0;
                self.tired.iter_mut().for_each(|tired| *tired = 0.0);
            } else {
                since += 1;
                self.tired[p as usize] += self.weights.decay;
                self.tired[q as usize] += self.weights.decay;
            }
        }
        let mut dead = self.dead.iter();
        self.steps.retain(|_| !dead.next().copied().unwrap_or(false));
        Some(Routed { cost: self.cost, steps: self.steps, initial: self.initial, last: self.place })
    }

    fn distance(&self, a: u32, b: u32) -> u16 {
        self.problem.device.distance(a, b)
    }

    /// Does all that can be done.
    fn settle(&mut self) {
        while let Some(node) = self.ready.pop() {
            match self.problem.pairs[node as usize] {
                Some([a, b]) => {
                    let at = [self.place[a as usize], self.place[b as usize]];
                    if self.distance(at[0], at[1]) > 1 {
                        self.front.push(node);
                        self.in_front[node as usize] = true;
                        continue;
                    }
                    self.perform(node, at);
                }
                None => {
                    for &wire in &self.problem.fixed_wires[node as usize] {
                        let place = self.place[wire as usize] as usize;
                        self.touched[place] = true;
                        self.tails[place].clear();
                        self.tail_group[place] = (EMPTY, 0);
                    }
                    self.step(Placed { node, at: [0, 0], mirrored: false });
                    self.finish(node);
                }
            }
        }
    }

    fn step(&mut self, step: Placed) -> u32 {
        self.steps.push(step);
        self.dead.push(false);
        self.steps.len() as u32 - 1
    }

    fn finish(&mut self, node: u32) {
        self.done[node as usize] = true;
        self.moved_on = true;
        let order = self.order;
        self.walk.done(order, node, &mut self.ready);
    }

    /// Does a block where its qubits are, and exchanges them at once if that is worth it.
    fn perform(&mut self, node: u32, at: [u32; 2]) {
        let step = self.step(Placed { node, at, mirrored: false });
        self.cost += self.problem.plain[node as usize];
        let order = self.order;
        let can_mirror = self.problem.can_mirror[node as usize];
        for (place, &(wire, group)) in at.into_iter().zip(order.places(node)) {
            self.touched[place as usize] = true;
            let tail = &mut self.tails[place as usize];
            if self.tail_group[place as usize] != (wire, group) {
                tail.clear();
                self.tail_group[place as usize] = (wire, group);
            }
            if can_mirror {
                tail.push(step);
            }
        }
        self.finish(node);
        if can_mirror && self.weights.threshold.is_finite() {
            let price = self.problem.mirror[node as usize] as f32 - self.problem.plain[node as usize] as f32;
            let gain = self.change_nearby(at[0], at[1]);
            if price * self.weights.price + gain < -self.weights.threshold {
                self.exchange(at[0], at[1], Price::Mirror(step));
                // Those that were ready to be done here may be apart now, and the other way round.
                self.collect(at[0], at[1]);
            }
        }
    }

    fn exchange(&mut self, p: u32, q: u32, price: Price) {
        match price {
            Price::Relabel => {
                for (from, to) in [(p, q), (q, p)] {
                    let wire = self.held[from as usize];
                    if wire != EMPTY {
                        self.initial[wire as usize] = to;
                    }
                }
            }
            Price::Mirror(step) => {
                let old = self.steps[step as usize];
                self.dead[step as usize] = true;
                self.step(Placed { mirrored: true, ..old });
                self.cost += self.problem.mirror[old.node as usize];
                self.cost -= self.problem.plain[old.node as usize];
            }
            Price::Bare => {
                self.step(Placed { node: EXCHANGE, at: [p, q], mirrored: true });
                self.cost += self.problem.exchange;
                self.touched[p as usize] = true;
                self.touched[q as usize] = true;
            }
        }
        if !matches!(price, Price::Relabel) {
            for place in [p, q] {
                self.tails[place as usize].clear();
                self.tail_group[place as usize] = (EMPTY, 0);
            }
        }
        let (a, b) = (self.held[p as usize], self.held[q as usize]);
        for (wire, place) in [(a, q), (b, p)] {
            if wire != EMPTY {
                self.place[wire as usize] = place;
            }
        }
        self.held.swap(p as usize, q as usize);
    }

    /// Does what an exchange of these two qubits has made possible.
    fn arrived(&mut self, p: u32, q: u32) {
        self.collect(p, q);
        self.settle();
    }

    /// Takes out of the front what can be done now that these two qubits have moved.
    fn collect(&mut self, p: u32, q: u32) {
        let mut at = 0;
        while at < self.front.len() {
            let node = self.front[at];
            let near = self.problem.pairs[node as usize].is_some_and(|[a, b]| {
                let places = [self.place[a as usize], self.place[b as usize]];
                places.iter().any(|place| *place == p || *place == q)
                    && self.problem.device.distance(places[0], places[1]) <= 1
            });
            if near {
                self.front.swap_remove(at);
                self.in_front[node as usize] = false;
                self.ready.push(node);
            } else {
                at += 1;
            }
        }
    }

    /// Brings the nearest blocked pair together on the shortest way.
    fn break_out(&mut self) -> Option<()> {
        let apart = |search: &Self, node: u32| -> Option<(u16, [u32; 2])> {
            let places = search.problem.pairs[node as usize]?.map(|wire| search.place[wire as usize]);
            Some((search.distance(places[0], places[1]), places))
        };
        let nearest =
            self.front.iter().copied().min_by_key(|&node| apart(self, node).map_or(APART, |(far, _)| far))?;
        loop {
            let (far, [from, to]) = apart(self, nearest)?;
            if far <= 1 {
                break;
            }
            let device = self.problem.device;
            let next = device.neighbours[from as usize]
                .iter()
                .copied()
                .find(|&next| device.distance(next, to) < far)?;
            let (_, price) = self.price(from, next);
            self.exchange(from, next, price);
            // Others that come together on the way are done when this is over.
        }
        let places: Vec<u32> =
            self.front.iter().filter_map(|&node| self.problem.pairs[node as usize]).flatten().collect();
        for wire in places {
            let place = self.place[wire as usize];
            self.arrived(place, place);
        }
        Some(())
    }
}

/// How an exchange is done.
#[derive(Clone, Copy, Debug)]
enum Price {
    /// Nothing has touched the qubits: the layout was another.
    Relabel,
    /// Together with this step.
    Mirror(u32),
    /// By itself.
    Bare,
}
