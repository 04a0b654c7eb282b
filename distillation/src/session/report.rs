//! What a block comes to.

use qhal::SecretKey;

use crate::finite::{Bound, KeyLength};

/// What is known about a block that gave a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Bits of the sifted key.
    pub sifted_bits: u64,
    /// Error ratio of the key basis: counted after reconciliation, over all its bits.
    pub qber: f64,
    /// Error ratio of the check basis, over all bits that were compared in public.
    pub check_qber: f64,
    /// Parities disclosed by reconciliation.
    pub leak_bits: u64,
    /// Bits of the hash that were disclosed by verification.
    pub verification_bits: u32,
    /// ℓ and what the bound took from the counts.
    pub length: KeyLength,
    /// Bits that went back into the secrets for authentication.
    pub refill_bits: u64,
    /// Bits of the key that was given out: ℓ without the refill, cut to whole bytes.
    pub key_bits: u64,
    /// Questions of reconciliation that were answered one after the other.
    pub rounds: u64,
}

impl Report {
    /// The bound that ℓ comes from.
    pub fn bound(&self) -> Bound {
        self.length.bound
    }
}

/// Why a block gave no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The error ratio of a basis exceeds the limit: noise, misalignment or an eavesdropper.
    QberHigh,
    /// The counts leave no secret bits beyond what authentication takes.
    NothingLeft,
    /// Nothing was left after sifting.
    NothingSifted,
    /// The keys still differed after reconciliation.
    NotEqual,
    /// Messages were altered, or sent by somebody who does not have the secrets.
    Forgery,
    /// The other end did not answer.
    PeerSilent,
    /// The other end said what the protocol does not allow, with a right tag: the two differ in version or configuration.
    Protocol,
    /// The source of random numbers failed.
    NoRandomness,
    /// Something beside the messages, an instrument or a statistic, says that the block is not to be trusted.
    Suspect,
}

impl Reason {
    /// All of them, by their number on the wire.
    pub(super) const ALL: [Self; 9] = [
        Self::QberHigh,
        Self::NothingLeft,
        Self::NothingSifted,
        Self::NotEqual,
        Self::Forgery,
        Self::PeerSilent,
        Self::Protocol,
        Self::NoRandomness,
        Self::Suspect,
    ];

    /// The word of listings and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QberHigh => "qber-high",
            Self::NothingLeft => "nothing-left",
            Self::NothingSifted => "nothing-sifted",
            Self::NotEqual => "not-equal",
            Self::Forgery => "forgery",
            Self::PeerSilent => "peer-silent",
            Self::Protocol => "protocol",
            Self::NoRandomness => "no-randomness",
            Self::Suspect => "suspect",
        }
    }

    /// Whether an operator should be told: it may be an attack or a broken device, and is no matter of chance.
    pub const fn is_alarm(self) -> bool {
        matches!(
            self,
            Self::QberHigh
                | Self::Forgery
                | Self::PeerSilent
                | Self::Protocol
                | Self::NoRandomness
                | Self::Suspect
        )
    }

    pub(super) fn number(self) -> u8 {
        Self::ALL.iter().position(|reason| *reason == self).map_or(0, |index| index as u8)
    }
}

/// What became of a block at one end.
#[derive(Debug)]
pub enum Outcome {
    /// A key, equal at both ends.
    Key {
        /// The block.
        block: u64,
        /// The key.
        key: SecretKey,
        /// What is known about it.
        report: Report,
    },
    /// No key, on both sides.
    Discarded {
        /// The block.
        block: u64,
        /// Why.
        reason: Reason,
    },
    /// Bob only: everything was done but the acknowledgement never came. The key is held back; the next block that gets as far as a selection
    /// decides, and gives `Key` or `Discarded` for this block then.
    Undecided {
        /// The block.
        block: u64,
    },
}

impl Outcome {
    /// The block it is about.
    pub fn block(&self) -> u64 {
        match self {
            Self::Key { block, .. } | Self::Discarded { block, .. } | Self::Undecided { block } => *block,
        }
    }
}
