//! What emulated devices have in common: noise from a seed, and how fast it is made and sent.

use std::collections::VecDeque;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Noise that is computed: the same seed, the same bytes.
#[derive(Debug)]
pub(crate) struct Noise {
    rng: ChaCha8Rng,
}

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Uniform bytes.
    pub(crate) fn uniform(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// Bytes of which seven bits in eight are ones: far less than half a bit of min-entropy in every bit.
    pub(crate) fn biased(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = self.uniform(count);
        for byte in &mut bytes {
            let [first, second, ..] = self.rng.next_u32().to_le_bytes();
            *byte |= first | second;
        }
        bytes
    }

    /// Bytes with a Gaussian-like distribution about the middle, as a noise source gives them before any whitening: the
    /// sum of eight uniform nibbles, from 8 to 248.
    pub(crate) fn rough(&mut self, count: usize) -> Vec<u8> {
        let nibbles = |word: u32| (0..8).map(|at| (word >> (4 * at)) & 15).sum::<u32>();
        (0..count).map(|_| (8 + 2 * nibbles(self.rng.next_u32())) as u8).collect()
    }

    /// Bytes of this quality.
    pub(crate) fn bytes(&mut self, count: usize, quality: Quality) -> Vec<u8> {
        match quality {
            Quality::Fair => self.uniform(count),
            Quality::Biased => self.biased(count),
            Quality::Stuck => vec![0xA5; count],
        }
    }

    /// One byte of this quality.
    pub(crate) fn byte(&mut self, quality: Quality) -> u8 {
        self.bytes(1, quality).first().copied().unwrap_or_default()
    }

    /// A number from 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(self.rng.next_u32()) / 4_294_967_296.0
    }

    /// All but Gaussian, with mean 0 and deviation 1: twelve uniform variates (Irwin-Hall).
    pub(crate) fn gaussian(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// Damages what goes over the wire: of its bytes some change, some are lost.
    pub(crate) fn garble(&mut self, bytes: &mut Vec<u8>) {
        bytes.retain_mut(|byte| {
            let [chance, change, ..] = self.rng.next_u32().to_le_bytes();
            if chance % 16 == 1 {
                *byte = change;
            }
            chance % 16 != 0
        });
    }
}

/// How good the noise is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quality {
    /// Every bit is as likely 0 as 1.
    Fair,
    /// Seven bits in eight are ones.
    Biased,
    /// Every byte is the same.
    Stuck,
}

impl Quality {
    /// What is left of the noise where these faults are.
    pub(crate) fn with(stuck: bool, biased: bool) -> Self {
        match (stuck, biased) {
            (true, _) => Self::Stuck,
            (_, true) => Self::Biased,
            _ => Self::Fair,
        }
    }
}

/// How many bytes a device has made by a time, and how many of them it can keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    bytes_per_s: u32,
    store: u32,
    /// The time at which the store was empty, so that what has come since is what is in it.
    empty_at: Duration,
}

impl Pace {
    /// A device that makes so many bytes a second and keeps at most `store` of them.
    pub(crate) fn new(bytes_per_s: u32, store: u32) -> Self {
        Self { bytes_per_s: bytes_per_s.max(1), store, empty_at: Duration::ZERO }
    }

    fn time_of(&self, bytes: u32) -> Duration {
        Duration::from_secs_f64(f64::from(bytes) / f64::from(self.bytes_per_s))
    }

    /// How many bytes are ready.
    pub(crate) fn ready(&self, now: Duration) -> u32 {
        let made =
            now.saturating_sub(self.empty_at).as_nanos() * u128::from(self.bytes_per_s) / 1_000_000_000;
        u32::try_from(made).unwrap_or(u32::MAX).min(self.store)
    }

    /// Takes `bytes` out of the store if so many are ready.
    pub(crate) fn take(&mut self, bytes: u32, now: Duration) -> bool {
        if self.ready(now) < bytes {
            return false;
        }
        // What does not fit the store was lost.
        self.empty_at = self.empty_at.max(now.saturating_sub(self.time_of(self.store))) + self.time_of(bytes);
        true
    }

    /// Nothing is ready at `now`; the making begins.
    pub(crate) fn restart(&mut self, now: Duration) {
        self.empty_at = now;
    }
}

/// What a device has still to send, and how fast it does.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: VecDeque<u8>,
    bytes_per_second: u64,
    /// What was due by then has been sent.
    paced_until: Duration,
    sent: u64,
}

impl Outbox {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { queue: VecDeque::new(), bytes_per_second, paced_until: Duration::ZERO, sent: 0 }
    }

    /// Sends `bytes` after all that is waiting.
    pub(crate) fn push(&mut self, bytes: &[u8], now: Duration) {
        if self.queue.is_empty() {
            self.paced_until = now;
        }
        self.queue.extend(bytes);
    }

    /// Sends `bytes` as soon as there is room for them, whatever the pace.
    pub(crate) fn push_at_once(&mut self, bytes: &[u8], now: Duration) {
        self.push(bytes, now);
        self.paced_until = Duration::ZERO;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Forgets what is waiting.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }

    /// How many bytes have been sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// How many bytes could be sent by `now`.
    pub(crate) fn due(&self, now: Duration) -> usize {
        let passed = now.saturating_sub(self.paced_until);
        let due = passed.as_nanos() * u128::from(self.bytes_per_second) / 1_000_000_000;
        usize::try_from(due).unwrap_or(usize::MAX)
    }

    /// Appends what is due by `now` to `out`, at most `room` bytes.
    pub(crate) fn transmit(&mut self, out: &mut Vec<u8>, room: usize, now: Duration) {
        let count = self.due(now).min(room).min(self.queue.len());
        out.extend(self.queue.drain(..count));
        self.sent += count as u64;
        // Forward by whole bytes only, so that their fractions add up.
        let nanos = (count as u128 * 1_000_000_000).div_ceil(u128::from(self.bytes_per_second.max(1)));
        let took = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.paced_until = self.paced_until.saturating_add(took).min(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_leave_in_their_order_at_the_pace_whatever_the_steps() {
        let mut outbox = Outbox::new(1000);
        outbox.push(&[1; 300], Duration::from_secs(5));
        outbox.push(&[2; 300], Duration::from_secs(9));
        let mut sent = Vec::new();
        for step in 0..500 {
            outbox.transmit(&mut sent, 7, Duration::from_secs(5) + Duration::from_micros(1300 * step));
        }
        assert_eq!(sent.len(), 600);
        assert!(outbox.is_empty() && outbox.sent() == 600);
        assert!(sent.is_sorted());
        // Half a second after the beginning, half a thousand have gone.
        let mut outbox = Outbox::new(1000);
        outbox.push(&[0; 600], Duration::from_secs(5));
        let mut sent = Vec::new();
        outbox.transmit(&mut sent, 4096, Duration::from_millis(5500));
        assert_eq!(sent.len(), 500);
    }

    #[test]
    fn noise_is_what_it_is_called() {
        let ones = |bytes: Vec<u8>| bytes.iter().map(|byte| byte.count_ones()).sum::<u32>();
        // Of 80 000 bits: half, and seven eighths, within five standard deviations.
        assert!((39_300..=40_700).contains(&ones(Noise::new(1).uniform(10_000))));
        assert!((69_500..=70_500).contains(&ones(Noise::new(1).biased(10_000))));
        let rough = Noise::new(1).rough(10_000);
        let mean = rough.iter().map(|byte| f64::from(*byte)).sum::<f64>() / 10_000.0;
        // Eight nibbles of mean 7.5, twice, and 8; one standard deviation of the mean is 0.26.
        assert!((mean - 128.0).abs() < 1.3, "{mean}");
        assert_eq!(Noise::new(2).uniform(9), Noise::new(2).uniform(9));
        assert_ne!(Noise::new(2).uniform(9), Noise::new(3).uniform(9));
        let mut garbled = vec![0; 1000];
        Noise::new(4).garble(&mut garbled);
        assert!(garbled.len() < 1000 && garbled.iter().any(|byte| *byte != 0));
    }

    #[test]
    fn a_store_fills_at_its_pace_and_loses_what_does_not_fit() {
        let mut pace = Pace::new(1000, 100);
        let at = Duration::from_millis;
        assert_eq!((pace.ready(at(0)), pace.ready(at(50)), pace.ready(at(5000))), (0, 50, 100));
        assert!(!pace.take(60, at(50)) && pace.take(60, at(5000)));
        assert_eq!((pace.ready(at(5000)), pace.ready(at(5010))), (40, 50));
        pace.restart(at(6000));
        assert_eq!(pace.ready(at(6001)), 1);
    }

    proptest! {
        #[test]
        fn never_more_is_taken_than_is_made(steps in prop::collection::vec((0_u64..50, 1_u32..80), 1..50)) {
            let (mut pace, mut now, mut taken) = (Pace::new(997, 64), Duration::ZERO, 0_u64);
            for (millis, bytes) in steps {
                now += Duration::from_millis(millis);
                taken += if pace.take(bytes, now) { u64::from(bytes) } else { 0 };
                prop_assert!(taken as f64 <= now.as_secs_f64() * 997.0 + 1e-3);
            }
        }
    }
}
