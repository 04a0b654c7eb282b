//! Quotas of the clients: a token bucket each, in bytes, on a clock that is passed in.

use std::collections::HashMap;
use std::time::Duration;

/// How many clients are remembered. Those whose bucket is full again are forgotten first: it is as if they had never come.
const MOST_CLIENTS: usize = 10_000;

/// How long a client waits that is not remembered because there are too many others.
const CROWDED: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Duration,
}

/// A bucket of `burst` bytes for every client, refilled at `rate` bytes a second.
#[derive(Debug)]
pub(crate) struct Quotas {
    rate: f64,
    burst: f64,
    clients: HashMap<String, Bucket>,
}

impl Quotas {
    /// Quotas of `rate` bytes a second and at most `burst` bytes at once; a rate of 0 means that there are none.
    pub(crate) fn new(rate: u64, burst: u64) -> Self {
        Self { rate: rate as f64, burst: burst as f64, clients: HashMap::new() }
    }

    /// Takes `amount` bytes from the bucket of `client` at `now`, all or none.
    ///
    /// # Errors
    /// How long it takes until the bucket holds so many; [`Duration::MAX`] when it never will.
    pub(crate) fn take(&mut self, client: &str, amount: u64, now: Duration) -> Result<(), Duration> {
        if self.rate == 0.0 {
            return Ok(());
        }
        let amount = amount as f64;
        if amount > self.burst {
            return Err(Duration::MAX);
        }
        if !self.clients.contains_key(client) && self.clients.len() >= MOST_CLIENTS {
            let (rate, burst) = (self.rate, self.burst);
            self.clients.retain(|_, bucket| level(*bucket, rate, burst, now) < burst);
            if self.clients.len() >= MOST_CLIENTS {
                return Err(CROWDED);
            }
        }
        let full = Bucket { tokens: self.burst, at: now };
        let bucket = self.clients.entry(client.to_owned()).or_insert(full);
        let tokens = level(*bucket, self.rate, self.burst, now);
        if tokens < amount {
            *bucket = Bucket { tokens, at: now };
            return Err(Duration::from_secs_f64((amount - tokens) / self.rate));
        }
        *bucket = Bucket { tokens: tokens - amount, at: now };
        Ok(())
    }
}

fn level(bucket: Bucket, rate: f64, burst: f64, now: Duration) -> f64 {
    (bucket.tokens + now.saturating_sub(bucket.at).as_secs_f64() * rate).min(burst)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut quotas = Quotas::new(100, 1000);
        assert_eq!(quotas.take("a", 600, Duration::ZERO), Ok(()));
        assert_eq!(quotas.take("a", 600, Duration::ZERO), Err(2 * SECOND));
        assert_eq!(quotas.take("b", 1000, Duration::ZERO), Ok(()), "everybody has a bucket");
        assert_eq!(quotas.take("a", 600, 2 * SECOND), Ok(()));
        assert_eq!(quotas.take("a", 1, 2 * SECOND), Err(SECOND / 100));
        assert_eq!(quotas.take("a", 1001, 1000 * SECOND), Err(Duration::MAX));
        assert_eq!(quotas.take("a", 1000, 1000 * SECOND), Ok(()));
        assert_eq!(
            quotas.take("a", 1000, 999 * SECOND),
            Err(10 * SECOND),
            "a clock that goes back gives nothing"
        );
        assert_eq!(Quotas::new(0, 0).take("a", u64::MAX, Duration::ZERO), Ok(()));
    }

    /// Over any hour nobody gets more than the burst and the rate allow.
    #[test]
    fn greed_gets_what_the_rate_allows() {
        let mut quotas = Quotas::new(1000, 5000);
        let given: u64 = (0..3_600_000u64)
            .step_by(7)
            .filter(|ms| quotas.take("greedy", 64, Duration::from_millis(*ms)).is_ok())
            .count() as u64
            * 64;
        assert!((3_600_000..=3_605_000).contains(&given), "{given}");
    }

    #[test]
    fn a_crowd_is_not_remembered_for_ever() {
        let mut quotas = Quotas::new(100, 1000);
        for client in 0..MOST_CLIENTS {
            assert_eq!(quotas.take(&client.to_string(), 1000, Duration::ZERO), Ok(()));
        }
        assert_eq!(quotas.take("late", 1, Duration::ZERO), Err(CROWDED));
        assert_eq!(quotas.take("late", 1, 10 * SECOND), Ok(()));
        assert_eq!(quotas.clients.len(), 1);
    }
}
