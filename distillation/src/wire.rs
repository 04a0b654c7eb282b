//! Bytes of messages: fixed and variable-length numbers, bit strings and nested bytes, every length checked.

use qhal::{Error, ErrorKind, Result};

use crate::Bits;

/// Builds a message.
#[derive(Clone, Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty message.
    pub fn new() -> Self {
        Self::default()
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    /// Eight bytes, lowest first.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// A double, eight bytes, lowest first.
    pub fn f64(&mut self, value: f64) -> &mut Self {
        self.u64(value.to_bits())
    }

    /// A number in groups of seven bits, lowest first, with the top bit set on all bytes but the last (LEB128).
    pub fn number(&mut self, mut value: u64) -> &mut Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.u8(value as u8)
    }

    /// Bytes as they are; the reader has to know how many.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// How many bits, then the bits, first bit lowest.
    pub fn bits(&mut self, bits: &Bits) -> &mut Self {
        self.number(bits.len() as u64);
        let end = self.0.len() + bits.len().div_ceil(8);
        bits.words().iter().for_each(|word| self.0.extend_from_slice(&word.to_le_bytes()));
        self.0.truncate(end);
        self
    }

    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Takes a message apart.
#[derive(Clone, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from the beginning.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// `Protocol` when there are fewer; so do all the others.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let (now, rest) = self.0.split_at_checked(count).ok_or_else(|| {
            let have = self.0.len();
            Error::new(
                ErrorKind::Protocol,
                format!("a message ends {} bytes early", count.saturating_sub(have)),
            )
        })?;
        self.0 = rest;
        Ok(now)
    }

    /// One byte.
    ///
    /// # Errors
    /// `Protocol` at the end of the message.
    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.bytes(1)?[0])
    }

    /// Eight bytes, lowest first.
    ///
    /// # Errors
    /// `Protocol` at the end of the message.
    pub fn u64(&mut self) -> Result<u64> {
        let mut array = [0; 8];
        array.copy_from_slice(self.bytes(8)?);
        Ok(u64::from_le_bytes(array))
    }

    /// A double, eight bytes, lowest first.
    ///
    /// # Errors
    /// `Protocol` at the end of the message.
    pub fn f64(&mut self) -> Result<f64> {
        Ok(f64::from_bits(self.u64()?))
    }

    /// A number in groups of seven bits.
    ///
    /// # Errors
    /// `Protocol` at the end of the message, and for a number that takes more than 64 bits or more bytes than it needs.
    pub fn number(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let group = u64::from(byte & 0x7f);
            if shift == 63 && group > 1 || byte == 0 && shift > 0 {
                break;
            }
            value |= group << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Error::new(ErrorKind::Protocol, "a number in a message is longer than it may be"))
    }

    /// A number that fits 32 bits.
    ///
    /// # Errors
    /// `Protocol` when it does not, and as [`number`](Self::number).
    pub fn number_u32(&mut self) -> Result<u32> {
        let value = self.number()?;
        u32::try_from(value).map_err(|_| {
            Error::new(ErrorKind::Protocol, format!("the number {value} in a message is too large"))
        })
    }

    /// How many items follow, of at least `least` bytes each: never more than the message can hold.
    ///
    /// # Errors
    /// `Protocol` when they cannot fit into what is left, and as [`number`](Self::number).
    pub fn count(&mut self, least: usize) -> Result<usize> {
        let value = self.number()?;
        match usize::try_from(value) {
            Ok(count) if count.checked_mul(least).is_some_and(|bytes| bytes <= self.0.len()) => Ok(count),
            _ => Err(Error::new(
                ErrorKind::Protocol,
                format!("a message is too short for the {value} items it announces"),
            )),
        }
    }

    /// A string of bits.
    ///
    /// # Errors
    /// `Protocol` when it is cut short or has ones beyond its end.
    pub fn bits(&mut self) -> Result<Bits> {
        let len = self.number()?;
        let len =
            usize::try_from(len).ok().filter(|len| len.div_ceil(8) <= self.0.len()).ok_or_else(|| {
                Error::new(ErrorKind::Protocol, format!("a message is too short for {len} bits"))
            })?;
        let bytes = self.bytes(len.div_ceil(8))?;
        if len % 8 != 0 && bytes[len / 8] >> (len % 8) != 0 {
            return Err(Error::new(ErrorKind::Protocol, "a bit string in a message has bits beyond its end"));
        }
        let words = bytes.chunks(8).map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        });
        Ok(Bits::from_words(words.collect(), len))
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// `Protocol` when something is.
    pub fn end(&self) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Protocol, format!("a message has {} bytes too many", self.0.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            number: u64, byte: u8, float: f64, bools in prop::collection::vec(any::<bool>(), 0..200),
        ) {
            let bits = Bits::from_bools(bools);
            let mut writer = Writer::new();
            writer.number(number).u8(byte).f64(float).bits(&bits).u64(number).bytes(b"end");
            let bytes = writer.finish();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.number().unwrap(), number);
            prop_assert_eq!(reader.u8().unwrap(), byte);
            prop_assert_eq!(reader.f64().unwrap().to_bits(), float.to_bits());
            prop_assert_eq!(reader.bits().unwrap(), bits);
            prop_assert_eq!(reader.u64().unwrap(), number);
            prop_assert!(reader.end().is_err());
            prop_assert_eq!(reader.bytes(3).unwrap(), b"end");
            prop_assert!(reader.end().is_ok() && reader.u8().is_err());
        }

        #[test]
        fn arbitrary_bytes_never_stop_it(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Reader::new(&bytes).number();
            let _ = Reader::new(&bytes).bits();
            let _ = Reader::new(&bytes).count(3);
            // A number has one form only, so that a message has one form only.
            let mut reader = Reader::new(&bytes);
            if let Ok(number) = reader.number() {
                let mut writer = Writer::new();
                writer.number(number);
                prop_assert_eq!(writer.finish(), &bytes[..bytes.len() - reader.rest().len()]);
            }
        }
    }
}
