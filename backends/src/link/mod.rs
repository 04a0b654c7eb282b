//! What a link came to, simulated or recorded: both ends of distillation in one process, and the figures of all blocks.

pub(crate) mod random;
mod receiver;
mod session;

use qhal::{Error, ErrorKind, Provenance, Result, SecretKey};
use qhal_distillation::finite::{Bound, Epsilons};
use qhal_distillation::session::{Outcome, Reason};

pub use receiver::Receiver;
pub(crate) use session::Ends;

/// Detections after which a block is closed: what finite-key bounds like, and what fits in memory.
pub(crate) const BLOCK_DETECTIONS: usize = 4_000_000;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Its name, for scripts: that of the attack it points to, or of a [`Reason`].
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
    /// Blocks that were distilled, or discarded.
    pub blocks: u64,
    /// Blocks that gave a key.
    pub blocks_with_key: u64,
    /// Events at the receiver (coincidences of pairs) that went into sifting.
    pub detections: u64,
    /// Bits of the key basis after sifting.
    pub sifted_bits: u64,
    /// Error ratio of the sifted bits of both bases, from the records of both ends.
    pub qber: f64,
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
