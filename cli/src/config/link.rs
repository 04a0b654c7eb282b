//! `[simulated.link]`: one end of a simulated link, whose other end another process has.

use std::path::{Path, PathBuf};

use qhal::{Error, ErrorKind, Result};
use qhal_backends::link::LOCAL_LIMIT;
use qhal_backends::simulated::{
    EndSettings, LinkProtocol, LinkSettings, Role, attack, operating_system_seed,
};
use serde::Deserialize;

/// What both ends say alike (`distance_km`), and what is of one end.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LinkSection {
    /// `transmitter` or `receiver`.
    end: Option<String>,
    /// Where the transmitter listens and the receiver connects to: `HOST:PORT`.
    address: Option<String>,
    /// A file whose only line both ends share.
    secret_file: Option<PathBuf>,
    /// Length of the fibre.
    distance_km: Option<f64>,
    /// What somebody does to it; at the transmitter.
    attack: Option<String>,
    /// Share of the photons that intercept-resend takes.
    fraction: Option<f64>,
    /// Makes this end's photons repeatable.
    seed: Option<u64>,
}

impl LinkSection {
    /// The end that is described, if one is.
    ///
    /// # Errors
    /// `InvalidInput` for what is missing or wrong.
    pub(crate) fn settings(&self) -> Result<Option<EndSettings>> {
        let wrong = |text: String| Error::new(ErrorKind::InvalidInput, format!("[simulated.link]: {text}"));
        let role = match self.end.as_deref() {
            None if self.address.is_none() && self.secret_file.is_none() => return Ok(None),
            Some("transmitter") => Role::Alice,
            Some("receiver") => Role::Bob,
            None => return Err(wrong("end is missing: transmitter or receiver".to_owned())),
            Some(other) => {
                return Err(wrong(format!("'{other}' is no end of a link: use transmitter or receiver")));
            }
        };
        if role == Role::Bob && self.attack.is_some() {
            return Err(wrong("what happens on the fibre is computed by the transmitter".to_owned()));
        }
        let missing = |what: &str| wrong(format!("{what} is missing"));
        let attack = self.attack.as_deref().map(|name| attack(name, self.fraction.unwrap_or(1.0)));
        let attack = attack.transpose().map_err(|error| error.context("[simulated.link]"))?;
        Ok(Some(EndSettings {
            role,
            address: self.address.clone().ok_or_else(|| missing("address"))?,
            secret_file: self.secret_file.clone().ok_or_else(|| missing("secret_file"))?,
            link: LinkSettings {
                protocol: LinkProtocol::Bb84Decoy,
                distance_km: self.distance_km.unwrap_or(25.0),
                seconds: 0.0,
                chsh_limit: LOCAL_LIMIT,
                attack,
                seed: self.seed.map_or_else(operating_system_seed, Ok)?,
            },
        }))
    }

    /// Makes a relative path relative to the folder of the file it stands in.
    pub(crate) fn resolve(&mut self, folder: &Path) {
        self.secret_file = self.secret_file.take().map(|path| folder.join(path));
    }
}
