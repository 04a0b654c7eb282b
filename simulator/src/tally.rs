//! Counting outcomes: from basis states to the strings of classical bits they were measured into.

use std::collections::BTreeMap;

use qhal::Result;
use qhal::circuit::BitString;
use qhal::processor::Counts;

use crate::real::Real;
use crate::register::Register;
use crate::sample::sample;

/// How often each outcome was seen so far.
pub(crate) struct Tally<'a> {
    final_measurements: &'a [(u32, u32)],
    seen: BTreeMap<BitString, u64>,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(final_measurements: &'a [(u32, u32)]) -> Self {
        Self { final_measurements, seen: BTreeMap::new() }
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
        for (state, count) in sample(register, shots, seed)? {
            let mut outcome = memory.clone();
            for &(qubit, bit) in self.final_measurements {
                outcome.set(bit, state >> qubit & 1 == 1);
            }
            self.count(outcome, count);
        }
        Ok(())
    }

    fn count(&mut self, outcome: BitString, count: u64) {
        if count > 0 {
            *self.seen.entry(outcome).or_default() += count;
        }
    }

    pub(crate) fn into_counts(self) -> Counts {
        self.seen.into_iter().collect()
    }
}
