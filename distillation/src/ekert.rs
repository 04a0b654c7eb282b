//! E91 on numbered coincidences: what the nine combinations of settings are for, the CHSH quantity, and the two parts of a key.
//!
//! Both ends measure at three settings: Alice at 0, 22.5 and 45 degrees of polarisation, Bob at 22.5, 45 and 67.5 (Ekert, Phys.
//! Rev. Lett. 67, 661 (1991), whose azimuths are twice as large). They announce all settings, and after that only the values of combinations
//! from which no key comes:
//!
//! | | Bob 22.5 | Bob 45 | Bob 67.5 |
//! |---|---|---|---|
//! | **Alice 0** | S, check of part 1 | nothing | S, check of both parts |
//! | **Alice 22.5** | key, part 2 | nothing | nothing |
//! | **Alice 45** | S | key, part 1 | S, check of part 2 |
//!
//! # What bounds the key
//!
//! The two directions of the key are 45 degrees apart on the sphere of polarisation: they are *not* complementary, and errors at one are
//! no phase errors of the other, so that BBM92's use of the two is not open to E91. But Alice's 45 degrees have their complement, 0, among
//! her own settings, and Bob's 22.5 have theirs, 67.5, among his. Each part therefore takes the end with the complement as its reference:
//! the one whose values are taken as right, and about which the uncertainty relation speaks (Tomamichel, Renner, Phys. Rev. Lett. 106,
//! 110506 (2011): the reference's device has complementary bases, the other end may measure anything). Phase errors are counted
//! where the reference measured the complement, against the best guess that the other end's settings allow: they lie 22.5 degrees
//! beside it at either side, and the value at the farther one (67.5 degrees away) is turned round. That is
//! [`finite::tlgr2012`](crate::finite::tlgr2012) with complementary bases (q = 1) and a check that disagrees in ½(1 - V/√2) of the
//! pairs, 14.6 % at least. The checks of the two parts are three of the four combinations that S is made of.
//!
//! It is no device-independent key: settings are trusted at the reference, and detectors at both ends to see every setting alike (fair
//! sampling). S is a test before the key, not the source of its length. The price is rate: no key beyond 5.5 % errors, and less than
//! half of BBM92's a sifted bit.

use std::collections::BTreeMap;

use crate::bell::{Setting, chsh};
use crate::sifting::{Basis, Detection, Pulse};

/// Settings of either end.
pub const SETTINGS: usize = 3;

/// The number of Alice's setting whose direction is that of one of Bob's settings, as (Alice's, Bob's): 22.5 degrees, then 45.
const EQUAL: [(usize, usize); 2] = [(1, 0), (2, 1)];

/// The settings of S, in the order of [`chsh`]: 0 and 45 degrees of Alice with 22.5 and 67.5 of Bob.
const BELL: [(usize, usize); 4] = [(0, 0), (0, 2), (2, 0), (2, 2)];

/// What one end found in one coincidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The number of the setting, 0 to 2 in the order of the directions; larger ones count as 2.
    pub setting: usize,
    /// The bit.
    pub value: bool,
}

/// How often the ends agreed, for each combination of settings. Pairs are taken to agree at equal directions (Φ⁺); for those that
/// disagree (Ψ⁻) one end's bits have to be turned round before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    combinations: [[Setting; SETTINGS]; SETTINGS],
}

impl Tally {
    /// Counts one coincidence.
    pub fn add(&mut self, alice: Measured, bob: Measured) {
        let setting = &mut self.combinations[alice.setting.min(SETTINGS - 1)][bob.setting.min(SETTINGS - 1)];
        if alice.value == bob.value { setting.equal += 1 } else { setting.different += 1 }
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        let all = self.combinations.as_flattened_mut().iter_mut();
        for (mine, theirs) in all.zip(other.combinations.as_flattened()) {
            mine.equal += theirs.equal;
            mine.different += theirs.different;
        }
    }

    /// All coincidences.
    pub fn pairs(&self) -> u64 {
        self.combinations.as_flattened().iter().map(|setting| setting.equal + setting.different).sum()
    }

    /// Those at equal directions, of which the key is made; two in nine where all settings are equally likely. Its `different` are
    /// the errors.
    pub fn sifted(&self) -> Setting {
        EQUAL.iter().fold(Setting::default(), |sum, (alice, bob)| {
            let setting = self.combinations[*alice][*bob];
            Setting { equal: sum.equal + setting.equal, different: sum.different + setting.different }
        })
    }

    fn bell(&self) -> [Setting; 4] {
        BELL.map(|(alice, bob)| self.combinations[alice][bob])
    }

    /// S and its standard deviation ([`chsh`]): 2√2·V for pairs of visibility V, at most √2 for photons that were measured on
    /// the way at random in two complementary bases.
    pub fn chsh(&self) -> (f64, f64) {
        chsh(&self.bell())
    }

    /// How many standard deviations S lies above a limit: the largest that such counts can have, √(Σ 1/N), since the counted one
    /// vanishes where few pairs happen to agree. Negative infinity while one of the four combinations has no pairs.
    pub fn above(&self, limit: f64) -> f64 {
        let bell = self.bell();
        let totals = bell.map(|setting| setting.equal as f64 + setting.different as f64);
        if totals.contains(&0.0) {
            return f64::NEG_INFINITY;
        }
        (chsh(&bell).0 - limit) / totals.iter().map(|total| 1.0 / total).sum::<f64>().sqrt()
    }
}

/// One part of a block's key, as [`session`](crate::session) takes it with
/// [`Protocol::Ekert`](crate::session::Protocol::Ekert).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// What the reference measured, in the place of what Alice sends.
    pub prepared: BTreeMap<u64, Pulse>,
    /// What the other end measured, in the place of Bob's detections.
    pub detections: Vec<Detection>,
}

/// The two parts of a block's key. No slot is in either from which the other one's key comes, so that what one discloses leaves the
/// other's key alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The key at 45 degrees: Alice is the reference and takes Alice's role.
    pub first: Part,
    /// The key at 22.5 degrees: Bob is the reference and takes Alice's role.
    pub second: Part,
}

impl Parts {
    /// Puts a coincidence where it belongs; slots have to rise.
    pub fn push(&mut self, slot: u64, alice: Measured, bob: Measured) {
        let put = |part: &mut Part, basis: Basis, reference: bool, other: bool| {
            part.prepared.insert(slot, Pulse::new(basis, reference, 0));
            part.detections.push(Detection { slot, basis, value: other });
        };
        let (a, b) = (alice.value, bob.value);
        match (alice.setting, bob.setting) {
            (2, 1) => put(&mut self.first, Basis::Z, a, b),
            (0, 0) => put(&mut self.first, Basis::X, a, b),
            (1, 0) => put(&mut self.second, Basis::Z, b, a),
            (2, 2) => put(&mut self.second, Basis::X, b, a),
            // 67.5 degrees apart: they disagree as often as those that are 22.5 degrees apart agree.
            (0, 2) => {
                put(&mut self.first, Basis::X, a, !b);
                put(&mut self.second, Basis::X, b, !a);
            }
            _ => {}
        }
    }
}

/// The error ratio at equal directions that goes with an error ratio of the check, for pairs mixed with white noise:
/// Q_check = ½(1 - V/√2) and Q = ½(1 - V). 0 where the check has fewer errors than V = 1 would leave.
pub fn error_ratio_of_check(check: f64) -> f64 {
    crate::bell::qber_of_visibility(std::f64::consts::SQRT_2 * (1.0 - 2.0 * check)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bell::chsh_of_visibility;
    use crate::finite::binary_entropy;

    fn measured(setting: usize, value: bool) -> Measured {
        Measured { setting, value }
    }

    /// Counts of pairs of a visibility, `n` at each combination.
    fn tally(visibility: f64, n: f64) -> Tally {
        let mut tally = Tally::default();
        for (alice, row) in tally.combinations.iter_mut().enumerate() {
            for (bob, setting) in row.iter_mut().enumerate() {
                // Steps of 22.5 degrees; Bob's begin one later.
                let between = (alice as f64 - bob as f64 - 1.0) * std::f64::consts::FRAC_PI_8;
                let equal = (0.5 * n * (1.0 + visibility * (2.0 * between).cos())).round() as u64;
                *setting = Setting { equal, different: n as u64 - equal };
            }
        }
        tally
    }

    #[test]
    fn s_and_errors_are_those_of_the_visibility() {
        for visibility in [1.0, 0.97, 0.8, 0.5] {
            let tally = tally(visibility, 1e6);
            let (s, deviation) = tally.chsh();
            assert!((s - chsh_of_visibility(visibility)).abs() < 1e-5, "{s}");
            let expected = ((4.0 - 2.0 * visibility * visibility) / 1e6).sqrt();
            assert!((deviation - expected).abs() < 1e-6, "{deviation}");
            let sifted = tally.sifted();
            assert_eq!((tally.pairs(), sifted.equal + sifted.different), (9_000_000, 2_000_000));
            assert!((sifted.different as f64 / 2e6 - (1.0 - visibility) / 2.0).abs() < 1e-6);
            // Four combinations of a million: σ = 0.002 at the most.
            assert!((tally.above(2.0) - (s - 2.0) / 0.002).abs() < 1e-6);
        }
        let mut twice = tally(0.9, 1000.0);
        twice.merge(&twice.clone());
        assert_eq!(twice, tally(0.9, 2000.0));
    }

    #[test]
    fn a_few_pairs_that_happen_to_agree_violate_nothing() {
        let mut tally = Tally::default();
        assert_eq!(tally.above(2.0), f64::NEG_INFINITY);
        for (alice, bob) in BELL {
            tally.add(measured(alice, true), measured(bob, (alice, bob) != (0, 2)));
        }
        // S = 4 with a counted deviation of 0, from four pairs.
        assert_eq!(tally.chsh(), (4.0, 0.0));
        assert!(tally.above(2.0) < 1.5);
    }

    #[test]
    fn no_part_discloses_what_the_other_makes_its_key_of() {
        let mut parts = Parts::default();
        for slot in 0..9 {
            let (alice, bob) = (slot as usize / 3, slot as usize % 3);
            parts.push(slot, measured(alice, true), measured(bob, true));
        }
        let slots = |part: &Part, basis: Basis| -> Vec<u64> {
            part.detections.iter().filter(|one| one.basis == basis).map(|one| one.slot).collect()
        };
        let (first, second) = (&parts.first, &parts.second);
        assert_eq!((slots(first, Basis::Z), slots(first, Basis::X)), (vec![7], vec![0, 2]));
        assert_eq!((slots(second, Basis::Z), slots(second, Basis::X)), (vec![3], vec![2, 8]));
        for part in [first, second] {
            let kept = part.detections.iter().all(|one| part.prepared[&one.slot].basis() == one.basis);
            assert!(kept && part.prepared.len() == part.detections.len());
            // 67.5 degrees apart, equal values are an error.
            for one in &part.detections {
                assert_eq!(part.prepared[&one.slot].value() == one.value, one.slot != 2);
            }
        }
    }

    #[test]
    fn the_key_ends_at_the_errors_that_the_documentation_says() {
        let rate = |q: f64| {
            let check = 0.5 - (0.5 - q) * std::f64::consts::FRAC_1_SQRT_2;
            assert!((error_ratio_of_check(check) - q).abs() < 1e-12);
            1.0 - binary_entropy(check) - binary_entropy(q)
        };
        assert!(rate(0.0551) > 0.0 && rate(0.0553) < 0.0);
        // BBM92's is 1 - 2h(Q).
        assert!([0.0, 0.01, 0.03, 0.05].iter().all(|q| rate(*q) < 0.5 * (1.0 - 2.0 * binary_entropy(*q))));
        assert_eq!(error_ratio_of_check(0.1), 0.0);
    }
}
