//! What the search sees: the blocks ahead, and what each exchange would cost and change.

use super::{EMPTY, Price, Search};

impl Search<'_, '_> {
    /// What an exchange right behind a block changes for the blocks that come next on its two wires.
    pub(super) fn change_nearby(&self, p: u32, q: u32) -> f32 {
        let mut sum = 0.0;
        for (from, to) in [(p, q), (q, p)] {
            let wire = self.held[from as usize];
            if wire == EMPTY {
                continue;
            }
            let (mut group, _) = self.walk.at(wire);
            let mut weight = 1.0f32;
            let mut seen = 0;
            while seen < 4 {
                let members = self.order.members(wire, group);
                if members.is_empty() {
                    break;
                }
                for &node in members {
                    if self.done[node as usize] {
                        continue;
                    }
                    let Some([a, b]) = self.problem.pairs[node as usize] else { continue };
                    let other = self.place[if a == wire { b } else { a } as usize];
                    if other != to {
                        let change =
                            f32::from(self.distance(to, other)) - f32::from(self.distance(from, other));
                        sum += weight * change;
                    }
                    seen += 1;
                    weight *= self.weights.fade;
                    if seen >= 8 {
                        break;
                    }
                }
                group += 1;
            }
        }
        sum
    }

    /// Collects what pulls at each wire.
    pub(super) fn look_ahead(&mut self) {
        for &wire in &self.pulled {
            self.pulls[wire as usize].clear();
        }
        self.pulled.clear();
        for at in 0..self.front.len() {
            self.pull(self.front[at], 1.0);
        }
        let by_level = &self.order.by_level;
        while self.scanned < by_level.len() && self.done[by_level[self.scanned] as usize] {
            self.scanned += 1;
        }
        let mut weight = self.weights.ahead;
        let mut left = self.weights.horizon;
        let mut at = self.scanned;
        // Far behind the first nothing is near in time any more.
        let end = by_level.len().min(at + 8 * self.weights.horizon + self.front.len());
        while at < end && left > 0 {
            let node = by_level[at];
            at += 1;
            if self.done[node as usize]
                || self.in_front[node as usize]
                || self.problem.pairs[node as usize].is_none()
            {
                continue;
            }
            self.pull(node, weight);
            weight *= self.weights.fade;
            left -= 1;
        }
    }

    fn pull(&mut self, node: u32, weight: f32) {
        let Some([a, b]) = self.problem.pairs[node as usize] else { return };
        for (wire, other) in [(a, b), (b, a)] {
            let pulls = &mut self.pulls[wire as usize];
            if pulls.is_empty() {
                self.pulled.push(wire);
            }
            pulls.push((other, weight));
        }
    }

    /// How much an exchange changes the weighted distances.
    fn change(&self, p: u32, q: u32) -> f32 {
        let device = self.problem.device;
        let (at_p, at_q) = (device.distances_from(p), device.distances_from(q));
        self.change_of(self.held[p as usize], q, at_p, at_q)
            + self.change_of(self.held[q as usize], p, at_q, at_p)
    }

    /// The same for one of the two wires, which moves to `there`.
    #[inline]
    fn change_of(&self, wire: u32, there: u32, from: &[u16], to: &[u16]) -> f32 {
        let Some(pulls) = self.pulls.get(wire as usize) else { return 0.0 };
        let mut sum = 0.0;
        for &(other, weight) in pulls {
            let other = self.place[other as usize];
            // Two wires that change places with each other are as far apart as before.
            if other != there
                && let (Some(&from), Some(&to)) = (from.get(other as usize), to.get(other as usize))
            {
                sum += weight * (i32::from(to) - i32::from(from)) as f32;
            }
        }
        sum
    }

    /// What an exchange costs, and how it is done.
    pub(super) fn price(&self, p: u32, q: u32) -> (i64, Price) {
        if !self.touched[p as usize] && !self.touched[q as usize] {
            return (0, Price::Relabel);
        }
        for &step in self.tails[p as usize].iter().rev() {
            if self.tails[q as usize].contains(&step) {
                let node = self.steps[step as usize].node as usize;
                let more = i64::from(self.problem.mirror[node]) - i64::from(self.problem.plain[node]);
                return (more, Price::Mirror(step));
            }
        }
        (i64::from(self.problem.exchange), Price::Bare)
    }

    pub(super) fn best_exchange(&mut self) -> Option<(u32, u32, Price)> {
        let device = self.problem.device;
        self.mark += 1;
        let mark = self.mark;
        let mut active = Vec::with_capacity(2 * self.front.len());
        for &node in &self.front {
            for wire in self.problem.pairs[node as usize].into_iter().flatten() {
                let place = self.place[wire as usize];
                if self.marks[place as usize] != mark {
                    self.marks[place as usize] = mark;
                    active.push(place);
                }
            }
        }
        let mut best: Option<(f32, u32, u32, Price)> = None;
        for &p in &active {
            for &q in &device.neighbours[p as usize] {
                if self.marks[q as usize] == mark && q < p {
                    continue;
                }
                let (cost, price) = self.price(p, q);
                let tired = self.tired[p as usize].max(self.tired[q as usize]);
                let chance = self.random.unit() as f32 * self.weights.noise;
                let score = self.change(p, q) + self.weights.price * cost as f32 + tired + chance;
                if best.is_none_or(|(least, ..)| score < least) {
                    best = Some((score, p, q, price));
                }
            }
        }
        best.map(|(_, p, q, price)| (p, q, price))
    }
}
