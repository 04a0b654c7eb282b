//! A bounded store of conditioned bytes that are given out once and wiped as they go.

use zeroize::{Zeroize, Zeroizing};

/// A ring of bytes, each of which counts as what its conditioning component is credited with.
///
/// Its memory is allocated once, wiped where bytes were taken, and wiped whole when it is cleared or dropped.
pub struct Pool {
    ring: Zeroizing<Vec<u8>>,
    start: usize,
    len: usize,
    credit_per_byte: f64,
}

impl Pool {
    /// An empty pool for `capacity` bytes of full entropy.
    pub fn new(capacity: usize) -> Self {
        Self::credited(capacity, 8.0)
    }

    /// An empty pool for `capacity` bytes that are credited with `per_byte` bits of min-entropy each, 0 to 8
    /// ([`Conditioning::credit_per_byte`](crate::Conditioning::credit_per_byte)).
    pub fn credited(capacity: usize, per_byte: f64) -> Self {
        let credit_per_byte = per_byte.clamp(0.0, 8.0);
        Self { ring: Zeroizing::new(vec![0; capacity]), start: 0, len: 0, credit_per_byte }
    }

    /// Whole bits of min-entropy that are credited to what is in it.
    pub fn bits(&self) -> u64 {
        (self.len as f64 * self.credit_per_byte) as u64
    }

    /// Bytes in it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that still fit.
    pub fn free(&self) -> usize {
        self.ring.len().saturating_sub(self.len)
    }

    /// Takes in conditioned bytes, as many as fit; returns how many.
    pub fn put(&mut self, bytes: &[u8]) -> usize {
        let amount = bytes.len().min(self.free());
        for &byte in bytes.iter().take(amount) {
            let end = self.wrapped(self.start + self.len);
            if let Some(slot) = self.ring.get_mut(end) {
                *slot = byte;
                self.len += 1;
            }
        }
        amount
    }

    /// Moves the oldest bytes to `out`, as many as there are; returns how many.
    pub fn take(&mut self, out: &mut [u8]) -> usize {
        let amount = out.len().min(self.len);
        for byte in out.iter_mut().take(amount) {
            if let Some(slot) = self.ring.get_mut(self.start) {
                *byte = *slot;
                slot.zeroize();
            }
            self.start = self.wrapped(self.start + 1);
            self.len -= 1;
        }
        amount
    }

    /// Wipes everything.
    pub fn clear(&mut self) {
        self.ring.as_mut_slice().zeroize();
        self.start = 0;
        self.len = 0;
    }

    /// `index`, which is less than twice the capacity, taken around the ring.
    fn wrapped(&self, index: usize) -> usize {
        if index >= self.ring.len() { index - self.ring.len() } else { index }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[test]
    fn taken_and_cleared_bytes_are_wiped_from_memory() {
        let mut pool = Pool::new(64);
        assert_eq!(pool.put(&[0xAA; 48]), 48);
        let mut out = [0; 32];
        assert_eq!(pool.take(&mut out), 32);
        assert_eq!(out, [0xAA; 32]);
        assert_eq!(pool.ring.iter().filter(|&&byte| byte != 0).count(), 16);
        pool.clear();
        assert!(pool.ring.iter().all(|&byte| byte == 0));
        assert_eq!((pool.bits(), pool.free()), (0, 64));
    }

    #[test]
    fn bits_are_those_that_are_credited() {
        let mut pool = Pool::credited(64, 7.992);
        pool.put(&[1; 33]);
        assert_eq!(pool.bits(), 263);
        pool.take(&mut [0; 32]);
        assert_eq!(pool.bits(), 7);
    }

    proptest! {
        #[test]
        fn it_is_a_bounded_queue(steps in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..40)), 0..60)) {
            let mut pool = Pool::new(37);
            let mut model = VecDeque::new();
            for (put, bytes) in steps {
                if put {
                    let fits = bytes.len().min(37 - model.len());
                    prop_assert_eq!(pool.put(&bytes), fits);
                    model.extend(bytes[..fits].iter().copied());
                } else {
                    let mut out = vec![0; bytes.len()];
                    let got = pool.take(&mut out);
                    let expected: Vec<u8> = (0..got).map_while(|_| model.pop_front()).collect();
                    prop_assert_eq!(&out[..got], &expected[..]);
                    prop_assert!(got == out.len() || model.is_empty());
                }
                prop_assert_eq!(pool.bits(), 8 * model.len() as u64);
                prop_assert_eq!(pool.len() + pool.free(), 37);
            }
        }
    }
}
