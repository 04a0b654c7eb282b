//! Leases, those who wait for one, and how much each client had: all of it pure, the time is an argument.
//!
//! A device is leased to one client at a time and comes free when the lease ends, whatever became of the client. Of those who
//! wait for the same device the highest priority goes first, then who had the least time lately, then who asked first.

use std::collections::BTreeMap;
use std::time::Duration;

use qhal::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// The longest lease.
pub const MOST: Duration = Duration::from_secs(24 * 3600);
/// Who has not asked again for so long (ms) has gone away.
const PATIENCE: u64 = 5_000;
/// Half of what a client had is forgotten after so long (ms).
const HALF_LIFE: f64 = 3_600_000.0;

/// A device given to a client for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its name; whoever knows it may give the lease back.
    pub id: String,
    /// The device's id.
    pub device: String,
    /// Who has it.
    pub client: String,
    /// With which priority it was asked for.
    pub priority: u8,
    /// When it began and when it ends, in ms since 1970.
    pub granted: u64,
    /// See `granted`.
    pub expires: u64,
}

impl Lease {
    /// How much longer it lasts.
    pub fn left(&self, now: u64) -> Duration {
        Duration::from_millis(self.expires.saturating_sub(now))
    }
}

/// Somebody who wants a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The name of the lease it is to become, the same at every repetition.
    pub id: String,
    /// The device's id.
    pub device: String,
    /// Who asks.
    pub client: String,
    /// Higher goes first.
    pub priority: u8,
    /// How long it is wanted, in ms.
    pub duration: u64,
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is theirs.
    Granted(Lease),
    /// It is not, yet: ask again within five seconds to keep the place.
    Waits {
        /// Who has it, if somebody has.
        held: Option<Lease>,
        /// How many are to have it before, the holder left out.
        ahead: usize,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Waiting {
    ask: Ask,
    since: u64,
    seen: u64,
}

/// Time (ms) that a client had, and when that was the figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Had {
    time: f64,
    at: u64,
}

impl Had {
    fn now(&self, now: u64) -> f64 {
        self.time * 0.5f64.powf(now.saturating_sub(self.at) as f64 / HALF_LIFE)
    }
}

/// All leases.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Book {
    leases: Vec<Lease>,
    waiting: Vec<Waiting>,
    had: BTreeMap<String, Had>,
}

impl Book {
    /// Asks for a device, for the first time or again.
    ///
    /// # Errors
    /// `InvalidInput` for no time, or more than a day.
    pub fn ask(&mut self, ask: Ask, now: u64) -> Result<Answer> {
        if ask.duration == 0 || ask.duration > MOST.as_millis() as u64 {
            let message = format!("a lease lasts from 1 ms to 24 h, not {} ms", ask.duration);
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        self.forget(now);
        if let Some(own) = self.leases.iter().find(|lease| lease.id == ask.id) {
            return Ok(Answer::Granted(own.clone()));
        }
        match self.waiting.iter_mut().find(|waiting| waiting.ask.id == ask.id) {
            Some(waiting) => (waiting.ask, waiting.seen) = (ask.clone(), now),
            None => self.waiting.push(Waiting { ask: ask.clone(), since: now, seen: now }),
        }
        let ahead = self.line(&ask.device, now).iter().take_while(|id| **id != ask.id).count();
        let held = self.holder(&ask.device, now).cloned();
        if held.is_some() || ahead > 0 {
            return Ok(Answer::Waits { held, ahead });
        }
        self.withdraw(&ask.id);
        let time = self.had(&ask.client, now) + ask.duration as f64;
        self.had.insert(ask.client.clone(), Had { time, at: now });
        let lease = Lease {
            id: ask.id,
            device: ask.device,
            client: ask.client,
            priority: ask.priority,
            granted: now,
            expires: now.saturating_add(ask.duration),
        };
        self.leases.push(lease.clone());
        Ok(Answer::Granted(lease))
    }

    /// Those who wait for a device, the next one first.
    fn line(&self, device: &str, now: u64) -> Vec<String> {
        let mut line: Vec<&Waiting> =
            self.waiting.iter().filter(|waiting| waiting.ask.device == device).collect();
        line.sort_by(|a, b| {
            let had = |waiting: &Waiting| self.had(&waiting.ask.client, now);
            (b.ask.priority.cmp(&a.ask.priority))
                .then_with(|| had(a).total_cmp(&had(b)))
                .then_with(|| a.since.cmp(&b.since))
                .then_with(|| a.ask.id.cmp(&b.ask.id))
        });
        line.into_iter().map(|waiting| waiting.ask.id.clone()).collect()
    }

    fn had(&self, client: &str, now: u64) -> f64 {
        self.had.get(client).map_or(0.0, |had| had.now(now))
    }

    /// Leaves the line.
    pub fn withdraw(&mut self, id: &str) {
        self.waiting.retain(|waiting| waiting.ask.id != id);
    }

    /// Gives a lease back before its end; what was not used does not count as had.
    ///
    /// # Errors
    /// `NotFound` when there is no such lease (any more).
    pub fn release(&mut self, id: &str, now: u64) -> Result<Lease> {
        self.forget(now);
        let Some(at) = self.leases.iter().position(|lease| lease.id == id) else {
            let message = format!("there is no lease {id}: it was given back, or it has ended");
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        let lease = self.leases.swap_remove(at);
        let unused = lease.expires.saturating_sub(now) as f64;
        let time = (self.had(&lease.client, now) - unused).max(0.0);
        self.had.insert(lease.client.clone(), Had { time, at: now });
        Ok(lease)
    }

    /// Who has a device now.
    pub fn holder(&self, device: &str, now: u64) -> Option<&Lease> {
        self.leases.iter().find(|lease| lease.device == device && lease.expires > now)
    }

    /// The leases that last, by device.
    pub fn leases(&self, now: u64) -> Vec<Lease> {
        let mut all: Vec<Lease> = self.leases.iter().filter(|lease| lease.expires > now).cloned().collect();
        all.sort_by(|a, b| a.device.cmp(&b.device));
        all
    }

    /// Forgets leases that have ended, those who have gone away, and what nobody had.
    fn forget(&mut self, now: u64) {
        self.leases.retain(|lease| lease.expires > now);
        // Somebody seen in the future lived before the clock was set back.
        self.waiting.retain(|waiting| now.abs_diff(waiting.seen) <= PATIENCE);
        self.had.retain(|_, had| had.now(now) >= 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ask(id: &str, client: &str, priority: u8) -> Ask {
        let (id, client) = (id.to_owned(), client.to_owned());
        Ask { id, device: "d".to_owned(), client, priority, duration: 1000 }
    }

    fn granted(answer: Answer) -> bool {
        matches!(answer, Answer::Granted(_))
    }

    #[test]
    fn one_at_a_time_until_it_ends_or_is_given_back() {
        let mut book = Book::default();
        assert!(granted(book.ask(ask("1", "a", 0), 0).unwrap()));
        assert!(granted(book.ask(ask("1", "a", 0), 500).unwrap()), "asking again is no second lease");
        let Answer::Waits { held: Some(held), ahead: 0 } = book.ask(ask("2", "b", 0), 999).unwrap() else {
            panic!("it is taken")
        };
        assert_eq!((held.client.as_str(), held.left(999)), ("a", Duration::from_millis(1)));
        // The first never comes back, and it is free all the same.
        assert!(granted(book.ask(ask("2", "b", 0), 1000).unwrap()));
        assert!(!granted(book.ask(ask("3", "a", 0), 1001).unwrap()));
        assert_eq!(book.release("2", 1100).unwrap().client, "b");
        assert_eq!(book.release("2", 1100).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(granted(book.ask(ask("3", "a", 0), 1100).unwrap()));
        assert!(book.ask(Ask { duration: 0, ..ask("4", "a", 0) }, 0).is_err());
    }

    #[test]
    fn priority_then_fairness_then_patience() {
        let mut book = Book::default();
        // `greedy` had a second already.
        assert!(granted(book.ask(ask("0", "greedy", 0), 0).unwrap()));
        for (id, client, priority) in
            [("1", "greedy", 0), ("2", "modest", 0), ("3", "other", 0), ("4", "vip", 9)]
        {
            assert!(!granted(book.ask(ask(id, client, priority), 10).unwrap()));
        }
        let mut order = Vec::new();
        let mut now = 1000;
        while order.len() < 4 {
            for (id, client, priority) in
                [("1", "greedy", 0), ("2", "modest", 0), ("3", "other", 0), ("4", "vip", 9)]
            {
                if !order.contains(&id) && granted(book.ask(ask(id, client, priority), now).unwrap()) {
                    order.push(id);
                }
            }
            now += 1000;
        }
        assert_eq!(order, ["4", "2", "3", "1"]);
    }

    #[test]
    fn who_goes_away_loses_the_place() {
        let mut book = Book::default();
        assert!(granted(book.ask(ask("0", "a", 0), 0).unwrap()));
        assert!(!granted(book.ask(ask("1", "b", 9), 10).unwrap()));
        assert!(!granted(book.ask(ask("2", "c", 0), 20).unwrap()));
        assert_eq!(book.ask(ask("2", "c", 0), 1001).unwrap(), Answer::Waits { held: None, ahead: 1 });
        assert!(granted(book.ask(ask("2", "c", 0), 10 + PATIENCE + 1).unwrap()));
    }

    #[test]
    fn what_was_given_back_was_not_had() {
        let mut book = Book::default();
        book.ask(Ask { duration: 3_600_000, ..ask("0", "a", 0) }, 0).unwrap();
        book.release("0", 1).unwrap();
        assert!(book.had("a", 1) < 2.0);
    }

    proptest! {
        /// Whoever asks, gives back and goes away: no device has two holders, and every line moves on.
        #[test]
        fn nothing_is_double_booked(
            steps in proptest::collection::vec((0u8..3, 0u8..6, 0u8..3, 0u8..3, 0u64..2000), 1..80),
        ) {
            let mut book = Book::default();
            let mut now = 0;
            for (what, id, device, client, time) in steps {
                now += time / 4;
                let ask = Ask {
                    id: format!("{id}-{device}-{client}"),
                    device: device.to_string(),
                    client: client.to_string(),
                    priority: id % 2,
                    duration: time + 1,
                };
                match what {
                    0 | 1 => {
                        let free = book.holder(&ask.device, now).is_none();
                        let first = book.waiting.is_empty();
                        let answer = book.ask(ask, now).unwrap();
                        prop_assert!(!(free && first) || granted(answer));
                    }
                    _ => drop(book.release(&ask.id, now)),
                }
                let leases = book.leases(now);
                prop_assert!(leases.windows(2).all(|pair| pair[0].device != pair[1].device), "{leases:?}");
            }
        }
    }
}
