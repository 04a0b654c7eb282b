//! The conditioning component: raw samples in, blocks of 256 bits out, with the accounting of 90B.
//!
//! [`Conditioning`] chooses one: SHA-256, which is vetted and gives full entropy, or a seeded [`Extraction`], whose output is
//! close to uniform by a theorem and is credited as that of a component that is not vetted.

mod accounting;
mod extraction;
mod hashing;
mod seed;

pub use accounting::{NOT_VETTED_MOST, output_entropy, output_entropy_not_vetted};
pub use extraction::Extraction;
pub use seed::Seed;

use qhal::{MinEntropy, Result};

use extraction::Extracting;
use hashing::Hashing;

/// Bytes of one output block: the output of SHA-256.
pub const BLOCK_BYTES: usize = 32;

/// Bits of one output block, which is also the narrowest internal width of SHA-256 (SP 800-90B §3.1.5.1.1).
pub const BLOCK_BITS: u32 = 256;

/// Bits of min-entropy that must go in beyond those that come out for the output of a vetted component to have full
/// entropy (SP 800-90C: at least n_out + 64).
pub const FULL_ENTROPY_MARGIN_BITS: u32 = 64;

/// Which component conditions.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Conditioning {
    /// SHA-256: vetted (SP 800-90B §3.1.5.1.1), full entropy.
    #[default]
    Sha256,
    /// A seeded Toeplitz extractor: not vetted, at most 0.999 bits per bit.
    Toeplitz(Extraction),
}

impl Conditioning {
    /// The word of the configuration.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Toeplitz(_) => "toeplitz",
        }
    }

    /// Whether it is one of the vetted components of SP 800-90B.
    pub const fn is_vetted(&self) -> bool {
        matches!(self, Self::Sha256)
    }

    /// Bits of min-entropy that a byte of output is credited with: 8, or at most 7.992 where it is not vetted.
    pub fn credit_per_byte(&self) -> f64 {
        match self {
            Self::Sha256 => 8.0,
            Self::Toeplitz(extraction) => 8.0 * extraction.credit_per_bit(),
        }
    }

    /// The fewest bytes of output that are credited with `bits` bits of min-entropy.
    pub fn bytes_for(&self, bits: u32) -> usize {
        (f64::from(bits) / self.credit_per_byte()).ceil() as usize
    }
}

/// A conditioning component at work on the samples of one device.
pub struct Conditioner {
    component: Component,
}

enum Component {
    Hash(Hashing),
    Extract(Box<Extracting>),
}

impl Conditioner {
    /// The component that `conditioning` chooses, for samples that are credited with `credit` each: the claim or a lower
    /// assessed figure.
    ///
    /// # Errors
    /// `InvalidInput` when one block of a hash would take more than 2^24 samples, or the input of an extractor holds too
    /// little min-entropy for one block.
    pub fn new(credit: MinEntropy, conditioning: &Conditioning) -> Result<Self> {
        let component = match conditioning {
            Conditioning::Sha256 => Component::Hash(Hashing::new(credit)?),
            Conditioning::Toeplitz(settings) => {
                Component::Extract(Box::new(Extracting::new(credit, settings)?))
            }
        };
        Ok(Self { component })
    }

    /// Samples that go in together: into one hash, or one product of an extractor.
    pub fn samples_per_round(&self) -> usize {
        match &self.component {
            Component::Hash(hash) => hash.samples_per_block(),
            Component::Extract(extract) => extract.samples_per_round(),
        }
    }

    /// Blocks that come out together; 1 for a hash.
    pub fn blocks_per_round(&self) -> usize {
        match &self.component {
            Component::Hash(_) => 1,
            Component::Extract(extract) => extract.blocks_per_round(),
        }
    }

    /// Min-entropy that one block of 256 bits is credited with: by [`output_entropy`], which differs from 256 by less than
    /// 2^-24, or by [`output_entropy_not_vetted`].
    pub fn block_entropy(&self) -> f64 {
        match &self.component {
            Component::Hash(hash) => hash.block_entropy(),
            Component::Extract(extract) => extract.block_entropy(),
        }
    }

    /// Samples that are still needed until at least `blocks` more blocks are there.
    pub fn samples_for(&self, blocks: usize) -> usize {
        self.samples_of(blocks.div_ceil(self.blocks_per_round()))
    }

    /// Samples that can still come in until `blocks` more blocks, and no more, are there.
    pub fn samples_within(&self, blocks: usize) -> usize {
        self.samples_of(blocks / self.blocks_per_round())
    }

    /// Takes in `samples` and hands every block that becomes complete to `emit`.
    ///
    /// # Errors
    /// Those of [`Extractor::absorb`](crate::toeplitz::Extractor::absorb), which does not fail for sizes that were checked
    /// when it was made.
    pub fn absorb(&mut self, samples: &[u8], emit: impl FnMut(&[u8; BLOCK_BYTES])) -> Result<()> {
        match &mut self.component {
            Component::Hash(hash) => {
                hash.absorb(samples, emit);
                Ok(())
            }
            Component::Extract(extract) => extract.absorb(samples, emit),
        }
    }

    /// Forgets the samples of the round that is not complete.
    pub fn clear(&mut self) {
        match &mut self.component {
            Component::Hash(hash) => hash.clear(),
            Component::Extract(extract) => extract.clear(),
        }
    }

    fn samples_of(&self, rounds: usize) -> usize {
        let pending = match &self.component {
            Component::Hash(hash) => hash.pending(),
            Component::Extract(extract) => extract.pending(),
        };
        self.samples_per_round().saturating_mul(rounds).saturating_sub(pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toeplitz(assessed: Option<f64>) -> Conditioning {
        let bytes: Vec<u8> = (0..1024u32).map(|at| (at.wrapping_mul(0x9E37_79B9) >> 24) as u8).collect();
        let seed = Seed::new(&bytes, "test").unwrap();
        Conditioning::Toeplitz(Extraction::new(4096, 64, assessed, seed).unwrap())
    }

    #[test]
    fn what_is_not_vetted_takes_more_bytes_for_the_same_credit() {
        for (conditioning, word, vetted, seed, nonce) in [
            (Conditioning::Sha256, "sha256", true, 32, 16),
            (toeplitz(None), "toeplitz", false, 33, 17),
            (toeplitz(Some(1.0)), "toeplitz", false, 33, 17),
            (toeplitz(Some(0.5)), "toeplitz", false, 64, 32),
        ] {
            assert_eq!((conditioning.as_str(), conditioning.is_vetted()), (word, vetted));
            assert_eq!((conditioning.bytes_for(256), conditioning.bytes_for(128)), (seed, nonce));
        }
    }

    /// 4096 bits of a device with 6.5 bits in eight hold 3328; 3200 may come out, 12 blocks of 256 do.
    #[test]
    fn samples_are_asked_for_in_whole_rounds() {
        let credit = MinEntropy::new(6.5, 8).unwrap();
        let mut conditioner = Conditioner::new(credit, &toeplitz(None)).unwrap();
        assert_eq!((conditioner.samples_per_round(), conditioner.blocks_per_round()), (512, 12));
        let asked = |conditioner: &Conditioner, blocks| {
            (conditioner.samples_for(blocks), conditioner.samples_within(blocks))
        };
        assert_eq!(asked(&conditioner, 1), (512, 0));
        assert_eq!(asked(&conditioner, 12), (512, 512));
        assert_eq!(asked(&conditioner, 25), (1536, 1024));
        let mut blocks = 0;
        conditioner.absorb(&[1; 500], |_| blocks += 1).unwrap();
        assert_eq!((asked(&conditioner, 12), asked(&conditioner, 0)), ((12, 12), (0, 0)));
        conditioner.absorb(&[1; 100], |_| blocks += 1).unwrap();
        assert_eq!((blocks, conditioner.samples_for(1)), (12, 424));
        conditioner.clear();
        assert_eq!(conditioner.samples_for(1), 512);
        let hash = Conditioner::new(credit, &Conditioning::Sha256).unwrap();
        assert_eq!(asked(&hash, 3), (150, 150));
    }
}
