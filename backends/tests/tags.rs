//! Recordings: clocks and pairs as the formulas of the field say, and the same key from files as from the link that wrote them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

use std::fs::File;

use qhal::{ErrorKind, Tag};
use qhal_backends::link::{LOCAL_LIMIT, LinkReport, PairProtocol, Receiver};
use qhal_backends::simulated::{LinkProtocol, LinkSettings, simulate_and_record_link};
use qhal_backends::tags::{
    DistilSettings, Format, Recording, TagWriter, convert, correlate, distil, inspect, load,
};
use qhal_simulator::photonics::{Analysers, ClockError, Detector, Fibre, PairLink, PairSource};

/// 1 ns.
const WINDOW: u64 = 256;

/// The worked example of the field: 10^6 pairs a second, 10 % at the first end, 2000 dark counts a second at either, V = 0.97.
fn example(efficiency: f64, seconds: f64, clock: ClockError, seed: u64) -> [Vec<Tag>; 2] {
    let detector = |efficiency| Detector {
        efficiency,
        dark_rate: 500.0,
        dead_time: 0.0,
        afterpulse: 0.0,
        afterpulse_delay: 1.0,
        jitter: 0.05,
    };
    let link = PairLink {
        source: PairSource { rate: 1e6, visibility: 0.97, angle: 0.0 },
        analysers: Analysers::Bbm92,
        fibres: [Fibre::standard(0.0); 2],
        losses: [0.0; 2],
        detectors: [detector(0.1), detector(efficiency)],
        clocks: [ClockError::NONE, clock],
        attack: None,
    };
    let frame = link.start(seed).unwrap().frame(seconds);
    frame
        .clicks
        .map(|clicks| clicks.into_iter().map(|click| Tag::new(click.time, click.channels.into())).collect())
}

fn settings(seed: u64) -> DistilSettings {
    let (protocol, chsh_limit) = (PairProtocol::Bbm92, LOCAL_LIMIT);
    DistilSettings { protocol, chsh_limit, window: WINDOW, receivers: [Receiver::default(); 2], seed }
}

fn within(found: f64, expected: f64, deviation: f64, what: &str) {
    assert!(
        (found - expected).abs() < 5.0 * deviation,
        "{what}: {found} where {expected} ± {deviation} belongs"
    );
}

#[test]
fn coincidences_accidents_and_errors_are_those_of_the_worked_example() {
    // Efficiency of the second end, coincidences and accidents a second, error ratio; then seconds and the clock's skew.
    for (efficiency, pairs, accidents, qber, seconds, skew) in [
        (0.1, 1e4, 10.40, 0.01550, 4.0, 4e-6),
        (0.01, 1e3, 1.224, 0.01559, 10.0, -2e-7),
        (0.001, 1e2, 0.306, 0.01648, 20.0, 3e-8),
    ] {
        let clock = ClockError { offset: 0.123_456_789, skew, walk: 0.0 };
        let [a, b] = example(efficiency, seconds, clock, 7);
        let found = correlate(&a, &b, WINDOW).unwrap();
        let what = |figure: &str| format!("{figure} at {efficiency}");
        let expected = (pairs + accidents) * seconds;
        within(found.coincidences as f64, expected, expected.sqrt(), &what("coincidences"));
        // Accidents are the mean of four displaced windows.
        let chance = accidents * seconds;
        within(found.accidentals, chance, (chance / 4.0).sqrt(), &what("accidentals"));
        let car = expected / chance;
        let deviation = car * (1.0 / expected + 1.0 / (4.0 * chance)).sqrt();
        within(found.car().unwrap(), car, deviation, &what("CAR"));
        // A straight line through N pairs with a spread σ over T: its slope deviates by σ√12/(T√N), its beginning by 2σ/√N.
        let spread = 0.05 * 2f64.sqrt();
        assert!((found.spread_ns - spread).abs() < 0.02, "{}", found.spread_ns);
        let root = (pairs * seconds).sqrt();
        within(found.clock.skew, skew, spread * 1e-9 * 12f64.sqrt() / (seconds * root), &what("skew"));
        let first = a[0].time as f64 / 256.0;
        let offset = 123_456_789.0 + skew * first;
        within(found.offset_ns(), offset, 2.0 * spread / root, &what("offset"));
        let singles = [102_000.0, 1e6 * efficiency + 2000.0].map(|rate| rate * seconds);
        for (count, expected) in found.singles.into_iter().zip(singles) {
            within(count as f64, expected, expected.sqrt(), &what("singles"));
        }
        let all: u64 = found.by_input.iter().map(|(_, _, pairs)| pairs).sum();
        assert_eq!((all, found.by_input.len()), (found.coincidences, 16));

        let (report, _) = distil(&a, &b, &settings(1), &mut |_| Ok(())).unwrap();
        let compared = expected / 2.0;
        within(report.qber, qber, (qber / compared).sqrt(), &what("QBER"));
    }
}

/// A simulated link of a second, with what its taggers sent.
fn link(protocol: LinkProtocol, distance_km: f64, seconds: f64) -> (LinkReport, [Vec<Tag>; 2]) {
    let chsh_limit = LOCAL_LIMIT;
    let settings = LinkSettings { protocol, distance_km, seconds, chsh_limit, attack: None, seed: 5 };
    let mut ends = [Vec::new(), Vec::new()];
    let report = simulate_and_record_link(&settings, &mut |_| Ok(()), &mut |a, b| {
        ends[0].extend_from_slice(a);
        ends[1].extend_from_slice(b);
        Ok(())
    });
    (report.unwrap(), ends)
}

#[test]
fn files_give_the_key_that_the_link_gave_which_wrote_them() {
    let folder = tempfile::tempdir().unwrap();
    let (simulated, ends) = link(LinkProtocol::Bbm92, 20.0, 1.5);
    let mut loaded = Vec::new();
    for (name, tags) in ["a", "b"].iter().zip(&ends) {
        let path = folder.path().join(name);
        let mut writer = TagWriter::new(File::create(&path).unwrap(), Format::Tags64).unwrap();
        writer.write(tags).unwrap();
        writer.finish().unwrap();
        let (tags, summary) = load(&Recording::at(path), &mut |_| Ok(())).unwrap();
        assert_eq!((summary.format, summary.tags), (Format::Tags64, tags.len() as u64));
        assert!(tags.is_sorted_by_key(|tag| tag.time));
        loaded.push(tags);
    }
    let (recorded, correlation) = distil(&loaded[0], &loaded[1], &settings(5), &mut |_| Ok(())).unwrap();
    // The link looks at frames of half a second, and here all is looked at together: a few pairs lie between two frames.
    let close = |one: u64, other: u64, share: f64| {
        assert!((one as f64 / other as f64 - 1.0).abs() < share, "{one} and {other}");
    };
    close(recorded.detections, simulated.detections, 1e-3);
    close(recorded.sifted_bits, simulated.sifted_bits, 1e-3);
    close(recorded.leak_bits, simulated.leak_bits, 0.05);
    close(recorded.secret_bits, simulated.secret_bits, 0.02);
    assert!((recorded.qber - simulated.qber).abs() < 2e-4 && simulated.secret_bits > 0);
    assert_eq!((recorded.blocks_with_key, recorded.bound), (simulated.blocks_with_key, simulated.bound));
    assert!(recorded.alarms.is_empty() && simulated.alarms.is_empty());
    // 137 ms between the clocks, and 20 km of fibre (4.9 µs a km) before the second end.
    let fibre_ns = Fibre::standard(20.0).delay_ns();
    assert!((correlation.offset_ns() - 137e6 - fibre_ns).abs() < 1.0, "{}", correlation.offset_ns());
    assert!((correlation.clock.skew - 3e-9).abs() < 2e-10, "{}", correlation.clock.skew);
    assert!((correlation.seconds - 1.5).abs() < 1e-3);
}

#[test]
fn recordings_that_have_nothing_in_common_are_told() {
    let [a, _] = example(0.01, 0.5, ClockError::NONE, 1);
    let [_, b] = example(0.01, 0.5, ClockError::NONE, 2);
    assert_eq!(correlate(&a, &b, WINDOW).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(correlate(&a, &[], WINDOW).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(correlate(&a, &b, 0).unwrap_err().kind(), ErrorKind::InvalidInput);
    let settings =
        DistilSettings { receivers: [Receiver::default(), "Z1,X1,Z0,X0".parse().unwrap()], ..settings(1) };
    // Bits turned round at one end: all of them are errors, and no key comes of it.
    let [a, b] = example(0.1, 2.0, ClockError::NONE, 3);
    let (report, _) = distil(&a, &b, &settings, &mut |_| Ok(())).unwrap();
    assert!(report.qber > 0.97 && report.secret_bits == 0, "{report:?}");
    assert_eq!(report.alarms[0].name, "qber-high");
    let stopped = distil(&a, &b, &settings, &mut |_| Err(qhal::Error::new(ErrorKind::Other, "enough")));
    assert_eq!(stopped.unwrap_err().message(), "enough");
}

#[test]
fn files_are_looked_through_and_converted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.txt");
    std::fs::write(&path, "0 1\n25600000000 3\n51200000000 4\n51199999999 1\n").unwrap();
    let recording = Recording::at(&path);
    let summary = inspect(&recording, &mut |_| Ok(())).unwrap();
    assert_eq!(
        (summary.format, summary.tags, summary.multiple, summary.out_of_order),
        (Format::Text, 4, 1, 1)
    );
    assert_eq!(summary.events, [3, 1, 1]);
    assert!((summary.seconds() - 0.2).abs() < 1e-12);
    let ptu = folder.path().join("some.ptu");
    let mut seen = 0;
    convert(&recording, File::create(&ptu).unwrap(), Format::Ptu, &mut |tags| {
        seen = tags;
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, 4);
    let (sorted, summary) = load(&Recording::at(&ptu), &mut |_| Ok(())).unwrap();
    assert_eq!((summary.format, summary.facts.records.as_str()), (Format::Ptu, "HydraHarp 2 T2"));
    let expected = [(0, 1), (25_600_000_000, 3), (51_199_999_999, 1), (51_200_000_000, 4)];
    assert_eq!(sorted, expected.map(|(time, channels)| Tag::new(time, channels)));
    let missing = inspect(&Recording::at(folder.path().join("none")), &mut |_| Ok(())).unwrap_err();
    assert!(missing.kind() == ErrorKind::NotFound && missing.message().contains("none"), "{missing}");
    std::fs::write(&path, "0 1\nx\n").unwrap();
    let broken = inspect(&recording, &mut |_| Ok(())).unwrap_err();
    assert!(broken.chain().contains("some.txt") && broken.chain().contains("byte 4"), "{}", broken.chain());
}

#[test]
fn tags_of_six_detectors_give_s_and_the_key_again() {
    let (simulated, [a, b]) = link(LinkProtocol::E91, 10.0, 1.5);
    let settings = DistilSettings {
        protocol: PairProtocol::E91,
        receivers: [Receiver::usual(PairProtocol::E91); 2],
        ..settings(5)
    };
    let (recorded, correlation) = distil(&a, &b, &settings, &mut |_| Ok(())).unwrap();
    assert_eq!(correlation.by_input.len(), 36);
    let close = |one: u64, other: u64, share: f64| {
        assert!((one as f64 / other as f64 - 1.0).abs() < share, "{one} and {other}");
    };
    close(recorded.sifted_bits, simulated.sifted_bits, 1e-3);
    close(recorded.secret_bits, simulated.secret_bits, 0.05);
    let (s, deviation) = recorded.chsh().unwrap();
    assert!((s - simulated.chsh().unwrap().0).abs() < deviation, "{s}");
    assert!(recorded.alarms.is_empty() && simulated.secret_bits > 0);
    // A limit above what the pairs have, and receivers of the other protocol.
    let strict = DistilSettings { chsh_limit: 2.8, ..settings };
    let (strict, _) = distil(&a, &b, &strict, &mut |_| Ok(())).unwrap();
    assert_eq!((strict.alarms[0].name, strict.secret_bits, strict.blocks), ("no-entanglement", 0, 2));
    let wrong = DistilSettings { receivers: [Receiver::default(); 2], ..settings };
    assert_eq!(distil(&a, &b, &wrong, &mut |_| Ok(())).unwrap_err().kind(), ErrorKind::InvalidInput);
}
