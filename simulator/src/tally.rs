//! Counting outcomes: from basis states to the strings of classical bits they were measured into.

use std::collections::BTreeMap;

use qhal::Result;
use qhal::circuit::BitString;
use qhal::processor::Counts;

use crate::moves::Moves;
use crate::real::Real;
use crate::register::Register;
use crate::sample::{sample, sample_moved, sort};
use crate::workers::Workers;

/// How often each outcome was seen so far.
pub(crate) struct Tally<'a> {
    final_measurements: &'a [(u32, u32)],
    bits: u32,
    /// Outcomes of up to 64 bits, in no order; the same one may stand more than once.
    words: Vec<(u64, u64)>,
    /// Wider ones.
    wide: BTreeMap<BitString, u64>,
}

impl<'a> Tally<'a> {
    /// An empty tally of outcomes of `bits` classical bits.
    pub(crate) fn new(final_measurements: &'a [(u32, u32)], bits: u32) -> Self {
        Self { final_measurements, bits, words: Vec::new(), wide: BTreeMap::new() }
    }

    /// Does the final measurements `shots` times on a state whose classical memory is `memory`.
    pub(crate) fn add<T: Real>(
        &mut self,
        register: &Register<T>,
        memory: &BitString,
        shots: u64,
        seed: u64,
    ) -> Result<()> {
        if self.final_measurements.is_empty() {
            self.count(memory.clone(), shots);
            return Ok(());
        }
        let Some(word) = self.word(memory) else {
            for (state, count) in sample(register, shots, seed)? {
                let mut outcome = memory.clone();
                for &(qubit, bit) in self.final_measurements {
                    outcome.set(bit, state >> qubit & 1 == 1);
                }
                self.count(outcome, count);
            }
            return Ok(());
        };
        // The last qubit that is measured into a bit decides it.
        let sources: BTreeMap<u32, u32> =
            self.final_measurements.iter().map(|&(qubit, bit)| (bit, qubit)).collect();
        let written = sources.keys().fold(0, |mask, bit| mask | 1u64 << bit);
        let moves = Moves::new(sources.iter().map(|(&bit, &qubit)| (register.position(qubit), bit)));
        let flipped = moves.apply(register.address(0) as u64);
        for part in sample_moved(register, shots, seed, &moves, word & !written ^ flipped)? {
            self.words.extend(part);
        }
        Ok(())
    }

    /// The memory as a number if it is narrow enough.
    fn word(&self, memory: &BitString) -> Option<u64> {
        (self.bits <= 64).then(|| memory.words().first().copied().unwrap_or(0))
    }

    fn count(&mut self, outcome: BitString, count: u64) {
        match self.word(&outcome) {
            _ if count == 0 => {}
            Some(word) => self.words.push((word, count)),
            None => *self.wide.entry(outcome).or_default() += count,
        }
    }

    pub(crate) fn into_counts(mut self, workers: &Workers) -> Counts {
        if self.bits > 64 {
            return self.wide.into_iter().collect();
        }
        sort(workers, &mut self.words);
        let (bits, words) = (self.bits, self.words);
        workers.map(words.len(), |at| {
            let (word, count) = words.get(at).copied().unwrap_or_default();
            (BitString::from_u64(bits, word), count)
        })
    }
}
