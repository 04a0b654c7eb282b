//! HMAC_DRBG against known answers of NIST's validation program and of RFC 6979.

#![allow(clippy::unwrap_used, reason = "a test fails that way, and so do its helpers")]

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use qhal_entropy::HmacDrbg;
use qhal_entropy::drbg::MAX_REQUEST_BYTES;

fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// One group of the file: its name and, for every field, the values in order.
type Group = (String, BTreeMap<String, VecDeque<Vec<u8>>>);

fn groups() -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for line in include_str!("data/hmac_drbg_sha256.rsp").lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            groups.push((name.trim_end_matches(']').to_owned(), BTreeMap::new()));
        } else if let Some((field, value)) = line.split_once('=') {
            let fields = &mut groups.last_mut().unwrap().1;
            fields.entry(field.trim().to_owned()).or_default().push_back(hex(value.trim()));
        }
    }
    groups
}

/// As DRBGVS has it: two requests, of which the second one's answer is compared.
#[test]
fn answers_equal_those_of_the_validation_program() {
    let groups = groups();
    assert_eq!(groups.len(), 9);
    for (name, mut fields) in groups {
        let mut next = |field: &str| {
            fields.get_mut(field).and_then(VecDeque::pop_front).unwrap_or_else(|| panic!("{field} of {name}"))
        };
        let mut drbg =
            HmacDrbg::instantiate(&next("EntropyInput"), &next("Nonce"), &next("PersonalizationString"))
                .unwrap();
        if name.starts_with("pr_false") {
            drbg.reseed(&next("EntropyInputReseed"), &next("AdditionalInputReseed")).unwrap();
        }
        let mut out = [0; 128];
        for _ in 0..2 {
            let additional = next("AdditionalInput");
            if name.starts_with("pr_true") {
                drbg.generate_fresh(&mut out, &next("EntropyInputPR"), &additional).unwrap();
            } else {
                drbg.generate(&mut out, &additional).unwrap();
            }
        }
        assert_eq!(out.as_slice(), next("ReturnedBits"), "{name}");
        assert!(fields.values().all(VecDeque::is_empty), "{name}: a field was not used");
    }
}

/// RFC 6979 §3.2 derives its nonce with HMAC_DRBG, seeded with key and message hash; the values are of §A.2.5
/// (curve P-256, SHA-256, message "sample").
#[test]
fn the_deterministic_nonce_of_rfc_6979_comes_out() {
    let key = hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    let nonce = hex("a6e3c57dd01abe90086538398355dd4c3b17aa873382b0f24d6129493d8aad60");
    // SHA-256("sample")
    let hash = hex("af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf");
    let mut drbg = HmacDrbg::instantiate(&key, &hash, &[]).unwrap();
    let mut out = [0; 32];
    drbg.generate(&mut out, &[]).unwrap();
    assert_eq!(out.as_slice(), nonce);
}

proptest! {
    #[test]
    fn no_input_makes_it_panic_and_refusals_leave_zeros(
        entropy in prop::collection::vec(any::<u8>(), 0..70),
        nonce in prop::collection::vec(any::<u8>(), 0..40),
        text in prop::collection::vec(any::<u8>(), 0..40),
        bytes in prop_oneof![0usize..300, MAX_REQUEST_BYTES - 1..MAX_REQUEST_BYTES + 2],
    ) {
        let made = HmacDrbg::instantiate(&entropy, &nonce, &text);
        prop_assert_eq!(made.is_ok(), entropy.len() >= 32 && nonce.len() >= 16);
        let Ok(mut drbg) = made else { return Ok(()) };
        let mut out = vec![0xEE; bytes];
        prop_assert_eq!(drbg.generate(&mut out, &text).is_ok(), bytes <= MAX_REQUEST_BYTES);
        prop_assert!(bytes <= MAX_REQUEST_BYTES || out.iter().all(|&byte| byte == 0));
        prop_assert_eq!(drbg.reseed(&nonce, &text).is_ok(), nonce.len() >= 32);
    }

    #[test]
    fn every_request_moves_the_state_on(seed in any::<[u8; 32]>(), additional in prop::collection::vec(any::<u8>(), 0..8)) {
        let mut drbg = HmacDrbg::instantiate(&seed, &seed, &[]).unwrap();
        let mut outputs = [[0u8; 32]; 3];
        for out in &mut outputs {
            drbg.generate(out, &additional).unwrap();
        }
        prop_assert!(outputs[0] != outputs[1] && outputs[1] != outputs[2] && outputs[0] != outputs[2]);
    }
}
