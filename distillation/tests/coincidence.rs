//! Clocks are found and pairs matched in simulated lists whose truth is known, and rates are those of the formulas.
#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

mod common;

use common::{random, unit};
use qhal::ErrorKind;
use qhal_distillation::coincidence::{
    Clock, PairLink, Search, UNITS_PER_NS, UNITS_PER_SECOND, accidentals, matches, synchronise,
};

/// Arrival times in units at both ends of a source of pairs, the second clock shifted and running at another rate, with jitter.
fn lists(
    link: &PairLink,
    seconds: f64,
    offset_ns: f64,
    skew: f64,
    jitter_ns: f64,
    seed: u64,
) -> [Vec<u64>; 2] {
    let mut random = random(seed);
    let mut next = |rate: f64| -(1.0 - unit(&mut random)).ln() / rate;
    let mut streams = [Vec::new(), Vec::new()];
    // The time origin lies away from zero, as that of a device that has been on for an hour.
    let origin = 3600.0;
    let to_units = |seconds: f64| (seconds * UNITS_PER_SECOND) as i64;
    let mut t = 0.0;
    let mut events: Vec<(usize, f64)> = Vec::new();
    while t < seconds {
        t += next(link.pair_rate);
        let mut detected = |end: usize| next(1.0) < -(1.0 - link.efficiency[end]).ln();
        let both = [detected(0), detected(1)];
        events.extend((0..2).filter(|end| both[*end]).map(|end| (end, t)));
    }
    for end in 0..2 {
        let mut t = 0.0;
        while t < seconds {
            t += next(link.dark_rate[end].max(1e-9));
            events.push((end, t));
        }
    }
    for (end, t) in events {
        // A sum of twelve uniform numbers is nearly Gaussian.
        let gaussian: f64 = (0..12).map(|_| 1.0 - (-next(1.0)).exp()).sum::<f64>() - 6.0;
        let mut time = to_units(origin) + to_units(t) + (gaussian * jitter_ns * UNITS_PER_NS as f64) as i64;
        if end == 1 {
            time += (offset_ns * UNITS_PER_NS as f64) as i64 + (skew * t * UNITS_PER_SECOND) as i64;
        }
        streams[end].push(time as u64);
    }
    streams.iter_mut().for_each(|stream| stream.sort_unstable());
    streams
}

const LINK: PairLink = PairLink {
    pair_rate: 200_000.0,
    efficiency: [0.1, 0.05],
    dark_rate: [2000.0, 2000.0],
    window: 2e-9,
    visibility: 0.97,
};

#[test]
fn rates_are_those_of_the_worked_example() {
    // Pair rate 10^6/s, η_A 0.1, 2000 dark counts a second, 1 ns, V 0.97, f 1.1, for three losses of the other arm.
    let rows = [
        (0.1, 1e4, 10.40, 0.01550, 3792.0),
        (0.01, 1e3, 1.224, 0.01559, 378.7),
        (0.001, 1e2, 0.306, 0.01648, 37.39),
    ];
    for (efficiency, coincidences, accidentals, qber, key_rate) in rows {
        let link = PairLink {
            pair_rate: 1e6,
            efficiency: [0.1, efficiency],
            dark_rate: [2000.0; 2],
            window: 1e-9,
            visibility: 0.97,
        };
        let expected = link.expected(1.1);
        for (got, want) in [
            (expected.coincidences, coincidences),
            (expected.accidentals, accidentals),
            (expected.qber, qber),
            (expected.key_rate, key_rate),
        ] {
            assert!((got / want - 1.0).abs() < 5e-4, "{got} is not {want}");
        }
    }
}

#[test]
fn offset_and_skew_are_found_and_pairs_are_as_many_as_they_should() {
    for (seed, offset_ns, skew) in
        [(1, 123_456.7, 0.0), (2, -98_765_432.1, 3e-6), (3, 250_000_000.0, -8e-6), (4, 0.0, 1e-9)]
    {
        let seconds = 4.0;
        let [a, b] = lists(&LINK, seconds, offset_ns, skew, 0.3, seed);
        let clock = synchronise(&a, &b, &Search::default()).unwrap().expect("a peak");
        // The simulated origin is half an hour of units before the reference: skew counts from the origin of the list.
        let at_origin = clock.offset - clock.skew * (clock.reference as f64 - 3600.0 * UNITS_PER_SECOND);
        let error_ns = at_origin / UNITS_PER_NS as f64 - offset_ns;
        assert!(error_ns.abs() < 1.0, "offset {offset_ns} ns is off by {error_ns} ns");
        assert!((clock.skew - skew).abs() < 5e-10, "skew {skew} became {}", clock.skew);

        let window = 2 * UNITS_PER_NS;
        let found = matches(&a, &b, &clock, window, 0.01).unwrap();
        let expected = LINK.expected(1.1);
        let pairs = (expected.coincidences + expected.accidentals) * seconds;
        let got = found.pairs.len() as f64;
        assert!((got - pairs).abs() < 5.0 * pairs.sqrt(), "{got} pairs, and {pairs} expected");
        let accidents = accidentals(&a, &b, &clock, window).unwrap();
        let expected = expected.accidentals * seconds;
        assert!(
            (accidents - expected).abs() < 5.0 * (expected / 4.0).sqrt(),
            "{accidents}, and {expected} expected"
        );
        let heralding = found.heralding(a.len(), b.len());
        assert!(heralding > 0.03 && heralding < 0.08, "{heralding}");
        for two in found.pairs.windows(2) {
            assert!(two[0].0 < two[1].0 && two[0].1 < two[1].1, "an event is in two pairs");
        }
    }
}

#[test]
fn lists_without_pairs_have_no_peak() {
    let apart = PairLink { efficiency: [0.0, 0.0], dark_rate: [20_000.0, 12_000.0], ..LINK };
    let [a, b] = lists(&apart, 2.0, 0.0, 0.0, 0.3, 5);
    assert_eq!(synchronise(&a, &b, &Search::default()).unwrap(), None);
    assert_eq!(synchronise(&a, &[], &Search::default()).unwrap(), None);
    assert_eq!(synchronise(&[], &b, &Search::default()).unwrap(), None);
}

#[test]
fn matching_takes_the_nearest_once_and_follows_a_drift() {
    let clock = Clock::at_offset(100.0);
    let found = matches(&[0, 1000, 2000], &[90, 101, 1105, 1106, 5000], &clock, 30, 0.0).unwrap();
    assert_eq!(found.pairs, [(0, 1), (1, 2)]);
    // The second clock runs away by one unit every thousand: a window of 20 loses it, a tracking one does not.
    let a: Vec<u64> = (0..900).map(|i| i * 1000).collect();
    let b: Vec<u64> = (0..900).map(|i| i * 1001 + 100).collect();
    assert!(matches(&a, &b, &clock, 20, 0.0).unwrap().pairs.len() < 20);
    assert_eq!(matches(&a, &b, &clock, 20, 0.2).unwrap().pairs.len(), 900);
}

#[test]
fn what_cannot_be_is_refused() {
    let sorted = [1, 2, 3];
    assert!(synchronise(&[2, 1], &sorted, &Search::default()).is_err());
    assert!(matches(&sorted, &[0, u64::MAX], &Clock::at_offset(0.0), 10, 0.0).is_err());
    assert!(matches(&sorted, &sorted, &Clock::at_offset(0.0), 10, 2.0).is_err());
    assert!(matches(&sorted, &sorted, &Clock::at_offset(f64::NAN), u64::MAX, 0.0).is_ok());
    for search in [
        Search { fine_bin: 0, ..Search::default() },
        Search { coarse_bins: 1000, ..Search::default() },
        Search { most_skew: f64::NAN, ..Search::default() },
        Search { coarse_bin: 1, ..Search::default() },
    ] {
        assert_eq!(synchronise(&sorted, &sorted, &search).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
