//! The three designs of TrueRNG, their modes, and the limits that the vendor's self-test sets them.
//!
//! Sources: the vendor's `truerng_mode.py` (modes, knock) and `truerng_test.py` (limits). The two text modes of the
//! TrueRNGpro V2 at 115 200 and 230 400 baud are left out: their form is not published.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use qhal::{Error, ErrorKind};

use crate::catalogue::UsbId;

/// The three designs, as far as a host can tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Model {
    /// TrueRNG v1, v2 and v3: one stream of whitened bytes, no modes, no serial number.
    TrueRng,
    /// TrueRNGpro V1.
    ProV1,
    /// TrueRNGpro V2.
    ProV2,
}

impl Model {
    /// All designs.
    pub const ALL: [Self; 3] = [Self::TrueRng, Self::ProV1, Self::ProV2];

    /// USB vendor and product id.
    pub const fn usb_ids(self) -> (u16, u16) {
        match self {
            Self::TrueRng => (0x04D8, 0xF5FE),
            Self::ProV1 => (0x16D0, 0x0AA0),
            Self::ProV2 => (0x04D8, 0xEBB5),
        }
    }

    /// The design with these USB ids. The vendor ids are shared by many makers, so a product string that is there
    /// must say TrueRNG as well.
    pub fn of_usb(vendor: u16, product: u16, product_name: Option<&str>) -> Option<Self> {
        let named = product_name.is_none_or(|name| name.to_ascii_lowercase().starts_with("truerng"));
        Self::ALL.into_iter().find(|model| named && model.usb_ids() == (vendor, product))
    }

    /// The name in the vendor's words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TrueRng => "TrueRNG",
            Self::ProV1 => "TrueRNGpro",
            Self::ProV2 => "TrueRNGpro V2",
        }
    }

    /// Whether it has modes, two generators and a supply voltage that can be read.
    pub const fn is_pro(self) -> bool {
        !matches!(self, Self::TrueRng)
    }

    /// The slowest that the vendor's self-test accepts, in bytes per second (0.35, 3.2 and 3.3 Mbit/s).
    pub const fn bytes_per_second(self) -> u64 {
        match self {
            Self::TrueRng => 43_750,
            Self::ProV1 => 400_000,
            Self::ProV2 => 412_500,
        }
    }

    /// The supply voltages that the vendor's self-test accepts, in millivolts; `None` where there are none to read.
    pub fn supply_limits(self) -> Option<RangeInclusive<u32>> {
        match self {
            Self::TrueRng => None,
            Self::ProV1 => Some(7_800..=10_300),
            Self::ProV2 => Some(15_000..=17_000),
        }
    }

    /// What the vendor's self-test accepts of raw samples; `None` where there are none.
    pub fn raw_limits(self) -> Option<SampleLimits> {
        match self {
            Self::TrueRng => None,
            Self::ProV1 => Some(SampleLimits { mean: 450.0..=550.0, deviation: 20.0..=180.0 }),
            Self::ProV2 => Some(SampleLimits { mean: 384.0..=640.0, deviation: 50.0..=150.0 }),
        }
    }

    /// What the vendor's self-test accepts of the samples of [`Mode::Unwhitened`].
    pub fn unwhitened_limits(self) -> Option<SampleLimits> {
        (self == Self::ProV2).then_some(SampleLimits { mean: 224.0..=288.0, deviation: 20.0..=90.0 })
    }
}

/// What the driver claims.
pub(crate) fn usb_ids() -> Vec<UsbId> {
    let id = |model: Model| {
        let (vendor, product) = model.usb_ids();
        UsbId::new(model.as_str(), vendor, product)
    };
    Model::ALL.into_iter().map(id).collect()
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where mean and standard deviation of ADC values (0 to 1023) have to lie.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleLimits {
    /// Of the mean.
    pub mean: RangeInclusive<f64>,
    /// Of the standard deviation.
    pub deviation: RangeInclusive<f64>,
}

/// What a TrueRNGpro sends. A TrueRNG knows [`Mode::Normal`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Bytes from both generators, combined and whitened inside the device.
    Normal,
    /// Text: the supply voltage in millivolts, one a line.
    SupplyVoltage,
    /// Text: two ADC values a line, `0xRRR 0xRRR`.
    Debug,
    /// Whitened bytes of the first generator.
    Rng1,
    /// Whitened bytes of the second generator.
    Rng2,
    /// ADC values of both generators in packets of four bytes ([`encode_raw`](super::protocol::encode_raw)).
    Raw,
    /// Text: ADC values of both generators, `AAAA,BBBB`, one pair a line.
    RawText,
    /// Text, V2 only: the difference of the generators before whitening, decimal, 0 to 511, separated by commas.
    Unwhitened,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 8] = [
        Self::Normal,
        Self::SupplyVoltage,
        Self::Debug,
        Self::Rng1,
        Self::Rng2,
        Self::Raw,
        Self::RawText,
        Self::Unwhitened,
    ];

    /// The baud rate that ends the knock for this mode.
    pub const fn baud(self) -> u32 {
        match self {
            Self::Normal => 300,
            Self::SupplyVoltage => 1_200,
            Self::Debug => 2_400,
            Self::Rng1 => 4_800,
            Self::Rng2 => 9_600,
            Self::Raw => 19_200,
            Self::RawText => 38_400,
            Self::Unwhitened => 57_600,
        }
    }

    /// The mode that `baud` knocks for on `model`.
    pub fn of_baud(model: Model, baud: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.baud() == baud && mode.is_on(model))
    }

    /// Whether `model` has it.
    pub fn is_on(self, model: Model) -> bool {
        match self {
            Self::Normal => true,
            Self::Unwhitened => model == Model::ProV2,
            _ => model.is_pro(),
        }
    }

    /// Its name in options.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::SupplyVoltage => "supply-voltage",
            Self::Debug => "debug",
            Self::Rng1 => "rng1",
            Self::Rng2 => "rng2",
            Self::Raw => "raw",
            Self::RawText => "raw-text",
            Self::Unwhitened => "unwhitened",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|mode| mode.as_str()).collect();
            let message = format!("'{text}' is no mode of a TrueRNG: use one of {}", names.join(", "));
            Error::new(ErrorKind::InvalidInput, message)
        })
    }
}

/// The baud rates that announce a change of mode, and how long each is held; the mode's own rate follows.
pub const KNOCK: [(u32, Duration); 3] =
    [(110, Duration::from_millis(550)), (300, Duration::from_millis(100)), (110, Duration::from_millis(100))];

/// How long the last rate of a knock is held before the port is closed: a rate that is gone at once goes unheard, and
/// half a knock would be taken for the beginning of the next.
pub const LAST_RATE_HOLD: Duration = Duration::from_millis(50);

/// How long the device takes until what it sends belongs to the new mode.
pub const SETTLE: Duration = Duration::from_secs(1);

/// The baud rate for a device that is not being switched; it ignores the rate then.
pub const READING_BAUD: u32 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_has_a_baud_rate_of_its_own_and_reads_back() {
        for mode in Mode::ALL {
            assert_eq!(mode.to_string().parse::<Mode>().unwrap(), mode);
            assert_eq!(Mode::of_baud(Model::ProV2, mode.baud()), Some(mode));
        }
        assert_eq!(Mode::of_baud(Model::ProV1, 57_600), None);
        assert_eq!(Mode::of_baud(Model::TrueRng, 19_200), None);
        assert_eq!(Mode::of_baud(Model::TrueRng, 300), Some(Mode::Normal));
        assert!("text".parse::<Mode>().is_err());
    }

    #[test]
    fn usb_ids_need_the_right_product_string_where_there_is_one() {
        assert_eq!(Model::of_usb(0x04D8, 0xF5FE, Some("TrueRNG")), Some(Model::TrueRng));
        assert_eq!(Model::of_usb(0x04D8, 0xEBB5, Some("TrueRNGpro V2")), Some(Model::ProV2));
        assert_eq!(Model::of_usb(0x16D0, 0x0AA0, None), Some(Model::ProV1));
        assert_eq!(Model::of_usb(0x16D0, 0x0AA0, Some("Pump controller")), None);
        assert_eq!(Model::of_usb(0x04D8, 0x000A, Some("TrueRNG")), None);
    }
}
