//! An open TrueRNG: the knock, the samples, and what there is to know of its health.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use qhal::device::Property;
use qhal::{Access, Descriptor, Device, EntropySource, Error, ErrorKind, Health, MinEntropy, Result, Stage};

use super::model::{KNOCK, LAST_RATE_HOLD, Mode, Model, READING_BAUD, SETTLE};
use super::protocol::{Lines, RawDecoder, parse_supply};
use crate::transport::{Deadline, LineSettings, Transport};

/// The device streams as long as it works; a pause of this length is a fault.
const TIME_LIMIT: Duration = Duration::from_secs(1);
/// How long the voltage may take to come after the knock.
const SUPPLY_LIMIT: Duration = Duration::from_secs(3);
/// Every reading of the supply interrupts the stream for about three seconds, so one is believed for a while.
const SUPPLY_VALID: Duration = Duration::from_secs(60);
/// Raw samples over which mean and deviation are judged.
const JUDGED: u32 = 4096;
/// Wire bytes read at a time in [`Mode::Raw`]: four hold two samples.
const RAW_CHUNK: usize = 4096;

/// A TrueRNG that is streaming.
pub struct TrueRngSource {
    wire: Box<dyn Transport>,
    descriptor: Descriptor,
    model: Model,
    mode: Mode,
    claim: MinEntropy,
    decoder: RawDecoder,
    decoded: VecDeque<u8>,
    noise: NoiseStatistics,
    supply: Option<(Instant, u32)>,
    open: bool,
}

impl TrueRngSource {
    /// Speaks to a `model` over `wire`, whose line is set to [`READING_BAUD`] with DTR, and switches it to `mode`.
    ///
    /// In [`Mode::Raw`] a sample is the low eight bits of one ADC value of ten bits, of both generators in turn.
    ///
    /// # Errors
    /// `Unsupported` when the model does not have the mode, or the mode gives text; `Disconnected` or `TimedOut` from
    /// the wire.
    pub fn over(
        mut wire: Box<dyn Transport>,
        descriptor: Descriptor,
        model: Model,
        mode: Mode,
    ) -> Result<Self> {
        if !mode.is_on(model) {
            let message = format!("a {model} has no mode '{mode}'");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let claim = claim(model, mode)?;
        if model.is_pro() {
            // Always, even for the mode it starts in: somebody may have left it in another.
            knock(wire.as_mut(), mode)?;
        }
        Ok(Self {
            wire,
            descriptor: Descriptor { access: Access::Ready, ..descriptor },
            model,
            mode,
            claim,
            decoder: RawDecoder::default(),
            decoded: VecDeque::new(),
            noise: NoiseStatistics::default(),
            supply: None,
            open: true,
        })
    }

    /// The supply voltage in millivolts, as last read, at most a minute ago.
    fn supply(&mut self) -> Result<Option<u32>> {
        if !self.model.is_pro() {
            return Ok(None);
        }
        if let Some((read_at, millivolts)) = self.supply
            && read_at.elapsed() < SUPPLY_VALID
        {
            return Ok(Some(millivolts));
        }
        knock_without_settling(self.wire.as_mut(), Mode::SupplyVoltage)?;
        let supply = read_supply(self.wire.as_mut(), SUPPLY_LIMIT);
        // Whatever came of it, the stream goes on afterwards.
        knock(self.wire.as_mut(), self.mode)?;
        self.decoder.interrupted();
        let millivolts = supply?;
        self.supply = Some((Instant::now(), millivolts));
        Ok(Some(millivolts))
    }

    fn fill_decoded(&mut self) -> Result<()> {
        let deadline = Deadline::after(TIME_LIMIT);
        let mut chunk = [0; RAW_CHUNK];
        while self.decoded.is_empty() {
            let count = self.wire.read(&mut chunk, TIME_LIMIT)?;
            for byte in chunk.iter().take(count) {
                if let Some((first, second)) = self.decoder.push(*byte) {
                    for value in [first, second] {
                        self.noise.add(value);
                        self.decoded.push_back((value & 0xFF) as u8);
                    }
                }
            }
            if self.decoded.is_empty() && deadline.left().is_zero() {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    "bytes come, and none of them make a raw packet",
                ));
            }
        }
        Ok(())
    }

    fn release(&mut self) -> Result<()> {
        if !self.open {
            return Ok(());
        }
        self.open = false;
        if self.mode != Mode::Normal {
            knock_without_settling(self.wire.as_mut(), Mode::Normal)?;
            self.wire.pause(LAST_RATE_HOLD);
        }
        self.wire.configure(LineSettings { baud: READING_BAUD, dtr: false })
    }
}

/// What a sample is taken to be worth, in bits.
///
/// Whitened bytes: 4 of 8 bits, half of what the vendor means by "whitened" (every output bit is the XOR of about 20 raw
/// bits), because no assessment of it is published. Raw samples: half the min-entropy of a Gaussian with the
/// smallest deviation σ that the vendor's self-test accepts, log2(σ·√(2π)), because the lowest bit is biased and how
/// independent successive values are is not published: 2.8 bits for the V1, 3.5 for the V2. An assessment may
/// lower both.
fn claim(model: Model, mode: Mode) -> Result<MinEntropy> {
    match mode {
        Mode::Normal | Mode::Rng1 | Mode::Rng2 => MinEntropy::new(4.0, 8),
        Mode::Raw => {
            let smallest = model.raw_limits().map_or(1.0, |limits| *limits.deviation.start());
            MinEntropy::new((smallest * std::f64::consts::TAU.sqrt()).log2() / 2.0, 8)
        }
        Mode::SupplyVoltage | Mode::Debug | Mode::RawText | Mode::Unwhitened => {
            Err(Error::new(ErrorKind::Unsupported, format!("the mode '{mode}' gives text, not random bytes")))
        }
    }
}

/// Switches to `mode`; for about a second what comes may still belong to the mode before.
pub(super) fn knock_without_settling(wire: &mut dyn Transport, mode: Mode) -> Result<()> {
    for (baud, hold) in KNOCK {
        wire.configure(LineSettings { baud, dtr: true })?;
        wire.pause(hold);
        // The vendor's script opens and closes the port for every rate.
        wire.configure(LineSettings { baud, dtr: false })?;
    }
    wire.configure(LineSettings { baud: mode.baud(), dtr: true })?;
    // What piled up during the knock.
    wire.discard_input()
}

/// Switches to `mode` and waits until what comes belongs to it.
fn knock(wire: &mut dyn Transport, mode: Mode) -> Result<()> {
    knock_without_settling(wire, mode)?;
    wire.pause(SETTLE);
    wire.discard_input()
}

/// Reads the supply voltage in millivolts, for `limit` at most, from a device that was switched to
/// [`Mode::SupplyVoltage`] just now. Two lines in a row must be one: bytes of the mode before look like a line now and
/// then.
///
/// # Errors
/// `Protocol` when what comes is something else, `TimedOut` when nothing comes, `Disconnected`.
pub(super) fn read_supply(wire: &mut dyn Transport, limit: Duration) -> Result<u32> {
    let deadline = Deadline::after(limit);
    let mut lines = Lines::default();
    let mut before = None;
    let mut bytes = [0; 256];
    // A fast stream of other bytes is recognised by its amount, a slow one by the time.
    let mut left = 256 * 1024_usize;
    while left > 0 && !deadline.left().is_zero() {
        let count = wire.read(&mut bytes, limit)?;
        left = left.saturating_sub(count);
        for line in bytes.iter().take(count).filter_map(|byte| lines.push(*byte)) {
            let now = parse_supply(&line).filter(|millivolts| *millivolts >= 1000);
            if let (Some(_), Some(millivolts)) = (before, now) {
                return Ok(millivolts);
            }
            before = now;
        }
    }
    Err(Error::new(ErrorKind::Protocol, "the device did not tell its supply voltage when it was switched to"))
}

impl Device for TrueRngSource {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// A TrueRNG says nothing of itself and is `Good` as long as it streams. A TrueRNGpro is judged by its supply voltage and,
    /// in [`Mode::Raw`], by mean and deviation of its latest samples, against the vendor's limits; reading the
    /// voltage interrupts the stream for about three seconds and is repeated after a minute at the earliest.
    fn health(&mut self) -> Result<Health> {
        if let Some(why) = self.noise.outside(self.model) {
            return Ok(Health::Failed(why));
        }
        let supply = self.supply().map_err(|error| error.on(&self.descriptor.id))?;
        if let (Some(millivolts), Some(limits)) = (supply, self.model.supply_limits())
            && !limits.contains(&millivolts)
        {
            let (low, high) = limits.into_inner();
            return Ok(Health::Failed(format!(
                "the supply voltage is {millivolts} mV, allowed are {low} to {high} mV"
            )));
        }
        Ok(Health::Good)
    }

    fn properties(&mut self) -> Result<Vec<Property>> {
        let mut properties = vec![Property::text("mode", self.mode.as_str())];
        if let Some(millivolts) = self.supply().map_err(|error| error.on(&self.descriptor.id))? {
            properties.push(Property::number("supply voltage", f64::from(millivolts), "mV"));
        }
        if let Some((mean, deviation)) = self.noise.latest {
            properties.push(Property::number("raw mean", mean, ""));
            properties.push(Property::number("raw deviation", deviation, ""));
        }
        if self.mode == Mode::Raw {
            properties.push(Property::number(
                "bytes outside packets",
                self.decoder.skipped() as f64,
                "bytes",
            ));
        }
        Ok(properties)
    }

    /// Switches a TrueRNGpro back to the mode it starts in, and clears DTR, which stops the stream.
    fn close(mut self: Box<Self>) -> Result<()> {
        self.release().map_err(|error| error.on(&self.descriptor.id))
    }
}

impl Drop for TrueRngSource {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.release();
    }
}

impl EntropySource for TrueRngSource {
    fn stage(&self) -> Stage {
        if self.mode == Mode::Raw { Stage::Raw } else { Stage::Conditioned }
    }

    fn claimed_min_entropy(&self) -> MinEntropy {
        self.claim
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if self.mode != Mode::Raw {
            return self.wire.read(out, TIME_LIMIT).map_err(|error| error.on(&self.descriptor.id));
        }
        if self.decoded.is_empty() {
            self.fill_decoded().map_err(|error| error.on(&self.descriptor.id))?;
        }
        let count = out.len().min(self.decoded.len());
        for (slot, sample) in out.iter_mut().zip(self.decoded.drain(..count)) {
            *slot = sample;
        }
        Ok(count)
    }
}

/// Mean and standard deviation of raw samples, a block of [`JUDGED`] at a time.
#[derive(Default)]
struct NoiseStatistics {
    count: u32,
    sum: f64,
    squares: f64,
    /// Mean and deviation of the last whole block.
    latest: Option<(f64, f64)>,
}

impl NoiseStatistics {
    fn add(&mut self, value: u16) {
        let value = f64::from(value);
        self.count += 1;
        self.sum += value;
        self.squares += value * value;
        if self.count == JUDGED {
            let n = f64::from(JUDGED);
            let mean = self.sum / n;
            let variance = (self.squares - self.sum * mean) / (n - 1.0);
            *self = Self { latest: Some((mean, variance.max(0.0).sqrt())), ..Self::default() };
        }
    }

    /// What is outside the vendor's limits, in words.
    fn outside(&self, model: Model) -> Option<String> {
        let ((mean, deviation), limits) = self.latest.zip(model.raw_limits())?;
        let judge = |what: &str, value: f64, limits: &std::ops::RangeInclusive<f64>| {
            let (low, high) = (limits.start(), limits.end());
            let text = format!("the {what} of the raw samples is {value:.1}, allowed are {low} to {high}");
            (!limits.contains(&value)).then_some(text)
        };
        judge("mean", mean, &limits.mean)
            .or_else(|| judge("standard deviation", deviation, &limits.deviation))
    }
}
