//! `[qdmi]`: other makers' device libraries.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use qhal_backends::{QdmiDeviceWords, QdmiWords};
use serde::Deserialize;

/// Where manifests are, and how libraries are used.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QdmiSection {
    /// Manifests `*.qdmi.json`, or folders with some.
    manifests: Vec<PathBuf>,
    /// How long a function of a library may take, in seconds.
    time_limit_s: Option<u64>,
    /// After how many seconds a job is given up.
    job_limit_s: Option<u64>,
    /// `[qdmi.device."ID"]`: one device.
    device: BTreeMap<String, QdmiDeviceSection>,
}

/// What is said of one device beside its manifest.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct QdmiDeviceSection {
    /// It gives states and probabilities.
    states: Option<bool>,
    /// A file with the token of the session.
    token_file: Option<PathBuf>,
    /// The variable of the environment with it.
    token_variable: Option<String>,
    /// A file with the password of the session.
    password_file: Option<PathBuf>,
    /// The variable of the environment with it.
    password_variable: Option<String>,
}

impl QdmiSection {
    /// The same for the drivers. Libraries run in a process of this command.
    pub(crate) fn words(&self) -> QdmiWords {
        let own = std::env::current_exe().ok();
        let devices = self.device.iter().map(|(name, said)| {
            let words = QdmiDeviceWords {
                states: said.states,
                token_file: said.token_file.clone(),
                token_variable: said.token_variable.clone(),
                password_file: said.password_file.clone(),
                password_variable: said.password_variable.clone(),
            };
            (name.clone(), words)
        });
        QdmiWords {
            manifests: self.manifests.clone(),
            worker: own.map(|own| vec![own.into_os_string(), "qdmi-worker".into()]).unwrap_or_default(),
            time_limit_s: self.time_limit_s,
            job_limit_s: self.job_limit_s,
            devices: devices.collect(),
        }
    }

    /// Makes relative paths relative to the folder of the file they stand in.
    pub(crate) fn resolve(&mut self, folder: &Path) {
        for path in &mut self.manifests {
            *path = folder.join(&*path);
        }
        for said in self.device.values_mut() {
            for path in [&mut said.token_file, &mut said.password_file] {
                *path = path.take().map(|path| folder.join(path));
            }
        }
    }
}
