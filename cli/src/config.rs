//! Reads `qhal.toml`; a wrong key or value is an error that names the line.

mod https;
mod link;
mod qdmi;
mod rng;
mod serve;

pub(crate) use https::{Etsi004Section, Etsi014Section, HttpsSection, IqmSection};
pub(crate) use link::LinkSection;
pub(crate) use qdmi::QdmiSection;
pub(crate) use rng::{RngSection, ToeplitzSection};
pub(crate) use serve::ServeSection;

use std::path::{Path, PathBuf};

use qhal::{Error, ErrorKind, Policy, Result};
use qhal_backends::DeviceSpec;
use qhal_backends::simulated::{Failure, NoiseModel, NoiseSettings};
use qhal_kme::{KmeSection, PairSection, PeerSection, SaeSection, Settings};
use serde::Deserialize;
use serde::de::Error as _;

use crate::args::PrecisionArg;

/// The whole file. Every key may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) rng: RngSection,
    pub(crate) serve: ServeSection,
    pub(crate) run: RunSection,
    pub(crate) qcicada: QcicadaSection,
    pub(crate) entropykey: EntropyKeySection,
    pub(crate) onerng: OneRngSection,
    pub(crate) swiftrng: SwiftRngSection,
    pub(crate) truerng: TrueRngSection,
    pub(crate) chaoskey: ChaosKeySection,
    pub(crate) neug: NeuGSection,
    pub(crate) infnoise: InfiniteNoiseSection,
    pub(crate) bitbabbler: BitBabblerSection,
    #[serde(rename = "quantis-appliance")]
    pub(crate) quantis_appliance: HttpsSection,
    pub(crate) etsi014: Etsi014Section,
    pub(crate) etsi004: Etsi004Section,
    pub(crate) iqm: IqmSection,
    pub(crate) aqt: HttpsSection,
    pub(crate) qdmi: QdmiSection,
    pub(crate) tdc1: Tdc1Section,
    pub(crate) simulated: SimulatedSection,
    /// `[kme]` and what belongs to it: a key manager.
    pub(crate) kme: Option<KmeSection>,
    #[serde(rename = "sae")]
    pub(crate) saes: Vec<SaeSection>,
    #[serde(rename = "peer")]
    pub(crate) peers: Vec<PeerSection>,
    #[serde(rename = "pair")]
    pub(crate) pairs: Vec<PairSection>,
}

impl Config {
    /// The key manager that is described, if one is.
    pub(crate) fn kme_settings(&self) -> Option<Settings> {
        self.kme.clone().map(|kme| Settings {
            kme,
            saes: self.saes.clone(),
            peers: self.peers.clone(),
            pairs: self.pairs.clone(),
        })
    }

    /// Makes relative paths relative to the folder of the file they stand in.
    fn resolve(&mut self, folder: &Path) {
        self.rng.resolve(folder);
        self.quantis_appliance.resolve(folder);
        self.etsi014.resolve(folder);
        self.etsi004.resolve(folder);
        self.iqm.resolve(folder);
        self.aqt.resolve(folder);
        self.qdmi.resolve(folder);
        self.simulated.link.resolve(folder);
        if let Some(kme) = &mut self.kme {
            for path in [&mut kme.certificate, &mut kme.key, &mut kme.ca, &mut kme.state] {
                *path = folder.join(&*path);
            }
            kme.audit = kme.audit.take().map(|path| folder.join(path));
        }
    }
}

/// `[run]`: what `qhal run` uses when the command line does not say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RunSection {
    #[serde(deserialize_with = "parsed")]
    pub(crate) device: Option<DeviceSpec>,
    #[serde(deserialize_with = "parsed")]
    pub(crate) policy: Option<Policy>,
    pub(crate) shots: Option<u64>,
    #[serde(deserialize_with = "word")]
    pub(crate) precision: Option<PrecisionArg>,
    pub(crate) threads: Option<u64>,
}

/// `[qcicada]`: how QCicada devices are opened.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QcicadaSection {
    /// `sha256`, `raw-noise` or `raw-samples`.
    pub(crate) post_processing: Option<String>,
    /// The vendor's CA key: 128 hexadecimal digits, x then y.
    pub(crate) ca_public_key: Option<String>,
}

/// `[entropykey]`: how Entropy Keys are opened.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EntropyKeySection {
    /// The keyring with the long-term keys.
    pub(crate) keyring: Option<PathBuf>,
}

/// `[onerng]`: how OneRNG devices are opened.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OneRngSection {
    /// `avalanche`, `both` or `radio`, each also with `-raw`.
    pub(crate) mode: Option<String>,
}

/// `[swiftrng]`: how SwiftRNG devices are opened.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SwiftRngSection {
    /// `random`, `noise1` or `noise2`.
    pub(crate) output: Option<String>,
    /// The power profile, 0 to 9.
    pub(crate) power: Option<u8>,
}

/// `[truerng]`: how TrueRNG devices are opened.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TrueRngSection {
    /// `normal` or `raw` (raw on the pro models only).
    pub(crate) mode: Option<String>,
}

/// `[chaoskey]`: how ChaosKeys are opened.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ChaosKeySection {
    /// `whitened` or `raw`.
    pub(crate) output: Option<String>,
}

/// `[neug]`: how NeuG devices are opened.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NeuGSection {
    /// `conditioned`, `filtered` or `raw`.
    pub(crate) mode: Option<String>,
}

/// `[infnoise]`: how Infinite Noise TRNGs are opened.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct InfiniteNoiseSection {
    /// Whether the host whitens the bits by the maker's sponge.
    pub(crate) whitening: Option<bool>,
}

/// `[bitbabbler]`: how BitBabblers are opened.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BitBabblerSection {
    /// How often every block is folded, 0 to 8.
    pub(crate) folds: Option<u8>,
}

/// `[tdc1]`: how TDC1 time taggers are opened.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tdc1Section {
    /// What their inputs expect: `nim` or `ttl`.
    pub(crate) signals: Option<String>,
}

/// `[simulated.…]`: the simulated devices.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SimulatedSection {
    pub(crate) qrng: NoiseSection,
    pub(crate) link: LinkSection,
}

/// `[simulated.qrng]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NoiseSection {
    /// `shot-noise` or `measured-qubits`.
    pub(crate) model: Option<String>,
    pub(crate) clearance: Option<f64>,
    pub(crate) bias: Option<f64>,
    pub(crate) correlation: Option<f64>,
    /// `stuck`, `dark` or `gone`.
    pub(crate) failure: Option<String>,
    pub(crate) fail_after: Option<u64>,
    pub(crate) seed: Option<u64>,
}

impl NoiseSection {
    /// The settings this section describes.
    pub(crate) fn settings(&self) -> Result<NoiseSettings> {
        let wrong =
            |text: String| Err(Error::new(ErrorKind::InvalidInput, format!("[simulated.qrng]: {text}")));
        let model = match self.model.as_deref() {
            None | Some("shot-noise") => NoiseModel::ShotNoise { clearance: self.clearance.unwrap_or(20.0) },
            Some("measured-qubits") if self.clearance.is_none() => NoiseModel::MeasuredQubits,
            Some("measured-qubits") => return wrong("measured qubits have no clearance".to_owned()),
            Some(other) => {
                return wrong(format!("'{other}' is not a model: use shot-noise or measured-qubits"));
            }
        };
        let failure = match (self.failure.as_deref(), self.fail_after) {
            (None, None) => None,
            (None, Some(_)) => {
                return wrong("fail_after says when, and failure is missing to say how".to_owned());
            }
            (Some("stuck"), after) => Some((Failure::Stuck, after.unwrap_or(0))),
            (Some("dark"), after) => Some((Failure::Dark, after.unwrap_or(0))),
            (Some("gone"), after) => Some((Failure::Gone, after.unwrap_or(0))),
            (Some(other), _) => return wrong(format!("'{other}' is not a failure: use stuck, dark or gone")),
        };
        let settings = NoiseSettings {
            model,
            bias: self.bias.unwrap_or(0.0),
            correlation: self.correlation.unwrap_or(0.0),
            failure,
            seed: self.seed,
        };
        settings.min_entropy().map_err(|error| error.context("[simulated.qrng]"))?;
        Ok(settings)
    }
}

/// Reads the file that was named, else `qhal.toml` here, else the system's; no file at all is an empty one.
///
/// # Errors
/// `NotFound` and the like for a file that was named; `InvalidInput` with line and column for wrong content.
pub(crate) fn load(named: Option<&Path>) -> Result<Config> {
    let candidates: Vec<PathBuf> = match named {
        Some(path) => vec![path.to_owned()],
        None => vec!["qhal.toml".into(), "/etc/qhal/qhal.toml".into()],
    };
    for path in candidates {
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let mut config = parse(&text, &path)?;
                config.resolve(path.parent().unwrap_or(Path::new("")));
                return Ok(config);
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound && named.is_none() => {}
            Err(cause) => {
                return Err(Error::from_io(
                    cause,
                    format!("cannot read the configuration {}", path.display()),
                ));
            }
        }
    }
    Ok(Config::default())
}

fn parse(text: &str, path: &Path) -> Result<Config> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = text.get(..at).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
        let message = error.message().trim().replace('\n', " ");
        Error::new(ErrorKind::InvalidInput, format!("{}:{line}:{column}: {message}", path.display()))
    })
}

/// A value that has a written form of its own.
fn parsed<'de, D, T>(deserializer: D) -> std::result::Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: std::str::FromStr<Err = Error>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(|error: Error| D::Error::custom(error.message()))
}

/// A list of such values.
fn list<'de, D, T>(deserializer: D) -> std::result::Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: std::str::FromStr<Err = Error>,
{
    let texts = Vec::<String>::deserialize(deserializer)?;
    let values = texts.iter().map(|text| text.parse());
    values.collect::<std::result::Result<_, Error>>().map_err(|error| D::Error::custom(error.message()))
}

/// One of the words that the command line knows.
fn word<'de, D, T>(deserializer: D) -> std::result::Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: clap::ValueEnum,
{
    let text = String::deserialize(deserializer)?;
    T::from_str(&text, false).map(Some).map_err(|_| {
        let words: Vec<String> = T::value_variants()
            .iter()
            .filter_map(|variant| variant.to_possible_value().map(|value| value.get_name().to_owned()))
            .collect();
        D::Error::custom(format!("'{text}' is not one of {}", words.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config> {
        parse(text, Path::new("qhal.toml"))
    }

    #[test]
    fn the_example_in_the_readme_reads() {
        let readme = include_str!("../../README.md");
        let example = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let config = read(example).unwrap();
        assert_eq!(config.rng.policy, Some(Policy::RequireHardware));
        assert_eq!(config.rng.output, Some(crate::args::OutputArg::Drbg));
        assert_eq!(config.rng.conditioner, Some(crate::args::ConditionerArg::Toeplitz));
        assert_eq!(config.rng.toeplitz.unwrap().input_bits, Some(8192));
        assert_eq!(config.run.precision, Some(PrecisionArg::F64));
        assert_eq!(config.simulated.qrng.settings().unwrap().failure, Some((Failure::Stuck, 100_000)));
    }

    #[test]
    fn a_wrong_key_or_value_names_its_line() {
        for (text, place, words) in [
            ("[rng]\npolcy = \"x\"\n", "qhal.toml:2:1", "unknown field `polcy`"),
            ("[rgn]\n", "qhal.toml:1:2", "unknown field `rgn`"),
            ("[rng]\npolicy = \"any\"\n", "qhal.toml:2:10", "is not a policy"),
            ("[run]\nshots = -1\n", "qhal.toml:2:9", "-1"),
            ("[run\n", "qhal.toml:1:", ""),
            ("[rng]\ndevices = [\"hwrng\", \"Big Name\"]\n", "qhal.toml:2:11", "does not name a device"),
            ("[rng]\ncombine = \"both\"\n", "qhal.toml:2:11", "redundant, additive"),
            ("[rng]\nconditioner = \"sha1\"\n", "qhal.toml:2:15", "sha256, toeplitz"),
            ("[rng.toeplitz]\nbits = 8\n", "qhal.toml:2:1", "unknown field `bits`"),
            ("[serve]\nlisten = \"[::1]:80\"\nport = 80\n", "qhal.toml:3:1", "unknown field `port`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.message().starts_with(place) && error.message().contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn impossible_simulations_are_refused() {
        for text in ["model = \"x\"", "bias = 9.0", "fail_after = 3", "failure = \"bored\""] {
            let config = read(&format!("[simulated.qrng]\n{text}\n")).unwrap();
            assert_eq!(
                config.simulated.qrng.settings().unwrap_err().kind(),
                ErrorKind::InvalidInput,
                "{text}"
            );
        }
    }
}
