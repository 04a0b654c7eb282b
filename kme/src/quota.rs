//! How many keys somebody may take: a token bucket that holds one second's worth.

use std::time::Instant;

/// A token bucket over a clock that is passed in.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket of `rate` tokens that refills within a second.
    pub(crate) fn new(rate: u32, now: Instant) -> Self {
        Self { rate: f64::from(rate), tokens: f64::from(rate), at: now }
    }

    /// Takes `amount` tokens if they are there.
    pub(crate) fn take(&mut self, amount: u32, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.rate).min(self.rate);
        self.at = now.max(self.at);
        let enough = self.tokens >= f64::from(amount);
        if enough {
            self.tokens -= f64::from(amount);
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_second_brings_as_many_as_the_rate_says_and_never_more() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10, start);
        assert!(bucket.take(10, start) && !bucket.take(1, start));
        let later = start + Duration::from_millis(500);
        assert!(bucket.take(5, later) && !bucket.take(1, later));
        let much_later = start + Duration::from_secs(3600);
        assert!(!bucket.take(11, much_later) && bucket.take(10, much_later));
        assert!(!bucket.take(1, start), "a clock that goes back brings nothing");
    }
}
