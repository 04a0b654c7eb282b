//! Key lengths against the numbers of the papers and of an independent computation.
#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

use qhal_distillation::finite::asymptotic::{DecoyLink, repeaterless_limit, sifted_fraction};
use qhal_distillation::finite::{
    BlockCounts, Counts, Epsilons, Intensities, binary_entropy, lim2014, rusca2018, sampling_deviation,
    tlgr2012,
};

fn close(got: f64, expected: f64, relative: f64) {
    assert!((got - expected).abs() <= relative * expected.abs(), "{got} is not {expected}");
}

const EPSILONS: Epsilons = Epsilons { secrecy: 1e-9, correctness: 1e-15 };

/// Golden numbers computed from the printed formulas by other hands, in another language.
#[test]
fn two_decoys_give_the_golden_length() {
    let source = Intensities { means: [0.5, 0.15, 0.0002], probabilities: [0.4, 0.3, 0.3] };
    let counts = BlockCounts {
        key: Counts { detections: [6_000_000, 1_400_000, 30_000], errors: [0; 3] },
        check: Counts { detections: [600_000, 140_000, 3000], errors: [6300, 1600, 60] },
    };
    let leak = 1.16 * binary_entropy(0.015) * 7_430_000.0;
    close(leak, 968_414.49, 1e-8);
    let key = lim2014(&source, &counts, leak, &EPSILONS).unwrap();
    close(key.vacuum, 49_243.66, 1e-6);
    close(key.single, 4_629_444.1, 1e-6);
    close(key.single_check, 438_578.26, 1e-6);
    close(key.phase_error, 0.021_996_02, 1e-6);
    assert_eq!(key.secret_bits, 3_004_000);
}

#[test]
fn one_decoy_gives_the_golden_length() {
    let source = Intensities { means: [0.5, 0.2], probabilities: [0.7, 0.3] };
    let counts = BlockCounts {
        key: Counts { detections: [8_600_000, 1_400_000], errors: [86_000, 15_400] },
        check: Counts { detections: [860_000, 140_000], errors: [8600, 1540] },
    };
    let leak = 1.16 * binary_entropy(0.010_14) * 1e7;
    close(leak, 947_949.96, 1e-8);
    let key = rusca2018(&source, &counts, leak, &EPSILONS).unwrap();
    assert_eq!(key.vacuum, 0.0);
    close(key.single, 4_946_043.4, 1e-6);
    close(key.single_check, 455_437.51, 1e-6);
    close(key.phase_error, 0.033_402_04, 1e-6);
    assert_eq!(key.secret_bits, 2_953_352);
}

/// Figure 1 of Lim et al. 2014 at 50 km, block 10^7, with the optimised parameters: the channel model of the paper, and
/// ε_sec = 1e-15 · ℓ found by repetition.
#[test]
fn two_decoys_give_the_rate_of_the_paper() {
    let (p_key, p_dark, p_after, e_mis) = (0.857, 6e-7, 0.04, 5e-3);
    let source = Intensities { means: [0.411, 0.220, 2e-4], probabilities: [0.377, 0.446, 0.177] };
    let transmission = 0.1 * 10f64.powf(-0.2 * 50.0 / 10.0);
    let click = |mean: f64| 1.0 - (1.0 - 2.0 * p_dark) * (-transmission * mean).exp();
    let rate = |mean: f64| click(mean) * (1.0 + p_after);
    let error = |mean: f64| p_dark + e_mis * -(-transmission * mean).exp_m1() + p_after * click(mean) / 2.0;
    let weighted = |f: &dyn Fn(f64) -> f64| -> f64 {
        source.means.iter().zip(source.probabilities).map(|(mean, p)| p * f(*mean)).sum()
    };
    let pulses = 1e7 / (p_key * p_key * weighted(&rate));
    let counted = |basis: f64, f: &dyn Fn(f64) -> f64| -> [u64; 3] {
        std::array::from_fn(|k| (pulses * basis * source.probabilities[k] * f(source.means[k])) as u64)
    };
    let basis = |p: f64| Counts { detections: counted(p * p, &rate), errors: counted(p * p, &error) };
    let counts = BlockCounts { key: basis(p_key), check: basis(1.0 - p_key) };
    let leak = 1.16 * binary_entropy(weighted(&error) / weighted(&rate)) * 1e7;
    let mut secret = 1e6;
    for _ in 0..50 {
        let epsilons = Epsilons { secrecy: 1e-15 * secret, correctness: 1e-15 };
        secret = lim2014(&source, &counts, leak, &epsilons).unwrap().secret_bits as f64;
    }
    close(secret / pulses, 5.139e-4, 2e-3);
}

#[test]
fn asymptotic_rates_are_those_of_the_gys_experiment() {
    // Ma, Qi, Zhao, Lo 2005 with the parameters of Gobby, Yuan and Shields: distance, gain, error, both rates.
    let rows = [
        (0.0, 2.137009e-2, 0.033037, 2.554577e-3, 2.414245e-3),
        (50.0, 1.924950e-3, 0.033412, 2.225952e-4, 2.096250e-4),
        (100.0, 1.732602e-4, 0.037582, 1.718436e-5, 1.602005e-5),
        (140.0, 2.649981e-5, 0.062959, 2.464546e-7, 7.377906e-8),
    ];
    let at = |distance: f64| DecoyLink {
        transmission: 0.045 * 10f64.powf(-0.021 * distance),
        background: 1.7e-6,
        misalignment: 0.033,
        efficiency: 1.22,
        sifting: 0.5,
    };
    for (distance, gain, error, infinite, weak) in rows {
        let link = at(distance);
        close(link.gain(0.48).0, gain, 1e-6);
        close(link.gain(0.48).1, error, 2e-5);
        close(link.rate(0.48), infinite, 1e-6);
        close(link.rate_vacuum_weak(0.48, 0.05), weak, 1e-6);
    }
    assert!(at(141.9).rate(0.48) > 0.0 && at(142.1).rate(0.48) == 0.0);
    assert!(at(140.5).rate_vacuum_weak(0.48, 0.05) > 0.0 && at(140.7).rate_vacuum_weak(0.48, 0.05) == 0.0);
}

#[test]
fn entropies_limits_and_deviations() {
    for (x, h) in [(0.01, 0.08079314), (0.03, 0.19439186), (0.05, 0.28639696), (0.11, 0.49991596)] {
        close(binary_entropy(x), h, 1e-7);
    }
    for (eta, limit) in [(0.1, 0.152003), (0.01, 0.0144996), (0.001, 0.00144342)] {
        close(repeaterless_limit(eta), limit, 1e-5);
    }
    close(sampling_deviation(900_000, 100_000, 1e-10), 0.015995, 1e-4);
    assert!(sifted_fraction(0.110_027, 0.110_027, 1.0) > 0.0);
    assert_eq!(sifted_fraction(0.110_029, 0.110_029, 1.0), 0.0);
}

#[test]
fn pairs_give_less_than_the_asymptotic_rate_and_tend_to_it() {
    let length = |n: u64| {
        let check = Counts { detections: [n], errors: [n / 50] };
        tlgr2012(n, &check, 1.1 * binary_entropy(0.02) * n as f64, &EPSILONS).unwrap().secret_bits as f64
            / n as f64
    };
    let limit = sifted_fraction(0.02, 0.02, 1.1);
    assert_eq!(length(500), 0.0);
    assert!(length(10_000) < length(1_000_000) && length(1_000_000) < limit);
    close(length(1_000_000_000_000), limit, 1e-3);
    // n = k = 10^6, Q = 2 %: μ = √(2(k+1)/k² · ln(2·10^9)) by hand.
    let key =
        tlgr2012(1_000_000, &Counts { detections: [1_000_000], errors: [20_000] }, 0.0, &EPSILONS).unwrap();
    close(key.phase_error, 0.02 + (2.0 * 1_000_001.0 / 1e12 * 2e9f64.ln()).sqrt(), 1e-12);
}

#[test]
fn what_cannot_be_is_refused_and_what_leaves_nothing_is_no_key() {
    let source = Intensities { means: [0.5, 0.2], probabilities: [0.7, 0.3] };
    let none = BlockCounts { key: Counts::ZERO, check: Counts::ZERO };
    assert_eq!(rusca2018(&source, &none, 0.0, &EPSILONS).unwrap().secret_bits, 0);
    let three = Intensities { means: [0.5, 0.1, 0.0], probabilities: [0.5, 0.25, 0.25] };
    let zero = BlockCounts { key: Counts::ZERO, check: Counts::ZERO };
    assert_eq!(lim2014(&three, &zero, 0.0, &EPSILONS).unwrap().secret_bits, 0);
    // Half of everything wrong: an eavesdropper who measures and sends on in random bases.
    let spied = Counts { detections: [860_000, 140_000], errors: [430_000, 70_000] };
    let counts = BlockCounts { key: spied, check: spied };
    assert_eq!(rusca2018(&source, &counts, 0.0, &EPSILONS).unwrap().secret_bits, 0);
    let impossible = Counts { detections: [1, 1], errors: [2, 0] };
    let counts = BlockCounts { key: impossible, check: Counts::ZERO };
    assert!(rusca2018(&source, &counts, 0.0, &EPSILONS).is_err());
    assert!(rusca2018(&source, &none, -1.0, &EPSILONS).is_err());
    assert!(rusca2018(&source, &none, f64::NAN, &EPSILONS).is_err());
    for (means, probabilities) in [
        ([0.2, 0.5], [0.7, 0.3]),
        ([0.5, 0.2], [0.7, 0.2]),
        ([0.5, 0.0], [0.7, 0.3]),
        ([f64::NAN, 0.2], [0.7, 0.3]),
    ] {
        assert!(rusca2018(&Intensities { means, probabilities }, &none, 0.0, &EPSILONS).is_err());
    }
    for epsilons in [(0.0, 1e-15), (1e-9, 1.0), (f64::NAN, 1e-15)] {
        let epsilons = Epsilons { secrecy: epsilons.0, correctness: epsilons.1 };
        assert!(rusca2018(&source, &none, 0.0, &epsilons).is_err());
    }
}
