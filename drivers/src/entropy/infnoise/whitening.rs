//! The maker's whitening: a Keccak-f\[1600\] sponge that is never emptied and gives out no more than went in.
//!
//! It is no vetted conditioning component of SP 800-90B: no entropy is credited for it.

use keccak::Keccak;

use super::protocol::ROUND;

/// The most bytes that leave the sponge for one round: floor(0.88 · 512 / 1.03 / 8).
const MOST_BYTES: usize = 54;

/// The sponge. Its state begins at zero and is never reset.
#[derive(Clone, Default)]
pub struct Whitener {
    state: [u64; 25],
}

impl std::fmt::Debug for Whitener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The state is as secret as what comes out of it.
        f.write_str("Whitener")
    }
}

impl Drop for Whitener {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.state);
    }
}

impl Whitener {
    fn permute(&mut self) {
        Keccak::new().with_f1600(|permute| permute(&mut self.state));
    }

    fn absorb(&mut self, round: &[u8; ROUND / 8]) {
        for (lane, bytes) in self.state.iter_mut().zip(round.chunks_exact(8)) {
            let value = bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
            *lane ^= value;
        }
        self.permute();
    }

    fn squeeze(&self, count: usize) -> Vec<u8> {
        self.state.iter().flat_map(|lane| lane.to_le_bytes()).take(count).collect()
    }

    /// Absorbs a round; gives as many bytes as its `entropy` in bits fills, at most 54.
    pub fn whiten(&mut self, round: &[u8; ROUND / 8], entropy: f64) -> Vec<u8> {
        self.absorb(round);
        // A figure that is none becomes 0.
        self.squeeze(((entropy / 8.0) as usize).min(MOST_BYTES))
    }

    /// Absorbs a round; gives 32 · `multiplier` bytes, which are more than went in where it is above 1: for uses that
    /// need no entropy of their own in every bit.
    pub fn stretch(&mut self, round: &[u8; ROUND / 8], multiplier: usize) -> Vec<u8> {
        self.absorb(round);
        let mut bytes = Vec::new();
        let mut left = 32 * multiplier;
        while left > 0 {
            // The permutation follows every piece.
            let piece = left.min(128);
            bytes.extend(self.squeeze(piece));
            self.permute();
            left -= piece;
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn counting() -> [u8; ROUND / 8] {
        std::array::from_fn(|at| at as u8)
    }

    /// Computed by the rules of infnoise's Keccak with another implementation, whose permutation was checked against the
    /// published state after zeros (F1258F7940E1DDE7 …) and SHA3-256.
    #[test]
    fn the_golden_vectors() {
        let mut zero = Whitener::default();
        zero.permute();
        assert_eq!(zero.state[0], 0xF125_8F79_40E1_DDE7);
        assert_eq!(
            hex(&Whitener::default().whiten(&counting(), 512.0)),
            "8aba668a034b5e9bc2062267c90a74d01a1f3b825bb65cb5b396aae6715bc337\
             3857dba0d4a09c60a3b8298f78710872adfb33366712"
        );
        let mut once = Whitener::default();
        assert_eq!(
            hex(&once.stretch(&counting(), 1)),
            "8aba668a034b5e9bc2062267c90a74d01a1f3b825bb65cb5b396aae6715bc337"
        );
        assert_eq!(
            hex(&once.stretch(&counting(), 1)),
            "2a7f4e5689975e68a3e70953c201072c134f879f8ad481817ee061fb2862101e"
        );
        let long = Whitener::default().stretch(&counting(), 10);
        assert_eq!(long.len(), 320);
        assert_eq!(
            hex(&Sha256::digest(&long)),
            "c71e674abd53dd52ff72bc760a9d5478a93c4ef2c2334befe06a0aabc38b0968"
        );
    }

    #[test]
    fn no_more_leaves_than_went_in() {
        let mut whitener = Whitener::default();
        assert_eq!(whitener.whiten(&counting(), 100.0).len(), 12);
        assert_eq!(whitener.whiten(&counting(), -1.0).len(), 0);
        assert_eq!(whitener.whiten(&counting(), f64::NAN).len(), 0);
    }
}
