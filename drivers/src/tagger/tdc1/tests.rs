//! The driver against the emulator: in virtual time in memory, and once over a pseudo-terminal.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use qhal::tagger::{Tag, TimeTagger, UNITS_PER_SECOND};
use qhal::{Device, Error, ErrorKind, Health};

use super::emulator::{FaultKind, Settings, Tdc1Emulator};
use super::*;
use crate::entropy::testing::plug_in;
use crate::fault::FaultName;
use crate::transport::memory::MemoryTransport;
use crate::transport::pty::PtyServer;
use crate::transport::{LineSettings, Transport};

type Shared = Arc<Mutex<Tdc1Emulator>>;

fn open(settings: Settings) -> (Result<Tdc1Tagger>, Shared) {
    let device = Arc::new(Mutex::new(Tdc1Emulator::new(settings)));
    let mut transport = MemoryTransport::new(Arc::clone(&device));
    transport.configure(LineSettings { baud: 115_200, dtr: true }).unwrap();
    let mut wire = Wire::new(Box::new(transport));
    let place = Place::simulated();
    let tagger = wire.identify().and_then(|()| Tdc1Tagger::over(wire, describe(&place), Options::default()));
    (tagger, device)
}

fn record(tagger: &mut Tdc1Tagger, seconds: f64) -> Result<(Vec<Tag>, bool)> {
    let mut all = Vec::new();
    let recorded = tagger.record(Duration::from_secs_f64(seconds), &mut |tags| {
        all.extend_from_slice(tags);
        Ok(())
    })?;
    assert_eq!(recorded.tags, all.len() as u64);
    Ok((all, recorded.lost))
}

#[test]
fn it_keeps_the_promises_of_a_tagger_and_is_left_at_rest() {
    let (tagger, device) = open(Settings::default());
    let mut tagger = tagger.unwrap();
    qhal::conformance::tagger::check(&mut tagger).unwrap();
    assert!(!device.lock().unwrap().is_streaming());
    let names: Vec<_> = tagger.properties().unwrap().into_iter().map(|property| property.name).collect();
    assert_eq!(names, ["signals", "reference clock", "threshold"]);
    Box::new(tagger).close().unwrap();
}

#[test]
fn events_are_as_many_as_they_should_over_many_wraps_of_the_clock() {
    // Five seconds are nineteen wraps.
    let (tagger, _) = open(Settings { seed: 3, ..Settings::default() });
    let (tags, lost) = record(&mut tagger.unwrap(), 5.0).unwrap();
    assert!(!lost && tags.is_sorted_by_key(|tag| tag.time));
    assert!(tags.last().unwrap().time < 5 * UNITS_PER_SECOND);
    assert!(tags.first().unwrap().time < UNITS_PER_SECOND / 100);
    // 11 000 events a second, of which one in 22 is of inputs 1 and 3: within five standard deviations.
    let within = |count: usize, expected: f64| (count as f64 - expected).abs() < 5.0 * expected.sqrt();
    assert!(within(tags.len(), 55_000.0), "{}", tags.len());
    let pairs = tags.iter().filter(|tag| tag.channels == 0b0101).count();
    assert!(within(pairs, 2500.0), "{pairs}");
    // Also in each second.
    for second in 0..5 {
        let some = tags.iter().filter(|tag| tag.time / UNITS_PER_SECOND == second).count();
        assert!(within(some, 11_000.0), "{some} in second {second}");
    }
}

#[test]
fn inputs_that_never_fire_are_recorded_as_such() {
    // One event in a hundred seconds: the words in between keep the clock.
    let (tagger, _) = open(Settings { events_per_s: 0.01, seed: 1, fault: None });
    let mut tagger = tagger.unwrap();
    let mut batches = 0;
    tagger
        .record(Duration::from_secs(6), &mut |tags| {
            batches += 1;
            assert!(tags.len() < 2);
            Ok(())
        })
        .unwrap();
    assert!(batches >= 5, "{batches}");
}

#[test]
fn recordings_repeat_with_their_seed_and_end_when_the_receiver_says_so() {
    let of = |seed| record(&mut open(Settings { seed, ..Settings::default() }).0.unwrap(), 0.5).unwrap().0;
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
    let (tagger, device) = open(Settings::default());
    let mut tagger = tagger.unwrap();
    let full = |_: &[Tag]| Err(Error::new(ErrorKind::Exhausted, "the disk is full"));
    let error = tagger.record(Duration::from_secs(60), &mut { full }).unwrap_err();
    assert!(error.kind() == ErrorKind::Exhausted && !device.lock().unwrap().is_streaming(), "{error}");
}

#[test]
fn rates_are_those_of_the_inputs() {
    let (tagger, _) = open(Settings { seed: 5, ..Settings::default() });
    let mut tagger = tagger.unwrap();
    let rates = tagger.rates(Duration::from_secs(10)).unwrap();
    // 2500 events a second alone and 500 in a pair: 30 000 in ten seconds.
    for rate in rates {
        assert!((10.0 * rate - 30_000.0).abs() < 5.0 * 30_000f64.sqrt(), "{rate}");
    }
    for gate in [Duration::ZERO, Duration::from_millis(65_536)] {
        assert_eq!(tagger.rates(gate).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn every_fault_is_an_error_or_said() {
    for &kind in FaultKind::KINDS {
        let (opened, _) = open(Settings { fault: Some(kind.into()), ..Settings::default() });
        let expected = match kind {
            FaultKind::Overflow => {
                let mut tagger = opened.unwrap();
                let (tags, lost) = record(&mut tagger, 2.0).unwrap();
                assert!(
                    lost && (tags.len() as f64 - 11_000.0).abs() < 5.0 * 11_000f64.sqrt(),
                    "{}",
                    tags.len()
                );
                assert!(matches!(tagger.health().unwrap(), Health::Degraded(_)));
                continue;
            }
            FaultKind::Stall | FaultKind::Silent => ErrorKind::TimedOut,
            FaultKind::Garble | FaultKind::Identity => ErrorKind::Protocol,
            FaultKind::Unplug => ErrorKind::Disconnected,
        };
        let error = opened.and_then(|mut tagger| record(&mut tagger, 5.0)).err();
        let error = error.unwrap_or_else(|| panic!("{} went unnoticed", kind.name()));
        assert_eq!(error.kind(), expected, "{}: {error}", kind.name());
    }
}

#[test]
fn the_list_of_the_system_tells_it_by_its_strings() {
    let root = tempfile::tempdir().unwrap();
    let strings = |product, serial| {
        [("manufacturer", "S-Fifteen Instruments"), ("product", product), ("serial", serial)]
    };
    plug_in(root.path(), "1-1", "ttyACM0", (0x1234, 1), &strings("USB Counter", "TDC1-0019"));
    plug_in(root.path(), "1-2", "ttyACM1", (0x1234, 1), &strings("Quad LCD driver", "LCDD-001"));
    plug_in(root.path(), "1-3", "ttyACM2", (0x1234, 1), &[("product", "TDC1")]);
    let found = Tdc1::new().on(System::under(root.path())).probe().unwrap();
    let ids: Vec<_> = found.iter().map(|found| found.id.to_string()).collect();
    assert_eq!(ids, ["tdc1:TDC1-0019"]);
    assert_eq!((found[0].kind, found[0].provenance), (Kind::TimeTagger, qhal::Provenance::Hardware));
}

#[test]
fn over_a_pseudo_terminal_it_keeps_the_promises_of_a_driver() {
    let server = PtyServer::serve(Tdc1Emulator::new(Settings::default())).unwrap();
    let driver = Tdc1::new();
    let found = driver.identify(&server.address()).unwrap();
    assert_eq!((found.evidence.as_str(), found.kind), ("pseudo-terminal", Kind::TimeTagger));
    qhal::conformance::driver::check(&driver, &"tcp:localhost:1".parse().unwrap()).unwrap();
    qhal::conformance::driver::check_open(&driver, &found).unwrap();
    let OpenDevice::TimeTagger(mut tagger) = driver.open(&found).unwrap() else { panic!("another kind") };
    qhal::conformance::tagger::check(tagger.as_mut()).unwrap();
    tagger.close().unwrap();
    server.stop().unwrap();
}
