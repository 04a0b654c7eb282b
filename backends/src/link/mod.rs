//! What a link came to, simulated or recorded: both ends of distillation in one process, and the figures of all blocks.

mod pairs;
pub(crate) mod random;
mod receiver;
mod session;

use qhal::{Error, ErrorKind, Provenance, Result, SecretKey};
use qhal_distillation::ekert::Tally;
use qhal_distillation::finite::{Bound, Epsilons};
use qhal_distillation::session::{Outcome, Reason};

pub(crate) use pairs::{Coincidences, no_entanglement};
pub use pairs::{LOCAL_LIMIT, PairProtocol, check_chsh_limit};
pub use receiver::Receiver;
pub(crate) use session::Ends;

/// Detections after which a block is closed: what finite-key bounds like, and what fits in memory.
pub(crate) const BLOCK_DETECTIONS: usize = 4_000_000;

/// Standard deviations from which a difference is no chance.
pub(crate) const SIGNIFICANT: f64 = 6.0;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Its name, for scripts: that of the attack it points to, `no-entanglement`, or that of a [`Reason`].
    pub name: &'static str,
    /// What was seen.
    pub what: String,
    /// Whether what was detected meanwhile must not become a key.
    pub discards: bool,
}

impl From<Reason> for Alarm {
    fn from(reason: Reason) -> Self {
        Self {
            name: reason.as_str(),
            what: "the block was discarded at both ends".to_owned(),
            discards: true,
        }
    }
}

/// What a link came to.
#[derive(Debug, Default)]
pub struct LinkReport {
    /// Blocks that were distilled, or discarded; two for each block of detections of E91, whose key has two parts.
    pub blocks: u64,
    /// Blocks that gave a key.
    pub blocks_with_key: u64,
    /// Events at the receiver (coincidences of pairs) that went into sifting.
    pub detections: u64,
    /// Bits of the key basis after sifting; of E91 those of both equal directions.
    pub sifted_bits: u64,
    /// Error ratio of the sifted bits of both bases (of both equal directions), from the records of both ends.
    pub qber: f64,
    /// What E91 counted at each combination of settings, from the records of both ends.
    pub tally: Option<Tally>,
    /// Bits disclosed by reconciliation and verification.
    pub leak_bits: u64,
    /// Bits of the keys that were given out.
    pub secret_bits: u64,
    /// Seconds, simulated or recorded.
    pub seconds: f64,
    /// The bound that the lengths come from, once there is a key.
    pub bound: Option<Bound>,
    /// ε of secrecy and correctness of each block.
    pub epsilons: Option<Epsilons>,
    /// Alarms, each once.
    pub alarms: Vec<Alarm>,
    /// The keys: equal at both ends, or not here.
    pub keys: Vec<SecretKey>,
}

impl LinkReport {
    /// CHSH's S with its standard deviation, where it was measured: 2√2 times the visibility of the pairs, 2 at most without entanglement.
    pub fn chsh(&self) -> Option<(f64, f64)> {
        self.tally.as_ref().map(Tally::chsh)
    }

    /// Adds what a block counted.
    pub(crate) fn count(&mut self, tally: Option<&Tally>) {
        if let Some(tally) = tally {
            self.tally.get_or_insert_default().merge(tally);
        }
    }

    /// Secret bits a second.
    pub fn skr(&self) -> f64 {
        if self.seconds > 0.0 { self.secret_bits as f64 / self.seconds } else { 0.0 }
    }

    /// Where the keys come from, if there are any.
    pub fn provenance(&self) -> Option<Provenance> {
        Provenance::weakest(self.keys.iter().map(SecretKey::provenance))
    }

    pub(crate) fn alarm(&mut self, alarm: Alarm) {
        if !self.alarms.iter().any(|known| known.name == alarm.name) {
            self.alarms.push(alarm);
        }
    }

    /// Books what became of a block.
    pub(crate) fn book(&mut self, outcome: Outcome) -> Result<()> {
        match outcome {
            Outcome::Key { key, report, .. } => {
                self.blocks_with_key += 1;
                self.leak_bits += report.leak_bits + u64::from(report.verification_bits);
                self.secret_bits += key.bits() as u64;
                self.bound = Some(report.bound());
                self.keys.push(key);
            }
            Outcome::Discarded { reason, .. } => {
                if reason.is_alarm() || reason == Reason::NothingLeft {
                    self.alarm(Alarm::from(reason));
                }
            }
            Outcome::Undecided { .. } => {
                return Err(Error::new(ErrorKind::Other, "a block over a perfect channel stayed undecided"));
            }
        }
        Ok(())
    }
}
