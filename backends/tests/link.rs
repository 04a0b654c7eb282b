//! Simulated links end to end: keys that equal the theory of the field within its fluctuations, and every attack with its alarm.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

use qhal::Provenance;
use qhal_backends::simulated::{ATTACKS, LinkProtocol, LinkReport, LinkSettings, attack, simulate_link};

fn link(protocol: LinkProtocol, distance_km: f64, seconds: f64, name: Option<&str>) -> LinkReport {
    let attack = name.map(|name| attack(name, 1.0).unwrap());
    let settings = LinkSettings { protocol, distance_km, seconds, attack, seed: 5 };
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
    for name in ["intercept-resend", "blinding", "time-shift"] {
        let report = link(LinkProtocol::Bbm92, 5.0, 0.5, Some(name));
        assert!(report.alarms.iter().any(|alarm| alarm.name == name), "{name}: {:?}", report.alarms);
        assert_eq!(report.secret_bits, 0, "{name}");
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
