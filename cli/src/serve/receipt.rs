//! Receipts: a signature over what was given, when, and where it came from, which anybody can verify.
//!
//! A receipt is a JSON text; the signature is Ed25519 (RFC 8032) over the bytes `qhal-receipt-v1`, a zero byte and
//! that text, exactly as it was sent.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePublicKey, spki::der::pem::LineEnding};
use ed25519_dalek::{Signer as _, SigningKey};
use qhal::{Error, ErrorKind, Result};
use serde_json::json;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::drawer::Drawn;
use super::settings::Settings;
use crate::hex;

/// What is signed begins with this, so that no other text of ours can pass for a receipt.
const DOMAIN: &[u8] = b"qhal-receipt-v1\0";

/// A receipt as it is sent: both in base64 (RFC 4648 §4).
pub(crate) struct Receipt {
    pub(crate) text: String,
    pub(crate) signature: String,
}

/// Signs receipts.
pub(crate) struct Signer {
    key: SigningKey,
    /// Tells the runs of the daemon apart, so that (instance, counter) never comes twice.
    instance: String,
    counter: AtomicU64,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public_hex())
    }
}

impl Signer {
    /// Signs with the key in `file` (PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes), or with one that
    /// lives as long as this process.
    ///
    /// # Errors
    /// `NotFound`, `PermissionDenied` for the file; `InvalidInput` when it holds no Ed25519 key; `Other` when the
    /// operating system gives no seed.
    pub(crate) fn new(file: Option<&Path>) -> Result<Self> {
        let key = match file {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|cause| {
                    Error::from_io(cause, format!("cannot read the receipt key {}", path.display()))
                })?;
                SigningKey::from_pkcs8_pem(&Zeroizing::new(text)).map_err(|cause| {
                    let message = format!("{} holds no Ed25519 key in PKCS#8 PEM", path.display());
                    Error::new(ErrorKind::InvalidInput, message).because(cause)
                })?
            }
            None => {
                let mut seed = Zeroizing::new([0; 32]);
                fill(seed.as_mut_slice())?;
                SigningKey::from_bytes(&seed)
            }
        };
        let mut instance = [0; 8];
        fill(&mut instance)?;
        Ok(Self { key, instance: hex::encode(&instance), counter: AtomicU64::new(0) })
    }

    /// The public key as 64 hexadecimal digits.
    pub(crate) fn public_hex(&self) -> String {
        hex::encode(self.key.verifying_key().as_bytes())
    }

    /// The public key as PEM (RFC 8410).
    ///
    /// # Errors
    /// `Other` when it cannot be written, which no valid key can cause.
    pub(crate) fn public_pem(&self) -> Result<String> {
        self.key
            .verifying_key()
            .to_public_key_pem(LineEnding::LF)
            .map_err(|cause| Error::new(ErrorKind::Other, "the public key cannot be written").because(cause))
    }

    /// A receipt for what was drawn under `settings`, at `now_ms` milliseconds since 1970.
    pub(crate) fn sign(&self, drawn: &Drawn, settings: &Settings, fresh: bool, now_ms: u64) -> Receipt {
        let lineage = &drawn.lineage;
        let text = json!({
            "version": 1,
            "instance": self.instance,
            "counter": self.counter.fetch_add(1, Ordering::Relaxed),
            "time_ms": now_ms,
            "bytes": drawn.bytes.len(),
            "sha256": hex::encode(&Sha256::digest(&*drawn.bytes)),
            "devices": lineage.devices.iter().map(|device| device.id.to_string()).collect::<Vec<_>>(),
            "provenance": lineage.provenance.as_str(),
            "quantum_origin": lineage.origin().as_str(),
            "fallback": lineage.fallback,
            "output": settings.output.as_str(),
            "conditioner": settings.conditioning.as_str(),
            "fresh": fresh,
        })
        .to_string();
        let signature = self.key.sign(&[DOMAIN, text.as_bytes()].concat());
        Receipt { text: STANDARD.encode(text), signature: STANDARD.encode(signature.to_bytes()) }
    }
}

fn fill(out: &mut [u8]) -> Result<()> {
    getrandom::fill(out)
        .map_err(|cause| Error::new(ErrorKind::Other, "the operating system gave no seed").because(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410 §10.3's private key, and its public key from §10.1.
    #[test]
    fn a_key_file_is_read_as_the_rfc_writes_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
        std::fs::write(&path, pem).unwrap();
        let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        assert_eq!(Signer::new(Some(&path)).unwrap().public_pem().unwrap(), public);
        std::fs::write(&path, "nothing").unwrap();
        assert_eq!(Signer::new(Some(&path)).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(Signer::new(Some(&folder.path().join("no"))).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
