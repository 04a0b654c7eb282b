//! All drivers of this crate, the USB ids they claim and all devices that it can emulate, in one table.

use qhal::{Driver, Error, ErrorKind, Result};

use crate::entropy::alea::{self, Alea};
use crate::entropy::bitbabbler::{self, BitBabbler};
use crate::entropy::chaoskey::{self, ChaosKey};
use crate::entropy::comscire::{self, ComScire};
use crate::entropy::entropykey::{self, EntropyKey};
use crate::entropy::hwrng::HwRng;
use crate::entropy::infnoise::{self, InfiniteNoise};
use crate::entropy::neug::{self, NeuG};
use crate::entropy::onerng::{self, OneRng};
use crate::entropy::qcicada::{self, Options as QCicadaOptions, QCicadaDriver};
use crate::entropy::quantis::{self, Quantis};
use crate::entropy::quantis_appliance::{self, QuantisAppliance};
use crate::entropy::swiftrng::{self, SwiftRng};
use crate::entropy::truerng::{self, Mode, TrueRng};
use crate::entropy::usb::{UsbDriver, UsbKind};
use crate::fault::{self, Fault, FaultName};
use crate::link::etsi004::{self, Etsi004};
use crate::link::etsi014::{self, Etsi014};
use crate::processor::aqt::{self, Aqt};
use crate::processor::iqm::{self, Iqm};
use crate::processor::machine::SharedMachine;
use crate::processor::qdmi::{self, Qdmi};
use crate::tagger::tdc1::{self, Tdc1};
use crate::transport::pty::PtyServer;
use crate::transport::{Emulator, Served};

pub use crate::transport::usb::UsbId;

/// One driver, what it claims by USB ids, and the devices of its family that can be emulated.
struct Family {
    driver: fn(&DriverOptions) -> Box<dyn Driver>,
    usb: fn() -> Vec<UsbId>,
    emulated: fn() -> Vec<EmulatedModel>,
}

/// A new driver is its folder, its `pub mod`, and its line here. The order is that in which an address without a driver's
/// name is tried: who can be asked for a name comes before who only streams.
const FAMILIES: &[Family] = &[
    Family {
        driver: |options| Box::new(QCicadaDriver::new().with_options(options.qcicada)),
        usb: Vec::new,
        emulated: qcicada::emulator::models,
    },
    Family {
        driver: |options| Box::new(EntropyKey::new().with_options(options.entropykey.clone())),
        usb: entropykey::usb_ids,
        emulated: entropykey::emulator::models,
    },
    Family {
        driver: |options| Box::new(SwiftRng::new().with_options(options.swiftrng)),
        usb: swiftrng::usb_ids,
        emulated: swiftrng::emulator::models,
    },
    Family {
        driver: |options| Box::new(OneRng::new().with_options(options.onerng)),
        usb: onerng::usb_ids,
        emulated: onerng::emulator::models,
    },
    Family {
        driver: |options| Box::new(Tdc1::new().with_options(options.tdc1)),
        // Its ids are not published.
        usb: Vec::new,
        emulated: tdc1::emulator::models,
    },
    Family {
        driver: |_| Box::new(UsbDriver::new(Quantis)),
        usb: || Quantis::IDS.to_vec(),
        emulated: quantis::emulator::models,
    },
    Family {
        driver: |_| Box::new(UsbDriver::new(ComScire)),
        usb: || ComScire::IDS.to_vec(),
        emulated: comscire::emulator::models,
    },
    Family {
        driver: |options| Box::new(UsbDriver::new(InfiniteNoise { whitening: options.infnoise })),
        usb: || InfiniteNoise::IDS.to_vec(),
        emulated: infnoise::emulator::models,
    },
    Family {
        driver: |options| Box::new(UsbDriver::new(BitBabbler { folds: options.bitbabbler })),
        usb: || BitBabbler::IDS.to_vec(),
        emulated: bitbabbler::emulator::models,
    },
    Family {
        driver: |options| Box::new(UsbDriver::new(NeuG { mode: options.neug })),
        usb: || NeuG::IDS.to_vec(),
        emulated: neug::emulator::models,
    },
    Family {
        driver: |options| Box::new(UsbDriver::new(ChaosKey { output: options.chaoskey })),
        usb: || ChaosKey::IDS.to_vec(),
        emulated: chaoskey::emulator::models,
    },
    Family {
        driver: |_| Box::new(UsbDriver::new(Alea)),
        usb: || Alea::IDS.to_vec(),
        emulated: alea::emulator::models,
    },
    Family {
        driver: |options| Box::new(TrueRng::new().with_mode(options.truerng)),
        usb: truerng::model::usb_ids,
        emulated: truerng::emulator::models,
    },
    Family {
        driver: |options| Box::new(QuantisAppliance::new(options.quantis_appliance.clone())),
        usb: Vec::new,
        emulated: quantis_appliance::emulator::models,
    },
    // Its emulator is a whole program: `qhal kme serve`.
    Family {
        driver: |options| Box::new(Etsi014::new(options.etsi014.clone())),
        usb: Vec::new,
        emulated: Vec::new,
    },
    // So is this one's: the same program.
    Family {
        driver: |options| Box::new(Etsi004::new(options.etsi004.clone())),
        usb: Vec::new,
        emulated: Vec::new,
    },
    Family {
        driver: |options| Box::new(Iqm::new(options.iqm.clone())),
        usb: Vec::new,
        emulated: iqm::emulator::models,
    },
    Family {
        driver: |options| Box::new(Aqt::new(options.aqt.clone())),
        usb: Vec::new,
        emulated: aqt::emulator::models,
    },
    // Any library that is a QDMI device is its emulator; ours is in `bindings/qdmi`.
    Family { driver: |options| Box::new(Qdmi::new(options.qdmi.clone())), usb: Vec::new, emulated: Vec::new },
    Family { driver: |_| Box::new(HwRng::new()), usb: Vec::new, emulated: Vec::new },
];

/// How the devices of each family are opened.
#[derive(Clone, Debug)]
pub struct DriverOptions {
    /// QCicada, Firefly, Dragonfly.
    pub qcicada: QCicadaOptions,
    /// Entropy Key.
    pub entropykey: entropykey::Options,
    /// OneRNG.
    pub onerng: onerng::Options,
    /// SwiftRNG.
    pub swiftrng: swiftrng::Options,
    /// TrueRNG and TrueRNGpro.
    pub truerng: Mode,
    /// What is read from a ChaosKey.
    pub chaoskey: chaoskey::Output,
    /// Whether the bits of an Infinite Noise TRNG are whitened on the host.
    pub infnoise: infnoise::Whitening,
    /// How often blocks of a BitBabbler are folded, 0 to 8.
    pub bitbabbler: u8,
    /// What a NeuG sends.
    pub neug: neug::Mode,
    /// How a Quantis Appliance is reached.
    pub quantis_appliance: quantis_appliance::Options,
    /// How a key manager is reached, and for which application at the other end.
    pub etsi014: etsi014::Options,
    /// A key manager by ETSI GS QKD 004.
    pub etsi004: etsi004::Options,
    /// How an IQM server is reached.
    pub iqm: iqm::Options,
    /// How an AQT processor is reached.
    pub aqt: aqt::Options,
    /// Which QDMI libraries there are, and how they are used.
    pub qdmi: qdmi::Options,
    /// The signals at a TDC1's inputs.
    pub tdc1: tdc1::Options,
}

impl Default for DriverOptions {
    /// Every device as it comes.
    fn default() -> Self {
        Self {
            qcicada: QCicadaOptions::default(),
            entropykey: entropykey::Options::default(),
            onerng: onerng::Options::default(),
            swiftrng: swiftrng::Options::default(),
            truerng: Mode::Normal,
            chaoskey: chaoskey::Output::default(),
            infnoise: infnoise::Whitening::default(),
            bitbabbler: 0,
            neug: neug::Mode::default(),
            quantis_appliance: quantis_appliance::Options::default(),
            etsi014: etsi014::Options::default(),
            etsi004: etsi004::Options::default(),
            iqm: iqm::Options::default(),
            aqt: aqt::Options::default(),
            qdmi: qdmi::Options::default(),
            tdc1: tdc1::Options::default(),
        }
    }
}

/// All drivers of this crate.
pub fn all(options: &DriverOptions) -> Vec<Box<dyn Driver>> {
    FAMILIES.iter().map(|family| (family.driver)(options)).collect()
}

/// All USB devices that are claimed by their ids: what udev rules and reports are made of.
pub fn usb_ids() -> Vec<UsbId> {
    FAMILIES.iter().flat_map(|family| (family.usb)()).collect()
}

/// All devices that can be emulated.
pub fn emulators() -> Vec<EmulatedModel> {
    FAMILIES.iter().flat_map(|family| (family.emulated)()).collect()
}

/// How an emulated device is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmulatorOptions {
    /// What its noise is drawn from: the same seed, the same bytes.
    pub seed: u64,
    /// Bytes a second; `None` is the rate of the real device.
    pub rate_bytes_per_s: Option<u64>,
    /// What is wrong with it: one of [`EmulatedModel::faults`], or `NAME:N` for one that shows after N bytes.
    pub fault: Option<String>,
    /// What runs the circuits of an emulated processor; without it its jobs fail.
    pub machine: Option<SharedMachine>,
}

impl EmulatorOptions {
    /// The fault, read back.
    ///
    /// # Errors
    /// `InvalidInput` when there is no such fault.
    pub(crate) fn fault<K: FaultName>(&self) -> Result<Option<Fault<K>>> {
        self.fault.as_deref().map(str::parse).transpose()
    }

    /// The rate that was asked for, or `usual`, in bytes a second.
    pub(crate) fn rate_or(&self, usual: u32) -> u32 {
        self.rate_bytes_per_s.map_or(usual, |rate| u32::try_from(rate).unwrap_or(u32::MAX))
    }
}

/// Builds the device's side of a serial line.
type BuildLine = fn(&EmulatorOptions) -> Result<Box<dyn Emulator>>;
/// Serves the device on a loopback port.
type ServeNetwork = fn(&EmulatorOptions) -> Result<Box<dyn Served>>;

/// A device that can be emulated.
#[derive(Clone, Debug)]
pub struct EmulatedModel {
    /// Its name on the command line.
    pub name: &'static str,
    /// The driver that speaks to it.
    pub driver: &'static str,
    /// The model in the vendor's words.
    pub model: String,
    /// The serial number that it tells on its wire, if it tells one.
    pub serial: Option<String>,
    /// What can be wrong with it.
    pub faults: Vec<&'static str>,
    /// Its side of a serial line, if it has one.
    pub(crate) line: Option<BuildLine>,
    /// Its own service on a network, if it has one.
    pub(crate) network: Option<ServeNetwork>,
}

impl EmulatedModel {
    /// A device on USB, which is served over USB/IP: its name here, its driver, the vendor's name for it, and the serial
    /// number of the emulated unit.
    pub(crate) fn on_usb<K: FaultName>(
        (name, driver, model, serial): (&'static str, &'static str, &str, &str),
        serve: ServeNetwork,
    ) -> Self {
        let (model, serial) = (model.to_owned(), Some(serial.to_owned()));
        Self { name, driver, model, serial, faults: fault::names::<K>(), line: None, network: Some(serve) }
    }

    fn check(&self, options: &EmulatorOptions) -> Result<()> {
        if let Some(fault) = &options.fault {
            let name = fault.split(':').next().unwrap_or_default();
            if !self.faults.contains(&name) {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!(
                        "a {} cannot have the fault '{name}': it can have {}",
                        self.model,
                        self.faults.join(", ")
                    ),
                ));
            }
        }
        match options.rate_bytes_per_s {
            Some(rate) if rate == 0 || rate > u32::MAX.into() => {
                let message =
                    format!("an emulated device cannot send {rate} bytes a second: 1 to 4294967295");
                Err(Error::new(ErrorKind::InvalidInput, message))
            }
            _ => Ok(()),
        }
    }

    /// Builds the device's side of the wire; a [`PtyServer`] or a
    /// [`MemoryTransport`](crate::transport::memory::MemoryTransport) carries it.
    ///
    /// # Errors
    /// `InvalidInput` for a fault that it cannot have, or a rate of 0 or above 4 294 967 295 bytes a second;
    /// `Unsupported` when it is on a network only.
    pub fn build(&self, options: &EmulatorOptions) -> Result<Box<dyn Emulator>> {
        self.check(options)?;
        let build = self.line.ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, format!("a {} has no serial line", self.model))
        })?;
        build(options)
    }

    /// Puts the device on a pseudo-terminal, or on a loopback port where it has a network: if `network` is asked for, or
    /// it has nothing else.
    ///
    /// # Errors
    /// `Unsupported` for a network that it does not have; those of [`build`](Self::build); the system's kinds when it
    /// gives no pseudo-terminal, port or thread.
    pub fn serve(&self, options: &EmulatorOptions, network: bool) -> Result<Box<dyn Served>> {
        self.check(options)?;
        match self.network {
            Some(serve) if network || self.line.is_none() => serve(options),
            None if network => {
                Err(Error::new(ErrorKind::Unsupported, format!("a {} has no network", self.model)))
            }
            _ => Ok(Box::new(PtyServer::serve(self.build(options)?)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use qhal::Address;

    use super::*;
    use crate::transport::LineSettings;

    #[test]
    fn drivers_have_names_of_their_own_and_keep_their_promises_about_listing() {
        let drivers = all(&DriverOptions::default());
        let names: HashSet<_> = drivers.iter().map(|driver| driver.name()).collect();
        assert_eq!(names.len(), drivers.len());
        let alien: Address = "simulated:nothing".parse().unwrap();
        for driver in &drivers {
            qhal::conformance::driver::check(driver.as_ref(), &alien).unwrap();
        }
    }

    #[test]
    fn every_emulated_device_has_a_driver_and_can_be_built_with_each_of_its_faults() {
        let names: HashSet<_> = all(&DriverOptions::default()).iter().map(|driver| driver.name()).collect();
        for model in emulators() {
            assert!(names.contains(model.driver), "{}", model.name);
            for fault in model.faults.iter().flat_map(|fault| [(*fault).to_owned(), format!("{fault}:100")]) {
                let options = EmulatorOptions { fault: Some(fault.clone()), ..EmulatorOptions::default() };
                // What has no line is served on a network.
                let built = model.line.is_none() || model.build(&options).is_ok();
                assert!(built && model.serve(&options, false).is_ok(), "{} {fault}", model.name);
            }
            for options in [
                EmulatorOptions { fault: Some("melted".to_owned()), ..EmulatorOptions::default() },
                EmulatorOptions { rate_bytes_per_s: Some(0), ..EmulatorOptions::default() },
                EmulatorOptions { rate_bytes_per_s: Some(1 << 32), ..EmulatorOptions::default() },
            ] {
                assert_eq!(
                    model.build(&options).err().unwrap().kind(),
                    ErrorKind::InvalidInput,
                    "{}",
                    model.name
                );
            }
        }
        let plain = emulators().into_iter().find(|model| model.name == "truerng").unwrap();
        assert!(!plain.faults.contains(&"voltage"));
    }

    #[test]
    fn seed_and_rate_are_handed_on() {
        let model = emulators().into_iter().find(|model| model.name == "truerng").unwrap();
        let send = |seed| {
            let options =
                EmulatorOptions { seed, rate_bytes_per_s: Some(1000), ..EmulatorOptions::default() };
            let mut device = model.build(&options).unwrap();
            device.line_changed(LineSettings { baud: 300, dtr: true }, Duration::ZERO);
            let mut sent = Vec::new();
            for millis in 1..=500 {
                device.transmit(&mut sent, 4096, Duration::from_millis(millis));
            }
            sent
        };
        assert_eq!(send(1).len(), 500);
        assert_eq!(send(1), send(1));
        assert_ne!(send(1), send(2));
    }
}
