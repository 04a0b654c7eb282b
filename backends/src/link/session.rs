//! Both ends of distillation in one process, over a classical channel that loses nothing.

use std::time::Duration;

use qhal::{Error, ErrorKind, Provenance, Result, SecureRandom};
use qhal_distillation::authentication::Secrets;
use qhal_distillation::session::{Alice, Bob, Config, MESSAGES, Outcome};
use qhal_distillation::sifting::{Detection, Prepared};
use zeroize::Zeroizing;

use super::random::SeededRandom;

/// Patience of the ends with a channel that loses nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// Blocks for which the preshared secret lasts without any key.
const PRESHARED_BLOCKS: usize = 4096;
/// Messages of a block, at the most: a channel that loses nothing needs far fewer.
const MOST_MESSAGES: usize = 1_000_000;

/// Alice and Bob.
pub(crate) struct Ends {
    alice: Alice,
    bob: Bob,
    block: u64,
    now: Duration,
}

impl Ends {
    /// Two ends with a preshared secret that follows from the seed, so that their keys are `Simulated` whatever they are made of.
    pub(crate) fn new(config: &Config, seed: u64) -> Result<Self> {
        let mut preshared = Zeroizing::new(vec![0; Secrets::preshared_bytes(PRESHARED_BLOCKS, MESSAGES)]);
        SeededRandom::new(seed, 11).fill(&mut preshared)?;
        let random = Box::new(SeededRandom::new(seed, 12));
        let config = Config { patience: PATIENCE, ..config.clone() };
        let alice = Alice::new(config.clone(), Secrets::new(&preshared)?, random, Provenance::Simulated)?;
        let bob = Bob::new(config, Secrets::new(&preshared)?, Provenance::Simulated)?;
        Ok(Self { alice, bob, block: 0, now: Duration::ZERO })
    }

    /// One block: what became of it, the same at both ends.
    pub(crate) fn distil(
        &mut self,
        prepared: Box<dyn Prepared + Send>,
        detections: &[Detection],
    ) -> Result<Outcome> {
        let block = self.block;
        self.block += 1;
        self.alice.begin(block, prepared, self.now)?;
        let mut message = self.bob.begin(block, detections, self.now)?;
        let mut to_alice = true;
        for _ in 0..MOST_MESSAGES {
            let Some(bytes) = message else { break };
            self.now += Duration::from_micros(100);
            message = if to_alice {
                self.alice.receive(&bytes, self.now)
            } else {
                self.bob.receive(&bytes, self.now)
            };
            to_alice = !to_alice;
        }
        match (self.alice.next_outcome(), self.bob.next_outcome()) {
            (Some(Outcome::Key { key, report, .. }), Some(Outcome::Key { key: same, .. })) if key == same => {
                Ok(Outcome::Key { block, key, report })
            }
            (Some(Outcome::Discarded { reason, .. }), Some(Outcome::Discarded { .. })) => {
                Ok(Outcome::Discarded { block, reason })
            }
            (one, other) => Err(Error::new(
                ErrorKind::Protocol,
                format!("the ends of a block did not come to the same: {one:?} and {other:?}"),
            )),
        }
    }
}
