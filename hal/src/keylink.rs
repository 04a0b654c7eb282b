//! One end of a key-distribution link: the shape of ETSI GS QKD 014, without its HTTP.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{Device, Error, ErrorKind, Provenance, Result};

/// The name of one key at both ends: a UUID of 128 bits (ETSI GS QKD 014 §6.3, `key_ID`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 16]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for KeyId {
    type Err = Error;

    /// Reads the form `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, hexadecimal in either case.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::new(
                ErrorKind::InvalidInput,
                format!("'{text}' is not a key id: it is a UUID of 32 hexadecimal digits"),
            )
        };
        let groups: Vec<&str> = text.split('-').collect();
        if groups.iter().map(|group| group.len()).ne([8, 4, 4, 4, 12]) {
            return Err(wrong());
        }
        let digits = groups.concat();
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        u128::from_str_radix(&digits, 16).map(|number| Self(number.to_be_bytes())).map_err(|_| wrong())
    }
}

/// A secret key: wiped when dropped, compared in constant time, never printed.
pub struct SecretKey {
    bytes: Zeroizing<Vec<u8>>,
    provenance: Provenance,
}

impl SecretKey {
    /// Takes over `bytes`; `provenance` is the weakest of everything the key was made of.
    pub fn new(bytes: Vec<u8>, provenance: Provenance) -> Self {
        Self { bytes: Zeroizing::new(bytes), provenance }
    }

    /// The key itself. Whoever copies it is responsible for the copy.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// Its length in bits.
    pub fn bits(&self) -> usize {
        self.bytes.len().saturating_mul(8)
    }

    /// Where it came from.
    pub fn provenance(&self) -> Provenance {
        self.provenance
    }
}

impl PartialEq for SecretKey {
    /// Constant time for keys of equal length; the length is no secret.
    fn eq(&self, other: &Self) -> bool {
        self.bytes.ct_eq(&other.bytes).into()
    }
}

impl Eq for SecretKey {}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({} bits, {})", self.bits(), self.provenance)
    }
}

/// What an end of a link says of its store (ETSI GS QKD 014 §6.1, the "Status" data).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkStatus {
    /// Keys that could be given now.
    pub stored_keys: u64,
    /// The most keys the store holds.
    pub max_keys: u64,
    /// The length of a key when none is asked for, in bits.
    pub default_key_bits: u32,
    /// The shortest key that can be asked for, in bits.
    pub min_key_bits: u32,
    /// The longest key that can be asked for, in bits.
    pub max_key_bits: u32,
}

/// One end of a link that puts the same secret keys at two places.
///
/// One end begins with [`next_key`](KeyLink::next_key) and tells the other the key's name; the other asks
/// for it with [`key`](KeyLink::key). A key is given once at each end.
pub trait KeyLink: Device {
    /// What is in the store.
    ///
    /// # Errors
    /// `TimedOut`, `Disconnected`, `Protocol`, `PermissionDenied`.
    fn status(&mut self) -> Result<LinkStatus>;

    /// A key that neither end has been given yet, of `bits` bits (a multiple of 8 within the limits of the status).
    ///
    /// # Errors
    /// `InvalidInput` for a length the link cannot give; `Exhausted` when no key is left; `Unhealthy` when the
    /// link raised an alarm; the wire's kinds.
    fn next_key(&mut self, bits: u32) -> Result<(KeyId, SecretKey)>;

    /// The key that the other end was given under `id`.
    ///
    /// # Errors
    /// `NotFound` when there is no such key, or it has been given before; the wire's kinds.
    fn key(&mut self, id: &KeyId) -> Result<SecretKey>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_ids_are_uuids() {
        // The example of ETSI GS QKD 014 V1.1.1 §6.3.
        let text = "bc490419-7d60-487f-adc1-4ddcc177c139";
        assert_eq!(text.parse::<KeyId>().unwrap().to_string(), text);
        for bad in [
            "",
            "bc4904197d60487fadc14ddcc177c139",
            "bc490419-7d60-487f-adc1-4ddcc177c13g",
            "+c490419-7d60-487f-adc1-4ddcc177c139",
        ] {
            assert!(bad.parse::<KeyId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_never_prints_itself() {
        let key = SecretKey::new(vec![0xAB; 32], Provenance::Simulated);
        assert_eq!(format!("{key:?}"), "SecretKey(256 bits, Simulated)");
        assert_eq!(key, SecretKey::new(vec![0xAB; 32], Provenance::Hardware));
        assert_ne!(key, SecretKey::new(vec![0xAC; 32], Provenance::Simulated));
    }
}
