//! The secrets of an Entropy Key: long-term key, master key and keyring, and what is derived from them.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use qhal::{Error, ErrorKind, Result};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::protocol::{CONTENT, Serial};
use super::skein::{PERSONALISATION, Skein};

/// What a hash is for. Its text is filled up with blanks.
const fn personalisation(purpose: &str) -> [u8; PERSONALISATION] {
    let prefix = b"20090609 support@simtec.co.uk EntropyKey/v1/";
    let mut text = [b' '; PERSONALISATION];
    let mut at = 0;
    while at < prefix.len() + purpose.len() {
        text[at] = if at < prefix.len() { prefix[at] } else { purpose.as_bytes()[at - prefix.len()] };
        at += 1;
    }
    text
}

const SESSION_KEY: [u8; PERSONALISATION] = personalisation("ReKeyingState");
const MAC: [u8; PERSONALISATION] = personalisation("MessageAuthenticationCodeState");
const PAD: [u8; PERSONALISATION] = personalisation("EntropyEncryptionState");
const LONG_TERM_KEY: [u8; PERSONALISATION] = personalisation("LongTermReKeyingState");
const NONCE_MAC: [u8; PERSONALISATION] = personalisation("MessageAuthenticationCodeStateForLongTermReKeying");

/// Bytes of the nonce that a host sends.
pub(super) const NONCE: usize = 12;

/// A key of 256 bits that is never shown and wiped when it is dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// A key of these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads a long-term key as a keyring holds it: 32 bytes in base-64.
    ///
    /// # Errors
    /// `InvalidInput` for anything else.
    pub fn from_keyring(text: &str) -> Result<Self> {
        match decode(text).as_deref() {
            Some(bytes) => bytes.as_slice().try_into().map(Self).map_err(|_| not_a_key()),
            None => Err(not_a_key()),
        }
    }

    /// Reads a master key as it is printed for the user: 33 bytes in base-64, of which the last is a CRC; blanks do not
    /// matter. The 32 bytes alone are taken too.
    ///
    /// # Errors
    /// `InvalidInput` for a wrong length or check byte.
    pub fn from_card(text: &str) -> Result<Self> {
        let text: Zeroizing<String> = Zeroizing::new(text.split_whitespace().collect());
        let bytes = decode(&text).ok_or_else(not_a_key)?;
        let (key, check) = bytes.split_at_checked(32).ok_or_else(not_a_key)?;
        match check {
            [] => {}
            [check] if *check == crc8(key) => {}
            [_] => {
                let message = "the master key's check byte is wrong: look for a mistyped letter";
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
            _ => return Err(not_a_key()),
        }
        key.try_into().map(Self).map_err(|_| not_a_key())
    }

    /// The form of [`from_keyring`](Self::from_keyring).
    pub fn to_keyring(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64.encode(self.0))
    }

    /// The long-term key that a device and a host derive from the master key.
    pub(super) fn new_long_term(&self, serial: Serial, entropy: &[u8; 32], nonce: &[u8]) -> Self {
        let mut skein = Skein::keyed(&serial.0, &self.0, &LONG_TERM_KEY);
        skein.update(entropy);
        skein.update(nonce);
        Self(*skein.finish())
    }

    /// What shows a device that a nonce comes from somebody who has the master key.
    pub(super) fn nonce_mac(&self, serial: Serial, nonce: &[u8]) -> [u8; 8] {
        let mut skein = Skein::keyed(&serial.0, &self.0, &NONCE_MAC);
        skein.update(nonce);
        mac_text(&skein.finish_padded())
    }
}

fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    BASE64.decode(text).ok().map(Zeroizing::new)
}

fn not_a_key() -> Error {
    Error::new(ErrorKind::InvalidInput, "this is no key of an Entropy Key: it has 32 bytes in base-64")
}

/// CRC-8 with the polynomial 0x31, from 0xFF on, high bit first.
pub(super) fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0xFF, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc: u8, _| if crc & 0x80 != 0 { crc << 1 ^ 0x31 } else { crc << 1 })
    })
}

/// First and last three bytes of a hash, in base-64.
fn mac_text(hash: &[u8; 32]) -> [u8; 8] {
    let [a, b, c, .., x, y, z] = *hash;
    let mut text = [0; 8];
    // Six bytes are eight characters, always.
    let _ = BASE64.encode_slice([a, b, c, x, y, z], &mut text);
    text
}

/// The keys of one session: what frames are authenticated with, and entropy encrypted.
pub(super) struct Session {
    serial: Serial,
    mac: Skein,
    pad: Skein,
}

impl Session {
    /// The session after a reset, whose key is all zeros.
    pub(super) fn unkeyed(serial: Serial) -> Self {
        Self::of(serial, &[0; 32])
    }

    /// The session that device and host agree on with what each gave.
    pub(super) fn keyed(serial: Serial, long_term: &Key, entropy: &[u8; 32], nonce: &[u8]) -> Self {
        let mut skein = Skein::keyed(&serial.0, &long_term.0, &SESSION_KEY);
        skein.update(entropy);
        skein.update(nonce);
        Self::of(serial, &skein.finish())
    }

    fn of(serial: Serial, key: &[u8; 32]) -> Self {
        let [mac, pad] = [MAC, PAD].map(|purpose| Skein::keyed(&serial.0, key, &purpose));
        Self { serial, mac, pad }
    }

    pub(super) fn serial(&self) -> Serial {
        self.serial
    }

    /// The MAC of a frame's content.
    pub(super) fn mac(&self, content: &[u8; CONTENT]) -> [u8; 8] {
        let mut skein = self.mac.clone();
        skein.update(content);
        mac_text(&skein.finish_padded())
    }

    /// Encrypts or decrypts the entropy of the frame with this sub-code.
    pub(super) fn crypt(&self, sub_code: [u8; 2], bytes: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        let mut skein = self.pad.clone();
        skein.update(&sub_code);
        let mut pad = skein.finish();
        for (pad, byte) in pad.iter_mut().zip(bytes) {
            *pad ^= byte;
        }
        pad
    }
}

/// The long-term keys of a user's devices, as the vendor's software keeps them: a line a device, serial number, blank, key.
#[derive(Clone, Debug, Default)]
pub struct Keyring(Vec<(Serial, Key)>);

impl Keyring {
    /// Reads a keyring. Empty lines and those that begin with `#` are passed over.
    ///
    /// # Errors
    /// `InvalidInput`, with the number of the line.
    pub fn parse(text: &str) -> Result<Self> {
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || {
                let message = format!("line {number} of the keyring is no serial number, blank and key");
                Error::new(ErrorKind::InvalidInput, message)
            };
            let (serial, key) = line.split_once(char::is_whitespace).ok_or_else(wrong)?;
            let serial = Serial::parse(serial).ok_or_else(wrong)?;
            keys.push((serial, Key::from_keyring(key.trim()).map_err(|_| wrong())?));
        }
        Ok(Self(keys))
    }

    /// Reads the keyring at `path`.
    ///
    /// # Errors
    /// `PermissionDenied` when others than its owner and group may read it too; `NotFound` and the like; those of
    /// [`parse`](Self::parse).
    pub fn read(path: &Path) -> Result<Self> {
        let tried = |cause| Error::from_io(cause, format!("cannot read the keyring {}", path.display()));
        let open_to_all = std::fs::metadata(path).map_err(tried)?.mode() & 0o007 != 0;
        if open_to_all {
            let path = path.display();
            let message = format!("everybody may read the keyring {path}: chmod 600 {path}");
            return Err(Error::new(ErrorKind::PermissionDenied, message));
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(tried)?);
        Self::parse(&text).map_err(|error| error.context(path.display()))
    }

    /// The long-term key of a device.
    pub fn key_of(&self, serial: Serial) -> Option<&Key> {
        self.0.iter().find(|(owner, _)| *owner == serial).map(|(_, key)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::new(std::array::from_fn(|at| at as u8 + 1))
    }

    #[test]
    fn keys_are_read_as_they_are_printed() {
        // The key 01 02 … 20: its 32 bytes, and those with their CRC byte 85.
        let card = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyCF";
        assert_eq!(Key::from_card(card).unwrap(), key());
        assert_eq!(Key::from_card("AQIDBAUG BwgJCgsMDQ4PEBES ExQVFhcYGRobHB0eHyCF\n").unwrap(), key());
        assert_eq!(Key::from_keyring(&key().to_keyring()).unwrap(), key());
        assert_eq!(Key::from_card(&key().to_keyring()).unwrap(), key());
        for bad in ["", "AQID", "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyCG", &card.replace('A', "*")] {
            assert_eq!(Key::from_card(bad).unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
            assert!(Key::from_keyring(bad).is_err());
        }
        // The catalogue of CRCs: this one is CRC-8/NRSC-5.
        assert_eq!(crc8(b"123456789"), 0xF7);
        assert_eq!(format!("{:?}", key()), "Key(…)");
    }

    #[test]
    fn a_keyring_has_a_line_a_device() {
        let text = format!("# mine\n\nNwBvBlg3OTBJORFD {}\n", *key().to_keyring());
        let serial = Serial::parse("NwBvBlg3OTBJORFD").unwrap();
        let keyring = Keyring::parse(&text).unwrap();
        assert_eq!(keyring.key_of(serial), Some(&key()));
        assert_eq!(keyring.key_of(Serial([0; 12])), None);
        for bad in ["NwBvBlg3OTBJORFD", "short AQID", "NwBvBlg3OTBJORFD AQID"] {
            let error = Keyring::parse(&format!("\n{bad}\n")).unwrap_err();
            assert!(error.message().contains("line 2"), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keyring");
        std::fs::write(&path, &text).unwrap();
        let may_read = |mode| {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            Keyring::read(&path)
        };
        assert!(may_read(0o600).is_ok() && may_read(0o640).is_ok());
        assert_eq!(may_read(0o644).unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(Keyring::read(&folder.path().join("none")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
