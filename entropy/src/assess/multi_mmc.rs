//! Prediction by Markov models with counting, of orders 1 to 16 (SP 800-90B §6.3.9).

use super::prediction::Score;
use super::tree::{BitTree, LONGEST, Tree, likelier};

/// Pairs of a context and a symbol that one order may know.
const MOST_PAIRS: u32 = 100_000;

/// The sixteen competing models: their scores, and how many pairs each knows.
struct Models {
    scores: [usize; LONGEST],
    pairs: [u32; LONGEST],
    /// Orders from this one on have no room for further pairs; the higher orders fill up first.
    open: usize,
    leader: usize,
    score: Score,
}

impl Models {
    fn new() -> Self {
        Self { scores: [0; LONGEST], pairs: [0; LONGEST], open: LONGEST, leader: 0, score: Score::default() }
    }

    fn has_room(&self, order: usize) -> bool {
        self.pairs[order] < MOST_PAIRS
    }

    /// Takes down that `order` has learnt a pair.
    fn learn(&mut self, order: usize) {
        self.pairs[order] += 1;
        while self.open > 0 && !self.has_room(self.open - 1) {
            self.open -= 1;
        }
    }

    /// Takes down whether a model was right, and lets it lead from the next symbol on if its score is as good as the
    /// leader's. Scores of the orders before it already count this symbol.
    #[inline]
    fn judge(&mut self, order: usize, right: bool, next: &mut usize) {
        if right {
            self.scores[order] += 1;
            if self.scores[order] >= self.scores[*next] {
                *next = order;
            }
        }
    }

    /// Ends a symbol: the leader's guess counts if it made one, and `next` leads.
    ///
    /// NIST's tool leaves the run of right guesses as it is when the leader makes no guess.
    #[inline]
    fn finish(&mut self, right: Option<bool>, next: usize) {
        if let Some(right) = right {
            self.score.add(right);
        }
        self.leader = next;
    }
}

/// §6.3.9. `symbols` are at least 19.
pub(super) fn multi_mmc(symbols: &[u8], alphabet: usize) -> f64 {
    let score = if alphabet == 2 { of_bits(symbols) } else { of_symbols(symbols) };
    score.estimate(symbols.len() - 2, alphabet)
}

fn of_bits(bits: &[u8]) -> Score {
    let mut models = Models::new();
    let mut tree = BitTree::new();
    for (at, &bit) in bits.iter().enumerate() {
        let value = usize::from(bit & 1);
        // A model learns the first pair it can see before it makes its first guess.
        if (1..=LONGEST).contains(&at) {
            tree.after(at)[value] = 1;
            models.pairs[at - 1] = 1;
        }
        if at >= 2 {
            let mut next = models.leader;
            let mut right = None;
            let mut known = true;
            for order in 0..LONGEST.min(at - 1) {
                let after = tree.after(order + 1);
                let (guess, count) = likelier(*after);
                known &= count > 0;
                if known && order == models.leader {
                    right = Some(guess == bit);
                }
                if after[value] > 0 || models.has_room(order) {
                    models.pairs[order] += u32::from(after[value] == 0);
                    after[value] += 1;
                }
                if known {
                    models.judge(order, guess == bit, &mut next);
                }
            }
            models.finish(right, next);
        }
        tree.push(bit);
    }
    models.score
}

fn of_symbols(symbols: &[u8]) -> Score {
    let mut models = Models::new();
    let mut tree = Tree::new();
    for order in 0..LONGEST {
        let mut node = 0;
        for older in symbols.iter().take(order + 1).rev() {
            node = tree.enter(node, *older);
        }
        if let Some(symbol) = symbols.get(order + 1) {
            tree.follow(node, *symbol, true);
            models.pairs[order] = 1;
        }
    }
    for (at, &symbol) in symbols.iter().enumerate().skip(2) {
        let mut next = models.leader;
        let mut right = None;
        let mut node = 0;
        let mut context = symbols[..at].iter().rev().take(LONGEST.min(at - 1)).enumerate();
        for (order, &older) in context.by_ref() {
            let known = tree.child(node, older).and_then(|node| Some((node, tree.predict(node)?.0)));
            let Some((found, guess)) = known else {
                // Longer contexts are unknown as well: they are entered where there is room, and make no guess.
                let rest = models.open.saturating_sub(order);
                for (order, &older) in [(order, &older)].into_iter().chain(context).take(rest) {
                    node = tree.enter(node, older);
                    if models.has_room(order) {
                        tree.follow(node, symbol, true);
                        models.learn(order);
                    }
                }
                break;
            };
            node = found;
            if order == models.leader {
                right = Some(guess == symbol);
            }
            models.judge(order, guess == symbol, &mut next);
            if tree.follow(node, symbol, models.has_room(order)) {
                models.learn(order);
            }
        }
        models.finish(right, next);
    }
    models.score
}
