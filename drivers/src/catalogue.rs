//! All drivers of this crate and all devices that it can emulate, in one table.

use qhal::{Driver, Error, ErrorKind, Result};

use crate::entropy::hwrng::HwRng;
use crate::entropy::qcicada::emulator::{self as qcicada, QCicadaEmulator};
use crate::entropy::qcicada::{Options as QCicadaOptions, QCicadaDriver};
use crate::entropy::truerng::emulator::{self as truerng, TrueRngEmulator};
use crate::entropy::truerng::{Mode, Model, TrueRng};
use crate::transport::Emulator;

/// One driver, and the devices of its family that can be emulated.
struct Family {
    driver: fn(&DriverOptions) -> Box<dyn Driver>,
    emulated: fn() -> Vec<EmulatedModel>,
}

/// A new driver is its folder, its `pub mod`, and its line here. The order is that in which an address without a driver's
/// name is tried: who can be asked for a name comes before who only streams.
const FAMILIES: [Family; 3] = [
    Family {
        driver: |options| Box::new(QCicadaDriver::new().with_options(options.qcicada)),
        emulated: qcicadas,
    },
    Family { driver: |options| Box::new(TrueRng::new().with_mode(options.truerng)), emulated: truerngs },
    Family { driver: |_| Box::new(HwRng::new()), emulated: Vec::new },
];

/// How the devices of each family are opened.
#[derive(Clone, Copy, Debug)]
pub struct DriverOptions {
    /// QCicada, Firefly, Dragonfly.
    pub qcicada: QCicadaOptions,
    /// TrueRNG and TrueRNGpro.
    pub truerng: Mode,
}

impl Default for DriverOptions {
    /// Every device as it comes.
    fn default() -> Self {
        Self { qcicada: QCicadaOptions::default(), truerng: Mode::Normal }
    }
}

/// All drivers of this crate.
pub fn all(options: &DriverOptions) -> Vec<Box<dyn Driver>> {
    FAMILIES.iter().map(|family| (family.driver)(options)).collect()
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
}

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
    build: Build,
}

/// The emulators to choose from, with what tells models of one family apart.
#[derive(Clone, Copy, Debug)]
enum Build {
    QCicada,
    TrueRng(Model),
}

impl EmulatedModel {
    /// Checks the fault, and gives the rate.
    fn check(&self, options: &EmulatorOptions) -> Result<Option<u32>> {
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
            None => Ok(None),
            Some(rate) => u32::try_from(rate).ok().filter(|rate| *rate > 0).map(Some).ok_or_else(|| {
                let message =
                    format!("an emulated device cannot send {rate} bytes a second: 1 to 4294967295");
                Error::new(ErrorKind::InvalidInput, message)
            }),
        }
    }

    /// Builds the device's side of a network, where the model has one.
    ///
    /// # Errors
    /// `Unsupported` where it has none; else those of [`build`](Self::build).
    pub fn build_networked(&self, options: &EmulatorOptions) -> Result<QCicadaEmulator> {
        let rate = self.check(options)?;
        match self.build {
            Build::QCicada => self.qcicada(options, rate),
            Build::TrueRng(_) => {
                Err(Error::new(ErrorKind::Unsupported, format!("a {} has no network", self.model)))
            }
        }
    }

    fn qcicada(&self, options: &EmulatorOptions, rate: Option<u32>) -> Result<QCicadaEmulator> {
        let mut settings = qcicada::Settings { seed: options.seed, ..qcicada::Settings::default() };
        settings.rate = rate.unwrap_or(settings.rate);
        settings.fault = options.fault.as_deref().map(str::parse).transpose()?;
        QCicadaEmulator::new(settings)
    }

    /// Builds the device's side of the wire; a [`PtyServer`](crate::transport::pty::PtyServer) or a
    /// [`MemoryTransport`](crate::transport::memory::MemoryTransport) carries it.
    ///
    /// # Errors
    /// `InvalidInput` for a fault that it cannot have, or a rate of 0 or above 4 294 967 295 bytes a second.
    pub fn build(&self, options: &EmulatorOptions) -> Result<Box<dyn Emulator>> {
        let rate = self.check(options)?;
        match self.build {
            Build::QCicada => Ok(Box::new(self.qcicada(options, rate)?)),
            Build::TrueRng(model) => {
                let mut emulator = TrueRngEmulator::new(model, options.seed);
                if let Some(rate) = rate {
                    emulator = emulator.with_rate(rate.into());
                }
                if let Some(fault) = &options.fault {
                    emulator = emulator.with_fault_named(fault)?;
                }
                Ok(Box::new(emulator))
            }
        }
    }
}

fn qcicadas() -> Vec<EmulatedModel> {
    let settings = qcicada::Settings::default();
    vec![EmulatedModel {
        name: "qcicada",
        driver: "qcicada",
        model: settings.hardware,
        serial: Some(settings.serial),
        faults: qcicada::FaultKind::ALL.into_iter().map(qcicada::FaultKind::as_str).collect(),
        build: Build::QCicada,
    }]
}

fn truerngs() -> Vec<EmulatedModel> {
    let faults = |model| truerng::FaultKind::ALL.into_iter().filter(move |fault| fault.is_on(model));
    [("truerng", Model::TrueRng), ("truerngpro", Model::ProV1), ("truerngpro-v2", Model::ProV2)]
        .into_iter()
        .map(|(name, model)| EmulatedModel {
            name,
            driver: "truerng",
            model: model.to_string(),
            // A pro tells its serial number on USB only.
            serial: None,
            faults: faults(model).map(truerng::FaultKind::as_str).collect(),
            build: Build::TrueRng(model),
        })
        .collect()
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
        let alien: Address = "library:/nowhere/lib.so#X".parse().unwrap();
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
                assert!(model.build(&options).is_ok(), "{} {fault}", model.name);
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
