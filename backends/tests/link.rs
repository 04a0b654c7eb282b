//! Simulated links end to end: keys that equal the theory of the field within its fluctuations, and every attack with its alarm.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

use qhal::Provenance;
use qhal_backends::link::LOCAL_LIMIT;
use qhal_backends::simulated::{ATTACKS, LinkProtocol, LinkReport, LinkSettings, attack, simulate_link};

fn link(protocol: LinkProtocol, distance_km: f64, seconds: f64, name: Option<&str>) -> LinkReport {
    let attack = name.map(|name| attack(name, 1.0).unwrap());
    let settings = LinkSettings { protocol, distance_km, seconds, chsh_limit: LOCAL_LIMIT, attack, seed: 5 };
    simulate_link(&settings, &mut |_| Ok(())).unwrap()
}

#[test]
fn decoy_pulses_give_a_key_at_the_rate_of_the_formulas() {
    let report = link(LinkProtocol::Bb84Decoy, 50.0, 0.5, None);
    assert!(report.alarms.is_empty(), "{:?}", report.alarms);
    // Fifty million pulses, 10 dB of fibre and 2 dB of optics, 85 %: 1 - exp(-0.0536·μ) of each intensity arrive, and the
    // dead time of 40 ns takes a few per cent of the brighter key detectors' clicks.
    let gain: f64 = [(0.45, 0.5), (0.2, 0.3), (2e-4, 0.2)]
        .iter()
        .map(|(mean, share)| share * (1.0 - (-0.0536_f64 * mean).exp()))
        .sum();
    let expected = 5e7 * gain;
    let ratio = report.detections as f64 / expected;
    assert!((0.93..1.01).contains(&ratio), "{} detections for {expected}", report.detections);
    assert!((report.sifted_bits as f64 / report.detections as f64 - 0.64).abs() < 0.01);
    assert!((report.qber - 0.01).abs() < 0.001, "{}", report.qber);
    // Lim et al. 2014 with the expected counts of half a second, calculated apart: 0.195 of the sifted bits at f = 1.1.
    let kept = report.secret_bits as f64 / report.sifted_bits as f64;
    assert!((0.12..0.27).contains(&kept), "{kept}");
    assert!(report.keys.iter().all(|key| key.provenance() == Provenance::Simulated));
    assert_eq!(report.secret_bits, report.keys.iter().map(|key| key.bits() as u64).sum::<u64>());
    // The repeaterless limit (Pirandola, Laurenza, Ottaviani, Banchi 2017): -log2(1 - η) a pulse.
    assert!(report.skr() < -1e8 * (1.0 - 0.1_f64).log2());
}

#[test]
fn pairs_give_a_key_after_the_ends_found_their_clocks() {
    let report = link(LinkProtocol::Bbm92, 20.0, 1.0, None);
    assert!(report.alarms.is_empty(), "{:?}", report.alarms);
    assert!((report.qber - 0.015).abs() < 0.004, "{}", report.qber);
    assert!(report.secret_bits > 0, "{report:?}");
}

#[test]
fn e91_violates_chsh_before_it_gives_a_key() {
    let report = link(LinkProtocol::E91, 10.0, 2.0, None);
    assert!(report.alarms.is_empty(), "{:?}", report.alarms);
    // A visibility of 0.97, of which accidentals (singles of 1.4·10^6 and 8.5·10^5 a second in 1 ns) take 0.4 %.
    let visibility = 1.0 - 2.0 * report.qber;
    assert!((visibility - 0.966).abs() < 0.004, "{visibility}");
    let (s, deviation) = report.chsh().unwrap();
    assert!((s - 2.0 * std::f64::consts::SQRT_2 * 0.966).abs() < 5.0 * deviation, "{s} ± {deviation}");
    assert!(deviation > 0.0 && s - 2.0 > 6.0 * deviation);
    // Two of nine combinations.
    let (pairs, share) = (report.detections as f64, 2.0 / 9.0);
    let expected = (pairs * share, (pairs * share * (1.0 - share)).sqrt());
    assert!((report.sifted_bits as f64 - expected.0).abs() < 5.0 * expected.1, "{report:?}");
    // 1 - h((1 - V/√2)/2) - 1.05·h((1 - V)/2) = 0.25 of the sifted bits, and less of blocks as small as these.
    let kept = report.secret_bits as f64 / report.sifted_bits as f64;
    assert!((0.1..0.25).contains(&kept), "{kept}");
    assert_eq!((report.blocks, report.blocks_with_key), (2, 2));
    assert!(report.keys.iter().all(|key| key.provenance() == Provenance::Simulated));
    assert!(link(LinkProtocol::Bbm92, 10.0, 0.1, None).chsh().is_none());
}

#[test]
fn intercepted_pairs_of_e91_show_no_entanglement() {
    let report = link(LinkProtocol::E91, 10.0, 0.5, Some("intercept-resend"));
    let (s, deviation) = report.chsh().unwrap();
    // Half of 2√2 at the most.
    assert!(s < std::f64::consts::SQRT_2 + 5.0 * deviation, "{s} ± {deviation}");
    assert!((report.qber - 0.25).abs() < 0.02, "{}", report.qber);
    let names: Vec<&str> = report.alarms.iter().map(|alarm| alarm.name).collect();
    assert_eq!(names, ["intercept-resend", "no-entanglement"]);
    assert_eq!((report.secret_bits, report.blocks_with_key), (0, 0));
}

#[test]
fn an_s_below_the_limit_is_an_alarm_and_limits_are_limits() {
    let settings = LinkSettings {
        protocol: LinkProtocol::E91,
        distance_km: 10.0,
        seconds: 0.5,
        chsh_limit: 2.8,
        attack: None,
        seed: 5,
    };
    let report = simulate_link(&settings, &mut |_| Ok(())).unwrap();
    assert_eq!((report.alarms.len(), report.alarms[0].name), (1, "no-entanglement"));
    assert_eq!((report.secret_bits, report.blocks), (0, 2));
    for wrong in [1.0, 3.0, f64::NAN] {
        let settings = LinkSettings { chsh_limit: wrong, ..settings };
        assert!(simulate_link(&settings, &mut |_| Ok(())).is_err(), "{wrong}");
    }
}

#[test]
fn the_same_seed_is_the_same_link() {
    let (one, other) =
        (link(LinkProtocol::Bbm92, 10.0, 0.5, None), link(LinkProtocol::Bbm92, 10.0, 0.5, None));
    assert_eq!(
        (one.detections, one.secret_bits, one.keys),
        (other.detections, other.secret_bits, other.keys)
    );
}

#[test]
fn every_attack_raises_its_alarm_and_leaves_no_key() {
    for name in ATTACKS {
        let report = link(LinkProtocol::Bb84Decoy, 20.0, 0.2, Some(name));
        assert!(report.alarms.iter().any(|alarm| alarm.name == name), "{name}: {:?}", report.alarms);
        assert_eq!(report.secret_bits, 0, "{name}");
    }
    for protocol in [LinkProtocol::Bbm92, LinkProtocol::E91] {
        for name in ["intercept-resend", "blinding", "time-shift"] {
            let report = link(protocol, 5.0, 0.5, Some(name));
            assert!(report.alarms.iter().any(|alarm| alarm.name == name), "{name}: {:?}", report.alarms);
            assert_eq!(report.secret_bits, 0, "{name}");
        }
    }
}

#[test]
fn a_dark_link_says_that_nothing_is_left() {
    let report = link(LinkProtocol::Bb84Decoy, 400.0, 0.2, None);
    assert_eq!(report.secret_bits, 0);
    assert!(!report.alarms.is_empty());
}

#[test]
fn what_cannot_be_simulated_is_refused() {
    let settings = |seconds, distance_km| LinkSettings {
        protocol: LinkProtocol::Bb84Decoy,
        distance_km,
        seconds,
        chsh_limit: LOCAL_LIMIT,
        attack: None,
        seed: 1,
    };
    for wrong in [settings(0.0, 1.0), settings(1e9, 1.0), settings(1.0, -1.0), settings(f64::NAN, 1.0)] {
        assert!(simulate_link(&wrong, &mut |_| Ok(())).is_err(), "{wrong:?}");
    }
    let stopped =
        simulate_link(&settings(5.0, 1.0), &mut |_| Err(qhal::Error::new(qhal::ErrorKind::Other, "enough")));
    assert_eq!(stopped.unwrap_err().message(), "enough");
}
