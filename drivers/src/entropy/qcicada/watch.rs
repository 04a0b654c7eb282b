//! Notices a device whose output stands still, which no status flag tells.

use qhal::{Error, ErrorKind, Result};

/// Bytes of a conditioned block: the period at which a conditioner with stuck input repeats itself.
const BLOCK: usize = 32;
/// Equal bytes in a row at which the output counts as stuck.
///
/// SP 800-90B §4.4.1 gives a cut-off of 1 + ⌈−log2 α / H⌉; with H = 1 bit a byte, less than any mode of the device
/// has by design, 32 is α = 2⁻³¹ for every byte read.
const CUTOFF: usize = 32;

/// Two repetition-count tests over everything that is read: each byte against the one before, and against the one
/// a block before (the "continuous" test of FIPS 140-2 §4.9.2, for any alignment of the blocks).
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    recent: [u8; BLOCK],
    seen: usize,
    same_as_last: usize,
    same_as_block: usize,
}

impl Watch {
    /// Looks at the next bytes.
    ///
    /// # Errors
    /// `Unhealthy` when the output stands still.
    pub(super) fn look(&mut self, bytes: &[u8]) -> Result<()> {
        for &byte in bytes {
            let last = self.recent.get(self.seen.wrapping_sub(1) % BLOCK).copied();
            let slot = self.recent.get_mut(self.seen % BLOCK);
            let block_before = slot.as_deref().copied();
            let count = |known: bool, before: Option<u8>, run: usize| {
                if known && before == Some(byte) { run + 1 } else { 0 }
            };
            self.same_as_last = count(self.seen >= 1, last, self.same_as_last);
            self.same_as_block = count(self.seen >= BLOCK, block_before, self.same_as_block);
            if let Some(slot) = slot {
                *slot = byte;
            }
            self.seen = self.seen.checked_add(1).unwrap_or(BLOCK);
            if self.same_as_last + 1 >= CUTOFF {
                return Err(Error::new(
                    ErrorKind::Unhealthy,
                    format!(
                        "the output is stuck: {CUTOFF} bytes in a row are {byte:02X}; nothing of it is used"
                    ),
                ));
            }
            if self.same_as_block >= CUTOFF {
                return Err(Error::new(
                    ErrorKind::Unhealthy,
                    format!("the output is stuck: it repeats every {BLOCK} bytes; nothing of it is used"),
                ));
            }
        }
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.recent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_allowed_to_31_and_counts_across_reads() {
        let mut watch = Watch::default();
        watch.look(&[7; 20]).unwrap();
        watch.look(&[7; 11]).unwrap();
        assert_eq!(watch.look(&[7]).unwrap_err().kind(), ErrorKind::Unhealthy);
        let mut watch = Watch::default();
        for round in 0..100u8 {
            watch.look(&[round; 31]).unwrap();
        }
        watch = Watch::default();
        watch.look(&[0; 31]).unwrap();
        assert!(watch.look(&[0]).is_err(), "zeros from the very beginning");
    }

    #[test]
    fn a_repeated_block_is_noticed_wherever_it_begins() {
        let block: Vec<u8> = (0..32).collect();
        for skip in [0, 1, 17] {
            let mut watch = Watch::default();
            watch.look(&vec![0xEE; skip]).unwrap();
            watch.look(&block).unwrap();
            assert!(watch.look(&block[..31]).is_ok());
            let error = watch.look(&block[31..]).unwrap_err();
            assert!(error.message().contains("repeats"), "{error}");
        }
    }
}
