//! What every command starts from: the configuration, and the registry of devices it describes.

use qhal::{Policy, Result};
use qhal_backends::simulated::ProcessorSettings;
use qhal_backends::{DriverWords, Options, Registry, catalog};

use crate::args::{EngineArgs, Global, PrecisionArg};
use crate::config::{self, Config};

/// What kinds of device are used under which policy when nobody says.
pub(crate) const RNG_POLICY: Policy = Policy::RequireHardware;
pub(crate) const LINK_POLICY: Policy = Policy::RequireHardware;
pub(crate) const RUN_POLICY: Policy = Policy::PreferHardware;
pub(crate) const TAGS_POLICY: Policy = Policy::RequireHardware;

/// The configuration with the flags that every command has.
pub(crate) struct Context {
    pub(crate) json: bool,
    pub(crate) config: Config,
}

impl Context {
    pub(crate) fn new(global: &Global) -> Result<Self> {
        Ok(Self { json: global.json, config: config::load(global.config.as_deref())? })
    }

    /// The settings of the simulated processor: command line, then configuration, then this machine's.
    pub(crate) fn processor(&self, engine: Option<EngineArgs>) -> ProcessorSettings {
        let mut settings = ProcessorSettings::default();
        if let Some(precision) = engine.and_then(|engine| engine.precision).or(self.config.run.precision) {
            settings.precision = match precision {
                PrecisionArg::F32 => qhal_backends::simulated::Precision::F32,
                PrecisionArg::F64 => qhal_backends::simulated::Precision::F64,
            };
        }
        if let Some(threads) = engine.and_then(|engine| engine.threads).or(self.config.run.threads) {
            settings.threads = usize::try_from(threads).unwrap_or(usize::MAX).clamp(1, 1024);
        }
        settings
    }

    /// The drivers' settings.
    pub(crate) fn options(&self, engine: Option<EngineArgs>) -> Result<Options> {
        self.options_with(engine, &self.words())
    }

    /// The drivers' settings in the words of the configuration.
    fn words(&self) -> DriverWords {
        let config = &self.config;
        DriverWords {
            qcicada_post_processing: config.qcicada.post_processing.clone(),
            qcicada_ca_public_key: config.qcicada.ca_public_key.clone(),
            entropykey_keyring: config.entropykey.keyring.clone(),
            onerng_mode: config.onerng.mode.clone(),
            swiftrng_output: config.swiftrng.output.clone(),
            swiftrng_power: config.swiftrng.power,
            truerng_mode: config.truerng.mode.clone(),
            chaoskey_output: config.chaoskey.output.clone(),
            neug_mode: config.neug.mode.clone(),
            infnoise_whitening: config.infnoise.whitening,
            bitbabbler_folds: config.bitbabbler.folds,
            quantis_appliance: config.quantis_appliance.words(),
            etsi014: config.etsi014.words(),
            etsi014_peer: config.etsi014.peer.clone(),
            etsi004: config.etsi004.words(),
            etsi004_stream: [&config.etsi004.stream, &config.etsi004.source, &config.etsi004.destination]
                .map(Clone::clone),
            etsi004_chunk_bits: config.etsi004.chunk_bits,
            iqm: config.iqm.words(),
            iqm_quantum_computer: config.iqm.quantum_computer.clone(),
            aqt: config.aqt.words(),
            qdmi: config.qdmi.words(),
            tdc1_signals: config.tdc1.signals.clone(),
        }
    }

    /// The drivers' settings for looking at noise: devices that can do without their own conditioning do, unless the
    /// configuration says otherwise.
    pub(crate) fn options_for_raw_samples(&self) -> Result<Options> {
        let mut words = self.words();
        words.qcicada_post_processing.get_or_insert_with(|| "raw-noise".to_owned());
        words.chaoskey_output.get_or_insert_with(|| "raw".to_owned());
        words.neug_mode.get_or_insert_with(|| "raw".to_owned());
        self.options_with(None, &words)
    }

    fn options_with(&self, engine: Option<EngineArgs>, words: &DriverWords) -> Result<Options> {
        let simulated = &self.config.simulated;
        let options = Options::new(simulated.qrng.settings()?, self.processor(engine), words)?;
        Ok(options.with_link(simulated.link.settings()?))
    }

    /// All drivers of this build.
    pub(crate) fn registry(&self) -> Result<Registry> {
        Ok(catalog::registry(&self.options(None)?))
    }
}
