//! Coincidences of entangled pairs on their way into distillation: sifted by the protocol, and counted.

use std::collections::BTreeMap;

use qhal::{Error, ErrorKind, Result};
use qhal_distillation::ekert::{Measured, Part, Parts, Tally};
use qhal_distillation::session::Protocol;
use qhal_distillation::sifting::{Basis, Detection, Pulse};

use super::{Alarm, SIGNIFICANT};

/// The S that no local model exceeds (Clauser, Horne, Shimony, Holt, Phys. Rev. Lett. 23, 880, 1969), and the usual limit of an alarm.
pub const LOCAL_LIMIT: f64 = 2.0;

/// What two receivers of entangled pairs run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PairProtocol {
    /// Two bases at either end.
    #[default]
    Bbm92,
    /// Three settings at either end, and a test of CHSH before the key.
    E91,
}

impl PairProtocol {
    /// The word of the command line and of JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bbm92 => "bbm92",
            Self::E91 => "e91",
        }
    }

    /// Settings of either receiver.
    pub const fn settings(self) -> usize {
        match self {
            Self::Bbm92 => 2,
            Self::E91 => 3,
        }
    }

    /// The protocol of distillation.
    pub(crate) const fn distillation(self) -> Protocol {
        match self {
            Self::Bbm92 => Protocol::Pairs,
            Self::E91 => Protocol::Ekert,
        }
    }
}

/// Whether a limit of S can be one: from 2, which no local model exceeds, to below 2√2, which nothing reaches.
///
/// # Errors
/// `InvalidInput` when it is not.
pub fn check_chsh_limit(limit: f64) -> Result<()> {
    if (LOCAL_LIMIT..2.0 * std::f64::consts::SQRT_2).contains(&limit) {
        return Ok(());
    }
    let message = format!("{limit} is no limit of S: it lies between 2 and 2.828, which no pairs exceed");
    Err(Error::new(ErrorKind::InvalidInput, message))
}

/// The alarm of pairs whose S does not show that they are entangled: not significantly above 2, or below `limit`.
pub(crate) fn no_entanglement(tally: &Tally, limit: f64) -> Option<Alarm> {
    let (value, deviation) = tally.chsh();
    let what = if tally.above(LOCAL_LIMIT) < SIGNIFICANT {
        format!(
            "S is {value:.3} ± {deviation:.3} from {} pairs: not above 2 by {SIGNIFICANT} standard deviations",
            tally.pairs()
        )
    } else if value < limit {
        format!("S is {value:.3} ± {deviation:.3}, and {limit:.3} is the least that was allowed")
    } else {
        return None;
    };
    Some(Alarm { name: "no-entanglement", what, discards: true })
}

/// The coincidences of one block.
pub(crate) struct Coincidences {
    protocol: PairProtocol,
    bbm92: Part,
    e91: Parts,
    /// What was counted at each combination of settings; of E91 alone.
    pub(crate) tally: Option<Tally>,
    /// How many there are.
    pub(crate) events: u64,
    /// Bits that the key is made of, before reconciliation.
    pub(crate) sifted: u64,
    /// Pairs measured alike at both ends, and those among them that differ: whoever has the records of both ends sees it.
    pub(crate) compared: u64,
    /// Those that differ.
    pub(crate) errors: u64,
    /// Ones of the second end.
    pub(crate) ones: u64,
}

impl Coincidences {
    /// None yet.
    pub(crate) fn new(protocol: PairProtocol) -> Self {
        let none = || Part { prepared: BTreeMap::new(), detections: Vec::new() };
        let tally = (protocol == PairProtocol::E91).then(Tally::default);
        let e91 = Parts { first: none(), second: none() };
        Self { protocol, bbm92: none(), e91, tally, events: 0, sifted: 0, compared: 0, errors: 0, ones: 0 }
    }

    /// One more; slots have to rise.
    pub(crate) fn push(&mut self, slot: u64, mine: Measured, theirs: Measured) {
        self.events += 1;
        self.ones += u64::from(theirs.value);
        let alike = match self.protocol {
            PairProtocol::Bbm92 => {
                let [my_basis, their_basis] =
                    [mine, theirs].map(|end| if end.setting == 0 { Basis::Z } else { Basis::X });
                self.bbm92.prepared.insert(slot, Pulse::new(my_basis, mine.value, 0));
                let detection = Detection { slot, basis: their_basis, value: theirs.value };
                self.bbm92.detections.push(detection);
                self.sifted += u64::from(my_basis == Basis::Z && their_basis == Basis::Z);
                my_basis == their_basis
            }
            PairProtocol::E91 => {
                self.e91.push(slot, mine, theirs);
                if let Some(tally) = &mut self.tally {
                    tally.add(mine, theirs);
                }
                // The second end's directions begin one step later.
                let alike = mine.setting == theirs.setting + 1;
                self.sifted += u64::from(alike);
                alike
            }
        };
        self.compared += u64::from(alike);
        self.errors += u64::from(alike && mine.value != theirs.value);
    }

    /// What each run of distillation takes; empty only for no coincidences at all.
    pub(crate) fn parts(self) -> Vec<Part> {
        match self.protocol {
            PairProtocol::Bbm92 => vec![self.bbm92],
            PairProtocol::E91 => vec![self.e91.first, self.e91.second],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_s_that_shows_nothing_is_an_alarm() {
        // `n` pairs at each combination, of which a share as that of a visibility agrees.
        let tally = |n: u32, visibility: f64| {
            let mut tally = Tally::default();
            for (mine, theirs) in (0..9).map(|combination| (combination / 3, combination % 3)) {
                let between = (mine as f64 - theirs as f64 - 1.0) * std::f64::consts::FRAC_PI_8;
                let equal = f64::from(n) * 0.5 * (1.0 + visibility * (2.0 * between).cos());
                for number in 0..n {
                    let value = f64::from(number) < equal;
                    tally.add(Measured { setting: mine, value: true }, Measured { setting: theirs, value });
                }
            }
            tally
        };
        let name = |tally: Tally, limit| no_entanglement(&tally, limit).map(|alarm| alarm.name);
        assert_eq!(name(tally(10_000, 0.97), LOCAL_LIMIT), None);
        // The critical visibility is 1/√2, and intercepted photons have half of theirs.
        for (n, visibility) in [(10_000, 0.7), (10_000, 0.485), (10_000, 0.0), (100, 0.97), (0, 1.0)] {
            assert_eq!(name(tally(n, visibility), LOCAL_LIMIT), Some("no-entanglement"), "{n} {visibility}");
        }
        // S = 2.744.
        assert_eq!(name(tally(10_000, 0.97), 2.7), None);
        assert_eq!(name(tally(10_000, 0.97), 2.8), Some("no-entanglement"));
        assert!(check_chsh_limit(2.0).is_ok() && check_chsh_limit(2.5).is_ok());
        for wrong in [1.9, 2.83, f64::NAN] {
            assert_eq!(check_chsh_limit(wrong).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }
}
