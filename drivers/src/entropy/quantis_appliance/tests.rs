//! The driver against the emulator over loopback, with every fault.

use std::time::Duration;

use qhal::PropertyValue;

use super::emulator::{Appliance, FaultKind, SERIAL};
use super::*;
use crate::catalogue::EmulatorOptions;
use crate::entropy::testing::fill;
use crate::fault::FaultName;
use crate::transport::Served;
use crate::transport::https::server::HttpsServer;
use crate::transport::https::{Limits, Trust};

fn serve(fault: Option<FaultKind>) -> (HttpsServer, QuantisAppliance) {
    let fault = fault.map(|fault| fault.name().to_owned());
    let options = EmulatorOptions { seed: 1, fault, ..EmulatorOptions::default() };
    let server = Appliance::serve(&options).unwrap();
    let ca = server.details()[0].1.clone();
    let limits = Limits { call: Duration::from_secs(2), ..Limits::default() };
    let settings = Settings { limits, ..Settings::new(Trust::File(ca.into())) };
    (server, QuantisAppliance::new(Options { https: Some(settings) }))
}

fn open(driver: &QuantisAppliance, address: &Address) -> Result<Box<dyn EntropySource>> {
    match driver.open(&driver.identify(address)?)? {
        OpenDevice::Entropy(source) => Ok(source),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_keeps_the_promises_of_source_and_driver() {
    let (server, driver) = serve(None);
    let address = server.address();
    assert!(driver.recognises(&address) && !QuantisAppliance::default().recognises(&address));
    qhal::conformance::driver::check(&driver, &"serial:/dev/nowhere".parse().unwrap()).unwrap();
    qhal::conformance::driver::check_open(&driver, &driver.identify(&address).unwrap()).unwrap();
    qhal::conformance::entropy::check(open(&driver, &address).unwrap().as_mut()).unwrap();
}

#[test]
fn an_open_appliance_tells_what_it_is() {
    let (server, driver) = serve(None);
    let mut source = open(&driver, &server.address()).unwrap();
    let descriptor = source.descriptor().clone();
    assert_eq!(descriptor.id.to_string(), format!("quantis-appliance:{SERIAL}"));
    // Loopback: whatever answers here is not known to be an appliance.
    assert_eq!((descriptor.provenance, descriptor.origin), (Provenance::Unverified, QuantumOrigin::Claimed));
    assert_eq!(descriptor.evidence, "HTTPS over loopback");
    let properties = source.properties().unwrap();
    let value = |name: &str| properties.iter().find(|one| one.name == name).unwrap().value.clone();
    assert_eq!(value("performance"), PropertyValue::Number(16.0));
    assert_eq!(value("firmware version"), PropertyValue::Text("2.0".to_owned()));
    // The same seed, the same bytes, whatever the sizes of the reads.
    let (other, driver) = serve(None);
    let mut again = open(&driver, &other.address()).unwrap();
    let mut one = fill(source.as_mut(), 1).unwrap();
    one.extend(fill(source.as_mut(), 9999).unwrap());
    assert_eq!(one[..4096], fill(again.as_mut(), 10_000).unwrap()[..4096]);
}

#[test]
fn every_fault_is_an_error_or_shows_in_the_noise() {
    for &fault in FaultKind::KINDS {
        let (server, driver) = serve(Some(fault));
        let read = open(&driver, &server.address()).and_then(|mut source| fill(source.as_mut(), 20_000));
        let expected = match fault {
            FaultKind::Stuck | FaultKind::Bias => {
                let bytes = read.unwrap();
                let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
                let values = bytes.iter().collect::<std::collections::HashSet<_>>().len();
                assert!(ones > 100_000 || values < 20, "{fault:?}: {ones} ones, {values} values");
                continue;
            }
            FaultKind::Silent => vec![ErrorKind::TimedOut],
            FaultKind::Short | FaultKind::Long | FaultKind::Garbage | FaultKind::Page => {
                vec![ErrorKind::Protocol]
            }
            FaultKind::Cut => vec![ErrorKind::Disconnected],
            FaultKind::Failed => vec![ErrorKind::Unhealthy],
            FaultKind::Busy => vec![ErrorKind::Busy],
            FaultKind::Expired | FaultKind::OtherName | FaultKind::Stranger => vec![ErrorKind::Refused],
            // A broken connection, or nobody who listens any more.
            FaultKind::Unplug => vec![ErrorKind::Disconnected, ErrorKind::NotFound],
        };
        let error = read.unwrap_err();
        assert!(expected.contains(&error.kind()), "{fault:?}: {}", error.chain());
    }
}

#[test]
fn nothing_is_asked_without_a_word_on_whom_to_trust() {
    let (server, _) = serve(None);
    let error = QuantisAppliance::default().identify(&server.address()).unwrap_err();
    assert!(
        error.kind() == ErrorKind::InvalidInput && error.message().contains("[quantis-appliance]"),
        "{error}"
    );
}

#[test]
fn the_other_forms_of_numbers_are_in_their_ranges() {
    let (server, driver) = serve(None);
    let https = Https::new(&server.address(), &driver.options.https.clone().unwrap()).unwrap();
    let get = |path: &str| -> serde_json::Value {
        let answer = https.call(&Call::get(&format!("{BASE}{path}"))).unwrap().success().unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    };
    let strings = get("hexbytes?quantity=5&dataLength=3");
    assert!(strings.as_array().unwrap().iter().all(|text| text.as_str().unwrap().len() == 6));
    let integers = get("int?min=-3&max=3&quantity=200");
    let seen: std::collections::BTreeSet<i64> =
        integers.as_array().unwrap().iter().map(|number| number.as_i64().unwrap()).collect();
    assert_eq!(seen, (-3..=3).collect());
    for number in get("double?min=-1.5&max=2.5&quantity=50").as_array().unwrap() {
        assert!((-1.5..=2.5).contains(&number.as_f64().unwrap()));
    }
    for bad in [
        "streambytes",
        "streambytes?size=0",
        "int?min=3&max=1&quantity=1",
        "hexbytes?quantity=x&dataLength=1",
    ] {
        assert_eq!(https.call(&Call::get(&format!("{BASE}{bad}"))).unwrap().status, 400, "{bad}");
    }
    assert_eq!(https.call(&Call::get("/elsewhere")).unwrap().status, 404);
}
