//! The IID track against what NIST's `ea_iid` 1.1.7 prints for the same samples (`-vv`), and against samples of known kinds.

#![allow(clippy::unwrap_used, reason = "the normal way to fail in a test")]

use std::num::NonZero;
use std::path::Path;

use qhal::ErrorKind;
use qhal_entropy::assess::{ChiSquare, IidAssessment, iid};

const ONE: NonZero<usize> = NonZero::new(1).unwrap();
const TWO: NonZero<usize> = NonZero::new(2).unwrap();
const SEED: [u8; 32] = [1; 32];

fn sample_file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sp800-90b").join(name)).unwrap()
}

/// Samples with an alphabet of three that has gaps.
fn gapped() -> Vec<u8> {
    sample_file("rand8_short.bin").iter().map(|sample| [3, 17, 200][usize::from(sample % 3)]).collect()
}

fn near(found: f64, golden: f64) {
    assert!((found - golden).abs() <= 1e-9 * golden.abs().max(1.0), "{found} instead of {golden}");
}

fn chi_square(found: ChiSquare, score: f64, degrees: i64, p_value: f64) {
    near(found.score, score);
    assert_eq!(found.degrees, degrees);
    near(found.p_value, p_value);
    assert_eq!(found.passed, p_value >= 0.001);
}

fn statistics(found: &IidAssessment, golden: [f64; 19]) {
    assert_eq!(found.permutation.len(), golden.len());
    for (found, golden) in found.permutation.iter().zip(golden) {
        let far = (found.value - golden).abs() > 1e-9 * golden.abs().max(1.0);
        assert!(!far, "{}: {} instead of {golden}", found.name, found.value);
        assert_eq!(found.passed, found.greater + found.equal > 5 && found.equal + found.less > 5);
    }
}

#[test]
fn rand1_short_agrees_with_nist() {
    let found = iid(&sample_file("rand1_short.bin"), None, SEED, TWO).unwrap();
    chi_square(found.independence, 106.89612714502464, 126, 0.8902208900798109);
    chi_square(found.goodness_of_fit, 10.918427951175554, 9, 0.28134177659941123);
    assert_eq!(found.longest_repeat.length, 25);
    near(found.longest_repeat.probability, 0.7730256848015834);
    near(found.h_original, 0.9610588257005508);
    assert!(found.h_bitstring.is_none());
    near(found.assessed, 0.9610588257005508);
    statistics(
        &found,
        [
            68.69119999999988,
            793.0,
            7.0,
            746.0,
            5044.0,
            12.0,
            22.943396226415093,
            53.0,
            222.0,
            230.0,
            224.0,
            224.0,
            235.0,
            20021.0,
            19982.0,
            20092.0,
            19719.0,
            19526.0,
            1611.0,
        ],
    );
    assert!(found.passed);
}

#[test]
fn rand8_short_agrees_with_nist() {
    let found = iid(&sample_file("rand8_short.bin"), None, SEED, TWO).unwrap();
    chi_square(found.independence, 1013.1649026243466, 735, 3.576866893390567e-11);
    chi_square(found.goodness_of_fit, 1288.236790739754, 1206, 0.04933304971347665);
    assert_eq!(found.longest_repeat.length, 3);
    near(found.longest_repeat.probability, 0.959979028659145);
    near(found.h_original, 7.010454037736041);
    assert!(found.h_bitstring.is_some());
    near(found.assessed, 7.010454037736041);
    statistics(
        &found,
        [
            6638.535999999971,
            6727.0,
            6.0,
            5006.0,
            4938.0,
            13.0,
            20.304878048780488,
            67.0,
            34.0,
            30.0,
            49.0,
            49.0,
            35.0,
            163045111.0,
            163784454.0,
            162563680.0,
            162531901.0,
            161376389.0,
            10987.0,
        ],
    );
    assert!(!found.passed);
}

#[test]
fn gapped_agrees_with_nist() {
    let found = iid(&gapped(), None, SEED, TWO).unwrap();
    chi_square(found.independence, 6.965186302046132, 6, 0.3240787639967754);
    chi_square(found.goodness_of_fit, 21.475727231643674, 18, 0.25609456554409554);
    assert_eq!(found.longest_repeat.length, 16);
    near(found.longest_repeat.probability, 0.686100962364172);
    near(found.h_original, 1.5221475862670275);
    assert!(found.h_bitstring.is_some());
    near(found.assessed, 1.5221475862670275);
    statistics(
        &found,
        [
            7260.40639999995,
            5974.0,
            11.0,
            6646.0,
            4445.0,
            23.0,
            2.889306358381503,
            4.0,
            3288.0,
            3342.0,
            3287.0,
            3364.0,
            3311.0,
            53314397.0,
            54204016.0,
            53284231.0,
            54290559.0,
            52446301.0,
            2293.0,
        ],
    );
    assert!(found.passed);
}

#[test]
fn sorted_samples_fail() {
    let sorted: Vec<u8> = (0..600u32).map(|i| (i / 40) as u8).collect();
    let found = iid(&sorted, None, SEED, TWO).unwrap();
    assert!(!found.passed);
    assert_eq!(found.permutations, 10_000);
    let failed = |name| !found.permutation.iter().find(|statistic| statistic.name == name).unwrap().passed;
    for name in [
        "excursion",
        "directional_runs",
        "longest_median_run",
        "periodicity_1",
        "covariance_1",
        "compression",
    ] {
        assert!(failed(name), "{name}");
    }
    assert!(!found.goodness_of_fit.passed && !found.independence.passed);
}

#[test]
fn threads_change_nothing_and_seeds_do() {
    let samples = &sample_file("rand4_short.bin")[..2000];
    let found = iid(samples, None, SEED, ONE).unwrap();
    assert_eq!(found, iid(samples, None, SEED, TWO).unwrap());
    assert_ne!(found.permutation, iid(samples, None, [2; 32], TWO).unwrap().permutation);
}

#[test]
fn what_cannot_be_assessed_is_refused() {
    let kind = |data: &[u8], bits| iid(data, bits, SEED, TWO).unwrap_err().kind();
    assert_eq!(kind(&[0, 1, 0], None), ErrorKind::InvalidInput);
    assert_eq!(kind(&[9; 100], None), ErrorKind::Unhealthy);
    assert_eq!(kind(&sample_file("rand4_short.bin"), Some(3)), ErrorKind::InvalidInput);
}
