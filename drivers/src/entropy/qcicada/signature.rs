//! Who made these bytes: ECDSA P-256 over signed reads, and the maker's certificate over a device's key.
//!
//! Curve and hash are those of FIPS 186-5 (P-256, SHA-256); keys travel as x ‖ y and signatures as r ‖ s, 64
//! bytes each, big-endian. The maker's public key is not published; the user supplies it.

use std::fmt;
use std::str::FromStr;

use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use qhal::{Error, ErrorKind, Result};

use super::protocol::{Info, KEY_BYTES};

/// A point on P-256: the key of a device, or of the authority (CA) that certifies devices.
///
/// Reads from 128 hexadecimal digits and writes as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey {
    point: VerifyingKey,
}

impl PublicKey {
    /// The key x ‖ y.
    ///
    /// # Errors
    /// `InvalidInput` when that is not a point of the curve.
    pub fn new(bytes: &[u8; KEY_BYTES]) -> Result<Self> {
        // SEC 1, §2.3.3: 04 in front means that both coordinates follow.
        let mut sec1 = [4; 1 + KEY_BYTES];
        if let Some(coordinates) = sec1.last_chunk_mut::<KEY_BYTES>() {
            *coordinates = *bytes;
        }
        match VerifyingKey::from_sec1_bytes(&sec1) {
            Ok(point) => Ok(Self { point }),
            Err(cause) => {
                Err(Error::new(ErrorKind::InvalidInput, "the public key is not a point of P-256")
                    .because(cause))
            }
        }
    }

    /// The key x ‖ y.
    pub fn to_bytes(&self) -> [u8; KEY_BYTES] {
        let sec1 = self.point.to_sec1_point(false);
        sec1.as_bytes().last_chunk::<KEY_BYTES>().copied().unwrap_or([0; KEY_BYTES])
    }

    /// Checks the signature r ‖ s over the SHA-256 digest of `message`.
    ///
    /// # Errors
    /// `Protocol` when it was not made with this key over that message.
    pub fn verify(&self, message: &[u8], signature: &[u8; KEY_BYTES]) -> Result<()> {
        Signature::from_slice(signature)
            .and_then(|signature| self.point.verify(message, &signature))
            .map_err(|cause| Error::new(ErrorKind::Protocol, "the signature does not verify").because(cause))
    }

    /// Checks that this authority certified `device` as the key of the device that says `info` of itself.
    ///
    /// # Errors
    /// `Protocol` when the certificate is for another device, another key or from another authority, and when
    /// `info` has no hardware version or serial number of the form that certificates are made over.
    pub fn verify_certificate(
        &self,
        info: &Info,
        device: &PublicKey,
        certificate: &[u8; KEY_BYTES],
    ) -> Result<()> {
        let (Some(hardware), Some(serial)) = (info.hardware_version(), info.serial_number()) else {
            return Err(Error::new(
                ErrorKind::Protocol,
                format!(
                    "no certificate can be checked for hardware '{}', serial '{}'",
                    info.hardware, info.serial
                ),
            ));
        };
        self.verify(&certified_bytes(hardware, serial, &device.to_bytes()), certificate).map_err(|error| {
            error.context(format!("the certificate of {} is not from the given authority", info.serial))
        })
    }
}

impl From<VerifyingKey> for PublicKey {
    fn from(point: VerifyingKey) -> Self {
        Self { point }
    }
}

/// What the authority signs: u16 0, hardware major u8 and minor u8, serial number u32, the device's public key.
pub fn certified_bytes((major, minor): (u8, u8), serial: u32, device: &[u8; KEY_BYTES]) -> Vec<u8> {
    let mut bytes = vec![0, 0, major, minor];
    bytes.extend(serial.to_le_bytes());
    bytes.extend(device);
    bytes
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong =
            || Error::new(ErrorKind::InvalidInput, "a public key is 128 hexadecimal digits, x then y");
        if text.len() != 2 * KEY_BYTES || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; KEY_BYTES];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(2 * at..2 * at + 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Self::new(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::{Label, Version};
    use super::*;

    // The vectors of the hand-out (RFC 6979 nonces; structure confirmed by the tests of the crate `qcicada`).
    const CA: &str = "515c3d6eb9e396b904d3feca7f54fdcd0cc1e997bf375dca515ad0a6c3b4035f\
                      4536be3a50f318fbf9a5475902a221502bef0d57e08c53b2cc0a56f17d9f9354";
    const DEVICE: &str = "38014c603c89da9712426320ee53a94c795dda3b90bb5b0791ae8f5db486b7db\
                          25e3aa368ede37b96566f66590f89ea2ac834bcd61541b90738cbc8294706c96";
    const CERTIFICATE: &str = "c3d7a46703b79d97de471d647f3b42fe98f30d7158e808c5e2ea284bc074094d\
                               2eeaea1fa72e3e756eae055a57c78a3041e47f87118772e53716aac4b734f55c";
    const SIGNATURE: &str = "42a34556a2a812c660b4a52916eab67f7d1fbca512e3e60d56043d884341964e\
                             2ae1e4c92ac4e54da38d893ec4f016cc814eabf18c1437223fd9007826e4c5ea";

    fn hex(text: &str) -> [u8; KEY_BYTES] {
        let digits: Vec<u8> =
            (0..KEY_BYTES).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect();
        digits.try_into().unwrap()
    }

    fn info(serial: &str, hardware: &str) -> Info {
        Info {
            core: Version(0x1000C),
            firmware: Version::new(5, 14),
            serial: Label::new(serial).unwrap(),
            hardware: Label::new(hardware).unwrap(),
        }
    }

    #[test]
    fn the_golden_signature_verifies_and_only_over_its_own_bytes() {
        let device: PublicKey = DEVICE.parse().unwrap();
        let data: Vec<u8> = (0..32).collect();
        device.verify(&data, &hex(SIGNATURE)).unwrap();
        for bit in [0, 100, 255] {
            let mut other = data.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(device.verify(&other, &hex(SIGNATURE)).unwrap_err().kind(), ErrorKind::Protocol);
        }
        let mut forged = hex(SIGNATURE);
        forged[40] ^= 1;
        assert!(device.verify(&data, &forged).is_err());
        assert!(device.verify(&data, &[0; KEY_BYTES]).is_err());
        assert!(device.verify(&data, &[0xFF; KEY_BYTES]).is_err());
        assert!(CA.parse::<PublicKey>().unwrap().verify(&data, &hex(SIGNATURE)).is_err());
    }

    #[test]
    fn the_golden_certificate_holds_for_its_device_alone() {
        let (ca, device): (PublicKey, PublicKey) = (CA.parse().unwrap(), DEVICE.parse().unwrap());
        let certificate = hex(CERTIFICATE);
        assert_eq!(certified_bytes((1, 1), 217, &hex(DEVICE))[..8], [0, 0, 1, 1, 0xD9, 0, 0, 0]);
        ca.verify_certificate(&info("QC0000000217", "CICADA-QRNG-1.1"), &device, &certificate).unwrap();
        for (ca, info, device) in [
            (&ca, info("QC0000000218", "CICADA-QRNG-1.1"), &device),
            (&ca, info("QC0000000217", "CICADA-QRNG-1.2"), &device),
            (&ca, info("QC0000000217", "CICADA-QRNG-1.1"), &ca),
            (&device, info("QC0000000217", "CICADA-QRNG-1.1"), &device),
            (&ca, info("217", "CICADA-QRNG-1.1"), &device),
            (&ca, info("QC0000000217", "FIREFLY-1.1"), &device),
        ] {
            let error = ca.verify_certificate(&info, device, &certificate).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        }
    }

    #[test]
    fn keys_are_points_of_the_curve_in_128_digits() {
        let key: PublicKey = DEVICE.parse().unwrap();
        assert_eq!(key.to_string(), DEVICE.replace(char::is_whitespace, ""));
        assert_eq!(key.to_bytes(), hex(DEVICE));
        for bad in ["", "00", &"0".repeat(128), &"f".repeat(128), &"é".repeat(64), &DEVICE[1..]] {
            assert_eq!(bad.parse::<PublicKey>().unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
        }
    }
}
