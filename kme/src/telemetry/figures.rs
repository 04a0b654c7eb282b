//! What is counted while keys are made and given: rates of links, what applications took, what a link's device says of itself.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use qhal::KeyId;
use qhal::device::Property;

/// Over what time a rate is told.
const WINDOW: Duration = Duration::from_secs(60);
/// Pairs of applications, and streams, that are counted; the others are not told of.
const MOST_APPLICATIONS: usize = 10_000;

/// Bits that came within the last minute.
#[derive(Debug)]
pub(crate) struct Meter {
    began: Instant,
    came: VecDeque<(Instant, u64)>,
}

impl Meter {
    pub(crate) fn new(now: Instant) -> Self {
        Self { began: now, came: VecDeque::new() }
    }

    /// Counts `bytes`.
    pub(crate) fn add(&mut self, bytes: u64, now: Instant) {
        self.forget(now);
        self.came.push_back((now, bytes));
    }

    /// Bit/s over the last minute, or since the beginning if that is shorter (but a second at least).
    pub(crate) fn rate(&mut self, now: Instant) -> f64 {
        self.forget(now);
        let time = now.saturating_duration_since(self.began).clamp(Duration::from_secs(1), WINDOW);
        let bytes: u64 = self.came.iter().map(|(_, bytes)| bytes).sum();
        8.0 * bytes as f64 / time.as_secs_f64()
    }

    fn forget(&mut self, now: Instant) {
        while self.came.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > WINDOW) {
            self.came.pop_front();
        }
    }
}

/// A link's device as it last described itself.
#[derive(Clone, Debug)]
pub(crate) struct DeviceFigures {
    /// Its id.
    pub(crate) device: String,
    /// Its model.
    pub(crate) model: String,
    /// What it tells.
    pub(crate) properties: Vec<Property>,
}

/// Who takes keys: a pair of applications that asks for them one by one, or a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Consumer {
    /// The master and the slave.
    Pair(Arc<str>, Arc<str>),
    /// The stream.
    Stream(KeyId),
}

/// What somebody has taken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) first: SystemTime,
    pub(crate) last: SystemTime,
    pub(crate) bits: u64,
}

/// What everybody has taken here since the start.
#[derive(Debug, Default)]
pub(crate) struct Consumption(HashMap<Consumer, Taken>);

impl Consumption {
    pub(crate) fn add(&mut self, who: Consumer, bits: u64, now: SystemTime) {
        if let Some(taken) = self.0.get_mut(&who) {
            taken.bits = taken.bits.saturating_add(bits);
            taken.last = now;
        } else if self.0.len() < MOST_APPLICATIONS {
            self.0.insert(who, Taken { first: now, last: now, bits });
        }
    }

    pub(crate) fn of(&self, who: &Consumer) -> Option<Taken> {
        self.0.get(who).copied()
    }

    /// Forgets a stream that is over.
    pub(crate) fn forget(&mut self, stream: &KeyId) {
        self.0.remove(&Consumer::Stream(*stream));
    }

    /// Pairs that took keys one by one, in order.
    pub(crate) fn pairs(&self) -> Vec<(Arc<str>, Arc<str>, Taken)> {
        let pair = |(who, taken): (&Consumer, &Taken)| match who {
            Consumer::Pair(master, slave) => Some((master.clone(), slave.clone(), *taken)),
            Consumer::Stream(_) => None,
        };
        let mut pairs: Vec<_> = self.0.iter().filter_map(pair).collect();
        pairs.sort_by(|(one, other, _), (a, b, _)| (one, other).cmp(&(a, b)));
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_minute() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut meter = Meter::new(start);
        assert_eq!(meter.rate(start), 0.0);
        meter.add(1000, at(0));
        assert_eq!(meter.rate(at(0)), 8000.0, "a second at least");
        assert_eq!(meter.rate(at(10)), 800.0);
        meter.add(2000, at(30));
        assert_eq!(meter.rate(at(60)), 400.0);
        assert!((meter.rate(at(61)) - 16_000.0 / 60.0).abs() < 1e-9, "the first second is forgotten");
        assert_eq!(meter.rate(at(1000)), 0.0);
    }

    #[test]
    fn what_is_taken_adds_up_for_each_pair() {
        let mut all = Consumption::default();
        let pair = |a: &str, b: &str| Consumer::Pair(Arc::from(a), Arc::from(b));
        let (early, late) = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + Duration::from_secs(9));
        all.add(pair("b", "a"), 256, early);
        all.add(pair("a", "b"), 128, early);
        all.add(pair("a", "b"), 128, late);
        all.add(Consumer::Stream(KeyId([1; 16])), 64, late);
        assert_eq!(all.of(&pair("a", "b")), Some(Taken { first: early, last: late, bits: 256 }));
        let names: Vec<String> = all.pairs().iter().map(|(a, b, _)| format!("{a}{b}")).collect();
        assert_eq!(names, ["ab", "ba"]);
        all.forget(&KeyId([1; 16]));
        assert_eq!(all.of(&Consumer::Stream(KeyId([1; 16]))), None);
    }
}
