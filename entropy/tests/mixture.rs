//! A device's life in a mixture: start-up test, blocks, failures, pauses, freshness; and the adapter for `rand`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

mod common;

use std::collections::VecDeque;
use std::time::Duration;

use common::Scripted;
use qhal::{Error, ErrorKind, Provenance, Result, SecureRandom, Stage};
use qhal_entropy::mixture::{Block, Event, Feeder, Offer, Opened};
use qhal_entropy::{Combine, Conditioner, Conditioning, Config, DrbgRandom, Mixture, Rng, Seeded, Supply};
use rand_core::{TryCryptoRng, TryRng};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn config() -> Config {
    Config { startup_samples: 1024, ..Config::default() }
}

/// Opens what stands in the list, one after the other, then nothing.
fn feeder(sources: impl IntoIterator<Item = Result<Scripted>>) -> Feeder {
    let mut left: VecDeque<_> = sources.into_iter().collect();
    let open = move || match left.pop_front() {
        Some(Ok(source)) => Ok(Opened { source: source.boxed(), fallback: false }),
        Some(Err(error)) => Err(error),
        None => Err(Error::new(ErrorKind::NotFound, "nothing is plugged in")),
    };
    Feeder::new(Box::new(open), config())
}

fn good(seed: u64) -> Scripted {
    Scripted::new(7.0, 8).noise(seed)
}

#[test]
fn a_device_serves_after_its_start_up_test_and_comes_back_through_another() {
    let stuck = good(1).samples(common::Noise(9).bytes(2000)).samples([7; 64]);
    let mut feeder = feeder([Ok(stuck), Ok(good(2).samples([3; 1024])), Ok(good(3))]);
    let mut blocks = Vec::new();
    let Event::Admitted { device, fallback } = feeder.step(seconds(10), 0, &mut blocks) else { panic!() };
    assert_eq!((device.id.to_string().as_str(), fallback), ("scripted:1", false));
    let mut steps = 0;
    let again = loop {
        match feeder.step(seconds(10), 0, &mut blocks) {
            Event::Gathered { device: id, epoch } => assert_eq!((id, epoch), (device.id.clone(), 0)),
            Event::Lost { device: Some(id), error, again } => {
                assert_eq!((id, error.kind()), (device.id.clone(), ErrorKind::Unhealthy));
                break again;
            }
            other => panic!("{other:?}"),
        }
        steps += 1;
    };
    // 46 samples of 7 bits make a block; those of the reading that failed are not handed over.
    assert!(steps > 3 && blocks.len() <= 2000 / 46 && !blocks.is_empty());
    assert_eq!(again, seconds(11), "the first pause is a second");
    assert!(matches!(feeder.step(seconds(10), 0, &mut blocks), Event::Resting { until } if until == again));
    feeder.nudge();
    assert!(
        matches!(feeder.step(seconds(10), 0, &mut blocks), Event::Resting { .. }),
        "plugging mends no failed test"
    );
    // The second one fails at its start-up test, and the pause doubles.
    let Event::Lost { device: None, error, again } = feeder.step(again, 0, &mut blocks) else { panic!() };
    assert!(error.message().contains("start-up test"), "{error}");
    assert_eq!(again, seconds(13));
    assert!(matches!(feeder.step(again, 0, &mut blocks), Event::Admitted { .. }));
    let totals = feeder.totals();
    assert_eq!((totals.admissions, totals.failures, totals.losses), (2, 2, 1));
    assert_eq!(totals.blocks, blocks.len() as u64);
}

#[test]
fn what_is_not_there_is_looked_for_less_and_less_often_until_it_is_plugged_in() {
    let missing = || Err(Error::new(ErrorKind::NotFound, "not there"));
    let mut feeder = feeder((0..12).map(|_| missing()).chain([Ok(good(1))]));
    let (mut now, mut pauses) = (seconds(0), Vec::new());
    for _ in 0..9 {
        let Event::Lost { again, .. } = feeder.step(now, 0, &mut Vec::new()) else { panic!() };
        pauses.push((again - now).as_secs());
        now = again;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    for _ in 9..12 {
        feeder.nudge();
        assert!(matches!(feeder.step(now, 0, &mut Vec::new()), Event::Lost { .. }));
    }
    feeder.nudge();
    assert!(matches!(feeder.step(now, 0, &mut Vec::new()), Event::Admitted { .. }));
    assert_eq!(feeder.close().unwrap().to_string(), "scripted:1");
    assert_eq!(feeder.close(), None);
}

/// A new epoch leaves behind what was read before it, the samples of the start-up test included.
#[test]
fn a_block_of_a_new_epoch_has_no_older_sample() {
    let all = common::Noise(5).bytes(4000);
    let mut feeder = feeder([Ok(Scripted::new(8.0, 8).samples(all.clone()))]);
    let mut blocks: Vec<Block> = Vec::new();
    feeder.step(seconds(0), 0, &mut blocks);
    feeder.step(seconds(0), 0, &mut blocks);
    blocks.clear();
    feeder.step(seconds(0), 1, &mut blocks);
    let mut expected = Vec::new();
    let mut conditioner =
        Conditioner::new(qhal::MinEntropy::new(8.0, 8).unwrap(), &Conditioning::Sha256).unwrap();
    // 1024 samples were read for the start-up test; both steps before took theirs from those.
    conditioner.absorb(&all[1024..1024 + 160], |block| expected.push(*block)).unwrap();
    assert_eq!(blocks.iter().map(|block| **block).collect::<Vec<_>>(), expected);
}

/// One feeder, one mixture, no thread: what the daemon does, in a line.
struct Direct {
    feeder: Feeder,
    mixture: Mixture,
}

impl Supply for Direct {
    fn ready(&self) -> usize {
        self.mixture.ready()
    }

    fn supply(&mut self, out: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        loop {
            if self.mixture.serves() {
                filled += self.mixture.take(&mut out[filled..])?;
                if filled == out.len() {
                    return Ok(());
                }
            }
            let mut blocks = Vec::new();
            match self.feeder.step(Duration::ZERO, self.mixture.epoch(), &mut blocks) {
                Event::Admitted { device, fallback } => self.mixture.admit(device, fallback),
                Event::Gathered { device, epoch } => {
                    for block in &blocks {
                        assert_ne!(self.mixture.offer(&device, epoch, block), Offer::Stale);
                    }
                }
                Event::Lost { device, error, .. } => {
                    device.iter().for_each(|id| self.mixture.dismiss(id));
                    return Err(error);
                }
                Event::Resting { .. } => return Err(Error::new(ErrorKind::TimedOut, "resting")),
            }
        }
    }

    fn supply_fresh(&mut self, out: &mut [u8]) -> Result<()> {
        self.mixture.flush();
        self.supply(out)
    }
}

struct Whole(Seeded, Direct);

impl SecureRandom for Whole {
    fn provenance(&self) -> Provenance {
        self.1.mixture.lineage().map_or(Provenance::Hardware, |lineage| lineage.provenance)
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        self.0.fill(out, false, &mut self.1)
    }
}

fn whole(source: Scripted) -> Whole {
    let mixture = Mixture::new(Combine::Redundant, 1, 4096).unwrap();
    Whole(Seeded::new("test", &config()).unwrap(), Direct { feeder: feeder([Ok(source)]), mixture })
}

#[test]
fn a_mixture_behind_a_drbg_keeps_the_promises_of_a_secure_random() {
    let mut random = whole(good(4).from(Provenance::Hardware, Stage::Raw));
    qhal::conformance::secure_random::check(&mut random).unwrap();
    let mut random = whole(good(5).samples([1; 2000]));
    qhal::conformance::secure_random::check_refusal(&mut random).unwrap();
}

#[test]
fn a_fresh_request_reads_new_samples() {
    let source = good(6);
    let counter = source.counter();
    let mut random = whole(source);
    let read = || counter.load(std::sync::atomic::Ordering::Relaxed);
    random.fill(&mut [0; 100]).unwrap();
    let before = read();
    let Whole(seeded, direct) = &mut random;
    for round in 1..=5 {
        seeded.fill(&mut [0; 100], true, direct).unwrap();
        assert!(read() >= before + round * 46, "32 bytes take 46 samples of 7 bits");
    }
}

/// The adapter hands bytes on as they are, and a failure as a failure.
#[test]
fn a_generator_of_the_rand_family_draws_the_same_bytes() {
    fn is_crypto<T: TryCryptoRng>(_: &T) {}
    let drbg = || DrbgRandom::new(good(7).boxed(), &config()).unwrap();
    let mut expected = [0; 44];
    for part in [0..4, 4..12, 12..44] {
        // Requests of the same sizes: a DRBG's output depends on them.
        let mut twin = drbg();
        let mut out = [0; 44];
        for earlier in [0..4, 4..12, 12..44] {
            twin.fill(&mut out[earlier]).unwrap();
        }
        expected[part.clone()].copy_from_slice(&out[part]);
    }
    let mut rng = Rng(drbg());
    is_crypto(&rng);
    assert_eq!(rng.try_next_u32().unwrap().to_le_bytes(), expected[..4]);
    assert_eq!(rng.try_next_u64().unwrap().to_le_bytes(), expected[4..12]);
    let mut rest = [0; 32];
    rng.try_fill_bytes(&mut rest).unwrap();
    assert_eq!(rest, expected[12..]);
    let mut failing = Rng(DrbgRandom::new(good(8).samples([0; 64]).boxed(), &config()).unwrap());
    assert_eq!(failing.try_next_u64().unwrap_err().kind(), ErrorKind::Unhealthy);
}
