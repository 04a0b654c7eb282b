//! The whole of distillation between two ends, as deterministic state machines that exchange bytes.
//!
//! [`Alice`] and [`Bob`] each take what was sent or detected in a block ([`Alice::begin`], [`Bob::begin`]) and the messages of the
//! other end (`receive`); they give messages to be sent and, at the end, an [`Outcome`]. They have no clock: the time is an
//! argument, and `tick` gives a message again that may have been lost. Messages strictly take turns, so that repeated, late and
//! reordered ones are known by their number:
//!
//! | number | from | kind | tag | holds |
//! |---|---|---|---|---|
//! | 0 | Bob | detections | own | slots, bases, bits of the check basis |
//! | 1 | Alice | selection | own | what is kept, intensities, expected error ratio, seed of Cascade, last block committed |
//! | 2, 4, … | Bob | question | none yet | a question of Cascade |
//! | 3, 5, … | Alice | answer | none yet | its parities |
//! | | Bob | reconciled | covers the reconciliation | parities learnt |
//! | | Alice | hash | covers the reconciliation | seed and tag of verification, errors of the check basis |
//! | | Bob | verdict | own | errors of the key basis |
//! | | Alice | seed | own | secret length, Toeplitz seed |
//! | | Bob | commit | own | |
//! | | Alice | acknowledgement | own | |
//!
//! Every message is authenticated ([`crate::authentication`]); those of the reconciliation together, by the tags of the two messages
//! after it, because until then nothing is done that cannot be undone. A message whose tag is wrong changes nothing and is
//! counted; after [`Config::most_forgeries`] of them the block is given up on both sides. Alice has her key when the commit arrives, Bob when
//! it is acknowledged; if that message never comes, Bob holds the key back until Alice's next selection says whether she has it. So
//! the ends have equal keys or none.

mod alice;
mod bob;
mod endpoint;
mod frame;
mod payload;
mod report;

use std::time::Duration;

pub use alice::Alice;
pub use bob::Bob;
pub use endpoint::Traffic;
pub use report::{Outcome, Reason, Report};

use qhal::{Error, ErrorKind, Result};

use crate::cascade::Schedule;
use crate::ekert::error_ratio_of_check;
use crate::finite::{BlockCounts, Counts, Epsilons, Intensities, KeyLength, lim2014, rusca2018, tlgr2012};
use crate::sifting::MOST_INTENSITIES;
use crate::verification::Verification;

/// Tagged messages of one block in each direction: the pads it takes.
pub const MESSAGES: usize = 5;

/// Bits that a block takes of the secrets for authentication. A distilled key puts as many back for its own block and for each one
/// that was discarded since the last key, up to half of the key.
pub const REFILL_BITS: usize = 2 * MESSAGES * 8 * crate::authentication::TAG_BYTES;

/// The protocol of the link: it decides which bound the key's length comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Protocol {
    /// BB84 with a signal and two decoy intensities: [`lim2014`].
    TwoDecoys(Intensities<3>),
    /// BB84 with a signal and one decoy intensity: [`rusca2018`].
    OneDecoy(Intensities<2>),
    /// BBM92 on entangled pairs: [`tlgr2012`].
    Pairs,
    /// A part of E91's key ([`crate::ekert`]): [`tlgr2012`] with a check whose settings are 22.5 degrees apart.
    Ekert,
}

impl Protocol {
    /// The error ratio of the key basis that one of the check basis makes likely: the same, but for E91.
    fn expected_qber(&self, check: f64) -> f64 {
        match self {
            Self::Ekert => error_ratio_of_check(check),
            Self::TwoDecoys(_) | Self::OneDecoy(_) | Self::Pairs => check,
        }
    }

    /// The secret length that the counts of a block leave after `leak` bits of reconciliation.
    ///
    /// # Errors
    /// `InvalidInput` for counts that cannot be, also of an intensity that the protocol does not have.
    pub fn key_length(
        &self,
        counts: &BlockCounts<MOST_INTENSITIES>,
        leak: f64,
        epsilons: &Epsilons,
    ) -> Result<KeyLength> {
        match self {
            Self::TwoDecoys(source) => lim2014(source, counts, leak, epsilons),
            Self::OneDecoy(source) => rusca2018(source, &first_of(counts)?, leak, epsilons),
            Self::Pairs | Self::Ekert => {
                let counts: BlockCounts<1> = first_of(counts)?;
                tlgr2012(counts.key.total(), &counts.check, leak, epsilons)
            }
        }
    }
}

/// The counts of the first `K` intensities; the others have to be empty.
fn first_of<const K: usize>(counts: &BlockCounts<MOST_INTENSITIES>) -> Result<BlockCounts<K>> {
    let cut = |counts: &Counts<MOST_INTENSITIES>| {
        if counts.detections[K..].iter().any(|n| *n > 0) {
            let sentence = format!("detections of more than {K} intensities were counted");
            return Err(Error::new(ErrorKind::InvalidInput, sentence));
        }
        Ok(Counts {
            detections: std::array::from_fn(|k| counts.detections[k]),
            errors: std::array::from_fn(|k| counts.errors[k]),
        })
    };
    Ok(BlockCounts { key: cut(&counts.key)?, check: cut(&counts.check)? })
}

/// What both ends agree on before the first block.
#[derive(Clone, Debug)]
pub struct Config {
    /// The protocol and its intensities.
    pub protocol: Protocol,
    /// The ε of secrecy and correctness.
    pub epsilons: Epsilons,
    /// The highest error ratio of either basis (for E91's check: the one at equal directions that it stands for); above it the block is
    /// discarded with an alarm. 0.11 leaves nothing anyway.
    pub qber_limit: f64,
    /// Block sizes of Cascade for an expected error ratio.
    pub schedule: fn(f64) -> Schedule,
    /// After how long without an answer a message is sent again.
    pub patience: Duration,
    /// How often a message is sent again before the block is given up.
    pub most_repeats: u32,
    /// How many messages with wrong tags, or with the right number and nonsense in them, are passed over before the block is
    /// given up.
    pub most_forgeries: u32,
}

impl Config {
    /// Usual values for a protocol: ε of [`Epsilons::DEFAULT`], at most 11 % errors, the frugal schedule, a second of patience, twenty
    /// repeats, eight forgeries.
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            epsilons: Epsilons::DEFAULT,
            qber_limit: 0.11,
            schedule: Schedule::frugal,
            patience: Duration::from_secs(1),
            most_repeats: 20,
            most_forgeries: 8,
        }
    }

    fn check(&self) -> Result<Verification> {
        self.epsilons.check()?;
        match &self.protocol {
            Protocol::TwoDecoys(source) => source.check()?,
            Protocol::OneDecoy(source) => source.check()?,
            Protocol::Pairs | Protocol::Ekert => {}
        }
        if !(self.qber_limit > 0.0 && self.qber_limit <= 0.5) {
            let sentence =
                format!("an error ratio of {} is no limit: it lies between 0 and 0.5", self.qber_limit);
            return Err(Error::new(ErrorKind::InvalidInput, sentence));
        }
        Verification::new(self.epsilons.correctness)
    }
}
