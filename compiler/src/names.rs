//! A hash map from names to what they stand for: quick for short names, and keyed, so that no program can be written
//! to make every name collide.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A map whose keys are names.
pub(crate) type Names<K, V> = HashMap<K, V, Keyed>;

/// Starts hashers with a key drawn once for each map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keyed {
    key: u64,
}

impl Default for Keyed {
    fn default() -> Self {
        Self { key: RandomState::new().hash_one(0u8) }
    }
}

impl BuildHasher for Keyed {
    type Hasher = Folding;

    fn build_hasher(&self) -> Folding {
        Folding { state: self.key }
    }
}

/// Multiplies eight bytes at a time into 128 bits and folds the halves together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folding {
    state: u64,
}

impl Folding {
    fn fold(&mut self, word: u64) {
        // The fractional part of the golden ratio, an odd number without structure.
        let product = u128::from(self.state ^ word) * u128::from(0x9e37_79b9_7f4a_7c15_u64);
        self.state = (product as u64) ^ (product >> 64) as u64;
    }
}

impl Hasher for Folding {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.fold(u64::from_le_bytes(*word));
        }
        // The length tells apart names that differ only in how the last word is filled.
        let last = rest.iter().fold(bytes.len() as u64, |word, &byte| word << 8 | u64::from(byte));
        self.fold(last);
    }

    fn write_u8(&mut self, _: u8) {
        // What `str` appends to keep neighbouring strings apart; here a key is one string.
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again_and_maps_have_different_keys() {
        let mut map: Names<Box<str>, usize> = Names::default();
        let names: Vec<String> = (0..1000).map(|n| "a".repeat(n % 40) + &n.to_string()).collect();
        for (value, name) in names.iter().enumerate() {
            map.insert(name.as_str().into(), value);
        }
        assert!(names.iter().enumerate().all(|(value, name)| map.get(name.as_str()) == Some(&value)));
        assert_eq!(map.get("b"), None);
        assert_ne!(Keyed::default().hash_one("q"), Keyed::default().hash_one("q"));
    }
}
