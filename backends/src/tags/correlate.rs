//! How two recordings belong together: clocks, coincidences, accidents.

use qhal::{Error, ErrorKind, Result, Tag};
use qhal_distillation::coincidence::{
    Clock, Matches, Search, UNITS_PER_NS, UNITS_PER_SECOND, accidentals, matches, synchronise,
};

/// What two recordings have in common.
#[derive(Clone, Debug)]
pub struct Correlation {
    /// How the second clock reads against the first, over the whole recording: a straight line through all pairs.
    pub clock: Clock,
    /// Standard deviation of the pairs from that line, in ns.
    pub spread_ns: f64,
    /// Seconds during which both ends recorded.
    pub seconds: f64,
    /// Events of either end in that time.
    pub singles: [u64; 2],
    /// The window of a coincidence, in units of 1/256 ns: at most half of it apart.
    pub window: u64,
    /// Pairs within the window, accidents included.
    pub coincidences: u64,
    /// Pairs within windows where no partners are: so many of the coincidences are accidents.
    pub accidentals: f64,
    /// Pairs by the inputs that fired, for tags of one input each: `(first end, second end, pairs)`, from input 1.
    pub by_input: Vec<(u32, u32, u64)>,
    /// The pairs themselves: places in the two lists.
    pub pairs: Vec<(usize, usize)>,
}

impl Correlation {
    /// Coincidences to accidents; none without accidents.
    pub fn car(&self) -> Option<f64> {
        (self.accidentals > 0.0).then(|| self.coincidences as f64 / self.accidentals)
    }

    /// Heralding efficiency: true pairs over the geometric mean of the singles; none without events.
    pub fn heralding(&self) -> Option<f64> {
        let singles = (self.singles[0] as f64 * self.singles[1] as f64).sqrt();
        (singles > 0.0).then(|| (self.coincidences as f64 - self.accidentals).max(0.0) / singles)
    }

    /// The difference of the clocks at the first event of the first end, in ns.
    pub fn offset_ns(&self) -> f64 {
        self.clock.offset / UNITS_PER_NS as f64
    }
}

/// From crystals to rubidium: with more bins rarer pairs stand out, and the clocks have to agree better so that the peak stays in
/// its bin.
const SEARCHES: [(u64, usize, f64); 3] = [(2048, 1 << 19, 1e-5), (256, 1 << 22, 1e-6), (128, 1 << 23, 1e-7)];

/// Share by which tracking follows each pair.
pub(super) const TRACK: f64 = 0.01;
/// Pairs within the window below which tracking is worse than the clock that was found.
const FEW: usize = 200;

/// Finds the clocks, pairs the events that are at most half a `window` apart (in units of 1/256 ns), and counts. Both lists are
/// sorted by time.
///
/// # Errors
/// `InvalidInput` for a window of 0 or more than a millisecond, or times that fall; `NotFound` when nothing shows that the two
/// belong together.
pub fn correlate(a: &[Tag], b: &[Tag], window: u64) -> Result<Correlation> {
    if !(2..=1_000_000 * UNITS_PER_NS).contains(&window) {
        let message = "a coincidence window lies between 0.01 ns and 1 ms";
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    let times = |tags: &[Tag]| tags.iter().map(|tag| tag.time).collect::<Vec<u64>>();
    let (times_a, times_b) = (times(a), times(b));
    let found = find(&times_a, &times_b)?;
    // First in a wider window, which need not be tracked well; then, on the line through those pairs, in the one that was asked for.
    let wide = (8 * window).max(4 * UNITS_PER_NS);
    let first = matches(&times_a, &times_b, &found, wide, TRACK)?;
    let (clock, _) = line(&times_a, &times_b, &first, &found);
    let tracked = matches(&times_a, &times_b, &clock, window, TRACK)?;
    let straight = matches(&times_a, &times_b, &clock, window, 0.0)?;
    // Clocks that wander are followed; steady ones are better left alone, above all where pairs are few.
    let followed = tracked.pairs.len() as f64 > 1.01 * straight.pairs.len() as f64;
    let best = if followed && tracked.pairs.len() > FEW { tracked } else { straight };
    let (clock, spread) = line(&times_a, &times_b, &best, &clock);
    let accidents = accidentals(&times_a, &times_b, &clock, window)?;
    let overlap = overlap(&times_a, &times_b, &clock);
    let within = |times: &[u64], (begin, end): (u64, u64)| {
        (times.partition_point(|time| *time <= end) - times.partition_point(|time| *time < begin)) as u64
    };
    let (singles, seconds) = match overlap {
        Some((own, theirs)) => {
            ([within(&times_a, own), within(&times_b, theirs)], (own.1 - own.0) as f64 / UNITS_PER_SECOND)
        }
        None => ([0, 0], 0.0),
    };
    Ok(Correlation {
        clock,
        spread_ns: spread / UNITS_PER_NS as f64,
        seconds,
        singles,
        window,
        coincidences: best.pairs.len() as u64,
        accidentals: accidents,
        by_input: by_input(a, b, &best.pairs),
        pairs: best.pairs,
    })
}

/// The clocks, by the first search that finds something.
fn find(a: &[u64], b: &[u64]) -> Result<Clock> {
    for (bin_ns, bins, most_skew) in SEARCHES {
        let search =
            Search { coarse_bin: bin_ns * UNITS_PER_NS, coarse_bins: bins, most_skew, ..Search::default() };
        if let Some(clock) = synchronise(a, b, &search)? {
            return Ok(clock);
        }
    }
    let message = format!(
        "no common pairs stand out among {} and {} events, with the clocks up to half a second and 1e-5 apart: the recordings are of \
         different times or sources, or pairs are too rare",
        a.len(),
        b.len()
    );
    Err(Error::new(ErrorKind::NotFound, message))
}

/// The straight line through all pairs, by least squares, and their standard deviation from it in units.
fn line(a: &[u64], b: &[u64], found: &Matches, clock: &Clock) -> (Clock, f64) {
    let start = a.first().copied().unwrap_or(0);
    // What is left beside the prediction is small, so that double precision is enough.
    let points = || {
        found.pairs.iter().filter_map(|(one, other)| {
            let (time, partner) = (*a.get(*one)?, *b.get(*other)?);
            let elapsed = time as f64 - clock.reference as f64;
            let predicted = clock.offset + clock.skew * elapsed;
            Some(((time - start) as f64, (partner as i64 - time as i64) as f64 - predicted))
        })
    };
    let at_start = clock.offset + clock.skew * (start as f64 - clock.reference as f64);
    let clock = Clock { offset: at_start, reference: start, ..*clock };
    let count = found.pairs.len() as f64;
    if count < 3.0 {
        return (clock, 0.0);
    }
    let sums = points().fold((0.0, 0.0), |sums, (x, y)| (sums.0 + x, sums.1 + y));
    let (mean_x, mean_y) = (sums.0 / count, sums.1 / count);
    let squares = points().fold((0.0, 0.0, 0.0), |sums, (x, y)| {
        let (x, y) = (x - mean_x, y - mean_y);
        (sums.0 + x * x, sums.1 + x * y, sums.2 + y * y)
    });
    let slope = if squares.0 > 0.0 { squares.1 / squares.0 } else { 0.0 };
    let spread = ((squares.2 - slope * squares.1) / count).max(0.0).sqrt();
    let moved = Clock { offset: at_start + mean_y - slope * mean_x, skew: clock.skew + slope, ..clock };
    (moved, spread)
}

/// The time during which both recorded, on either clock.
#[allow(clippy::type_complexity, reason = "a beginning and an end on each of two clocks")]
fn overlap(a: &[u64], b: &[u64], clock: &Clock) -> Option<((u64, u64), (u64, u64))> {
    let (first_a, last_a, first_b, last_b) = (*a.first()?, *a.last()?, *b.first()?, *b.last()?);
    // The second end's times on the first clock; a skew of 1e-5 of the offset is less than a window.
    let back = |time: u64| {
        let guess = time as f64 - clock.offset;
        guess - clock.skew * (guess - clock.reference as f64)
    };
    let begin = (first_a as f64).max(back(first_b));
    let end = (last_a as f64).min(back(last_b));
    if begin >= end {
        return None;
    }
    let (begin, end) = (begin as u64, end as u64);
    let theirs = |time: u64| u64::try_from(clock.predict(time)).unwrap_or(0);
    Some(((begin, end), (theirs(begin), theirs(end))))
}

/// Pairs by inputs, of tags of which one input fired.
fn by_input(a: &[Tag], b: &[Tag], pairs: &[(usize, usize)]) -> Vec<(u32, u32, u64)> {
    let mut counts = std::collections::BTreeMap::new();
    for (one, other) in pairs {
        if let (Some(one), Some(other)) = (a.get(*one), b.get(*other))
            && one.channels.count_ones() == 1
            && other.channels.count_ones() == 1
        {
            let inputs = (one.channels.trailing_zeros() + 1, other.channels.trailing_zeros() + 1);
            *counts.entry(inputs).or_insert(0) += 1;
        }
    }
    counts.into_iter().map(|((one, other), pairs)| (one, other, pairs)).collect()
}
