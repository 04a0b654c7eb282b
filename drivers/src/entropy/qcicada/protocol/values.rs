//! What commands and replies carry: how to start, status, configuration, counters.

use std::fmt;

use qhal::{Error, ErrorKind, Result};

/// Little-endian fields in the order in which they stand.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn f32(&mut self) -> Option<f32> {
        self.take().map(f32::from_le_bytes)
    }

    /// `value` if it was complete and nothing follows it.
    pub(super) fn end<T>(self, value: Option<T>, what: &str, length: usize) -> Result<T> {
        value.filter(|_| self.0.is_empty()).ok_or_else(|| {
            Error::new(ErrorKind::Protocol, format!("{length} bytes are not the length of {what}"))
        })
    }
}

/// How random bytes are asked for: mode u8 (0 continuous, 1 one-shot), length u16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Send until `STOP`.
    Continuous,
    /// Send that many bytes. 0 is refused; more than [`Status::ready_bytes`] is not served.
    OneShot(u16),
}

impl Start {
    /// Bytes on the wire.
    pub const BYTES: usize = 3;

    /// The bytes on the wire; a continuous start has length 0.
    pub fn encode(self) -> [u8; Self::BYTES] {
        match self {
            Self::Continuous => [0, 0, 0],
            Self::OneShot(length) => {
                let [low, high] = length.to_le_bytes();
                [1, low, high]
            }
        }
    }

    /// Reads it back; `None` for another mode or number of bytes. The length of a continuous start counts for
    /// nothing.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        match *payload {
            [0, _, _] => Some(Self::Continuous),
            [1, low, high] => Some(Self::OneShot(u16::from_le_bytes([low, high]))),
            _ => None,
        }
    }
}

/// The first byte of a status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// Bit 0: the generator is set up.
    pub const INITIALIZED: u8 = 1 << 0;
    /// Bit 1: the start-up test is running; there is no output yet.
    pub const STARTUP_TEST: u8 = 1 << 1;
    /// Bit 2: the supply voltage is too low.
    pub const VOLTAGE_LOW: u8 = 1 << 2;
    /// Bit 3: the supply voltage is too high.
    pub const VOLTAGE_HIGH: u8 = 1 << 3;
    /// Bit 4: the supply voltage is not known.
    pub const VOLTAGE_UNDEFINED: u8 = 1 << 4;
    /// Bit 5: the vendor's bit-balance test failed.
    pub const BIT_COUNT: u8 = 1 << 5;
    /// Bit 6: the repetition-count test of SP 800-90B §4.4.1 failed.
    pub const REPETITION_COUNT: u8 = 1 << 6;
    /// Bit 7: the adaptive-proportion test of SP 800-90B §4.4.2 failed.
    pub const ADAPTIVE_PROPORTION: u8 = 1 << 7;

    /// Whether any bit of `mask` is set.
    pub const fn has(self, mask: u8) -> bool {
        self.0 & mask != 0
    }

    /// What is wrong by these flags, in words, one entry a flag; empty when output may be trusted as far as
    /// the device knows. A start-up test under way is not wrong, and a device is not initialized until it ends.
    pub fn faults(self) -> Vec<&'static str> {
        const NAMES: [(u8, &str); 6] = [
            (Flags::VOLTAGE_LOW, "supply voltage low"),
            (Flags::VOLTAGE_HIGH, "supply voltage high"),
            (Flags::VOLTAGE_UNDEFINED, "supply voltage undefined"),
            (Flags::BIT_COUNT, "bit count test failed"),
            (Flags::REPETITION_COUNT, "repetition count test failed"),
            (Flags::ADAPTIVE_PROPORTION, "adaptive proportion test failed"),
        ];
        let mut faults: Vec<_> =
            NAMES.iter().filter(|(bit, _)| self.has(*bit)).map(|(_, name)| *name).collect();
        if !self.has(Self::INITIALIZED | Self::STARTUP_TEST) {
            faults.push("not initialized");
        }
        faults
    }
}

/// How the device is: flags u8, ready bytes u32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// What it knows of itself.
    pub flags: Flags,
    /// Random bytes it has in store: the most that a one-shot read can ask for.
    pub ready_bytes: u32,
}

impl Status {
    /// Bytes on the wire.
    pub const BYTES: usize = 5;

    /// The bytes on the wire.
    pub fn encode(self) -> [u8; Self::BYTES] {
        let [a, b, c, d] = self.ready_bytes.to_le_bytes();
        [self.flags.0, a, b, c, d]
    }

    /// Reads it back.
    ///
    /// # Errors
    /// `Protocol` for another number of bytes.
    pub fn decode(payload: &[u8]) -> Result<Self> {
        let mut fields = Fields(payload);
        let status = (|| Some(Self { flags: Flags(fields.u8()?), ready_bytes: fields.u32()? }))();
        fields.end(status, "a status", payload.len())
    }
}

/// What the device does with its samples before it sends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PostProcess {
    /// 0: SHA-256 conditioning.
    Sha256,
    /// 1: noise bits after the sensor's own processing, before conditioning.
    RawNoise,
    /// 2: whole samples of the sensor. Bits per sample and packing are *unconfirmed*.
    RawSamples,
}

impl PostProcess {
    /// All of them, by code.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::RawNoise, Self::RawSamples];

    /// The word for listings and options.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::RawNoise => "raw-noise",
            Self::RawSamples => "raw-samples",
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Sha256 => 0,
            Self::RawNoise => 1,
            Self::RawSamples => 2,
        }
    }
}

impl fmt::Display for PostProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The configuration. Firmware built without the vendor's "full mode" has only the post-processing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// What is sent.
    pub post_process: PostProcess,
    /// How it is made; `None` where the firmware does not tell.
    pub generator: Option<Generator>,
}

/// The part of the configuration that sets the generator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Generator {
    /// LED level to begin with, 0 to 100.
    pub initial_level: f32,
    /// The bits of [`Generator::STARTUP_TEST`] and so on; bits 6 and 7 are zero.
    pub flags: u8,
    /// How many low bits of each sample are noise.
    pub n_lsbits: u8,
    /// Bytes of raw noise that go into each SHA-256 output of 32 bytes.
    pub hash_input_size: u8,
    /// Bytes of a block of output.
    pub block_size: u16,
    /// What the calibration steers the sensor's average to.
    pub autocalibration_target: u16,
}

impl Generator {
    /// Bit 0: run the start-up test.
    pub const STARTUP_TEST: u8 = 1 << 0;
    /// Bit 1: keep the light at its target.
    pub const AUTO_CALIBRATION: u8 = 1 << 1;
    /// Bit 2: run the repetition-count test.
    pub const REPETITION_COUNT: u8 = 1 << 2;
    /// Bit 3: run the adaptive-proportion test.
    pub const ADAPTIVE_PROPORTION: u8 = 1 << 3;
    /// Bit 4: run the bit-balance test.
    pub const BIT_COUNT: u8 = 1 << 4;
    /// Bit 5: go on generating when a test fails.
    pub const GENERATE_ON_ERROR: u8 = 1 << 5;
}

impl Config {
    /// Bytes on the wire in "full mode".
    pub const FULL_BYTES: usize = 12;
    /// Bytes on the wire otherwise.
    pub const SHORT_BYTES: usize = 1;

    /// The bytes on the wire: 12, or 1 without the generator's part.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.post_process.code()];
        if let Some(generator) = &self.generator {
            bytes.extend(generator.initial_level.to_le_bytes());
            bytes.extend([generator.flags, generator.n_lsbits, generator.hash_input_size]);
            bytes.extend(generator.block_size.to_le_bytes());
            bytes.extend(generator.autocalibration_target.to_le_bytes());
        }
        bytes
    }

    /// Reads it back.
    ///
    /// # Errors
    /// `Protocol` for another number of bytes or an unknown post-processing.
    pub fn decode(payload: &[u8]) -> Result<Self> {
        let mut fields = Fields(payload);
        let code = fields.u8();
        let generator = if payload.len() == Self::SHORT_BYTES {
            Some(None)
        } else {
            (|| {
                Some(Some(Generator {
                    initial_level: fields.f32()?,
                    flags: fields.u8()?,
                    n_lsbits: fields.u8()?,
                    hash_input_size: fields.u8()?,
                    block_size: fields.u16()?,
                    autocalibration_target: fields.u16()?,
                }))
            })()
        };
        let (code, generator) = fields.end(code.zip(generator), "a configuration", payload.len())?;
        match PostProcess::ALL.get(usize::from(code)) {
            Some(&post_process) => Ok(Self { post_process, generator }),
            None => Err(Error::new(ErrorKind::Protocol, format!("{code} is no post-processing (0 to 2)"))),
        }
    }
}

/// The counters since the last reset. Firmware built without "full mode" has no sensor readings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// Bytes of output made.
    pub generated_bytes: u64,
    /// Failures of the repetition-count test.
    pub repetition_failures: u32,
    /// Failures of the adaptive-proportion test.
    pub adaptive_failures: u32,
    /// Failures of the bit-balance test.
    pub bit_count_failures: u32,
    /// Speed of generation, bit/s.
    pub speed: u32,
    /// What the light and the sensor read, where the firmware tells.
    pub sensor: Option<Sensor>,
}

/// Readings of the noise source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sensor {
    /// Average of the samples, in counts of the converter.
    pub average: u16,
    /// Level of the LED, 0 to 100.
    pub led_level: f32,
}

impl Statistics {
    /// Bytes on the wire in "full mode".
    pub const FULL_BYTES: usize = 30;
    /// Bytes on the wire otherwise.
    pub const SHORT_BYTES: usize = 24;

    /// The bytes on the wire: 30, or 24 without the sensor's part.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.generated_bytes.to_le_bytes().to_vec();
        for counter in [self.repetition_failures, self.adaptive_failures, self.bit_count_failures, self.speed]
        {
            bytes.extend(counter.to_le_bytes());
        }
        if let Some(sensor) = &self.sensor {
            bytes.extend(sensor.average.to_le_bytes());
            bytes.extend(sensor.led_level.to_le_bytes());
        }
        bytes
    }

    /// Reads them back.
    ///
    /// # Errors
    /// `Protocol` for another number of bytes.
    pub fn decode(payload: &[u8]) -> Result<Self> {
        let mut fields = Fields(payload);
        let statistics = (|| {
            Some(Self {
                generated_bytes: fields.take().map(u64::from_le_bytes)?,
                repetition_failures: fields.u32()?,
                adaptive_failures: fields.u32()?,
                bit_count_failures: fields.u32()?,
                speed: fields.u32()?,
                sensor: match payload.len() {
                    Self::SHORT_BYTES => None,
                    _ => Some(Sensor { average: fields.u16()?, led_level: fields.f32()? }),
                },
            })
        })();
        fields.end(statistics, "statistics", payload.len())
    }
}
