//! What comes from which endpoint of a ChaosKey: bytes ⇄ values, pure.

use std::time::Duration;

use qhal::{Error, ErrorKind, Result};

/// How long Linux's driver waits for a read.
pub const LIMIT: Duration = Duration::from_secs(1);
/// And for the first one.
pub const FIRST_LIMIT: Duration = Duration::from_secs(3);

/// What a ChaosKey is read for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Output {
    /// Bytes that were whitened in the device (by a CRC).
    #[default]
    Whitened,
    /// Samples of the ADC, 12 bits each.
    Raw,
}

impl Output {
    /// The bulk endpoint it comes from. 87 would give the firmware.
    pub const fn endpoint(self) -> u8 {
        match self {
            Self::Whitened => 0x85,
            Self::Raw => 0x86,
        }
    }

    /// Its name in options.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whitened => "whitened",
            Self::Raw => "raw",
        }
    }
}

/// Samples on the wire: 12 bits in two bytes, little-endian.
pub fn encode_raw(samples: &[u16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| (sample & 0x0FFF).to_le_bytes()).collect()
}

/// The low eight bits of every sample.
///
/// # Errors
/// `Protocol` for half a sample, or one of more than twelve bits.
pub fn low_bytes(bytes: &[u8]) -> Result<Vec<u8>> {
    let wrong = |what: &str| {
        Error::new(ErrorKind::Protocol, format!("raw samples are 12 bits in two bytes, and {what} came"))
    };
    if !bytes.len().is_multiple_of(2) {
        return Err(wrong("an odd number of bytes"));
    }
    bytes
        .chunks_exact(2)
        .map(|pair| match *pair {
            [low, 0..=0x0F] => Ok(low),
            _ => Err(wrong("a larger one")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_samples_and_large_ones_are_refused() {
        assert_eq!(low_bytes(&encode_raw(&[0x123, 0xFFF])).unwrap(), [0x23, 0xFF]);
        for wrong in [&[0x23][..], &[0x23, 0x10]] {
            assert_eq!(low_bytes(wrong).unwrap_err().kind(), ErrorKind::Protocol);
        }
    }

    proptest! {
        #[test]
        fn samples_read_back(samples in prop::collection::vec(0_u16..4096, 0..40)) {
            let low: Vec<u8> = samples.iter().map(|sample| *sample as u8).collect();
            prop_assert_eq!(low_bytes(&encode_raw(&samples)).unwrap(), low);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..70)) {
            let _ = low_bytes(&bytes);
        }
    }
}
