//! The non-IID assessment against the results that NIST keeps for the sample files of its own tool.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

use std::num::NonZero;
use std::path::Path;

use proptest::prelude::*;
use qhal::ErrorKind;
use qhal_entropy::assess::{Estimates, non_iid};

const TWO: NonZero<usize> = NonZero::new(2).unwrap();

fn sample_file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sp800-90b").join(name)).unwrap()
}

/// A line of the golden values: the estimators in the order of the standard, `-` where one does not apply.
fn check(name: &str, view: &str, found: Estimates, golden: &str) {
    let golden: Vec<&str> = golden.split_whitespace().collect();
    assert_eq!(golden.len(), 10, "{name} {view}");
    for ((estimator, found), golden) in found.named().into_iter().zip(golden) {
        match (found, golden) {
            (None, "-") => {}
            (Some(found), golden) if golden != "-" => {
                let golden: f64 = golden.parse().unwrap();
                assert!(
                    (found - golden).abs() < 1e-9,
                    "{name} {view} {estimator}: {found} instead of {golden}"
                );
            }
            _ => panic!("{name} {view} {estimator}: {found:?} instead of {golden}"),
        }
    }
}

/// What NIST's `cpp/selftest/refdata` holds for one file.
struct Golden {
    name: &'static str,
    symbols: usize,
    bits: u8,
    original: &'static str,
    bitstring: Option<&'static str>,
    h_original: f64,
    h_bitstring: Option<f64>,
    assessed: f64,
}

fn agrees(golden: &Golden) {
    let data = sample_file(golden.name);
    let found = non_iid(&data, None, TWO).unwrap();
    assert_eq!((found.samples, found.symbols, found.bits), (data.len(), golden.symbols, golden.bits));
    check(golden.name, "original", found.original, golden.original);
    assert_eq!(found.bitstring.is_some(), golden.bitstring.is_some(), "{}", golden.name);
    if let (Some(found), Some(golden_bits)) = (found.bitstring, golden.bitstring) {
        check(golden.name, "bitstring", found, golden_bits);
    }
    assert!((found.h_original - golden.h_original).abs() < 1e-9, "{}", golden.name);
    assert_eq!(found.h_bitstring.is_some(), golden.h_bitstring.is_some(), "{}", golden.name);
    if let (Some(found), Some(golden_h)) = (found.h_bitstring, golden.h_bitstring) {
        assert!((found - golden_h).abs() < 1e-9, "{}", golden.name);
    }
    assert!((found.assessed - golden.assessed).abs() < 1e-9, "{}", golden.name);
    assert_eq!(found.warnings.len(), usize::from(data.len() < 1_000_000), "{}", golden.name);
}

#[test]
fn data_pi_agrees_with_nist() {
    agrees(&Golden {
        name: "data.pi.bin",
        symbols: 2,
        bits: 1,
        original: "0.81114057970407438 0.56953759345777466 0.72318078199004532 0.60155919063219654 0.70186099415040004 \
                   0.90880365648334804 0.81233323259173817 0.81143461261488992 0.81118369680348135 0.81115864436468677",
        bitstring: None,
        h_original: 0.5695375934577747,
        h_bitstring: None,
        assessed: 0.5695375934577747,
    });
}

#[test]
fn rand1_short_agrees_with_nist() {
    agrees(&Golden {
        name: "rand1_short.bin",
        symbols: 2,
        bits: 1,
        original: "0.96105882570055079 0.69146412099724186 0.98759610445940904 0.61171620479394506 0.86762443081707374 \
                   0.96262580383278706 0.95261806053262654 0.9433337065757712 0.96161666782888089 0.96144624595247796",
        bitstring: None,
        h_original: 0.6117162047939451,
        h_bitstring: None,
        assessed: 0.6117162047939451,
    });
}

#[test]
fn rand4_short_agrees_with_nist() {
    agrees(&Golden {
        name: "rand4_short.bin",
        symbols: 16,
        bits: 4,
        original: "3.7900373902139739 - - - 3.5674726723995995 \
                   3.8335255222329829 3.8669546824826764 3.7836506125537386 3.8846552794933751 3.8824956640559631",
        bitstring: Some(
            "0.97918948296240216 0.89817944838102126 0.99061680777094752 0.80387206696918412 0.8987772293903773 \
                   0.93296931449533627 0.98656086459231696 0.98264182173598913 0.97769651208720298 0.98014517335640094",
        ),
        h_original: 3.5674726723995995,
        h_bitstring: Some(0.8038720669691841),
        assessed: 3.2154882678767365,
    });
}

#[test]
fn rand8_short_agrees_with_nist() {
    agrees(&Golden {
        name: "rand8_short.bin",
        symbols: 256,
        bits: 8,
        original: "7.0104540377360411 - - - 7.0104540377360411 \
                   7.2891986717206523 7.3751922497299107 6.6364412870839109 7.3276276791880877 7.3533553938353844",
        bitstring: Some(
            "0.98338678465915019 0.83205298221524882 0.99772497672796534 0.73261171806065617 0.91078644573541423 \
                   0.98193035773637416 0.99453711551450596 0.98969349388795491 0.98781454404229407 0.98808180379990307",
        ),
        h_original: 6.636441287083911,
        h_bitstring: Some(0.7326117180606562),
        assessed: 5.860893744485249,
    });
}

#[test]
fn truerand_1bit_agrees_with_nist() {
    agrees(&Golden {
        name: "truerand_1bit.bin",
        symbols: 2,
        bits: 1,
        original: "0.99504301513122573 0.90093572690822665 0.99848647555611059 0.82967708323406131 0.91422636745977381 \
                   0.98581833722719769 0.99697224801623707 0.99829166636629973 0.99665994380395218 0.99705004757897153",
        bitstring: None,
        h_original: 0.8296770832340613,
        h_bitstring: None,
        assessed: 0.8296770832340613,
    });
}

#[test]
fn truerand_4bit_agrees_with_nist() {
    agrees(&Golden {
        name: "truerand_4bit.bin",
        symbols: 16,
        bits: 4,
        original: "3.9711943367296096 - - - 3.6877536942326419 \
                   3.934965665764139 3.9922852807215925 3.9762709694470533 3.9852626440807923 3.9842772267416611",
        bitstring: Some(
            "0.99773038582215656 0.92836094530468272 0.99946953975472053 0.90062659214175955 0.9294337363877716 \
                   0.98668739517592785 0.99808007622801453 0.99864859012869489 0.9982050841687653 0.99935502359971773",
        ),
        h_original: 3.687753694232642,
        h_bitstring: Some(0.9006265921417596),
        assessed: 3.602506368567038,
    });
}

#[test]
fn truerand_8bit_agrees_with_nist() {
    agrees(&Golden {
        name: "truerand_8bit.bin",
        symbols: 256,
        bits: 8,
        original: "7.8651180028995897 - - - 7.8651180028995897 \
                   7.9391990333699249 7.9885798193670183 7.939764556109469 7.9268088197517388 7.9267871808058681",
        bitstring: Some(
            "0.9981992801198275 0.95840629541836875 0.99943930316686191 0.90423268189731187 0.93356924430377786 \
                   0.99867108796455339 0.9995628331666655 0.99840155983091283 0.99966036756343424 0.9984653280465311",
        ),
        h_original: 7.86511800289959,
        h_bitstring: Some(0.9042326818973119),
        assessed: 7.233861455178495,
    });
}

#[test]
fn what_cannot_be_assessed_is_refused() {
    let kind = |data: &[u8], bits| non_iid(data, bits, TWO).unwrap_err().kind();
    assert_eq!(kind(&[], None), ErrorKind::InvalidInput);
    assert_eq!(
        kind(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18], None),
        ErrorKind::InvalidInput
    );
    assert_eq!(kind(&[0; 5000], None), ErrorKind::Unhealthy);
    assert_eq!(kind(&[7; 5000], None), ErrorKind::Unhealthy);
    let samples: Vec<u8> = sample_file("rand4_short.bin");
    for bits in [0, 3, 9, 255] {
        assert_eq!(kind(&samples, Some(bits)), ErrorKind::InvalidInput, "{bits}");
    }
    // Wider than needed is allowed and said: the bit string then has zeros, which lower the result.
    let (fit, wide) = (non_iid(&samples, Some(4), TWO).unwrap(), non_iid(&samples, Some(8), TWO).unwrap());
    assert_eq!((fit.warnings.len(), wide.warnings.len()), (1, 2));
    assert!(wide.h_bitstring < fit.h_bitstring);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes in: an error, or figures between 0 and the bits of a symbol that no number of threads changes.
    #[test]
    fn any_samples_give_possible_figures(
        samples in prop::collection::vec(any::<u8>(), 0..400),
        mask in any::<u8>(),
        repeat in 1usize..20,
        bits in prop::option::of(0u8..10),
    ) {
        let samples = samples.iter().map(|sample| sample & mask).collect::<Vec<u8>>().repeat(repeat);
        let Ok(found) = non_iid(&samples, bits, TWO) else { return Ok(()) };
        prop_assert_eq!(&found, &non_iid(&samples, bits, NonZero::<usize>::MIN).unwrap());
        let width = f64::from(found.bits);
        for (most, estimates) in [(width, Some(found.original)), (1.0, found.bitstring)] {
            for (name, estimate) in estimates.iter().flat_map(Estimates::named) {
                prop_assert!(estimate.is_none_or(|h| (0.0..=most).contains(&h)), "{name}: {estimate:?}");
            }
        }
        prop_assert!(found.assessed >= 0.0 && found.assessed <= found.h_original);
        prop_assert!(found.assessed <= width * found.h_bitstring.unwrap_or(1.0));
    }
}
