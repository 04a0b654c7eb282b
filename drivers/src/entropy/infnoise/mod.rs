//! Infinite Noise TRNG: thermal noise in a modular entropy multiplier, clocked by the host through an FTDI FT240X.
//!
//! The device has no processor: the host clocks its switches, reads its comparators, tests the bits against a model of the
//! multiplier and, if it is wanted, whitens them. Raw bits are taken here, and whitening is off. Thermal noise is not
//! quantum. It has been driven here only as an emulator.
//!
//! Source: leetronics, infnoise (software/libinfnoise.c, healthcheck.c, Keccak), CC0.

pub mod emulator;
mod health;
pub mod protocol;
pub mod whitening;

use std::time::Duration;

use qhal::device::Property;
use qhal::{Error, ErrorKind, Health, MinEntropy, QuantumOrigin, Result, Stage};

pub use self::health::Model;
use self::protocol::{ADDRESS_MASK, DIVISOR, OUTPUTS, ROUND, SLOWEST_ROUND, extract, switches};
use self::whitening::Whitener;
use super::usb::{Generator, UsbKind};
use crate::transport::usb::ftdi::{Ftdi, bit_mode};
use crate::transport::usb::{UsbId, UsbTransport};

/// The name of the driver.
pub const NAME: &str = "infnoise";

/// The first ids are FTDI's defaults, so the strings have to fit; the second are those of a chip that was programmed anew.
const IDS: &[UsbId] = &[
    UsbId::new("Infinite Noise TRNG", 0x0403, 0x6015).made_by("13-37.org").named("Infinite Noise TRNG"),
    UsbId::new("Infinite Noise TRNG", 0x1209, 0x3701),
];

const LATENCY: u8 = 1;
const LIMIT: Duration = Duration::from_secs(5);
/// Rounds after which a device that has not passed the tests never will.
const WARM_UP_ROUNDS: u32 = 5000;
/// Rounds in a row that must pass before the device is believed: at first the measured entropy is just within its limits.
const SETTLED_ROUNDS: u32 = 64;
/// Rounds in a row that may be too slow or below the target.
const MOST_WASTED: u32 = 200;
/// How often opening is tried.
const TRIES: usize = 2;

/// Whether the host whitens the bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Whitening {
    /// Raw bits.
    #[default]
    Off,
    /// By the maker's Keccak sponge, giving no more than went in.
    Keccak,
}

/// The Infinite Noise TRNG as a kind of generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct InfiniteNoise {
    /// Whether the host whitens the bits.
    pub whitening: Whitening,
}

impl UsbKind for InfiniteNoise {
    const NAME: &'static str = NAME;
    const DEVICE: &'static str = "an Infinite Noise TRNG";
    const IDS: &'static [UsbId] = IDS;
    const ORIGIN: QuantumOrigin = QuantumOrigin::NotQuantum;
    type Generator = Multiplier;

    /// Prepares the chip and runs rounds until the model has learnt the device and finds it as designed: 80 000 bits at
    /// least and about 300 000 as a rule, which is a second.
    fn start(&self, wire: &mut dyn UsbTransport, _id: &UsbId) -> Result<Multiplier> {
        let mut tried = 0;
        let chip = loop {
            tried += 1;
            match prepare(wire) {
                Ok(chip) => break chip,
                // What another program left in the chip may disturb the first try.
                Err(error) if tried < TRIES && error.kind() == ErrorKind::TimedOut => {}
                Err(error) => return Err(error),
            }
        };
        let whitener = (self.whitening == Whitening::Keccak).then(Whitener::default);
        let mut multiplier = Multiplier { chip, model: Model::default(), whitener, slow: 0, below: 0 };
        let (mut wasted, mut settled) = (0, 0);
        for _ in 0..WARM_UP_ROUNDS {
            wasted += 1;
            if let Some(bytes) = multiplier.round(wire)? {
                multiplier.model.judge(&bytes)?;
                wasted = 0;
            }
            if wasted > MOST_WASTED {
                return Err(too_slow());
            }
            settled = if multiplier.model.is_ready() { settled + 1 } else { 0 };
            if settled == SETTLED_ROUNDS {
                return Ok(multiplier);
            }
            if multiplier.model.is_hopeless() {
                break;
            }
        }
        Err(multiplier.unlike())
    }
}

fn too_slow() -> Error {
    let message = format!("{MOST_WASTED} rounds in a row were too slow or had too little entropy");
    Error::new(ErrorKind::Unhealthy, message)
}

/// Sets the chip up, and tests that what is clocked out comes back.
fn prepare(wire: &mut dyn UsbTransport) -> Result<Ftdi> {
    let mut chip = Ftdi::new(wire, 0)?;
    chip.reset(wire)?;
    chip.set_latency(wire, LATENCY)?;
    chip.set_divisor(wire, DIVISOR)?;
    chip.set_bit_mode(wire, bit_mode::SYNCHRONOUS, OUTPUTS)?;
    chip.purge_receive(wire)?;
    chip.purge_transmit(wire)?;
    chip.write(wire, &[0; 64], LIMIT)?;
    chip.read_exact(wire, &mut [0; 64], LIMIT)?;
    Ok(chip)
}

/// An open device.
#[derive(Debug)]
pub struct Multiplier {
    chip: Ftdi,
    model: Model,
    whitener: Option<Whitener>,
    /// Rounds that took too long.
    slow: u64,
    /// Rounds that were not used because the model was not content with them or with the last ones.
    below: u64,
}

impl Multiplier {
    /// The bits are not those of this device.
    fn unlike(&self) -> Error {
        let entropy = self.model.entropy_per_bit();
        let message = format!(
            "its bits are not those of a multiplier by 1.84: {entropy:.3} bits of entropy each, not 0.880"
        );
        Error::new(ErrorKind::Unhealthy, message)
    }

    /// One round of the switches: 512 bits; `None` where it took so long that charge may have leaked.
    fn round(&mut self, wire: &mut dyn UsbTransport) -> Result<Option<[u8; ROUND / 8]>> {
        let begun = wire.now();
        let mut pins = [0; ROUND];
        self.chip.write(wire, &switches(), LIMIT)?;
        self.chip.read_exact(wire, &mut pins, LIMIT)?;
        // Over a network nobody can tell whether the device was late or the network.
        if wire.keeps_time() && wire.now().saturating_sub(begun) > SLOWEST_ROUND {
            self.slow += 1;
            return Ok(None);
        }
        Ok(Some(extract(&pins)))
    }
}

impl Generator for Multiplier {
    fn stage(&self) -> Stage {
        match self.whitener {
            None => Stage::Raw,
            Some(_) => Stage::Conditioned,
        }
    }

    /// A multiplier by 1.84 makes log2(1.84) = 0.88 bits of entropy with every bit, 7.04 with eight. Of this half is
    /// taken, 3.5: it is Shannon's entropy, min-entropy is less, and neighbouring bytes depend on each other. Whitening
    /// by a sponge that is not vetted adds nothing to it.
    fn claim(&self) -> Result<MinEntropy> {
        MinEntropy::new(3.5, 8)
    }

    fn fetch(&mut self, wire: &mut dyn UsbTransport, block: &mut Vec<u8>) -> Result<()> {
        for _ in 0..MOST_WASTED {
            let Some(bytes) = self.round(wire)? else { continue };
            let judged = self.model.judge(&bytes)?;
            if self.model.is_hopeless() {
                return Err(self.unlike());
            }
            if !self.model.is_ready() || !judged.is_on_target() {
                self.below += 1;
                continue;
            }
            match &mut self.whitener {
                None => block.extend(bytes),
                Some(whitener) => block.extend(whitener.whiten(&bytes, judged.bits())),
            }
            return Ok(());
        }
        Err(too_slow())
    }

    fn health(&mut self, _wire: &mut dyn UsbTransport) -> Result<Health> {
        Ok(if self.model.is_ready() {
            Health::Good
        } else {
            Health::Failed(format!(
                "it makes {:.3} bits of entropy with every bit",
                self.model.entropy_per_bit()
            ))
        })
    }

    fn properties(&mut self, _wire: &mut dyn UsbTransport) -> Result<Vec<Property>> {
        Ok(vec![
            Property::flag("whitening", self.whitener.is_some()),
            Property::number("entropy by the model", self.model.entropy_per_bit(), "bit/bit"),
            Property::number("rounds too slow", self.slow as f64, ""),
            Property::number("rounds not used", self.below as f64, ""),
        ])
    }

    fn release(&mut self, wire: &mut dyn UsbTransport) -> Result<()> {
        self.chip.set_bit_mode(wire, bit_mode::RESET, ADDRESS_MASK & !OUTPUTS)
    }
}

#[cfg(test)]
mod tests;
