//! Clicks of simulated links, held to the formulas of the field: gains and error ratios of decoy-state BB84 (Ma, Qi, Zhao, Lo, Phys. Rev.
//! A 72, 012326, 2005), coincidences and accidentals of pairs, dead times, and what attacks change (all within five standard deviations).

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

use qhal_simulator::photonics::{
    Analysers, Attack, CHANNELS, Click, ClockError, Detector, E91_CHANNELS, Fibre, PairLink, PairSource,
    PulseLink, Receiver, UNITS_PER_NS, WeakPulses,
};

/// A detector without faults.
const IDEAL: Detector = Detector {
    efficiency: 1.0,
    dark_rate: 0.0,
    dead_time: 0.0,
    afterpulse: 0.0,
    afterpulse_delay: 1.0,
    jitter: 0.0,
};

fn pulse_link(length: f64, attack: Option<Attack>) -> PulseLink {
    PulseLink {
        source: WeakPulses {
            rate: 1e8,
            means: vec![0.48, 0.05],
            probabilities: vec![0.7, 0.3],
            key_basis: 0.5,
        },
        // The fibre and receiver of Gobby, Yuan, Shields 2004, as the paper above takes them.
        fibre: Fibre { loss: 0.21, bandwidth: 0.0, ..Fibre::standard(length) },
        receiver: Receiver {
            key_basis: 0.5,
            loss: 0.0,
            misalignment: 0.033,
            drift: 0.0,
            detector: Detector { efficiency: 0.045, ..IDEAL },
        },
        clock: ClockError::NONE,
        attack,
    }
}

/// What was counted of one intensity.
#[derive(Default, Clone, Copy)]
struct Count {
    sent: f64,
    slots: f64,
    sifted: f64,
    errors: f64,
    ones: f64,
}

/// Counts by intensity; a slot with several clicks counts once, by its first.
fn count(link: PulseLink, seed: u64, slots: u64) -> ([Count; 2], Vec<Click>) {
    let (period, delay) = (link.period(), link.fibre.delay_ns() * UNITS_PER_NS);
    let probabilities = link.source.probabilities.clone();
    let mut run = link.start(seed).unwrap();
    let clicks = run.frame(slots).clicks;
    let mut counts = [Count::default(); 2];
    for (count, probability) in counts.iter_mut().zip(probabilities) {
        count.sent = slots as f64 * probability;
    }
    let mut last = None;
    for click in &clicks {
        let slot = ((click.time as f64 - delay) / period).round() as u64;
        if last == Some(slot) {
            continue;
        }
        last = Some(slot);
        let sent = run.prepared(slot);
        let count = &mut counts[usize::from(sent.intensity)];
        count.slots += 1.0;
        let found = |check: usize, value: usize| click.channels == CHANNELS[check][value];
        let check = found(1, 0) || found(1, 1);
        let value = found(0, 1) || found(1, 1);
        if check == sent.check {
            count.sifted += 1.0;
            count.errors += f64::from(u8::from(value != sent.value));
            count.ones += f64::from(u8::from(value));
        }
    }
    (counts, clicks)
}

/// Whether a count of `hits` in `trials` fits a probability.
fn fits(hits: f64, trials: f64, probability: f64) -> bool {
    let deviation = (trials * probability * (1.0 - probability)).sqrt();
    (hits - trials * probability).abs() < 5.0 * deviation + 1e-9
}

#[test]
fn gains_and_errors_of_weak_pulses_are_those_of_the_formulas() {
    for length in [0.0, 25.0, 50.0] {
        let link = pulse_link(length, None);
        let efficiency = link.efficiency();
        let means = link.source.means.clone();
        let (counts, _) = count(link, 1, 20_000_000);
        for (count, mean) in counts.iter().zip(means) {
            let gain = 1.0 - (-efficiency * mean).exp();
            assert!(
                fits(count.slots, count.sent, gain),
                "{length} km, {mean}: {} of {}",
                count.slots,
                count.sent
            );
            assert!(
                fits(count.errors, count.sifted, 0.033),
                "{length} km: {} of {}",
                count.errors,
                count.sifted
            );
            assert!(fits(count.sifted, count.slots, 0.5));
        }
    }
}

#[test]
fn attacks_show_what_the_field_says_they_show() {
    let slots = 40_000_000;
    let usual = pulse_link(0.0, None);
    let (efficiency, means) = (usual.efficiency(), usual.source.means.clone());
    let gain = |mean: f64| 1.0 - (-efficiency * mean).exp();
    // Intercept and resend: a quarter of the fraction more errors (less what is already wrong), counts unchanged.
    for fraction in [0.2, 1.0] {
        let (counts, _) = count(pulse_link(0.0, Some(Attack::InterceptResend { fraction })), 2, slots);
        let errors = 0.033 + fraction / 4.0 * (1.0 - 2.0 * 0.033);
        assert!(
            fits(counts[0].errors, counts[0].sifted, errors),
            "{} of {}",
            counts[0].errors,
            counts[0].sifted
        );
        assert!(fits(counts[0].slots, counts[0].sent, gain(means[0])));
    }
    // Photon-number splitting: the signal as usual, the dimmer decoy too rare, errors as usual.
    let (counts, _) = count(pulse_link(0.0, Some(Attack::PhotonNumberSplitting)), 3, slots);
    let several = |mean: f64| 1.0 - (-mean).exp() * (1.0 + mean);
    assert!(fits(counts[0].slots, counts[0].sent, gain(means[0])));
    assert!(fits(counts[1].slots, counts[1].sent, gain(means[0]) / several(means[0]) * several(means[1])));
    assert!(fits(counts[0].errors, counts[0].sifted, 0.033));
    // Blinding: half the rate, no errors beyond the usual, all of the rest in the wrong basis is gone with the right one kept.
    let (counts, _) = count(pulse_link(0.0, Some(Attack::Blinding)), 4, slots);
    assert!(fits(counts[0].slots, counts[0].sent, gain(means[0]) / 2.0));
    assert!(fits(counts[0].errors, counts[0].sifted, 0.033));
    // Time shift: later by half a nanosecond, and fewer ones.
    let link = pulse_link(0.0, Some(Attack::TimeShift));
    let period = link.period();
    let (counts, clicks) = count(link, 5, slots);
    let late: f64 =
        clicks.iter().map(|click| (click.time as f64 + period / 2.0) % period - period / 2.0).sum();
    assert!((late / clicks.len() as f64 / UNITS_PER_NS - 0.5).abs() < 0.01);
    assert!(counts[0].ones / counts[0].sifted < 0.3);
    // Trojan horse: nothing in the clicks, all on the watch-dog.
    let monitors = pulse_link(0.0, Some(Attack::TrojanHorse)).start(6).unwrap().frame(1000).monitors;
    assert!(monitors.watchdog_rate > 1000.0 && monitors.bias_current == 1.0);
}

fn pair_link(efficiency: [f64; 2], attack: Option<Attack>) -> PairLink {
    let fibre = Fibre { length: 0.0, loss: 0.0, connectors: 0.0, dispersion: 0.0, bandwidth: 0.0 };
    let detector = |efficiency: f64| Detector { efficiency, dark_rate: 500.0, ..IDEAL };
    PairLink {
        source: PairSource { rate: 1e6, visibility: 0.97, angle: 0.0 },
        analysers: Analysers::Bbm92,
        fibres: [fibre; 2],
        losses: [0.0; 2],
        detectors: efficiency.map(detector),
        clocks: [ClockError::NONE; 2],
        attack,
    }
}

/// Pairs within half a nanosecond either way, and how many of those in the same basis disagree.
fn coincidences(clicks: &[Vec<Click>; 2]) -> (f64, f64, f64) {
    let half = (UNITS_PER_NS / 2.0) as u64;
    let (mut pairs, mut sifted, mut errors) = (0.0, 0.0, 0.0);
    let mut from = 0;
    for one in &clicks[0] {
        while clicks[1].get(from).is_some_and(|other| other.time + half < one.time) {
            from += 1;
        }
        for other in clicks[1][from..].iter().take_while(|other| other.time <= one.time + half) {
            pairs += 1.0;
            let basis = |click: &Click| click.channels & 0b1010 != 0;
            let value = |click: &Click| click.channels & 0b1100 != 0;
            if basis(one) == basis(other) {
                sifted += 1.0;
                errors += f64::from(u8::from(value(one) != value(other)));
            }
        }
    }
    (pairs, sifted, errors)
}

#[test]
fn pairs_give_the_coincidences_accidentals_and_errors_of_the_formulas() {
    // 10^6 pairs a second, 10 % at one end, 2000 dark counts a second at either, 1 ns, V = 0.97: 10^4 pairs and 10.40
    // accidentals a second at 10 %, 10^3 and 1.224 at 1 %.
    for (efficiency, true_pairs, accidentals, qber) in
        [(0.1, 1e4, 10.40, 0.01550), (0.01, 1e3, 1.224, 0.01559)]
    {
        let seconds = 20.0;
        let frame = pair_link([0.1, efficiency], None).start(7).unwrap().frame(seconds);
        let (pairs, sifted, errors) = coincidences(&frame.clicks);
        let expected = (true_pairs + accidentals) * seconds;
        assert!((pairs - expected).abs() < 5.0 * expected.sqrt(), "{pairs} for {expected}");
        assert!(fits(errors, sifted, qber), "{errors} of {sifted} for {qber}");
        let singles = (1e6 * 0.1 + 2000.0) * seconds;
        assert!((frame.clicks[0].len() as f64 - singles).abs() < 5.0 * singles.sqrt());
    }
}

#[test]
fn intercepted_pairs_lose_a_quarter_and_their_violation_of_chsh() {
    let frame =
        pair_link([0.3, 0.3], Some(Attack::InterceptResend { fraction: 1.0 })).start(8).unwrap().frame(3.0);
    let (_, sifted, errors) = coincidences(&frame.clicks);
    // Half of the pairs as they were, half at random: (1 - V)/4 + 1/4, accidentals (0.1 %) aside.
    assert!((errors / sifted - (0.015 / 2.0 + 0.25)).abs() < 0.005, "{}", errors / sifted);
    for (attack, violates) in [(None, true), (Some(Attack::InterceptResend { fraction: 1.0 }), false)] {
        let mut link = pair_link([0.3, 0.3], attack);
        link.source.angle = std::f64::consts::FRAC_PI_8;
        let frame = link.start(9).unwrap().frame(3.0);
        let s = chsh(&frame.clicks);
        // 2√2·V = 2.744 without, half of that with the attack.
        assert_eq!(s > 2.0, violates, "{s}");
        assert!((s - if violates { 2.744 } else { 1.372 }).abs() < 0.05, "{s}");
    }
}

fn chsh(clicks: &[Vec<Click>; 2]) -> f64 {
    let mut table = [[[0.0_f64; 2]; 2]; 2];
    let mut from = 0;
    for one in &clicks[0] {
        while clicks[1].get(from).is_some_and(|other| other.time + 128 < one.time) {
            from += 1;
        }
        for other in clicks[1][from..].iter().take_while(|other| other.time <= one.time + 128) {
            let basis = |click: &Click| usize::from(click.channels & 0b1010 != 0);
            let value = |click: &Click| click.channels & 0b1100 != 0;
            table[basis(one)][basis(other)][usize::from(value(one) != value(other))] += 1.0;
        }
    }
    let e = |a: usize, b: usize| (table[a][b][0] - table[a][b][1]) / (table[a][b][0] + table[a][b][1]);
    // Bases at 0 and 45 degrees here, at 22.5 and 67.5 degrees there: E = cos 2δ.
    (e(0, 0) + e(1, 0) + e(1, 1) - e(0, 1)).abs()
}

/// Agreements and disagreements of E91's nine combinations of settings, by Alice's and Bob's.
fn ekert(clicks: &[Vec<Click>; 2]) -> [[[f64; 2]; 3]; 3] {
    let result = |click: &Click| {
        let mut found = (0..3).flat_map(|setting| (0..2).map(move |value| (setting, value)));
        found.find(|(setting, value)| E91_CHANNELS[*setting][*value] == click.channels).unwrap()
    };
    let mut table = [[[0.0; 2]; 3]; 3];
    let mut from = 0;
    for one in &clicks[0] {
        while clicks[1].get(from).is_some_and(|other| other.time + 128 < one.time) {
            from += 1;
        }
        for other in clicks[1][from..].iter().take_while(|other| other.time <= one.time + 128) {
            let (one, other) = (result(one), result(other));
            table[one.0][other.0][usize::from(one.1 != other.1)] += 1.0;
        }
    }
    table
}

#[test]
fn pairs_at_the_settings_of_e91_have_the_s_the_errors_and_the_share_of_the_formulas() {
    // S = 2√2·V and QBER = (1 - V)/2, with the accidentals of a window of 1 ns.
    let intercept = |fraction| Some(Attack::InterceptResend { fraction });
    for (seed, (visibility, attack)) in [
        (1.0, None),
        (0.97, None),
        (0.9, None),
        (0.75, None),
        (0.5, None),
        (0.97, intercept(1.0)),
        (1.0, intercept(0.4)),
    ]
    .into_iter()
    .enumerate()
    {
        let mut link = pair_link([0.3, 0.3], attack);
        link.analysers = Analysers::E91;
        link.source.visibility = visibility;
        link.source.rate = 3e5;
        link.detectors.iter_mut().for_each(|detector| detector.dark_rate = 0.0);
        let table = ekert(&link.start(20 + seed as u64).unwrap().frame(4.0).clicks);
        let n = |a: usize, b: usize| table[a][b][0] + table[a][b][1];
        let e = |a: usize, b: usize| (table[a][b][0] - table[a][b][1]) / n(a, b);
        // Accidentals are the pair rate times the window of each true pair, and intercepting a share f leaves 1 - f/2.
        let taken = match attack {
            Some(Attack::InterceptResend { fraction }) => fraction,
            _ => 0.0,
        };
        let kept = visibility * (1.0 - taken / 2.0) / (1.0 + 3e5 * 1e-9);
        for (a, b) in (0..3).flat_map(|a| (0..3).map(move |b| (a, b))) {
            let between = (a as f64 - b as f64 - 1.0) * std::f64::consts::FRAC_PI_8;
            let equal = 0.5 * (1.0 + kept * (2.0 * between).cos());
            assert!(fits(table[a][b][0], n(a, b), equal), "{a} {b}: {:?} for {equal}", table[a][b]);
        }
        let s = e(0, 0) - e(0, 2) + e(2, 0) + e(2, 2);
        let deviation = [(0, 0), (0, 2), (2, 0), (2, 2)].map(|(a, b)| (1.0 - e(a, b).powi(2)) / n(a, b));
        let (deviation, expected) =
            (deviation.iter().sum::<f64>().sqrt(), 2.0 * std::f64::consts::SQRT_2 * kept);
        assert!((s - expected).abs() < 5.0 * deviation, "{s} ± {deviation} for {expected}");
        let (sifted, errors) = (n(1, 0) + n(2, 1), table[1][0][1] + table[2][1][1]);
        assert!(fits(errors, sifted, (1.0 - kept) / 2.0), "{errors} of {sifted}");
        let pairs = table.as_flattened().as_flattened().iter().sum::<f64>();
        assert!(fits(sifted, pairs, 2.0 / 9.0), "{sifted} of {pairs}");
    }
}

#[test]
fn dead_times_take_what_the_formula_says() {
    // Non-paralysable, 50 ns: R/(1 + Rτ) of 10^5, 10^6 and 10^7 is 99 502, 952 381 and 6 666 667; on four detectors, a quarter each.
    for (rate, recorded) in [(1e5, 99_502.0), (1e6, 952_381.0), (1e7, 6_666_667.0)] {
        let mut link = pair_link([1.0, 0.0], None);
        link.source.rate = 4.0 * rate;
        link.detectors[0].dark_rate = 0.0;
        link.detectors[0].dead_time = 50.0;
        let seconds = 2e6 / rate;
        let clicks = link.start(10).unwrap().frame(seconds).clicks[0].len() as f64;
        let expected = 4.0 * recorded * seconds;
        assert!((clicks - expected).abs() < 5.0 * expected.sqrt(), "{clicks} for {expected}");
    }
}

#[test]
fn after_pulses_and_dark_counts_come_as_often_as_they_should() {
    let mut link = pair_link([1.0, 0.0], None);
    link.source.rate = 0.0;
    link.detectors[0].dark_rate = 5e4;
    link.detectors[0].afterpulse = 0.1;
    link.detectors[0].dead_time = 0.0;
    let clicks = link.start(11).unwrap().frame(5.0).clicks[0].len() as f64;
    // Each click begets 0.1 others: 1/(1 - 0.1) in all.
    let expected = 4.0 * 5e4 * 5.0 / 0.9;
    assert!((clicks - expected).abs() < 6.0 * (expected * 1.2).sqrt(), "{clicks} for {expected}");
}

#[test]
fn clocks_read_offset_and_skew_and_frames_follow_each_other() {
    let mut link = pair_link([0.5, 0.5], None);
    link.clocks[1] = ClockError { offset: 0.25, skew: 2e-6, walk: 0.0 };
    let mut run = link.start(12).unwrap();
    let (first, second) = (run.frame(0.5), run.frame(0.5));
    assert!(first.clicks[0].last().unwrap().time <= second.clicks[0].first().unwrap().time);
    let whole = link.start(12).unwrap().frame(0.5);
    assert_eq!(whole, first, "the same seed gives the same clicks");
    let near = |click: &Click| ((click.time as f64 - 0.25 * 256e9) / (1.0 + 2e-6)).round();
    let (a, b) = (&second.clicks[0], &second.clicks[1]);
    let found = b.iter().filter(|click| {
        let time = near(click);
        let at = a.partition_point(|other| (other.time as f64) < time - 2.0);
        a.get(at).is_some_and(|other| (other.time as f64) <= time + 2.0)
    });
    assert!(
        found.count() as f64 > 0.45 * b.len() as f64,
        "half of the photons have their partner where the clock says"
    );
}

#[test]
fn figures_that_cannot_be_are_refused() {
    let mut link = pulse_link(0.0, None);
    link.source.means = vec![0.1, 0.5];
    assert!(link.start(1).is_err());
    let mut link = pulse_link(0.0, None);
    link.source.probabilities = vec![0.5, 0.6];
    assert!(link.start(1).is_err());
    let mut link = pulse_link(f64::NAN, None);
    assert!(link.clone().start(1).is_err());
    link.fibre.length = -1.0;
    assert!(link.start(1).is_err());
    assert!(pair_link([1.5, 0.1], None).start(1).is_err());
    assert!(pair_link([0.1, 0.1], Some(Attack::TrojanHorse)).start(1).is_err());
    assert!(Attack::named("charm", 1.0).is_err() && Attack::named("blinding", 2.0).is_err());
}
