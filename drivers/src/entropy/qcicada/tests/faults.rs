//! Every fault of the device becomes one error of the right kind that says what is wrong, and no byte gets out.

use qhal::{Device as _, EntropySource as _, ErrorKind, Health};

use super::super::ReadMode;
use super::*;
use crate::transport::Transport;

/// Reads 3000 bytes and returns what went wrong; whatever `out` holds then must be zeros.
fn failure(fault: &str, options: Options) -> (ErrorKind, String) {
    let shared = Watched::new(broken(fault));
    let mut device = match open(&shared, options) {
        Ok(device) => device,
        Err(error) => return (error.kind(), error.chain()),
    };
    let mut good = 0;
    loop {
        let mut out = [0xEE; 3000];
        match device.read(&mut out) {
            Ok(count) => good += count,
            Err(error) => {
                assert_eq!(out, [0; 3000], "{fault}");
                assert_eq!(error.device(), Some(&device.descriptor().id), "{fault}");
                return (error.kind(), error.chain());
            }
        }
        assert!(good < 100_000, "{fault} does not show");
    }
}

#[test]
fn each_fault_has_its_kind_and_its_words() {
    let plain = Options::default();
    let stream = Options { read: ReadMode::Continuous, ..plain };
    let signed = Options { signed_by: Some(authority()), ..plain };
    for (fault, options, kind, words) in [
        ("nack", plain, ErrorKind::Refused, "refused START (NACK)"),
        ("nack", stream, ErrorKind::Refused, "refused START (NACK)"),
        ("nack", signed, ErrorKind::Refused, "refused SIGNED_READ (NACK)"),
        ("nack:20000", plain, ErrorKind::Refused, "refused START (NACK)"),
        ("short-read", plain, ErrorKind::TimedOut, "2250 of 3000 random bytes"),
        ("short-read", stream, ErrorKind::TimedOut, "of 4096 random bytes"),
        ("short-read", signed, ErrorKind::TimedOut, "2250 of 3000 bytes arrived"),
        ("bad-signature", signed, ErrorKind::Protocol, "signature does not verify"),
        ("bad-signature:20000", signed, ErrorKind::Protocol, "signature does not verify"),
        ("bad-certificate", signed, ErrorKind::Protocol, "certificate of QC0000000217"),
        ("health-flag", plain, ErrorKind::Unhealthy, "repetition count test failed"),
        ("health-flag:5000", plain, ErrorKind::Unhealthy, "repetition count test failed"),
        ("health-flag:5000", signed, ErrorKind::Unhealthy, "repetition count test failed"),
        ("voltage-low", plain, ErrorKind::Unhealthy, "supply voltage low"),
        ("voltage-low:5000", plain, ErrorKind::Unhealthy, "supply voltage low"),
        ("voltage-low", stream, ErrorKind::Unhealthy, "supply voltage low"),
        ("voltage-low:10000", stream, ErrorKind::Unhealthy, "supply voltage low"),
        ("stuck", plain, ErrorKind::Unhealthy, "stuck: 32 bytes in a row are 55"),
        ("stuck:4000", stream, ErrorKind::Unhealthy, "stuck"),
        ("stuck:4000", signed, ErrorKind::Unhealthy, "stuck"),
        ("gone", plain, ErrorKind::Disconnected, "1500 of 3000 random bytes"),
        ("gone:7000", stream, ErrorKind::Disconnected, "gone away"),
        ("gone:7000", signed, ErrorKind::Disconnected, "gone away"),
        ("silent", plain, ErrorKind::TimedOut, "no answer to GET_INFO"),
        ("silent:5000", plain, ErrorKind::TimedOut, "no answer to START"),
        ("garble", plain, ErrorKind::Protocol, "answer to GET_INFO"),
        ("garble:5000", plain, ErrorKind::Protocol, "answer to"),
        ("wrong-reply", plain, ErrorKind::Protocol, "the byte 21 instead of 1B"),
        ("wrong-reply:5000", plain, ErrorKind::Protocol, "the byte 21 instead of 11"),
    ] {
        let (found, said) = failure(fault, options);
        assert!(found == kind && said.contains(words), "{fault} {:?}: {found:?} {said}", options.read);
        assert!(!said.contains('\n'), "{said}");
    }
}

#[test]
fn a_device_found_streaming_is_brought_to_rest() {
    for read in [ReadMode::OneShot, ReadMode::Continuous] {
        let (_, mut device) = opened(broken("streaming"), Options { read, ..Options::default() });
        assert_eq!(device.health().unwrap(), Health::Good);
        let mut out = [0; 1000];
        assert!(device.read(&mut out).unwrap() > 0);
    }
}

#[test]
fn a_late_answer_to_stop_is_not_taken_for_another() {
    use crate::transport::fault::{Fault, FaultyTransport};
    let device = QCicadaEmulator::new(Settings::default()).unwrap();
    // The first wait is in vain; the acknowledgement is still there when GET_INFO is answered.
    let script =
        vec![Fault::Late { at: 0, times: 1 }, Fault::Insert { at: 6, bytes: vec![0x11, 1, 0, 0, 0, 0] }];
    let wire = FaultyTransport::new(MemoryTransport::new(device), script, 0);
    let mut device = QCicada::over(wire, None, &Place::simulated(), Options::default()).unwrap();
    assert_eq!(device.health().unwrap(), Health::Good);
}

#[test]
fn health_names_what_the_device_reports() {
    let (_, mut device) = opened(broken("voltage-low"), Options::default());
    assert_eq!(device.health().unwrap(), Health::Failed("supply voltage low".to_owned()));
}

#[test]
fn a_device_that_recovers_can_be_read_again() {
    for read in [ReadMode::OneShot, ReadMode::Continuous] {
        let (shared, mut device) = opened(broken("short-read:4000"), Options { read, ..Options::default() });
        let mut out = [0; 3000];
        while device.read(&mut out).is_ok() {}
        shared.lock().unwrap().device.set_fault(None);
        assert!(device.read(&mut out).unwrap() > 0, "{read:?}");
        assert_eq!(device.health().unwrap(), Health::Good);
    }
}

/// Something else on the port: it says the same for ever, whatever it hears.
struct Chatter(&'static [u8]);

impl Emulator for Chatter {
    fn receive(&mut self, _bytes: &[u8], _now: Duration) {}

    fn line_changed(&mut self, _line: LineSettings, _now: Duration) {}

    fn transmit(&mut self, out: &mut Vec<u8>, room: usize, _now: Duration) {
        out.extend(self.0.iter().cycle().take(room.min(512)));
    }
}

#[test]
fn something_else_on_the_port_is_no_qcicada() {
    let meet = |wire: &mut dyn FnMut() -> Box<dyn Transport>| {
        QCicada::over(wire(), None, &Place::simulated(), Options::default()).err().unwrap()
    };
    let error = meet(&mut || Box::new(MemoryTransport::new(Chatter(b"$GPGGA,123519\r\n"))));
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.message().contains("keeps sending"), "{error}");
    // An echo answers STOP with STOP.
    struct Echo(Vec<u8>);
    impl Emulator for Echo {
        fn receive(&mut self, bytes: &[u8], _now: Duration) {
            self.0.extend(bytes);
        }
        fn line_changed(&mut self, _line: LineSettings, _now: Duration) {}
        fn transmit(&mut self, out: &mut Vec<u8>, room: usize, _now: Duration) {
            out.extend(self.0.drain(..room.min(self.0.len())));
        }
    }
    let error = meet(&mut || Box::new(MemoryTransport::new(Echo(Vec::new()))));
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.message().contains("0B instead of 1B"), "{error}");
}
