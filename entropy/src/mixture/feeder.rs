//! One device's life: opened, tested at start-up, serving blocks, lost, and tried again after a pause.

use std::time::Duration;

use qhal::{Descriptor, DeviceId, EntropySource, Error, ErrorKind, Health, Result};
use zeroize::{Zeroize, Zeroizing};

use crate::conditioner::{BLOCK_BYTES, Conditioner};
use crate::config::Config;
use crate::tap::Tap;

/// 256 conditioned bits, of full entropy where the component is vetted; wiped when dropped.
pub type Block = Zeroizing<[u8; BLOCK_BYTES]>;

/// The first pause after a device was lost; it doubles with every failure that follows soon.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A device that has served for so long begins again with the first pause.
const SETTLED: Duration = Duration::from_secs(60);

/// Blocks that one step gathers samples for; an extractor's round, where that is more.
const BLOCKS_A_STEP: usize = 4;

/// An open source, and whether it stands in for hardware that was not there.
pub struct Opened {
    /// The source.
    pub source: Box<dyn EntropySource>,
    /// Whether a simulation was taken because there was no hardware.
    pub fallback: bool,
}

/// What opens a device, again and again.
pub trait Open: Send {
    /// Finds and opens it.
    ///
    /// # Errors
    /// Those of [`Driver::open`](qhal::Driver::open); whatever it is, it is tried again later.
    fn open(&mut self) -> Result<Opened>;
}

impl<F: FnMut() -> Result<Opened> + Send> Open for F {
    fn open(&mut self) -> Result<Opened> {
        self()
    }
}

/// What came of one step.
#[derive(Debug)]
pub enum Event {
    /// The device is open and has passed the start-up test; its blocks may be used.
    Admitted {
        /// What it is, as the open device says.
        device: Descriptor,
        /// Whether it stands in for hardware.
        fallback: bool,
    },
    /// Samples were read; the blocks that became complete, if any, were handed over.
    Gathered {
        /// Whose blocks they are.
        device: DeviceId,
        /// The epoch in which they were begun.
        epoch: u64,
    },
    /// It could not be opened, failed a test, or went away. It is closed.
    Lost {
        /// The device that had been admitted; `None` if it had not come so far.
        device: Option<DeviceId>,
        /// Why.
        error: Error,
        /// When it will be tried again, in the time of the caller's clock.
        again: Duration,
    },
    /// There is nothing to do before this time.
    Resting {
        /// In the time of the caller's clock.
        until: Duration,
    },
}

/// Sums over the life of a feeder, however often its device was reopened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Raw samples judged.
    pub samples: u64,
    /// Start-up tests passed, hence admissions.
    pub admissions: u64,
    /// Health tests failed, the device's own included.
    pub failures: u64,
    /// Times the device was lost after it had been admitted.
    pub losses: u64,
    /// Blocks of 256 bits made.
    pub blocks: u64,
}

enum State {
    Away { until: Duration, unhealthy: bool },
    Serving(Box<Serving>),
}

struct Serving {
    id: DeviceId,
    tap: Tap,
    conditioner: Conditioner,
    since: Duration,
    epoch: u64,
}

/// Leads one device through its life, one step at a time; see [`Event`].
///
/// After a failed health test, as after an unplugging, the device is closed and must pass a start-up test before it serves
/// again.
pub struct Feeder {
    open: Box<dyn Open>,
    config: Config,
    state: State,
    scratch: Zeroizing<Vec<u8>>,
    failures_in_a_row: u32,
    totals: Totals,
}

impl Feeder {
    /// A feeder of whatever `open` opens; the first step opens it.
    pub fn new(open: Box<dyn Open>, config: Config) -> Self {
        Self {
            open,
            config,
            state: State::Away { until: Duration::ZERO, unhealthy: false },
            scratch: Zeroizing::default(),
            failures_in_a_row: 0,
            totals: Totals::default(),
        }
    }

    /// Does the next thing, at `now`: opens and tests the device, or reads it once and appends complete blocks, all
    /// of them begun in `epoch`, to `blocks`. Blocks as long as the device does.
    pub fn step(&mut self, now: Duration, epoch: u64, blocks: &mut Vec<Block>) -> Event {
        match &mut self.state {
            State::Away { until, .. } if now < *until => Event::Resting { until: *until },
            State::Away { .. } => match self.begin(now, epoch) {
                Ok(event) => event,
                Err(error) => self.lose(None, error, now),
            },
            State::Serving(serving) => {
                let before = blocks.len();
                match serving.gather(epoch, &mut self.scratch, blocks) {
                    Ok(()) => {
                        let made = blocks.len().saturating_sub(before) as u64;
                        self.totals.blocks = self.totals.blocks.saturating_add(made);
                        Event::Gathered { device: serving.id.clone(), epoch }
                    }
                    Err(error) => {
                        // What the failed reading had completed before it failed is not used either.
                        blocks.truncate(before);
                        let id = serving.id.clone();
                        self.lose(Some(id), error, now)
                    }
                }
            }
        }
    }

    /// Tries at the next step, unless it was a failed test that the device is away for: it may have been plugged in.
    pub fn nudge(&mut self) {
        if let State::Away { until, unhealthy: false } = &mut self.state {
            *until = Duration::ZERO;
        }
    }

    /// The device's own health and that of our tests, whichever is worse; `None` while it is away.
    pub fn health(&mut self) -> Option<Result<Health>> {
        match &mut self.state {
            State::Away { .. } => None,
            State::Serving(serving) => Some(serving.tap.health()),
        }
    }

    /// Its sums.
    pub fn totals(&self) -> Totals {
        match &self.state {
            State::Away { .. } => self.totals,
            State::Serving(serving) => with(self.totals, &serving.tap),
        }
    }

    /// Closes the device, to give it up or to look for a better one at the next step; returns which it was.
    pub fn close(&mut self) -> Option<DeviceId> {
        let away = State::Away { until: Duration::ZERO, unhealthy: false };
        let State::Serving(serving) = std::mem::replace(&mut self.state, away) else { return None };
        self.totals = with(self.totals, &serving.tap);
        // It is released all the same, and nobody waits for the answer.
        let _ = serving.tap.into_source().close();
        Some(serving.id)
    }

    fn begin(&mut self, now: Duration, epoch: u64) -> Result<Event> {
        let Opened { source, fallback } = self.open.open()?;
        let device = source.descriptor().clone();
        let conditioner =
            self.config.conditioner(source.claimed_min_entropy()).map_err(|error| error.on(&device.id))?;
        let mut tap = Tap::new(source, &self.config)?;
        if let Err(error) = tap.start() {
            self.totals = with(self.totals, &tap);
            let _ = tap.into_source().close();
            return Err(error);
        }
        self.totals.admissions = self.totals.admissions.saturating_add(1);
        self.scratch = Zeroizing::new(vec![0; conditioner.samples_for(BLOCKS_A_STEP).min(1 << 16)]);
        let serving = Serving { id: device.id.clone(), tap, conditioner, since: now, epoch };
        self.state = State::Serving(Box::new(serving));
        Ok(Event::Admitted { device, fallback })
    }

    fn lose(&mut self, device: Option<DeviceId>, error: Error, now: Duration) -> Event {
        if let State::Serving(serving) = &self.state
            && now.saturating_sub(serving.since) >= SETTLED
        {
            self.failures_in_a_row = 0;
        }
        if device.is_some() {
            self.totals.losses = self.totals.losses.saturating_add(1);
        }
        self.close();
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures_in_a_row.min(16)).min(LONGEST_PAUSE);
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        let again = now.saturating_add(pause);
        self.state = State::Away { until: again, unhealthy: error.kind() == ErrorKind::Unhealthy };
        Event::Lost { device, error, again }
    }
}

impl Serving {
    fn gather(&mut self, epoch: u64, scratch: &mut [u8], blocks: &mut Vec<Block>) -> Result<()> {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.conditioner.clear();
            self.tap.discard();
        }
        let wanted = self.conditioner.samples_for(BLOCKS_A_STEP).min(scratch.len());
        let samples = scratch.get_mut(..wanted).unwrap_or_default();
        let got = self.tap.read(samples)?;
        let fresh = samples.get_mut(..got).unwrap_or_default();
        let outcome = self.conditioner.absorb(fresh, |block| blocks.push(Block::new(*block)));
        fresh.zeroize();
        outcome
    }
}

/// `totals` with what a tap has seen.
fn with(totals: Totals, tap: &Tap) -> Totals {
    let seen = tap.statistics();
    Totals {
        samples: totals.samples.saturating_add(seen.samples),
        failures: totals.failures.saturating_add(seen.failures()),
        ..totals
    }
}
