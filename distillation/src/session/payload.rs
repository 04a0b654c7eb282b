//! The inside of messages that have no home elsewhere, and what both ends compute from them.

use qhal::{Error, ErrorKind, Provenance, Result, SecretKey};
use zeroize::Zeroizing;

use super::report::{Reason, Report};
use super::{Config, REFILL_BITS};
use crate::amplification::Toeplitz;
use crate::cascade::{Plan, Schedule};
use crate::finite::{BlockCounts, KeyLength};
use crate::sifting::{MOST_INTENSITIES, Selection};
use crate::wire::{Reader, Writer};
use crate::{Bits, verification};

/// Error ratios that Cascade is planned for lie within these.
const PLANNED: (f64, f64) = (0.001, 0.25);

/// Alice's answer to the detections.
pub(super) struct SelectionMessage {
    pub(super) selection: Selection,
    pub(super) expected_qber: f64,
    pub(super) seed: [u8; 32],
    pub(super) committed: Option<u64>,
}

impl SelectionMessage {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut to = Writer::new();
        to.f64(self.expected_qber).bytes(&self.seed);
        // A block number plus one, so that zero means none.
        to.number(self.committed.map_or(0, |block| block.saturating_add(1)));
        self.selection.write(&mut to);
        to.finish()
    }

    pub(super) fn read(contents: &[u8]) -> Result<Self> {
        let mut from = Reader::new(contents);
        let expected_qber = from.f64()?;
        let mut seed = [0; 32];
        seed.copy_from_slice(from.bytes(32)?);
        let committed = from.number()?.checked_sub(1);
        let selection = Selection::read(&mut from)?;
        from.end()?;
        Ok(Self { selection, expected_qber, seed, committed })
    }
}

/// The plan of Cascade that both ends make.
pub(super) fn plan(
    schedule: fn(f64) -> Schedule,
    length: usize,
    expected_qber: f64,
    seed: [u8; 32],
) -> Result<std::sync::Arc<Plan>> {
    let expected = if expected_qber.is_nan() { PLANNED.1 } else { expected_qber.clamp(PLANNED.0, PLANNED.1) };
    Plan::new(length, &schedule(expected), seed)
}

/// Alice's hash of her key.
pub(super) struct HashMessage {
    pub(super) seed: [u8; verification::SEED_BYTES],
    pub(super) tag: [u8; 16],
    pub(super) check_errors: [u64; MOST_INTENSITIES],
}

impl HashMessage {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut to = Writer::new();
        to.bytes(&self.seed).bytes(&self.tag);
        write_counts(&mut to, &self.check_errors);
        to.finish()
    }

    pub(super) fn read(contents: &[u8]) -> Result<Self> {
        let mut from = Reader::new(contents);
        let mut seed = [0; verification::SEED_BYTES];
        seed.copy_from_slice(from.bytes(verification::SEED_BYTES)?);
        let mut tag = [0; 16];
        tag.copy_from_slice(from.bytes(16)?);
        let check_errors = read_counts(&mut from)?;
        from.end()?;
        Ok(Self { seed, tag, check_errors })
    }
}

pub(super) fn write_counts(to: &mut Writer, counts: &[u64; MOST_INTENSITIES]) {
    counts.iter().for_each(|count| {
        to.number(*count);
    });
}

pub(super) fn read_counts(from: &mut Reader<'_>) -> Result<[u64; MOST_INTENSITIES]> {
    let mut counts = [0; MOST_INTENSITIES];
    for count in &mut counts {
        *count = from.number()?;
    }
    Ok(counts)
}

/// What both ends know once keys are equal; their lengths have to come out alike.
pub(super) struct Known {
    pub(super) counts: BlockCounts<MOST_INTENSITIES>,
    pub(super) leak: u64,
    pub(super) rounds: u64,
    pub(super) verification_bits: u32,
    /// Blocks that took pads since the last one that gave a key, this one included.
    pub(super) blocks: u64,
}

/// Blocks that took pads, up to `block`, since the one that was committed last.
pub(super) fn blocks_since(committed: Option<u64>, block: u64) -> u64 {
    committed.map_or(block.saturating_add(1), |committed| block.saturating_sub(committed)).max(1)
}

impl Known {
    /// Bits of a key of `secret` bits that go back into the secrets: what the blocks since the last key took, up to half of it.
    fn refill_bits(&self, secret: usize) -> usize {
        let taken = usize::try_from(self.blocks).unwrap_or(usize::MAX);
        let most = (secret / 2 / REFILL_BITS).max(1);
        taken.min(most) * REFILL_BITS
    }

    /// ℓ, if it leaves a key after the refill and the error ratios are within the limit.
    pub(super) fn length(&self, config: &Config) -> std::result::Result<KeyLength, Reason> {
        let check = config.protocol.expected_qber(self.counts.check.qber());
        if self.counts.key.qber() > config.qber_limit || check > config.qber_limit {
            return Err(Reason::QberHigh);
        }
        // The formulas pay for log₂(2/ε_cor) bits of verification; a tag has a whole number of them.
        let verification = f64::from(self.verification_bits) - (2.0 / config.epsilons.correctness).log2();
        let length = config
            .protocol
            .key_length(&self.counts, self.leak as f64 + verification.max(0.0), &config.epsilons)
            .map_err(|_| Reason::Protocol)?;
        let sifted = self.counts.key.total();
        if length.secret_bits < REFILL_BITS as u64 + 8 || length.secret_bits > sifted {
            return Err(Reason::NothingLeft);
        }
        Ok(length)
    }

    /// The secret key of `length`, and the part of it that goes back into the secrets.
    pub(super) fn amplify(
        &self,
        length: &KeyLength,
        reconciled: &Bits,
        seed: &Bits,
        provenance: Provenance,
    ) -> Result<(SecretKey, Zeroizing<Vec<u8>>, Report)> {
        let secret = usize::try_from(length.secret_bits)
            .map_err(|_| Error::new(ErrorKind::Other, "a key is longer than memory"))?;
        let amplified = Toeplitz::new(reconciled.len(), secret)?.amplify(reconciled, seed)?;
        let refill_bits = self.refill_bits(secret);
        let key_bits = (secret - refill_bits) / 8 * 8;
        let refill = Zeroizing::new(amplified.slice(0..refill_bits).to_bytes());
        let key = amplified.slice(refill_bits..refill_bits + key_bits).to_bytes();
        let report = Report {
            sifted_bits: reconciled.len() as u64,
            qber: self.counts.key.qber(),
            check_qber: self.counts.check.qber(),
            leak_bits: self.leak,
            verification_bits: self.verification_bits,
            length: *length,
            refill_bits: refill_bits as u64,
            key_bits: key_bits as u64,
            rounds: self.rounds,
        };
        Ok((SecretKey::new(key, provenance), refill, report))
    }
}
