//! Hears the knock: which mode, if any, the changes of a line's baud rate ask for.

use std::time::Duration;

use super::super::model::KNOCK;
use crate::transport::LineSettings;

/// A knock in which nothing happens for this long is forgotten.
const PATIENCE: Duration = Duration::from_secs(5);

/// Follows a line. Rates follow each other within one opening of the port or over several, as the vendor's script does it.
///
/// A wire may miss the rate of an opening that was over at once (it begins and ends at the same time). Such a gap is
/// forgiven where the number of openings and the rates that were seen fit the knock.
#[derive(Debug, Default)]
pub(super) struct Knock {
    line: Option<LineSettings>,
    opened_at: Duration,
    changed_at: Duration,
    /// The different rates since the first one of the knock, that one included; empty when none is under way.
    rates: Vec<u32>,
    /// Openings since then, and those among them of which the rate was missed.
    openings: usize,
    missed: usize,
}

impl Knock {
    /// The line changed; gives the rate that a complete knock ends with.
    pub(super) fn line_changed(&mut self, line: LineSettings, now: Duration) -> Option<u32> {
        if now.saturating_sub(self.changed_at) > PATIENCE {
            self.forget();
        }
        self.changed_at = now;
        let before = self.line.replace(line);
        let was_open = before.is_some_and(|before| before.dtr);
        if line.dtr && !was_open {
            self.opened_at = now;
            if !self.rates.is_empty() {
                self.openings += 1;
            }
        }
        if !line.dtr && was_open && self.opened_at == now && !self.rates.is_empty() {
            self.missed += 1;
        }
        // The rate is looked at while the port is open, and is the last host's when it was closed in between.
        if self.rates.last() != Some(&line.baud) && (line.dtr || self.missed > 0) {
            self.rates.push(line.baud);
        }
        self.judge()
    }

    /// Whether the next change matters.
    pub(super) fn is_under_way(&self, now: Duration) -> bool {
        !self.rates.is_empty() && now.saturating_sub(self.changed_at) <= PATIENCE
    }

    fn forget(&mut self) {
        self.rates.clear();
        self.openings = 0;
        self.missed = 0;
    }

    fn judge(&mut self) -> Option<u32> {
        let knock = KNOCK.map(|(baud, _)| baud);
        let (last, seen) = self.rates.split_last()?;
        let last = *last;
        let complete = if self.missed == 0 {
            seen == knock
        } else {
            self.openings >= knock.len()
                && last != 110
                && seen.first() == Some(&110)
                && is_part_of(seen, &knock)
        };
        if complete {
            self.forget();
            return Some(last);
        }
        // A rate that does not belong here ends the knock; it may be the first of another.
        let possible = is_part_of(&self.rates, &knock) && self.rates.first() == Some(&110);
        if !possible && self.missed == 0 {
            self.forget();
            if last == 110 {
                self.rates.push(last);
            }
        }
        None
    }
}

/// Whether `some` are found in `all`, in their order.
fn is_part_of(some: &[u32], all: &[u32]) -> bool {
    let mut rest = all.iter();
    some.iter().all(|one| rest.any(|other| other == one))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows `(milliseconds, baud, open)` and gives what was knocked for.
    fn hear(line: &[(u64, u32, bool)]) -> Vec<u32> {
        let mut knock = Knock::default();
        line.iter()
            .filter_map(|(at, baud, dtr)| {
                knock.line_changed(LineSettings { baud: *baud, dtr: *dtr }, Duration::from_millis(*at))
            })
            .collect()
    }

    #[test]
    fn a_knock_within_one_opening() {
        let on = |at, baud| (at, baud, true);
        assert_eq!(hear(&[on(0, 300), on(1, 110), on(500, 300), on(501, 110), on(502, 19_200)]), [19_200]);
        assert_eq!(hear(&[on(0, 110), on(500, 300), on(501, 110), on(502, 300)]), [300]);
        assert_eq!(
            hear(&[on(0, 110), on(500, 300), on(501, 19_200), on(502, 110), on(503, 1200)]),
            [0_u32; 0]
        );
        assert_eq!(
            hear(&[on(0, 110), on(500, 110), on(501, 300), on(502, 110), on(9_000, 1200)]),
            [0_u32; 0]
        );
        assert_eq!(hear(&[on(0, 9600), on(1, 19_200)]), [0_u32; 0]);
        // One after the other, the second begun with what would have been the end of a third.
        let line =
            [on(0, 110), on(1, 300), on(2, 110), on(3, 1200), on(4, 110), on(5, 300), on(6, 110), on(7, 300)];
        assert_eq!(hear(&line), [1200, 300]);
    }

    #[test]
    fn a_knock_over_four_openings_each_of_which_begins_with_the_rate_of_the_last() {
        let line = [
            (0, 38_400, false),
            (1, 38_400, true),
            (2, 110, true),
            (500, 110, false),
            (501, 110, true),
            (502, 300, true),
            (503, 300, false),
            (504, 300, true),
            (505, 110, true),
            (506, 110, false),
            (507, 110, true),
            (508, 2400, true),
        ];
        assert_eq!(hear(&line), [2400]);
    }

    #[test]
    fn openings_that_were_over_at_once_may_have_had_the_rate_that_is_missing() {
        let start = [(0, 110, true), (500, 110, false)];
        let with = |rest: &[(u64, u32, bool)]| hear(&[&start, rest].concat());
        // Two missed; the last one is seen as it is opened, when it is set, or when it is over.
        let flashes = [(501, 110, true), (501, 110, false), (501, 110, true), (501, 110, false)];
        assert_eq!(with(&[&flashes[..], &[(501, 110, true), (502, 1200, true)]].concat()), [1200]);
        assert_eq!(with(&[&flashes[..], &[(501, 1200, true)]].concat()), [1200]);
        assert_eq!(with(&[&flashes[..], &[(501, 300, true)]].concat()), [300]);
        assert_eq!(with(&[&flashes[..], &[(501, 110, true), (501, 9600, false)]].concat()), [9600]);
        // One missed.
        let one = [(501, 300, true), (502, 300, false), (503, 300, true), (503, 300, false)];
        assert_eq!(with(&[&one[..], &[(503, 110, true), (504, 19_200, true)]].concat()), [19_200]);
        // Too few openings for a knock.
        assert_eq!(with(&[(501, 110, true), (501, 110, false), (502, 9600, true)]), [0_u32; 0]);
    }

    #[test]
    fn a_line_that_is_opened_often_without_the_first_rate_knocks_for_nothing() {
        let line: Vec<_> = (0..20).map(|at| (at / 2, 9600, at % 2 == 0)).collect();
        assert_eq!(hear(&line), [0_u32; 0]);
    }
}
