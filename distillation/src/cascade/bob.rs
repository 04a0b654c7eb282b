//! The end of Cascade whose key has the errors: it asks, compares and turns bits over.

use std::sync::Arc;

use qhal::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

use super::alice::views;
use super::message::Question;
use super::plan::{Place, Plan};
use super::tree::Trees;
use crate::Bits;

/// A search under way.
#[derive(Clone, Copy)]
struct Search {
    block: u32,
    node: u32,
    low: u32,
    high: u32,
}

/// What an answer is awaited to.
enum Waiting {
    Pass(usize),
    Halves,
    Searches(Place),
    Nothing,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask the other end, and hand its answer to [`Bob::answered`].
    Ask(Question),
    /// Every parity agrees: the key is [`Bob::key`].
    Done,
}

/// Asks the questions and corrects a key.
pub struct Bob {
    plan: Arc<Plan>,
    views: Zeroizing<Vec<Vec<u64>>>,
    trees: Vec<Trees>,
    /// Blocks of each pass in which a bit was turned over since they were last looked at.
    touched: Vec<Vec<u32>>,
    odd_halves: u64,
    halves_known: bool,
    waiting: Waiting,
    searches: Vec<Search>,
    found: Vec<usize>,
    learnt: u64,
    corrected: usize,
    rounds: u64,
}

impl Bob {
    /// For `key`, whose length is the plan's.
    ///
    /// # Errors
    /// `InvalidInput` when it has another.
    pub fn new(plan: &Arc<Plan>, key: &Bits) -> Result<Self> {
        Ok(Self {
            plan: Arc::clone(plan),
            views: views(plan, key)?,
            trees: Vec::new(),
            touched: vec![Vec::new(); plan.passes.len()],
            odd_halves: 0,
            halves_known: false,
            waiting: Waiting::Nothing,
            searches: Vec::new(),
            found: Vec::new(),
            learnt: 0,
            corrected: 0,
            rounds: 0,
        })
    }

    /// Parities learnt so far: each is a bit that an eavesdropper may know.
    pub fn learnt(&self) -> u64 {
        self.learnt
    }

    /// Bits turned over so far; one that was turned over twice counts twice.
    pub fn corrected(&self) -> usize {
        self.corrected
    }

    /// Answers taken so far: how often the other end had to be waited for.
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    /// The key as it is now.
    pub fn key(&self) -> Bits {
        Bits::from_words(self.views[0].clone(), self.plan.length)
    }

    /// The first question.
    pub fn begin(&mut self) -> Step {
        self.next()
    }

    /// Takes the answer to the last question.
    ///
    /// # Errors
    /// `Protocol` when it has another number of parities than were asked for: nothing has changed then. `Unhealthy` when so many
    /// were asked for that the answers must contradict each other.
    pub fn answered(&mut self, answer: &Bits) -> Result<Step> {
        let expected = match self.waiting {
            Waiting::Pass(pass) => self.plan.passes[pass].blocks(),
            Waiting::Halves => self.plan.halves as usize,
            Waiting::Searches(_) => self.searches.len(),
            Waiting::Nothing => 0,
        };
        if answer.len() != expected {
            let sentence = format!("{} parities came where {expected} were asked for", answer.len());
            return Err(Error::new(ErrorKind::Protocol, sentence));
        }
        self.learnt += answer.len() as u64;
        self.rounds += 1;
        // Corrected keys take about n·h(Q)·f ≤ 1.3 n parities; only false answers take more.
        if self.learnt > 3 * self.plan.length as u64 + 4096 {
            return Err(Error::new(
                ErrorKind::Unhealthy,
                "Cascade does not come to an end: the answers contradict each other",
            ));
        }
        match std::mem::replace(&mut self.waiting, Waiting::Nothing) {
            Waiting::Pass(pass) => self.compare_blocks(pass, answer),
            Waiting::Halves => {
                self.halves_known = true;
                for half in 0..self.plan.halves {
                    let own = self.plan.half_parity(&self.views[0], half, 0, self.plan.length);
                    self.odd_halves |= u64::from(own ^ answer.get(half as usize)) << half;
                }
            }
            Waiting::Searches(place) => {
                let turns = self.narrow(place, answer);
                if !self.searches.is_empty() {
                    self.waiting = Waiting::Searches(place);
                    return Ok(Step::Ask(Question::Turn(turns)));
                }
                for bit in std::mem::take(&mut self.found) {
                    self.turn(bit);
                }
            }
            Waiting::Nothing => {}
        }
        Ok(self.next())
    }

    fn compare_blocks(&mut self, number: usize, answer: &Bits) {
        let pass = &self.plan.passes[number];
        let mut trees = Trees::new(pass.blocks(), pass.size, self.plan.reuse);
        for block in 0..pass.blocks() {
            let (low, high) = pass.range(block);
            let odd = self.plan.parity(Place::Pass(number), &self.views, low, high) ^ answer.get(block);
            trees.learn(block as u32, 1, odd);
            if odd {
                self.touched[number].push(block as u32);
            }
        }
        self.trees.push(trees);
    }

    /// Halves the part of every search by the parity of its first half; says which went on in the second.
    fn narrow(&mut self, place: Place, answer: &Bits) -> Bits {
        let (plan, views) = (&*self.plan, &self.views);
        let mut trees = match place {
            Place::Pass(pass) if plan.reuse => self.trees.get_mut(pass),
            _ => None,
        };
        let found = &mut self.found;
        let mut turns = vec![0u64; answer.len().div_ceil(64)];
        let mut index = 0;
        self.searches.retain_mut(|search| {
            let (low, high) = (search.low as usize, search.high as usize);
            let cut = plan.cut(place, low, high).unwrap_or(high);
            let first_odd = plan.parity(place, views, low, cut) ^ answer.get(index);
            if let Some(trees) = &mut trees {
                trees.learn(search.block, 2 * search.node, first_odd);
                trees.learn(search.block, 2 * search.node + 1, !first_odd);
            }
            turns[index >> 6] |= u64::from(!first_odd) << (index & 63);
            index += 1;
            search.node = search.node.wrapping_mul(2) | u32::from(!first_odd);
            if first_odd {
                search.high = cut as u32
            } else {
                search.low = cut as u32
            }
            let (low, high) = (search.low as usize, search.high as usize);
            let goes_on = plan.cut(place, low, high).is_some();
            if !goes_on {
                found.push(plan.only_bit(place, low, high));
            }
            goes_on
        });
        Bits::from_words(turns, answer.len())
    }

    /// Turns a bit over in every view, and notes what that changes.
    fn turn(&mut self, bit: usize) {
        if bit >= self.plan.length {
            // One of the zeros that fill up a permutation: only false answers lead there.
            return;
        }
        self.corrected += 1;
        for (number, (pass, view)) in self.plan.passes.iter().zip(self.views.iter_mut()).enumerate() {
            let at = pass.position(bit);
            view[at >> 6] ^= 1 << (at & 63);
            if let Some(trees) = self.trees.get_mut(number) {
                let block = at / pass.size;
                let (low, high) = pass.range(block);
                if trees.turn(block as u32, at - low, high - low) {
                    self.touched[number].push(block as u32);
                }
            }
        }
        if self.halves_known {
            for half in 0..self.plan.halves {
                self.odd_halves ^= (self.plan.half_mask(half, bit >> 6) >> (bit & 63) & 1) << half;
            }
        }
    }

    /// Begins what is to be done next: the smallest odd parts, then the next pass, then the halves.
    fn next(&mut self) -> Step {
        for number in 0..self.trees.len() {
            if let Some(question) = self.search_pass(number) {
                return Step::Ask(question);
            }
        }
        if self.odd_halves != 0 {
            let half = self.odd_halves.trailing_zeros();
            self.searches.clear();
            if self.plan.cut(Place::Half(half), 0, self.plan.length).is_some() {
                self.searches.push(Search { block: 0, node: 1, low: 0, high: self.plan.length as u32 });
                self.waiting = Waiting::Searches(Place::Half(half));
                return Step::Ask(Question::SearchHalf(half as u8));
            }
            // A half of a single bit or none: nothing to search.
            self.odd_halves = 0;
        }
        if self.trees.len() < self.plan.passes.len() {
            self.waiting = Waiting::Pass(self.trees.len());
            return Step::Ask(Question::Pass(self.trees.len() as u8));
        }
        if !self.halves_known && self.plan.halves > 0 {
            self.waiting = Waiting::Halves;
            return Step::Ask(Question::Halves);
        }
        Step::Done
    }

    /// One search in every block of a pass that has an odd part.
    fn search_pass(&mut self, number: usize) -> Option<Question> {
        let mut blocks = std::mem::take(self.touched.get_mut(number)?);
        blocks.sort_unstable();
        blocks.dedup();
        let (pass, trees) = (&self.plan.passes[number], &self.trees[number]);
        let place = Place::Pass(number);
        self.searches.clear();
        for block in blocks {
            let Some(node) = trees.smallest_odd(block, 1) else { continue };
            let (mut low, mut high) = pass.range(block as usize);
            for level in (0..node.ilog2()).rev() {
                let Some(cut) = self.plan.cut(place, low, high) else { break };
                if node >> level & 1 == 1 { low = cut } else { high = cut }
            }
            if high - low > 1 {
                self.searches.push(Search { block, node, low: low as u32, high: high as u32 });
            }
        }
        if self.searches.is_empty() {
            return None;
        }
        self.waiting = Waiting::Searches(place);
        let parts = self.searches.iter().map(|search| (search.block, search.node)).collect();
        Some(Question::Search { pass: number as u8, parts })
    }
}

/// Corrects `bob`'s key against `alice`'s in memory: both ends, and what went between them.
///
/// # Errors
/// `InvalidInput` when a key does not have the plan's length.
pub fn reconcile(plan: &Arc<Plan>, alice: &Bits, bob: &Bits) -> Result<Reconciled> {
    let mut alice = super::Alice::new(plan, alice)?;
    let mut bob = Bob::new(plan, bob)?;
    let mut step = bob.begin();
    while let Step::Ask(question) = step {
        step = bob.answered(&alice.answer(&question)?)?;
    }
    Ok(Reconciled {
        key: bob.key(),
        leak: alice.disclosed(),
        corrected: bob.corrected(),
        rounds: bob.rounds(),
    })
}

/// What [`reconcile`] comes to.
#[derive(Debug)]
pub struct Reconciled {
    /// The corrected key. Equal to the right one but for a small probability: it has yet to be verified.
    pub key: Bits,
    /// Parities disclosed.
    pub leak: u64,
    /// Bits turned over.
    pub corrected: usize,
    /// Questions asked one after the other.
    pub rounds: u64,
}
