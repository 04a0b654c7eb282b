//! Skein-256-256 in its version 1.1, keyed and personalised the way an Entropy Key does it.
//!
//! Version 1.1 (N. Ferguson et al., "The Skein Hash Function Family", version 1.1, November 2008) differs from the final
//! 1.3 in the rotations and the parity word, so no crate of the final version fits. The device adds a turn of
//! its own: the personalisation comes after the configuration, and of its 96 bytes the last 32 are lost, because
//! the reference code it was built with starts the next input without finishing that one.

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of a block, a key and an output.
pub(super) const BLOCK: usize = 32;
/// How long a personalisation is; 64 bytes of it count.
pub(super) const PERSONALISATION: usize = 96;

/// §3.3.4, table 4 (version 1.1): the rotations of Threefish-256, which repeat every eight rounds.
const ROTATIONS: [[u32; 2]; 8] =
    [[5, 56], [36, 28], [13, 46], [58, 44], [26, 20], [53, 35], [11, 42], [59, 50]];
/// §3.3.2 (version 1.1): what the words of a key are added to for the fifth one.
const PARITY: u64 = 0x5555_5555_5555_5555;
/// §3.5.3: the configuration of a sequential hash of 256 bits, "SHA3", version 1.
const CONFIGURATION: [u8; BLOCK] = *b"SHA3\x01\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// §3.5.1, table 6: what an input is.
#[derive(Clone, Copy, Zeroize)]
enum Input {
    Key = 0,
    Configuration = 4,
    Personalisation = 8,
    Message = 48,
    Output = 63,
}

/// One encryption with Threefish-256 (§3.3).
fn threefish(key: &[u64; 4], tweak: [u64; 2], plain: [u64; 4]) -> [u64; 4] {
    let [k0, k1, k2, k3] = *key;
    let keys = Zeroizing::new([k0, k1, k2, k3, PARITY ^ k0 ^ k1 ^ k2 ^ k3]);
    let tweaks = [tweak[0], tweak[1], tweak[0] ^ tweak[1]];
    let inject = |[a, b, c, d]: [u64; 4], round: usize| {
        let key = |word: usize| keys[(round + word) % 5];
        [
            a.wrapping_add(key(0)),
            b.wrapping_add(key(1)).wrapping_add(tweaks[round % 3]),
            c.wrapping_add(key(2)).wrapping_add(tweaks[(round + 1) % 3]),
            d.wrapping_add(key(3)).wrapping_add(round as u64),
        ]
    };
    let mut state = plain;
    for round in 0..72 {
        if round % 4 == 0 {
            state = inject(state, round / 4);
        }
        let [a, b, c, d] = state;
        let [left, right] = ROTATIONS[round % 8];
        let (sum, other) = (a.wrapping_add(b), c.wrapping_add(d));
        // Mixed words, and the second of one pair in the place of the second of the other.
        state = [sum, d.rotate_left(right) ^ other, other, b.rotate_left(left) ^ sum];
    }
    inject(state, 18)
}

/// A hash under way: a chaining value and an input that has begun.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Skein {
    chain: [u64; 4],
    input: Input,
    position: u64,
    buffer: [u8; BLOCK],
    filled: usize,
}

impl Skein {
    fn new() -> Self {
        Self { chain: [0; 4], input: Input::Configuration, position: 0, buffer: [0; BLOCK], filled: 0 }
    }

    /// The device's state: the serial number and a secret as the key, then the configuration, then two thirds of the
    /// personalisation, then room for a message.
    pub(super) fn keyed(
        serial: &[u8; 12],
        secret: &[u8; 32],
        personalisation: &[u8; PERSONALISATION],
    ) -> Self {
        let mut skein = Self::new();
        skein.begin(Input::Key);
        skein.update(serial);
        skein.update(secret);
        skein.end();
        skein.configure();
        skein.begin(Input::Personalisation);
        // The last block stays in the buffer, and beginning the message forgets it.
        skein.update(personalisation);
        skein.begin(Input::Message);
        skein
    }

    fn configure(&mut self) {
        self.begin(Input::Configuration);
        self.update(&CONFIGURATION);
        self.end();
    }

    fn begin(&mut self, input: Input) {
        (self.input, self.position, self.filled) = (input, 0, 0);
        self.buffer.zeroize();
    }

    /// Adds to the present input. A full block waits in the buffer until it is known whether it is the last.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.filled == BLOCK {
                self.process(false);
            }
            if let Some(slot) = self.buffer.get_mut(self.filled) {
                *slot = *byte;
            }
            self.filled += 1;
        }
    }

    fn end(&mut self) {
        self.process(true);
    }

    /// §3.4: one block of unique block iteration.
    fn process(&mut self, last: bool) {
        let first = self.position == 0;
        self.position += self.filled as u64;
        let flags = u64::from(first) << 62 | u64::from(last) << 63;
        let tweak = [self.position, (self.input as u64) << 56 | flags];
        let mut plain = [0; 4];
        for (word, bytes) in plain.iter_mut().zip(self.buffer.chunks_exact(8)) {
            *word = bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        }
        let cipher = threefish(&self.chain, tweak, plain);
        for ((chain, cipher), plain) in self.chain.iter_mut().zip(cipher).zip(plain) {
            *chain = cipher ^ plain;
        }
        plain.zeroize();
        self.buffer.zeroize();
        self.filled = 0;
    }

    /// Ends the message; gives the chaining value, without the output transform ("final-pad").
    pub(super) fn finish_padded(mut self) -> Zeroizing<[u8; BLOCK]> {
        self.end();
        self.value()
    }

    /// Ends the message; gives the hash (§3.5.4, "final").
    pub(super) fn finish(mut self) -> Zeroizing<[u8; BLOCK]> {
        self.end();
        self.begin(Input::Output);
        self.update(&[0; 8]);
        self.end();
        self.value()
    }

    fn value(&self) -> Zeroizing<[u8; BLOCK]> {
        let mut bytes = Zeroizing::new([0; BLOCK]);
        for (slot, byte) in bytes.iter_mut().zip(self.chain.iter().flat_map(|word| word.to_le_bytes())) {
            *slot = byte;
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_configuration_is_the_published_initial_value() {
        let mut skein = Skein::new();
        skein.configure();
        // Skein 1.1, appendix B: initial chaining value of Skein-256-256, as in skein_iv.h of its reference code.
        assert_eq!(
            skein.chain,
            [0x3885_1268_0E66_0046, 0x4B72_D5DE_C5A8_FF01, 0x281A_9298_CA5E_B3A5, 0x54CA_5249_F460_70C4]
        );
    }

    #[test]
    fn the_hash_of_one_byte_is_the_published_one() {
        let mut skein = Skein::new();
        skein.configure();
        skein.begin(Input::Message);
        skein.update(&[0xFF]);
        // Skein 1.1, appendix C.1.
        assert_eq!(hex(&*skein.finish()), "a47be71a185ba0af820b3ce845a3d35a80ec64f96a0d6a36e3f5363624d8a091");
    }

    #[test]
    fn pieces_of_a_message_are_one_message_and_the_end_of_a_personalisation_is_lost() {
        let message: Vec<u8> = (0..100).collect();
        let state = Skein::keyed(&[1; 12], &[2; 32], &[3; 96]);
        let mut whole = state.clone();
        whole.update(&message);
        let whole = whole.finish();
        for size in [1, 7, 31, 32, 33, 64] {
            let mut pieces = state.clone();
            message.chunks(size).for_each(|piece| pieces.update(piece));
            assert_eq!(pieces.finish(), whole, "{size}");
        }
        let mut ending = [3; 96];
        ending[64..].fill(4);
        let mut other = Skein::keyed(&[1; 12], &[2; 32], &ending);
        other.update(&message);
        assert_eq!(other.finish(), whole);
        ending[63] = 4;
        let mut other = Skein::keyed(&[1; 12], &[2; 32], &ending);
        other.update(&message);
        assert_ne!(other.finish(), whole);
    }
}
