//! A day of plugging, unplugging, stalls, garbled wires and dying devices, on a simulated clock: no byte comes from a
//! device that is not healthy at that moment, no block is given twice, and nothing piles up.
//!
//! `QHAL_SOAK_HOURS` and `QHAL_SOAK_STEP_S` make it longer and finer; by default a day in steps of five seconds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the normal way to fail in a test"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use peak_alloc::PeakAlloc;
use qhal::{
    Access, Address, Descriptor, DeviceId, EntropySource, Error, ErrorKind, Kind, Provenance, QuantumOrigin,
    Result,
};
use qhal_drivers::EmulatorOptions;
use qhal_drivers::entropy::qcicada::{Options, Place, QCicada};
use qhal_drivers::entropy::truerng::{Mode, Model, TrueRngSource};
use qhal_drivers::transport::memory::MemoryTransport;
use qhal_entropy::mixture::{Block, Event, Feeder, Offer, Opened, Totals};
use qhal_entropy::{Combine, Config, Mixture, Seeded, Supply};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// SplitMix64, for a schedule that is the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }
}

fn emulated(name: &str, seed: u64, fault: Option<String>) -> Box<dyn qhal_drivers::transport::Emulator> {
    let model = qhal_drivers::emulators().into_iter().find(|model| model.name == name).unwrap();
    model.build(&EmulatorOptions { seed, rate_bytes_per_s: None, fault, machine: None }).unwrap()
}

fn truerng(unit: &str, seed: u64, fault: Option<String>) -> Result<Box<dyn EntropySource>> {
    let descriptor = Descriptor {
        id: DeviceId::new("truerng", unit),
        kind: Kind::Entropy,
        provenance: Provenance::Simulated,
        evidence: "emulated device".to_owned(),
        origin: QuantumOrigin::NotQuantum,
        address: Address::Simulated { model: unit.to_owned() },
        model: "TrueRNG".to_owned(),
        serial: None,
        access: Access::Ready,
    };
    let wire = Box::new(MemoryTransport::new(emulated("truerng", seed, fault)));
    Ok(Box::new(TrueRngSource::over(wire, descriptor, Model::TrueRng, Mode::Normal)?))
}

fn qcicada(seed: u64, fault: Option<String>) -> Result<Box<dyn EntropySource>> {
    let wire = MemoryTransport::new(emulated("qcicada", seed, fault));
    Ok(Box::new(QCicada::over(wire, None, &Place::simulated(), Options::default())?))
}

/// What opens one device of the schedule: a new life each time, with what will go wrong in it, and times without it.
fn device(which: u64, clock: Arc<AtomicU64>, faults: Arc<AtomicU64>) -> Feeder {
    let mut dice = Dice(which);
    let mut away_until = 0;
    let open = move || {
        let now = clock.load(Ordering::SeqCst);
        if now < away_until {
            return Err(Error::new(ErrorKind::NotFound, "it is not plugged in"));
        }
        if dice.roll(3) == 0 {
            away_until = now + 30 + dice.roll(1800);
            return Err(Error::new(ErrorKind::NotFound, "it was unplugged"));
        }
        let kinds: &[&str] = match which {
            2 => &["nack", "short-read", "health-flag", "stuck", "gone", "silent", "garble", "wrong-reply"],
            _ => &["stuck", "bias", "garble", "stall", "unplug"],
        };
        let kind = kinds[dice.roll(kinds.len() as u64) as usize];
        let fault = Some(format!("{kind}:{}", 8000 + dice.roll(80_000)));
        faults.fetch_add(1, Ordering::SeqCst);
        let seed = dice.roll(u64::MAX);
        let source = match which {
            0 => truerng("a", seed, fault),
            1 => truerng("b", seed, fault),
            _ => qcicada(seed, fault),
        };
        source.map(|source| Opened { source, fallback: false })
    };
    Feeder::new(Box::new(open), Config::default())
}

/// The daemon without its threads.
struct House {
    feeders: Vec<Feeder>,
    mixture: Mixture,
    clock: Arc<AtomicU64>,
    /// What the test knows: who is healthy, and whose each block is that was taken in and not yet given.
    healthy: BTreeSet<DeviceId>,
    blocks: HashMap<[u8; 32], DeviceId>,
    losses: BTreeMap<&'static str, u64>,
}

impl House {
    fn new(combine: Combine, faults: &Arc<AtomicU64>) -> Self {
        let clock = Arc::new(AtomicU64::new(0));
        Self {
            feeders: (0..3).map(|which| device(which, Arc::clone(&clock), Arc::clone(faults))).collect(),
            mixture: Mixture::new(combine, 1, 4096).unwrap(),
            clock,
            healthy: BTreeSet::new(),
            blocks: HashMap::new(),
            losses: BTreeMap::new(),
        }
    }

    /// One step of every device, as its thread would do it; a block that finds no room is dropped, where a thread waits.
    fn tick(&mut self) {
        let now = Duration::from_secs(self.clock.load(Ordering::SeqCst));
        for feeder in &mut self.feeders {
            let mut made: Vec<Block> = Vec::new();
            match feeder.step(now, self.mixture.epoch(), &mut made) {
                Event::Admitted { device, fallback } => {
                    assert!(self.healthy.insert(device.id.clone()), "{} was in already", device.id);
                    self.mixture.admit(device, fallback);
                }
                Event::Gathered { device, epoch } => {
                    assert!(
                        self.healthy.contains(&device),
                        "{device} gave blocks without having been admitted"
                    );
                    for block in made {
                        match self.mixture.offer(&device, epoch, &block) {
                            Offer::Taken => {
                                assert!(
                                    self.blocks.insert(*block, device.clone()).is_none(),
                                    "a block came twice"
                                );
                            }
                            Offer::Full => {}
                            Offer::Stale => panic!("{device} has a block of another epoch"),
                        }
                    }
                }
                Event::Lost { device, error, .. } => {
                    if let Some(id) = device {
                        assert!(self.healthy.remove(&id));
                        self.mixture.dismiss(&id);
                        // Everything was forgotten: none of these may be seen again.
                        self.blocks.clear();
                        *self.losses.entry(error.kind().as_str()).or_default() += 1;
                    }
                }
                Event::Resting { until } => assert!(until > now),
            }
        }
    }

    fn totals(&self) -> Totals {
        self.feeders.iter().map(Feeder::totals).fold(Totals::default(), |sum, part| Totals {
            samples: sum.samples + part.samples,
            admissions: sum.admissions + part.admissions,
            failures: sum.failures + part.failures,
            losses: sum.losses + part.losses,
            blocks: sum.blocks + part.blocks,
        })
    }
}

impl Supply for House {
    fn ready(&self) -> usize {
        self.mixture.ready()
    }

    fn supply(&mut self, out: &mut [u8]) -> Result<()> {
        if self.mixture.ready() < out.len() {
            return Err(Error::new(ErrorKind::Exhausted, "not now"));
        }
        self.mixture.take(out).map(|_| ())
    }

    fn supply_fresh(&mut self, out: &mut [u8]) -> Result<()> {
        self.mixture.flush();
        self.supply(out)
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a whole number"))
}

/// Lives through `hours`, drawing at every step with `draw`; returns the memory after a quarter of the time and at the end.
fn live(house: &mut House, hours: u64, step: u64, mut draw: impl FnMut(&mut House)) -> (usize, usize) {
    let end = hours * 3600;
    let mut settled = 0;
    for now in (0..end).step_by(usize::try_from(step).unwrap()) {
        house.clock.store(now, Ordering::SeqCst);
        house.tick();
        draw(house);
        if settled == 0 && now >= end / 4 {
            settled = MEMORY.current_usage();
        }
    }
    (settled, MEMORY.current_usage())
}

#[test]
fn a_day_of_failures_gives_no_byte_of_an_unhealthy_device_and_leaks_nothing() {
    let (hours, step) = (number("QHAL_SOAK_HOURS", 24), number("QHAL_SOAK_STEP_S", 5));
    let faults = Arc::new(AtomicU64::new(0));

    // Additive and conditioned: every 32 bytes that come out are one block of one device, which must be healthy now.
    let mut house = House::new(Combine::Additive, &faults);
    let (mut given, mut refused) = (0u64, 0u64);
    let (settled, at_end) = live(&mut house, hours, step, |house| {
        let mut out = [0; 32];
        match house.supply(&mut out) {
            Ok(()) => {
                let from = house.blocks.remove(&out).expect("a block that was taken in and not given before");
                assert!(house.healthy.contains(&from), "a block of {from}, which is not healthy");
                let lineage = house.mixture.lineage().unwrap();
                assert!(lineage.devices.iter().any(|device| device.id == from));
                assert_eq!(lineage.provenance, Provenance::Simulated);
                given += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Exhausted);
                refused += 1;
            }
        }
        assert!(house.blocks.len() <= 4096 / 32, "blocks pile up");
    });
    let totals = house.totals();
    println!("additive: {hours} h, {given} given, {refused} refused, {totals:?}, {:?}", house.losses);
    for kind in [ErrorKind::Unhealthy, ErrorKind::Disconnected, ErrorKind::TimedOut] {
        assert!(house.losses.contains_key(kind.as_str()), "nothing was lost as '{kind}': {:?}", house.losses);
    }
    assert!(totals.admissions > 3 * hours / 2, "{totals:?}");
    assert!(given > 0 && refused > 0, "{given} given, {refused} refused");
    assert!(
        at_end < settled + 256 * 1024,
        "{settled} bytes in use after a quarter of the time, {at_end} at the end"
    );

    // Redundant, behind a DRBG that is wiped with every dismissal: whoever is named as an origin is healthy.
    let mut house = House::new(Combine::Redundant, &faults);
    let mut seeded = Seeded::new("soak", &Config::default()).unwrap();
    let (mut dismissals, mut given) = (0, 0u64);
    let (settled, at_end) = live(&mut house, hours, step, |house| {
        house.blocks.clear();
        if house.mixture.dismissals() != dismissals {
            dismissals = house.mixture.dismissals();
            seeded.wipe();
        }
        let mut out = [0; 48];
        match seeded.fill(&mut out, false, house) {
            Ok(()) => {
                let lineage = house.mixture.lineage().expect("a DRBG that gives has been seeded by somebody");
                assert!(
                    lineage.devices.iter().all(|device| house.healthy.contains(&device.id)),
                    "{lineage:?}"
                );
                given += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Exhausted);
                assert_eq!(out, [0; 48]);
            }
        }
    });
    println!("redundant: {given} given, {dismissals} dismissals, {:?}", house.totals());
    assert!(dismissals > hours && given > 0);
    assert!(
        at_end < settled + 256 * 1024,
        "{settled} bytes in use after a quarter of the time, {at_end} at the end"
    );
}
