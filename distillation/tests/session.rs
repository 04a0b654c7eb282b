//! Whole blocks between two ends over channels that lose, repeat, reorder, delay and alter: equal keys or none.
#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

mod common;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use common::{TestRandom, random, unit};
use proptest::prelude::*;
use qhal::{ErrorKind, Provenance, Result, SecureRandom};
use qhal_distillation::authentication::Secrets;
use qhal_distillation::finite::{Bound, Intensities};
use qhal_distillation::session::{Alice, Bob, Config, MESSAGES, Outcome, Protocol, REFILL_BITS, Reason};
use qhal_distillation::sifting::{Basis, Detection, Pulse};
use rand_chacha::ChaCha8Rng;

/// Probabilities of what a channel does to a message.
#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    drop: f64,
    repeat: f64,
    delay: f64,
    alter: f64,
}

/// Measured pairs: as often in either basis, with errors.
fn pairs(random: &mut ChaCha8Rng, slots: u64, error: f64) -> (BTreeMap<u64, Pulse>, Vec<Detection>) {
    let mut flip = |p: f64| unit(random) < p;
    let (mut sent, mut seen) = (BTreeMap::new(), Vec::new());
    for slot in 0..slots {
        let basis = if flip(0.5) { Basis::X } else { Basis::Z };
        let other = if flip(0.1) { if basis == Basis::X { Basis::Z } else { Basis::X } } else { basis };
        let value = flip(0.5);
        sent.insert(slot, Pulse::new(basis, value, 0));
        let value = if other == basis { value ^ flip(error) } else { flip(0.5) };
        seen.push(Detection { slot, basis: other, value });
    }
    (sent, seen)
}

/// When a message arrives, a number that orders equals, and whether it is for Alice.
type Arrival = (Duration, u64, bool);

/// Both ends, with a channel and a clock of their own.
struct Link {
    alice: Alice,
    bob: Bob,
    random: ChaCha8Rng,
    now: Duration,
    /// Messages under way, the first to arrive on top.
    channel: BinaryHeap<(Reverse<Arrival>, Vec<u8>)>,
    sent: u64,
}

impl Link {
    fn new(config: &Config, seed: u64, blocks: usize) -> Self {
        let mut preshared = vec![0; Secrets::preshared_bytes(blocks, MESSAGES)];
        TestRandom(random(seed)).fill(&mut preshared).unwrap();
        let secrets = || Secrets::new(&preshared).unwrap();
        let source = Box::new(TestRandom(random(seed ^ 0xa11ce)));
        Self {
            alice: Alice::new(config.clone(), secrets(), source, Provenance::Hardware).unwrap(),
            bob: Bob::new(config.clone(), secrets(), Provenance::Simulated).unwrap(),
            random: random(seed ^ 0xc4a),
            now: Duration::ZERO,
            channel: BinaryHeap::new(),
            sent: 0,
        }
    }

    fn post(&mut self, to_alice: bool, message: Option<Vec<u8>>, faults: &Faults) {
        let Some(message) = message else { return };
        let mut happens = |p: f64| unit(&mut self.random) < p;
        let copies = if happens(faults.drop) { 0 } else { 1 + usize::from(happens(faults.repeat)) };
        for _ in 0..copies {
            let mut message = message.clone();
            if unit(&mut self.random) < faults.alter {
                let at = (unit(&mut self.random) * message.len() as f64) as usize;
                match (unit(&mut self.random) * 3.0) as u8 {
                    0 => message[at] ^= 1 << (self.sent % 8),
                    1 => message.truncate(at),
                    _ => message.insert(at, self.sent as u8),
                }
            }
            let late =
                if unit(&mut self.random) < faults.delay { unit(&mut self.random) * 3.0 } else { 0.001 };
            let arrives = self.now + Duration::from_secs_f64(late);
            self.sent += 1;
            self.channel.push((Reverse((arrives, self.sent, to_alice)), message));
        }
    }

    /// One block, until neither end has anything left to do.
    fn block(&mut self, block: u64, sent: BTreeMap<u64, Pulse>, seen: &[Detection], faults: &Faults) {
        self.alice.begin(block, Box::new(sent), self.now).unwrap();
        let first = self.bob.begin(block, seen, self.now).unwrap();
        self.post(true, first, faults);
        for _ in 0..200_000 {
            if self.alice.is_idle() && self.bob.is_idle() {
                return;
            }
            match self.channel.pop() {
                Some((Reverse((arrives, _, to_alice)), message)) => {
                    self.now = self.now.max(arrives);
                    let reply = if to_alice {
                        self.alice.receive(&message, self.now)
                    } else {
                        self.bob.receive(&message, self.now)
                    };
                    self.post(!to_alice, reply, faults);
                }
                None => self.now += Duration::from_millis(300),
            }
            let again = self.alice.tick(self.now);
            self.post(false, again, faults);
            let again = self.bob.tick(self.now);
            self.post(true, again, faults);
        }
        panic!("block {block} does not come to an end");
    }
}

/// What became of blocks at both ends: the key, or why there is none.
#[derive(Default)]
struct Fates {
    alice: BTreeMap<u64, std::result::Result<Vec<u8>, Reason>>,
    bob: BTreeMap<u64, std::result::Result<Vec<u8>, Reason>>,
    undecided: Option<u64>,
}

impl Fates {
    fn take(&mut self, link: &mut Link) {
        while let Some(outcome) = link.alice.next_outcome() {
            match outcome {
                Outcome::Key { block, key, .. } => self.alice.insert(block, Ok(key.expose().to_vec())),
                Outcome::Discarded { block, reason } => self.alice.insert(block, Err(reason)),
                Outcome::Undecided { block } => panic!("Alice does not know about block {block}"),
            };
        }
        while let Some(outcome) = link.bob.next_outcome() {
            let block = outcome.block();
            if self.undecided == Some(block) {
                self.undecided = None;
            }
            match outcome {
                Outcome::Key { key, .. } => {
                    assert!(self.bob.insert(block, Ok(key.expose().to_vec())).is_none())
                }
                Outcome::Discarded { reason, .. } => assert!(self.bob.insert(block, Err(reason)).is_none()),
                Outcome::Undecided { .. } => self.undecided = Some(block),
            }
        }
    }

    /// Equal keys or none, for every block that is decided; returns how many gave keys.
    fn check(&self, blocks: u64) -> usize {
        let mut keys = 0;
        for block in (0..blocks).filter(|block| self.undecided != Some(*block)) {
            match (&self.alice[&block], &self.bob[&block]) {
                (Ok(a), Ok(b)) => {
                    assert!(a == b && !a.is_empty(), "the keys of block {block} differ");
                    keys += 1;
                }
                (Err(_), Err(_)) => {}
                (a, b) => panic!("block {block}: Alice {:?}, Bob {:?}", a.as_ref().err(), b.as_ref().err()),
            }
        }
        keys
    }
}

/// Runs blocks over a bad channel and holds the ends to equal keys or none.
fn run(seed: u64, blocks: u64, faults: &Faults, error: f64) -> (usize, Link) {
    // Blocks as short as these give hardly more than one block takes: a long run over a bad channel needs more to begin with.
    let preshared = 4 + blocks as usize / 100 * 20;
    let mut link = Link::new(&Config::new(Protocol::Pairs), seed, preshared);
    let mut fates = Fates::default();
    let mut quantum = random(seed ^ 0x4);
    for block in 0..blocks {
        let (sent, seen) = pairs(&mut quantum, 14_000, error);
        link.block(block, sent, &seen, faults);
        fates.take(&mut link);
    }
    if fates.undecided.is_some() {
        // One more block over a good channel decides it.
        let (sent, seen) = pairs(&mut quantum, 14_000, error);
        link.channel.clear();
        link.block(blocks, sent, &seen, &Faults::default());
        fates.take(&mut link);
        assert!(fates.undecided.is_none());
    }
    (fates.check(blocks), link)
}

#[test]
fn a_good_channel_gives_equal_keys_and_the_account_is_right() {
    let blocks = 6;
    let (keys, link) = run(1, blocks, &Faults::default(), 0.015);
    assert_eq!(keys as u64, blocks);
    let (a, b) = (link.alice.ledger(), link.bob.ledger());
    assert_eq!(a, b);
    assert_eq!(a.consumed, blocks * REFILL_BITS as u64);
    assert_eq!(a.refilled, blocks * REFILL_BITS as u64);
    assert_eq!(a.available, 4 * REFILL_BITS as u64);
    assert_eq!(link.alice.traffic().forged + link.bob.traffic().forged, 0);
}

/// The length of the long run: `QHAL_DISTILLATION_BLOCKS=10000 cargo test --release -p qhal-distillation --test session`.
fn blocks() -> u64 {
    std::env::var("QHAL_DISTILLATION_BLOCKS").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
}

#[test]
fn whatever_a_channel_does_the_keys_are_equal_or_there_are_none() {
    let blocks = blocks();
    let faults = Faults { drop: 0.03, repeat: 0.05, delay: 0.05, alter: 0.002 };
    let (keys, link) = run(2, blocks, &faults, 0.015);
    assert!(keys as u64 > blocks / 2, "{keys} of {blocks} blocks gave keys");
    assert_eq!(link.alice.ledger(), link.bob.ledger());
    let (a, b) = (link.alice.traffic(), link.bob.traffic());
    assert!(
        a.repeated + b.repeated > 0 && a.out_of_turn + b.out_of_turn > 0 && a.sent_again + b.sent_again > 0
    );
    assert!(a.forged + b.forged > 0, "altered messages were noticed");
    println!("{keys} keys of {blocks} blocks; Alice {a:?}, Bob {b:?}");
}

#[test]
fn an_eavesdropper_who_measures_everything_leaves_no_key_and_an_alarm_on_both_sides() {
    let mut link = Link::new(&Config::new(Protocol::Pairs), 3, 4);
    let (sent, seen) = pairs(&mut random(5), 14_000, 0.25);
    link.block(0, sent, &seen, &Faults::default());
    let mut fates = Fates::default();
    fates.take(&mut link);
    assert_eq!(fates.alice[&0], Err(Reason::QberHigh));
    assert_eq!(fates.bob[&0], Err(Reason::QberHigh));
    assert!(Reason::QberHigh.is_alarm());
}

#[test]
fn too_few_bits_are_no_key() {
    for (slots, reason) in [(0, Reason::NothingSifted), (900, Reason::NothingLeft)] {
        let mut link = Link::new(&Config::new(Protocol::Pairs), 3, 4);
        let (sent, seen) = pairs(&mut random(5), slots, 0.01);
        link.block(0, sent, &seen, &Faults::default());
        let mut fates = Fates::default();
        fates.take(&mut link);
        assert_eq!((&fates.alice[&0], &fates.bob[&0]), (&Err(reason), &Err(reason)));
    }
}

/// Weak pulses of two intensities, 0.5 and 0.2, over 10 dB: detections are drawn directly.
fn decoy_block(random: &mut ChaCha8Rng, detections: usize) -> (BTreeMap<u64, Pulse>, Vec<Detection>) {
    let click = |mean: f64| 1.0 - (-0.1f64 * mean).exp();
    let signal = 0.7 * click(0.5) / (0.7 * click(0.5) + 0.3 * click(0.2));
    let (mut sent, mut seen) = (BTreeMap::new(), Vec::new());
    for slot in 0..detections as u64 {
        let mut flip = |p: f64| unit(random) < p;
        let basis = if flip(0.1) { Basis::X } else { Basis::Z };
        let (value, intensity) = (flip(0.5), u8::from(!flip(signal)));
        sent.insert(3 * slot, Pulse::new(basis, value, intensity));
        seen.push(Detection { slot: 3 * slot, basis, value: value ^ flip(0.01) });
    }
    (sent, seen)
}

#[test]
fn weak_pulses_with_one_decoy_give_a_key_by_their_own_bound() {
    let source = Intensities { means: [0.5, 0.2], probabilities: [0.7, 0.3] };
    let mut link = Link::new(&Config::new(Protocol::OneDecoy(source)), 4, 2);
    let (sent, seen) = decoy_block(&mut random(6), 300_000);
    link.block(0, sent, &seen, &Faults::default());
    let Some(Outcome::Key { key, report, .. }) = link.alice.next_outcome() else { panic!("no key") };
    let Some(Outcome::Key { key: same, report: also, .. }) = link.bob.next_outcome() else {
        panic!("no key")
    };
    assert_eq!(key, same);
    assert_eq!(report, also);
    assert_eq!(key.provenance(), Provenance::Simulated);
    assert_eq!(report.bound(), Bound::Rusca2018);
    assert!((report.qber - 0.01).abs() < 0.002 && (report.check_qber - 0.01).abs() < 0.003);
    assert_eq!(report.key_bits, key.bits() as u64);
    assert_eq!(report.key_bits, (report.length.secret_bits - report.refill_bits) / 8 * 8);
    // The golden example of this source keeps 0.295 of 10^7 sifted bits; a shorter block keeps less, and something.
    let kept = report.length.secret_bits as f64 / report.sifted_bits as f64;
    assert!(kept > 0.05 && kept < 0.295, "{kept}");
}

/// A source that fails.
struct Failing;

impl SecureRandom for Failing {
    fn provenance(&self) -> Provenance {
        Provenance::Simulated
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        out.fill(0);
        Err(qhal::Error::new(ErrorKind::Unhealthy, "a health test failed"))
    }
}

#[test]
fn without_random_numbers_there_is_no_key() {
    let config = Config::new(Protocol::Pairs);
    let mut link = Link::new(&config, 7, 2);
    let secrets = || Secrets::new(&[9; Secrets::preshared_bytes(2, MESSAGES)]).unwrap();
    link.alice = Alice::new(config.clone(), secrets(), Box::new(Failing), Provenance::Simulated).unwrap();
    link.bob = Bob::new(config, secrets(), Provenance::Simulated).unwrap();
    let (sent, seen) = pairs(&mut random(5), 14_000, 0.01);
    link.block(0, sent, &seen, &Faults::default());
    let mut fates = Fates::default();
    fates.take(&mut link);
    assert_eq!(fates.bob[&0], Err(Reason::NoRandomness));
}

#[test]
fn secrets_run_out_and_blocks_are_begun_once() {
    let mut link = Link::new(&Config::new(Protocol::Pairs), 8, 1);
    link.bob.begin(0, &[], Duration::ZERO).unwrap();
    assert_eq!(link.bob.begin(0, &[], Duration::ZERO).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(link.bob.begin(1, &[], Duration::ZERO).unwrap_err().kind(), ErrorKind::Exhausted);
    for limit in [0.0, 0.6, f64::NAN] {
        let config = Config { qber_limit: limit, ..Config::new(Protocol::Pairs) };
        let secrets = Secrets::new(&[0; 32]).unwrap();
        assert!(Bob::new(config, secrets, Provenance::Simulated).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Worse channels than any that works: whatever gets through, never unequal keys, never an endless block.
    #[test]
    fn hostile_channels_end_in_equal_keys_or_none(
        seed: u64, drop in 0.0f64..0.5, repeat in 0.0f64..0.5, delay in 0.0f64..0.5, alter in 0.0f64..0.1,
    ) {
        run(seed, 2, &Faults { drop, repeat, delay, alter }, 0.015);
    }

    #[test]
    fn arbitrary_bytes_change_nothing(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8)) {
        let mut link = Link::new(&Config::new(Protocol::Pairs), 9, 2);
        let (sent, seen) = pairs(&mut random(5), 14_000, 0.01);
        link.alice.begin(0, Box::new(sent), Duration::ZERO).unwrap();
        let first = link.bob.begin(0, &seen, Duration::ZERO).unwrap();
        for message in &messages {
            prop_assert!(link.alice.receive(message, Duration::ZERO).is_none());
            prop_assert!(link.bob.receive(message, Duration::ZERO).is_none());
        }
        prop_assert!(link.alice.receive(&first.unwrap(), Duration::ZERO).is_some());
    }
}
