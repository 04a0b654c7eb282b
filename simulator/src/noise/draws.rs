//! Random numbers by number: which shot, which step, which of its draws. They depend on nothing else.

/// The numbers of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws {
    seed: u64,
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
const fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed: mixed(seed.wrapping_add(GOLDEN)) }
    }

    /// Draw number `which` (0 or 1) of `step` in `shot`: uniform in [0, 1), on a grid of 2^-53.
    pub(crate) fn uniform(self, shot: u64, step: usize, which: u64) -> f64 {
        // Each shot is a stream of SplitMix64 that starts somewhere else; a step takes two numbers of it.
        let start = mixed(self.seed ^ mixed(shot.wrapping_add(GOLDEN)));
        let place = (step as u64).wrapping_mul(2).wrapping_add(which).wrapping_add(1);
        let number = mixed(start.wrapping_add(place.wrapping_mul(GOLDEN)));
        (number >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chi-square over 16 bins, and over 16 bins of pairs, each below the 1 - 1e-6 quantile of 15 degrees of freedom.
    #[test]
    fn draws_are_even_along_shots_steps_and_seeds() {
        let even = |numbers: &dyn Fn(u64) -> f64| {
            const COUNT: u64 = 64_000;
            let mut bins = [0u32; 16];
            let mut pairs = [0u32; 16];
            for at in 0..COUNT {
                let (a, b) = (numbers(at), numbers(at + 1));
                bins[(a * 16.0) as usize] += 1;
                pairs[(a * 4.0) as usize * 4 + (b * 4.0) as usize] += 1;
            }
            for bins in [bins, pairs] {
                let expected = COUNT as f64 / 16.0;
                let chi: f64 = bins.iter().map(|&hits| (f64::from(hits) - expected).powi(2) / expected).sum();
                assert!(chi < 56.5, "{chi}: {bins:?}");
            }
        };
        even(&|at| Draws::new(1).uniform(at, 3, 0));
        even(&|at| Draws::new(1).uniform(7, at as usize, 0));
        even(&|at| Draws::new(1).uniform(7, at as usize, 1));
        even(&|at| Draws::new(at).uniform(0, 0, 0));
        even(&|at| Draws::new(1).uniform(at / 2, 5, at % 2));
    }
}
