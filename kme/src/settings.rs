//! What a key manager is told: who it is, whose keys it keeps, who may share keys with whom.

use std::collections::HashSet;
use std::path::PathBuf;

use qhal::{Error, ErrorKind, Result};
use serde::Deserialize;

/// The longest identifier of a KME or an SAE, in bytes.
const LONGEST_ID: usize = 255;

/// The whole of it. Paths are relative to the file they were read from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// This key manager.
    pub kme: KmeSection,
    /// Applications, of this site and of others.
    #[serde(default, rename = "sae")]
    pub saes: Vec<SaeSection>,
    /// Key managers of other sites.
    #[serde(default, rename = "peer")]
    pub peers: Vec<PeerSection>,
    /// Who may share keys; without any pair, everybody with everybody.
    #[serde(default, rename = "pair")]
    pub pairs: Vec<PairSection>,
}

/// `[kme]`: this key manager.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KmeSection {
    /// Its name; the common name of its certificate.
    pub id: String,
    /// Where it listens: `address:port`.
    pub listen: String,
    /// Where it serves key streams (ETSI GS QKD 004): `address:port`; nowhere if left out.
    #[serde(default)]
    pub streams: Option<String>,
    /// What OPEN_CONNECT answers while the other application is not there yet: 1 as the standard says, or 0 for clients
    /// that take any other number for a failure.
    #[serde(default)]
    pub streams_alone: Alone,
    /// Its certificate chain, PEM.
    pub certificate: PathBuf,
    /// The certificate's private key, PEM.
    pub key: PathBuf,
    /// The authority that certifies applications and key managers, PEM.
    pub ca: PathBuf,
    /// What must outlive the process (never a key).
    pub state: PathBuf,
    /// Where what is given and refused is put on record, one JSON object a line; nowhere if left out.
    #[serde(default)]
    pub audit: Option<PathBuf>,
    /// Length of a key when none is asked for, in bits: a multiple of 8.
    #[serde(default = "usual::key_bits")]
    pub key_bits: u32,
    /// Shortest key, in bits: a multiple of 8.
    #[serde(default = "usual::min_key_bits")]
    pub min_key_bits: u32,
    /// Longest key, in bits: a multiple of 8.
    #[serde(default = "usual::max_key_bits")]
    pub max_key_bits: u32,
    /// Keys of the usual length that are kept for each other key manager.
    #[serde(default = "usual::max_keys")]
    pub max_keys: u64,
    /// Keys in one request.
    #[serde(default = "usual::max_keys_per_request")]
    pub max_keys_per_request: u32,
    /// Slaves that a master may name beside the first.
    #[serde(default = "usual::max_additional_slaves")]
    pub max_additional_slaves: u32,
    /// Seconds for which a key waits for its slave.
    #[serde(default = "usual::key_lifetime_s")]
    pub key_lifetime_s: u64,
    /// Where keys come from when both applications are at this site.
    #[serde(default)]
    pub supply: SupplyKind,
    /// Who may read the node's model of ETSI GS QKD 015: common names of certificates.
    #[serde(default)]
    pub controllers: Vec<String>,
    /// Which sources of keys and of randomness are acceptable: `require-hardware`, `prefer-hardware` or `simulator-only`.
    #[serde(default)]
    pub policy: Option<String>,
    /// Which generator makes keys of the supply `relay`: an id, a driver or an address.
    #[serde(default)]
    pub random: Option<String>,
}

/// `[[sae]]`: an application.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaeSection {
    /// Its name; the common name of its certificate, unless `serial` says otherwise.
    pub id: String,
    /// The key manager of its site; this one if left out.
    pub kme: Option<String>,
    /// Serial number of its certificate, hexadecimal: then this and not the common name tells who it is.
    pub serial: Option<String>,
    /// URIs by which it is called in key streams, beside those whose user or host is its name.
    #[serde(default)]
    pub uris: Vec<String>,
    /// Keys it may take a second, as a master and as a slave; without it, as many as there are.
    pub keys_per_second: Option<u32>,
}

/// `[[peer]]`: the key manager of another site.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerSection {
    /// Its name; the common name of its certificate.
    pub id: String,
    /// Where it listens: `address:port`.
    pub address: String,
    /// The name or address in its certificate; the host of `address` if left out.
    pub server_name: Option<String>,
    /// Where keys for its applications come from.
    #[serde(default)]
    pub supply: SupplyKind,
    /// The device of the supply `link`: an id, a driver or an address.
    pub link: Option<String>,
}

/// `[[pair]]`: a master that may ask for keys, and the slave they are for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairSection {
    /// The application that asks first.
    pub master: String,
    /// The application that fetches.
    pub slave: String,
}

/// Where keys come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SupplyKind {
    /// From nowhere: this end only gives what the other end's masters asked for.
    None,
    /// Made by a generator here and sent to the other key manager over TLS: no quantum link is involved, and every
    /// status says so.
    #[default]
    Relay,
    /// From a key-distribution link that has an end at either key manager.
    Link,
}

/// What an application is told that has opened a key stream alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alone {
    /// Status 1, "peer not connected": what ETSI GS QKD 004 V2.1.1 §6 has for it.
    #[default]
    PeerAbsent,
    /// Status 0, "success".
    Success,
}

mod usual {
    pub(super) fn key_bits() -> u32 {
        256
    }
    pub(super) fn min_key_bits() -> u32 {
        64
    }
    pub(super) fn max_key_bits() -> u32 {
        8192
    }
    pub(super) fn max_keys() -> u64 {
        100_000
    }
    pub(super) fn max_keys_per_request() -> u32 {
        128
    }
    pub(super) fn max_additional_slaves() -> u32 {
        8
    }
    pub(super) fn key_lifetime_s() -> u64 {
        3600
    }
}

impl Settings {
    /// Checks what can be checked without opening anything.
    ///
    /// # Errors
    /// `InvalidInput` with the first setting that is wrong.
    pub fn check(&self) -> Result<()> {
        let wrong = |why: String| Err(Error::new(ErrorKind::InvalidInput, why));
        let kme = &self.kme;
        let bits = [kme.min_key_bits, kme.key_bits, kme.max_key_bits];
        if bits.iter().any(|bits| *bits == 0 || !bits.is_multiple_of(8))
            || !bits.is_sorted()
            || bits[2] > 1 << 20
        {
            return wrong(format!(
                "[kme]: min_key_bits ≤ key_bits ≤ max_key_bits must be multiples of 8 from 8 to 1048576, not {bits:?}"
            ));
        }
        if !(1..=10_000_000).contains(&kme.max_keys) {
            return wrong(format!("[kme]: max_keys is from 1 to 10000000, not {}", kme.max_keys));
        }
        if !(1..=10_000).contains(&kme.max_keys_per_request) || kme.max_additional_slaves > 100 {
            return wrong(
                "[kme]: at most 10000 max_keys_per_request and 100 max_additional_slaves".to_owned(),
            );
        }
        if !(1..=31_536_000).contains(&kme.key_lifetime_s) {
            return wrong("[kme]: key_lifetime_s is from 1 to 31536000 (a year)".to_owned());
        }
        let mut kmes = HashSet::new();
        for id in std::iter::once(&kme.id).chain(self.peers.iter().map(|peer| &peer.id)) {
            check_id("a key manager", id)?;
            if !kmes.insert(id.as_str()) {
                return wrong(format!("the key manager '{id}' is named twice"));
            }
        }
        for controller in &kme.controllers {
            check_id("a controller", controller)?;
        }
        let mut saes = HashSet::new();
        let mut serials = HashSet::new();
        let mut uris = HashSet::new();
        for sae in &self.saes {
            check_id("an application", &sae.id)?;
            if !saes.insert(sae.id.as_str()) {
                return wrong(format!("the application '{}' is named twice", sae.id));
            }
            let kme = sae.kme.as_ref().unwrap_or(&kme.id);
            if !kmes.contains(kme.as_str()) {
                return wrong(format!("[[sae]] {}: there is no key manager '{kme}'", sae.id));
            }
            if sae.serial.as_ref().is_some_and(|serial| {
                !serial.bytes().all(|digit| digit.is_ascii_hexdigit())
                    || !serials.insert(serial.to_lowercase())
            }) {
                return wrong(format!("[[sae]] {}: serial is hexadecimal, and nobody else's", sae.id));
            }
            if let Some(uri) = sae.uris.iter().find(|uri| uri.is_empty() || !uris.insert(uri.as_str())) {
                return wrong(format!("[[sae]] {}: the URI '{uri}' is somebody else's, or none", sae.id));
            }
        }
        for pair in &self.pairs {
            for id in [&pair.master, &pair.slave] {
                if !saes.contains(id.as_str()) {
                    return wrong(format!("[[pair]]: there is no application '{id}'"));
                }
            }
        }
        for peer in &self.peers {
            if (peer.supply == SupplyKind::Link) != peer.link.is_some() {
                return wrong(format!(
                    "[[peer]] {}: `link` names the device of `supply = \"link\"`",
                    peer.id
                ));
            }
        }
        if kme.supply == SupplyKind::Link {
            return wrong("[kme]: a link needs two sites; supply is \"relay\" or \"none\"".to_owned());
        }
        Ok(())
    }
}

fn check_id(what: &str, id: &str) -> Result<()> {
    if id.trim().is_empty() || id.len() > LONGEST_ID || id.chars().any(char::is_control) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("'{id}' cannot name {what}: 1 to {LONGEST_ID} bytes, none of them control characters"),
        ));
    }
    Ok(())
}
