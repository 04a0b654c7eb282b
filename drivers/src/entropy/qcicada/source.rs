//! A QCicada as an entropy source: what it claims, how it is read.

use qhal::device::Property;
use qhal::{Descriptor, Device, EntropySource, Error, Health, MinEntropy, Result, Stage};
use zeroize::{Zeroize, Zeroizing};

use super::ReadMode;
use super::device::QCicada;
use super::protocol::{Config, Flags, PostProcess, Status};
use crate::transport::Transport;

/// Fewest and most bytes of one stretch of a stream: after each the stream is stopped and the status checked, which
/// costs about as much as 1 kB.
const STRETCH: (usize, usize) = (4096, 65_536);

/// Bits of min-entropy claimed for a byte of raw noise.
///
/// The vendor publishes no figure. By the published configuration the device itself makes 32 bytes out of 64, so it
/// counts on 4 bits a byte at least; half of that is claimed.
const RAW_NOISE_CLAIM: f64 = 2.0;
/// For a byte of raw samples: their packing is unconfirmed, and every second byte may hold the upper bits of a sample,
/// which hardly change. A quarter of the above.
const RAW_SAMPLES_CLAIM: f64 = 0.5;
/// No conditioned byte is claimed to be perfect.
const MOST_CLAIMED: f64 = 7.9;

/// What is claimed for a byte under this configuration.
///
/// Conditioned bytes get what goes in, spread over the 32 bytes of the digest (SP 800-90B §3.1.5.1.2: below the
/// digest's own width a vetted conditioner passes on what it was given, but for a negligible part).
pub(super) fn claim(config: &Config) -> Result<MinEntropy> {
    let per_byte = match config.post_process {
        PostProcess::RawNoise => RAW_NOISE_CLAIM,
        PostProcess::RawSamples => RAW_SAMPLES_CLAIM,
        PostProcess::Sha256 => {
            // Where the firmware does not tell, the published 64 are assumed.
            let input = config.generator.map_or(64, |generator| generator.hash_input_size.max(1));
            (f64::from(input) * RAW_NOISE_CLAIM / 32.0).min(MOST_CLAIMED)
        }
    };
    MinEntropy::new(per_byte, 8)
}

impl<T: Transport> QCicada<T> {
    fn read_as_opened(&mut self, out: &mut [u8]) -> Result<usize> {
        self.settle()?;
        if !self.spare.is_empty() {
            return Ok(self.hand_out_spare(out));
        }
        if let Some(key) = self.device_key {
            let length = u16::try_from(self.ready(out.len())?).unwrap_or(u16::MAX);
            let read = self.signed_read(length, &key)?;
            return Ok(copy(&read.data, out));
        }
        match self.options.read {
            ReadMode::OneShot => {
                let length = self.ready(out.len())?;
                let part = out.get_mut(..length).unwrap_or_default();
                self.one_shot(part)?;
                Ok(part.len())
            }
            ReadMode::Continuous => {
                self.read_stretch(out.len())?;
                Ok(self.hand_out_spare(out))
            }
        }
    }

    /// Streams for a while; what came is handed out only when the device, asked after it, has nothing to report.
    fn read_stretch(&mut self, wanted: usize) -> Result<()> {
        self.ready(1)?;
        self.start_stream()?;
        let mut bytes = Zeroizing::new(vec![0; wanted.clamp(STRETCH.0, STRETCH.1)]);
        self.read_stream(&mut bytes)?;
        let (status, tail) = self.stop()?;
        self.judge(status)?;
        self.look(&tail)?;
        // Appending could move the bytes and leave a copy behind.
        let mut all = Zeroizing::new(Vec::with_capacity(bytes.len() + tail.len()));
        all.extend_from_slice(&bytes);
        all.extend_from_slice(&tail);
        (self.spare, self.spare_used) = (all, 0);
        Ok(())
    }

    fn hand_out_spare(&mut self, out: &mut [u8]) -> usize {
        let count = copy(self.spare.get(self.spare_used..).unwrap_or_default(), out);
        self.spare_used += count;
        if self.spare_used >= self.spare.len() {
            (self.spare, self.spare_used) = (Zeroizing::default(), 0);
        }
        count
    }
}

/// As much of `from` as there is room for.
fn copy(from: &[u8], out: &mut [u8]) -> usize {
    out.iter_mut().zip(from).map(|(slot, byte)| *slot = *byte).count()
}

fn health_of(status: Status) -> Health {
    let faults = status.flags.faults();
    if !faults.is_empty() {
        Health::Failed(faults.join(", "))
    } else if status.flags.has(Flags::STARTUP_TEST) {
        Health::Degraded("the start-up test is running".to_owned())
    } else {
        Health::Good
    }
}

impl<T: Transport> Device for QCicada<T> {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// A stream that the caller started is interrupted for it and goes on afterwards.
    fn health(&mut self) -> Result<Health> {
        if !self.is_streaming() {
            return Ok(health_of(self.status()?));
        }
        let (status, _) = self.stop()?;
        match self.start_stream() {
            // With a fault the stream stays stopped; the health says why.
            Err(error) if error.kind() != qhal::ErrorKind::Unhealthy => Err(error),
            _ => Ok(health_of(status)),
        }
    }

    fn properties(&mut self) -> Result<Vec<Property>> {
        self.settle()?;
        let (status, config, statistics) = (self.status()?, self.config()?, self.statistics()?);
        let info = self.info();
        let count = |name: &str, value: u32| Property::number(name, value.into(), "");
        let mut list = vec![
            Property::text("firmware", info.firmware.to_string()),
            Property::text("core", info.core.to_string()),
            Property::text("post-processing", config.post_process.as_str()),
            Property::number("ready", status.ready_bytes.into(), "B"),
            Property::number("speed", statistics.speed.into(), "bit/s"),
            // Exact up to 2⁵³ bytes, which the device takes twenty thousand years for.
            Property::number("generated", statistics.generated_bytes as f64, "B"),
            count("repetition count failures", statistics.repetition_failures),
            count("adaptive proportion failures", statistics.adaptive_failures),
            count("bit count failures", statistics.bit_count_failures),
        ];
        if let Some(sensor) = statistics.sensor {
            list.push(count("sensor average", sensor.average.into()));
            if sensor.led_level.is_finite() {
                list.push(Property::number("led level", sensor.led_level.into(), "%"));
            }
        }
        if let Some(generator) = config.generator {
            list.push(count("bits per sample", generator.n_lsbits.into()));
            list.push(Property::number("hash input", generator.hash_input_size.into(), "B"));
            list.push(Property::number("block", generator.block_size.into(), "B"));
            list.push(count("calibration target", generator.autocalibration_target.into()));
        }
        Ok(list)
    }

    fn close(mut self: Box<Self>) -> Result<()> {
        self.restore()
    }
}

impl<T: Transport> EntropySource for QCicada<T> {
    /// `Conditioned` for SHA-256, `Raw` for raw noise and raw samples.
    fn stage(&self) -> Stage {
        match self.config.post_process {
            PostProcess::Sha256 => Stage::Conditioned,
            PostProcess::RawNoise | PostProcess::RawSamples => Stage::Raw,
        }
    }

    /// Per byte: 2 bits for raw noise, 0.5 for raw samples, and for conditioned bytes what went into the digest (4
    /// bits with the published configuration). Conservative; the vendor publishes no figures.
    fn claimed_min_entropy(&self) -> MinEntropy {
        self.claim
    }

    /// Reads at most what one request can have: the ready bytes, 13 440 at most.
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let read = self.read_as_opened(out);
        if read.is_err() {
            out.zeroize();
        }
        read.map_err(|error: Error| error.on(&self.descriptor.id))
    }

    /// The device's own RESET: generation with its start-up test begins anew.
    fn restart(&mut self) -> Result<()> {
        self.settle()?;
        self.reset().map(|_| ())
    }
}
