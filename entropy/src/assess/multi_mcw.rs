//! Prediction by the most common symbol of a window (SP 800-90B §6.3.7).

use super::prediction::Score;

/// Symbols in each window, the shortest first.
const WINDOWS: [usize; 4] = [63, 255, 1023, 4095];

/// The most recent symbols of one length, counted.
struct Window {
    size: usize,
    counts: [u32; 256],
    /// The position at which each symbol was last seen.
    seen: [usize; 256],
    /// The most common symbol, of equally common ones the most recent, and its count.
    favourite: u8,
    most: u32,
    /// Right predictions.
    score: usize,
}

impl Window {
    fn new(size: usize) -> Self {
        Self { size, counts: [0; 256], seen: [0; 256], favourite: 0, most: 0, score: 0 }
    }

    /// Takes in the symbol at position `at` and lets go of `gone`, which has left the window.
    fn slide(&mut self, at: usize, symbol: u8, gone: Option<u8>, alphabet: usize) {
        if let Some(gone) = gone {
            self.counts[usize::from(gone)] -= 1;
        }
        let count = &mut self.counts[usize::from(symbol)];
        *count += 1;
        self.seen[usize::from(symbol)] = at;
        if gone != Some(self.favourite) {
            // The newest symbol wins a tie, for it is the most recent.
            if *count >= self.most {
                self.most = *count;
                self.favourite = symbol;
            }
            return;
        }
        self.most -= 1;
        let mut recent = at - self.size;
        for (other, (count, seen)) in self.counts.iter().zip(&self.seen).take(alphabet).enumerate() {
            if *count > self.most || (*count == self.most && *seen >= recent) {
                self.most = *count;
                self.favourite = other as u8;
                recent = *seen;
            }
        }
    }
}

/// §6.3.7; `None` for fewer symbols than fill the longest window and leave one to predict.
pub(super) fn multi_mcw(symbols: &[u8], alphabet: usize) -> Option<f64> {
    let [shortest, .., longest] = WINDOWS;
    if symbols.len() <= longest {
        return None;
    }
    let mut windows = WINDOWS.map(Window::new);
    let mut leader = 0;
    let mut score = Score::default();
    for (at, &symbol) in symbols.iter().enumerate() {
        if at >= shortest {
            score.add(windows[leader].favourite == symbol);
            for j in 0..windows.len() {
                if at >= windows[j].size && windows[j].favourite == symbol {
                    windows[j].score += 1;
                    if windows[j].score >= windows[leader].score {
                        leader = j;
                    }
                }
            }
        }
        for window in &mut windows {
            let gone = at.checked_sub(window.size).and_then(|oldest| symbols.get(oldest)).copied();
            window.slide(at, symbol, gone, alphabet);
        }
    }
    Some(score.estimate(symbols.len() - shortest, alphabet))
}
