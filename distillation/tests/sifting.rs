//! Sifting: both ends keep the same places, counts are right, and nonsense on the wire is refused.
#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

mod common;

use common::{random, unit};
use proptest::prelude::*;
use qhal_distillation::sifting::{Announcement, Basis, Detection, Prepared, Pulse, Selection, keep, select};
use qhal_distillation::wire::{Reader, Writer};

/// Pulses, and detections of some of them with a share of errors.
fn link(seed: u64, pulses: usize, error: f64) -> (Vec<Pulse>, Vec<Detection>) {
    let mut random = random(seed);
    let mut flip = |p: f64| unit(&mut random) < p;
    let basis = |random: bool| if random { Basis::X } else { Basis::Z };
    let (mut sent, mut seen) = (Vec::new(), Vec::new());
    for slot in 0..pulses as u64 {
        let pulse = Pulse::new(basis(flip(0.3)), flip(0.5), u8::from(flip(0.4)) + u8::from(flip(0.2)));
        sent.push(pulse);
        if flip(0.5) {
            let measured = basis(flip(0.3));
            let value = if measured == pulse.basis() { pulse.value() ^ flip(error) } else { flip(0.5) };
            seen.push(Detection { slot, basis: measured, value });
        }
    }
    (sent, seen)
}

fn through_the_wire<T>(write: impl Fn(&mut Writer), read: impl Fn(&mut Reader<'_>) -> qhal::Result<T>) -> T {
    let mut writer = Writer::new();
    write(&mut writer);
    let bytes = writer.finish();
    let mut reader = Reader::new(&bytes);
    let value = read(&mut reader).unwrap();
    reader.end().unwrap();
    value
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_ends_keep_the_same_and_count_the_same(seed: u64, pulses in 0usize..3000, error in 0.0f64..0.3) {
        let (sent, seen) = link(seed, pulses, error);
        let told = Announcement::of(&seen).unwrap();
        let heard = through_the_wire(|to| told.write(to), Announcement::read);
        prop_assert_eq!(&heard, &told);
        let (alice, answer) = select(&sent, &heard);
        let answer = through_the_wire(|to| answer.write(to), Selection::read);
        let bob = keep(&seen, &answer).unwrap();
        prop_assert_eq!(&alice.intensities, &bob.intensities);
        prop_assert_eq!(alice.counts.key, bob.counts.key);
        prop_assert_eq!(alice.counts.check.detections, bob.counts.check.detections);

        // Counted once more from what only the model knows.
        let mut expected = [[0u64; 3]; 4];
        for detection in &seen {
            let pulse = sent[detection.slot as usize];
            if pulse.basis() == detection.basis {
                let row = 2 * usize::from(detection.basis == Basis::X);
                expected[row][usize::from(pulse.intensity())] += 1;
                expected[row + 1][usize::from(pulse.intensity())] += u64::from(pulse.value() != detection.value);
            }
        }
        prop_assert_eq!(alice.counts.key.detections, expected[0]);
        prop_assert_eq!(bob.count_errors(&alice.key).unwrap(), expected[1]);
        prop_assert_eq!(alice.counts.check.detections, expected[2]);
        prop_assert_eq!(alice.counts.check.errors, expected[3]);
    }

    #[test]
    fn arbitrary_bytes_never_stop_it(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(told) = Announcement::read(&mut Reader::new(&bytes)) {
            let (sifted, _) = select(&vec![Pulse::new(Basis::Z, true, 0); 10], &told);
            prop_assert!(sifted.key.len() <= told.len());
        }
        if let Ok(answer) = Selection::read(&mut Reader::new(&bytes)) {
            let _ = keep(&[Detection { slot: 1, basis: Basis::Z, value: true }], &answer);
        }
    }
}

#[test]
fn detections_have_to_rise() {
    let at = |slot| Detection { slot, basis: Basis::Z, value: false };
    assert!(Announcement::of(&[at(1), at(2)]).is_ok());
    assert!(Announcement::of(&[at(2), at(2)]).is_err() && Announcement::of(&[at(3), at(2)]).is_err());
}

#[test]
fn what_was_never_sent_is_not_kept() {
    let seen = [
        Detection { slot: 5, basis: Basis::Z, value: true },
        Detection { slot: u64::MAX - 1, basis: Basis::Z, value: true },
    ];
    let sent: std::collections::BTreeMap<u64, Pulse> = [(5, Pulse::new(Basis::Z, true, 2))].into();
    assert_eq!(sent.pulse(6), None);
    let (sifted, answer) = select(&sent, &Announcement::of(&seen).unwrap());
    assert_eq!((sifted.key.len(), sifted.intensities), (1, vec![2]));
    assert_eq!(keep(&seen, &answer).unwrap().key.len(), 1);
    assert!(keep(&seen[..1], &answer).is_err());
}
