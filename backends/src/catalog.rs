//! The drivers of this build with their settings, and what is known of ports and USB ids without them.

use std::path::{Path, PathBuf};

use qhal::{Address, Descriptor, Error, ErrorKind, Result};
use qhal_drivers::DriverOptions;
use qhal_drivers::entropy::chaoskey;
use qhal_drivers::entropy::entropykey;
use qhal_drivers::entropy::infnoise;
use qhal_drivers::entropy::neug;
use qhal_drivers::entropy::onerng;
use qhal_drivers::entropy::qcicada;
use qhal_drivers::entropy::qcicada::protocol::PostProcess;
use qhal_drivers::entropy::qcicada::signature::PublicKey;
use qhal_drivers::entropy::quantis_appliance;
use qhal_drivers::entropy::swiftrng;
use qhal_drivers::entropy::truerng::Mode;
use qhal_drivers::link::{etsi004, etsi014};
use qhal_drivers::processor::{aqt, iqm};
use qhal_drivers::tagger::tdc1;
use qhal_drivers::transport::ports::System;

use crate::https::HttpsWords;
use crate::qdmi::QdmiWords;
use crate::registry::Registry;
use crate::simulated::{EndSettings, NoiseSettings, ProcessorSettings, SimulatedDriver};

/// How the devices of a run are opened.
#[derive(Clone, Debug)]
pub struct Options {
    noise: NoiseSettings,
    processor: ProcessorSettings,
    link: Option<EndSettings>,
    drivers: DriverOptions,
    authority: Option<PublicKey>,
    signed: bool,
}

/// How drivers open their devices, in the words of the configuration file; what is `None` stays as the driver has it.
#[derive(Clone, Debug, Default)]
pub struct DriverWords {
    /// `sha256`, `raw-noise` or `raw-samples`.
    pub qcicada_post_processing: Option<String>,
    /// 128 hexadecimal digits, x then y.
    pub qcicada_ca_public_key: Option<String>,
    /// The file with the long-term keys of Entropy Keys.
    pub entropykey_keyring: Option<PathBuf>,
    /// `avalanche`, `both` or `radio`, each also with `-raw`.
    pub onerng_mode: Option<String>,
    /// `random`, `noise1` or `noise2`.
    pub swiftrng_output: Option<String>,
    /// The power profile, 0 to 9.
    pub swiftrng_power: Option<u8>,
    /// `normal` or `raw`.
    pub truerng_mode: Option<String>,
    /// `whitened` or `raw`.
    pub chaoskey_output: Option<String>,
    /// `conditioned`, `filtered` or `raw`.
    pub neug_mode: Option<String>,
    /// Whether the bits of an Infinite Noise TRNG are whitened on the host.
    pub infnoise_whitening: Option<bool>,
    /// How often blocks of a BitBabbler are folded, 0 to 8.
    pub bitbabbler_folds: Option<u8>,
    /// How a Quantis Appliance is reached.
    pub quantis_appliance: HttpsWords,
    /// How a key manager by ETSI GS QKD 014 is reached.
    pub etsi014: HttpsWords,
    /// The application at the other end, as key managers call it.
    pub etsi014_peer: Option<String>,
    /// How a key manager by ETSI GS QKD 004 is reached.
    pub etsi004: HttpsWords,
    /// The stream, our URI and that of the application at the other end.
    pub etsi004_stream: [Option<String>; 3],
    /// The length of its chunks in bits.
    pub etsi004_chunk_bits: Option<u32>,
    /// How an IQM server is reached.
    pub iqm: HttpsWords,
    /// Which of its machines is meant.
    pub iqm_quantum_computer: Option<String>,
    /// How an AQT processor is reached.
    pub aqt: HttpsWords,
    /// Which QDMI libraries there are, and how they are used.
    pub qdmi: QdmiWords,
    /// `nim` or `ttl`.
    pub tdc1_signals: Option<String>,
}

impl Options {
    /// Settings of the simulated devices, and those of the drivers.
    ///
    /// # Errors
    /// `InvalidInput` for a word or key that is none.
    pub fn new(noise: NoiseSettings, processor: ProcessorSettings, words: &DriverWords) -> Result<Self> {
        let wrong = |key: &str, text: &str, words: &str| {
            Err(Error::new(ErrorKind::InvalidInput, format!("{key} = \"{text}\": it is {words}")))
        };
        let post_process = match words.qcicada_post_processing.as_deref() {
            None => None,
            Some("sha256") => Some(PostProcess::Sha256),
            Some("raw-noise") => Some(PostProcess::RawNoise),
            Some("raw-samples") => Some(PostProcess::RawSamples),
            Some(text) => return wrong("qcicada.post_processing", text, "sha256, raw-noise or raw-samples"),
        };
        let authority = match words.qcicada_ca_public_key.as_deref() {
            None => None,
            Some(text) => match hex_64(text) {
                Some(bytes) => {
                    Some(PublicKey::new(&bytes).map_err(|error| error.context("qcicada.ca_public_key"))?)
                }
                None => return wrong("qcicada.ca_public_key", text, "128 hexadecimal digits, x then y"),
            },
        };
        let truerng = match words.truerng_mode.as_deref() {
            None | Some("normal") => Mode::Normal,
            Some("raw") => Mode::Raw,
            Some(text) => return wrong("truerng.mode", text, "normal or raw"),
        };
        let qcicada = qcicada::Options { post_process, ..qcicada::Options::default() };
        let entropykey = entropykey::Options { keyring: words.entropykey_keyring.clone() };
        let mode = words.onerng_mode.as_deref().map(str::parse).transpose();
        let mode = mode.map_err(|error: Error| error.context("onerng.mode"))?;
        let onerng = mode.map(|mode| onerng::Options { mode }).unwrap_or_default();
        let output = words.swiftrng_output.as_deref().map(str::parse).transpose();
        let swiftrng = swiftrng::Options {
            output: output.map_err(|error: Error| error.context("swiftrng.output"))?.unwrap_or_default(),
            power: words.swiftrng_power,
        };
        let chaoskey = match words.chaoskey_output.as_deref() {
            None | Some("whitened") => chaoskey::Output::Whitened,
            Some("raw") => chaoskey::Output::Raw,
            Some(text) => return wrong("chaoskey.output", text, "whitened or raw"),
        };
        let neug = match words.neug_mode.as_deref() {
            None => neug::Mode::default(),
            Some(text) => match neug::Mode::ALL.into_iter().find(|mode| mode.as_str() == text) {
                Some(mode) => mode,
                None => return wrong("neug.mode", text, "conditioned, filtered or raw"),
            },
        };
        let infnoise = match words.infnoise_whitening {
            Some(true) => infnoise::Whitening::Keccak,
            None | Some(false) => infnoise::Whitening::Off,
        };
        let bitbabbler = match words.bitbabbler_folds.unwrap_or(0) {
            folds @ 0..=8 => folds,
            folds => return wrong("bitbabbler.folds", &folds.to_string(), "a number from 0 to 8"),
        };
        let level = words.tdc1_signals.as_deref().map(str::parse).transpose();
        let level = level.map_err(|error: Error| error.context("tdc1.signals"))?;
        let tdc1 = level.map(|level| tdc1::Options { level }).unwrap_or_default();
        let drivers = DriverOptions {
            qcicada,
            entropykey,
            onerng,
            swiftrng,
            truerng,
            chaoskey,
            infnoise,
            bitbabbler,
            neug,
            quantis_appliance: quantis_appliance::Options {
                https: words.quantis_appliance.settings(quantis_appliance::NAME)?,
            },
            etsi014: etsi014::Options {
                https: words.etsi014.settings(etsi014::NAME)?,
                peer: words.etsi014_peer.clone(),
            },
            etsi004: stream_options(words)?,
            iqm: iqm::Options {
                https: words.iqm.settings(iqm::NAME)?,
                quantum_computer: words.iqm_quantum_computer.clone(),
            },
            aqt: aqt::Options { https: words.aqt.settings(aqt::NAME)? },
            qdmi: words.qdmi.options()?,
            tdc1,
        };
        Ok(Self { noise, processor, link: None, drivers, authority, signed: false })
    }

    /// Also with this end of a simulated link.
    #[must_use]
    pub fn with_link(self, link: Option<EndSettings>) -> Self {
        Self { link, ..self }
    }

    /// Accepts bytes from devices that can sign only with a signature that leads to the configured authority.
    ///
    /// # Errors
    /// `InvalidInput` when no authority is configured.
    pub fn read_signed(&mut self) -> Result<()> {
        if self.authority.is_none() {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "a signature can only be verified against the maker's key: set ca_public_key under [qcicada] in qhal.toml",
            ));
        }
        self.signed = true;
        Ok(())
    }
}

fn stream_options(words: &DriverWords) -> Result<etsi004::Options> {
    let [stream, source, destination] = words.etsi004_stream.clone();
    let stream = stream.map(|text| text.parse()).transpose();
    Ok(etsi004::Options {
        tls: words.etsi004.settings(etsi004::NAME)?,
        stream: stream.map_err(|error: Error| error.context("etsi004.stream"))?,
        source,
        destination,
        chunk_bits: words.etsi004_chunk_bits,
    })
}

/// All drivers of this build: those of real devices first, then the simulation.
pub fn registry(options: &Options) -> Registry {
    let mut of_devices = options.drivers.clone();
    of_devices.qcicada.signed_by = options.authority.filter(|_| options.signed);
    let mut drivers = qhal_drivers::all(&of_devices);
    let simulated = SimulatedDriver::new(options.noise.clone(), options.processor.clone());
    drivers.push(Box::new(simulated.with_link(options.link.clone())));
    Registry::new(drivers)
}

/// A serial port that no driver claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnclaimedPort {
    /// Where it is.
    pub address: Address,
    /// What the operating system says about it.
    pub evidence: String,
    /// Why no driver claims it, and how it can be used all the same.
    pub why: String,
}

/// The serial ports of this machine that are not among `devices`.
pub fn unclaimed_ports(devices: &[Descriptor]) -> Vec<UnclaimedPort> {
    let ports = System::default().ports().unwrap_or_default();
    ports
        .into_iter()
        .filter_map(|port| {
            let address = Address::Serial { path: port.path.clone() };
            if devices.iter().any(|device| device.address == address) {
                return None;
            }
            let strings = port.usb().map(|usb| {
                let words = [usb.manufacturer.as_deref(), usb.product_name.as_deref(), usb.serial.as_deref()];
                words.into_iter().flatten().collect::<Vec<_>>().join(" ")
            });
            let evidence = match strings {
                Some(words) if !words.is_empty() => format!("{} \"{words}\"", port.backing.provenance().1),
                _ => port.backing.provenance().1,
            };
            let node = Path::new(&port.path).display();
            let why = format!("nothing says what it is; if you know, use DRIVER@serial:{node}");
            Some(UnclaimedPort { address, evidence, why })
        })
        .collect()
}

/// 64 bytes from 128 hexadecimal digits.
fn hex_64(text: &str) -> Option<[u8; 64]> {
    let digits: Vec<u8> = text
        .trim()
        .chars()
        .map(|digit| digit.to_digit(16).map(|value| value as u8))
        .collect::<Option<_>>()?;
    let mut bytes = [0; 64];
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(post: Option<&str>, key: Option<&str>, mode: Option<&str>) -> Result<Options> {
        let words = DriverWords {
            qcicada_post_processing: post.map(str::to_owned),
            qcicada_ca_public_key: key.map(str::to_owned),
            truerng_mode: mode.map(str::to_owned),
            ..DriverWords::default()
        };
        Options::new(NoiseSettings::default(), ProcessorSettings::default(), &words)
    }

    #[test]
    fn every_driver_has_a_name_of_its_own() {
        let registry = registry(&options(None, None, None).unwrap());
        let mut names: Vec<&str> = registry.drivers().collect();
        assert!(names.iter().all(|name| !Address::SCHEMES.contains(name)), "{names:?}");
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "a name is used twice: {names:?}");
        for ours in ["entropykey", "hwrng", "qcicada", "quantis", "simulator"] {
            assert!(names.contains(&ours), "{names:?}");
        }
    }

    #[test]
    fn wrong_words_and_keys_are_refused() {
        // The generator point of P-256 is on the curve (SP 800-186 §3.2.1.3); with its last digit changed it is not.
        let generator = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                         4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
        assert!(options(Some("raw-noise"), Some(generator), Some("raw")).is_ok());
        let off_curve = generator.replace("51f5", "51f6");
        for (post, key, mode) in [
            (Some("raw"), None, None),
            (None, Some("12"), None),
            (None, Some(off_curve.as_str()), None),
            (None, None, Some("loud")),
        ] {
            assert_eq!(options(post, key, mode).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        assert!(options(None, None, None).unwrap().read_signed().is_err());
    }
}
