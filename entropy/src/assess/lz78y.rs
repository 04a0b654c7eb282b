//! Prediction by a dictionary in the manner of LZ78 (SP 800-90B §6.3.10).

use super::prediction::Score;
use super::tree::{BitTree, LONGEST, Node, Tree, likelier};

/// Contexts that the dictionary may know, of all lengths together.
const MOST_CONTEXTS: usize = 65_536;

/// §6.3.10. `symbols` are at least 19.
pub(super) fn lz78y(symbols: &[u8], alphabet: usize) -> f64 {
    let score = if alphabet == 2 { of_bits(symbols) } else { of_symbols(symbols) };
    score.estimate(symbols.len() - LONGEST - 1, alphabet)
}

fn of_bits(bits: &[u8]) -> Score {
    let mut score = Score::default();
    let mut tree = BitTree::new();
    let mut contexts = 0;
    for (at, &bit) in bits.iter().enumerate() {
        if at >= LONGEST {
            // The longest context that has the highest count makes the guess.
            let (mut guess, mut most) = (None, 0);
            for length in (1..=LONGEST).rev() {
                let after = tree.after(length);
                let (likely, count) = likelier(*after);
                if count > most {
                    most = count;
                    guess = Some(likely);
                }
                if count > 0 || contexts < MOST_CONTEXTS {
                    contexts += usize::from(count == 0);
                    after[usize::from(bit & 1)] += 1;
                }
            }
            // The first symbol that has a context of every length is learnt and not guessed.
            if at > LONGEST {
                score.add(guess == Some(bit));
            }
        }
        tree.push(bit);
    }
    score
}

fn of_symbols(symbols: &[u8]) -> Score {
    let mut score = Score::default();
    let mut tree = Tree::new();
    let mut contexts = 0;
    for (at, &symbol) in symbols.iter().enumerate().skip(LONGEST) {
        let mut known: [Option<Node>; LONGEST] = [None; LONGEST];
        let mut node = 0;
        let context = symbols[..at].iter().rev().take(LONGEST);
        for (slot, &older) in known.iter_mut().zip(context.clone()) {
            let Some(child) = tree.child(node, older) else { break };
            node = child;
            *slot = Some(node);
        }
        let (mut guess, mut most) = (None, 0);
        for slot in known.iter_mut().rev() {
            match slot.and_then(|node| tree.predict(node)) {
                Some((likely, count)) => {
                    if count > most {
                        most = count;
                        guess = Some(likely);
                    }
                }
                None => *slot = None,
            }
        }
        for node in known.iter().flatten() {
            tree.follow(*node, symbol, true);
        }
        if contexts < MOST_CONTEXTS {
            // The way to the longest context; what is on it counts as known once something has followed it.
            let mut way: [Node; LONGEST] = [0; LONGEST];
            let mut node = 0;
            for (step, &older) in way.iter_mut().zip(context) {
                node = tree.enter(node, older);
                *step = node;
            }
            for (node, known) in way.into_iter().zip(known).rev() {
                if known.is_none() && contexts < MOST_CONTEXTS {
                    tree.follow(node, symbol, true);
                    contexts += 1;
                }
            }
        }
        // The first symbol that has a context of every length is learnt and not guessed.
        if at > LONGEST {
            score.add(guess == Some(symbol));
        }
    }
    score
}
