//! One conversation, held over every kind of wire: what holds for one transport holds for all.
#![allow(clippy::unwrap_used, reason = "the helpers of tests fail like tests")]

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use qhal::ErrorKind;
use qhal_drivers::transport::fault::{Fault, FaultyTransport};
use qhal_drivers::transport::memory::MemoryTransport;
use qhal_drivers::transport::pty::PtyServer;
use qhal_drivers::transport::recorded::RecordedTransport;
use qhal_drivers::transport::serial::SerialTransport;
use qhal_drivers::transport::tcp::TcpTransport;
use qhal_drivers::transport::tracing::TracingTransport;
use qhal_drivers::transport::{Emulator, LineSettings, Transport};

const LINE: LineSettings = LineSettings { baud: 115_200, dtr: true };
const SOON: Duration = Duration::from_secs(10);
const BRIEFLY: Duration = Duration::from_millis(50);

/// Says every byte back with its bits inverted; on FF it is gone. It remembers every setting of the line.
#[derive(Default)]
struct Inverter {
    to_say: VecDeque<u8>,
    gone: bool,
    watching: bool,
    lines: Vec<LineSettings>,
}

impl Emulator for Inverter {
    fn receive(&mut self, bytes: &[u8], _now: Duration) {
        self.gone |= bytes.contains(&0xFF);
        self.to_say.extend(bytes.iter().map(|byte| !byte));
    }

    fn line_changed(&mut self, line: LineSettings, _now: Duration) {
        self.lines.push(line);
    }

    fn transmit(&mut self, out: &mut Vec<u8>, room: usize, _now: Duration) {
        let count = room.min(self.to_say.len());
        out.extend(self.to_say.drain(..count));
    }

    fn gone(&self) -> bool {
        self.gone
    }

    fn watches_line(&self) -> bool {
        self.watching
    }
}

/// What every transport onto an [`Inverter`] must do; at the end the device is gone.
fn converses(wire: &mut dyn Transport) {
    wire.configure(LINE).unwrap();
    wire.discard_input().unwrap();

    // Silence is a time-out, and reading nothing needs no device.
    let mut byte = [0];
    assert_eq!(wire.read(&mut [], SOON).unwrap(), 0);
    assert_eq!(wire.read(&mut byte, BRIEFLY).unwrap_err().kind(), ErrorKind::TimedOut);

    // Every byte but FF passes unchanged in both directions: no echo, no translation, no flow control.
    let all: Vec<u8> = (0..=0xFE).collect();
    wire.write_all(&all, SOON).unwrap();
    let mut heard = vec![0; all.len()];
    wire.read_exact(&mut heard, SOON).unwrap();
    assert!(heard.iter().zip(&all).all(|(heard, said)| *heard == !said));

    // A read gives what has come, not more, and does not wait for the rest.
    wire.write_all(b"ab", SOON).unwrap();
    let mut most = [0; 16];
    let mut got = 0;
    while got < 2 {
        got += wire.read(&mut most[got..], SOON).unwrap();
    }
    assert_eq!((got, &most[..2]), (2, &[!b'a', !b'b'][..]));

    // An incomplete answer is an error that says how much there was.
    wire.write_all(b"c", SOON).unwrap();
    let error = wire.read_exact(&mut [0; 3], BRIEFLY).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.message().contains("1 of 3"), "{error}");

    // The device goes; what it had said may still come, then nothing ever does.
    wire.write_all(&[0xFF], SOON).unwrap();
    let gone = loop {
        match wire.read(&mut most, SOON) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(gone.kind(), ErrorKind::Disconnected, "{gone}");
}

/// Serves an emulator to one TCP client.
fn over_tcp() -> TcpTransport {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut device = Inverter::default();
        let (mut heard, mut said) = ([0; 512], Vec::new());
        while let Ok(count @ 1..) = stream.read(&mut heard) {
            device.receive(&heard[..count], Duration::ZERO);
            device.transmit(&mut said, usize::MAX, Duration::ZERO);
            if device.gone() || stream.write_all(&said).is_err() {
                break;
            }
            said.clear();
        }
    });
    TcpTransport::connect("localhost", port, SOON).unwrap()
}

#[test]
fn memory() {
    converses(&mut MemoryTransport::new(Inverter::default()));
}

#[test]
fn serial_port_on_a_pseudo_terminal() {
    let server = PtyServer::serve(Inverter::default()).unwrap();
    let mut port = SerialTransport::open(server.path(), LINE).unwrap();
    converses(&mut port);
    // Everything fails alike once the device is gone.
    assert_eq!(port.write_all(b"x", BRIEFLY).unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!(port.configure(LINE).unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!(port.discard_input().unwrap_err().kind(), ErrorKind::Disconnected);
    let limit = Instant::now() + SOON;
    while server.is_running() {
        assert!(Instant::now() < limit, "the emulator went away and its server did not");
        std::thread::sleep(Duration::from_millis(1));
    }
    server.stop().unwrap();
}

#[test]
fn tcp() {
    converses(&mut over_tcp());
}

#[test]
fn fault_injection_without_a_fault() {
    converses(&mut FaultyTransport::new(MemoryTransport::new(Inverter::default()), Vec::new(), 1));
}

#[test]
fn short_reads_change_nothing_for_who_reads_on() {
    converses(&mut FaultyTransport::new(
        MemoryTransport::new(Inverter::default()),
        vec![Fault::ShortReads(3)],
        1,
    ));
}

#[test]
fn a_box_around_a_wire() {
    let boxed: Box<dyn Emulator> = Box::new(Inverter::default());
    let mut wire: Box<dyn Transport> = Box::new(MemoryTransport::new(boxed));
    converses(&mut wire);
}

#[test]
fn what_was_traced_can_be_replayed() {
    let mut traced = TracingTransport::new(MemoryTransport::new(Inverter::default()), Vec::new());
    converses(&mut traced);
    let (_, capture) = traced.finish().unwrap();
    let text = String::from_utf8(capture).unwrap();
    assert!(text.starts_with("@ 115200 dtr\nx\n.\n> 00 01 02"), "{text}");
    assert!(text.trim_end().ends_with('!'), "{text}");

    let mut replayed = RecordedTransport::new(&text).unwrap();
    converses(&mut replayed);

    // Traced once more, the replay gives the same capture.
    let mut again = TracingTransport::new(RecordedTransport::new(&text).unwrap(), Vec::new());
    converses(&mut again);
    let (_, second) = again.finish().unwrap();
    assert_eq!(String::from_utf8(second).unwrap(), text);
}

#[test]
fn a_replay_insists_on_what_was_said() {
    let capture = "@ 9600 dtr\n> 01 02 # a question\n\n< 10 # and an answer\n";
    let mut wire = RecordedTransport::new(capture).unwrap();
    assert_eq!(wire.configure(LINE).unwrap_err().kind(), ErrorKind::Protocol);
    wire.configure(LineSettings { baud: 9600, dtr: true }).unwrap();
    wire.write_all(&[1], SOON).unwrap();
    assert_eq!(wire.read(&mut [0], SOON).unwrap_err().kind(), ErrorKind::TimedOut);
    let error = wire.write_all(&[3], SOON).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.message().contains("> 03") && error.message().contains("> 02"), "{error}");
    wire.write_all(&[2], SOON).unwrap();
    assert_eq!(wire.read(&mut [0; 4], SOON).unwrap(), 1);
    assert_eq!(wire.remaining().count(), 0);
    assert_eq!(wire.write_all(&[2], SOON).unwrap_err().kind(), ErrorKind::Protocol);

    let error = RecordedTransport::new("> 01\n< 1\n").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().contains("line 2"), "{error}");
}

#[test]
fn faults_follow_their_script() {
    let ask = |script: Vec<Fault>, seed| {
        let mut wire = FaultyTransport::new(MemoryTransport::new(Inverter::default()), script, seed);
        wire.write_all(&[0xFE, 0xFD, 0xFC, 0xFB], SOON)?;
        let mut heard = Vec::new();
        loop {
            let mut byte = [0];
            match wire.read(&mut byte, BRIEFLY) {
                Ok(_) => heard.push(byte[0]),
                Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(heard),
                Err(error) => return Err(error),
            }
        }
    };
    assert_eq!(ask(vec![], 0).unwrap(), [1, 2, 3, 4]);
    assert_eq!(ask(vec![Fault::Flip { at: 1, mask: 0x80 }], 0).unwrap(), [1, 0x82, 3, 4]);
    assert_eq!(ask(vec![Fault::Lose { at: 1, count: 2 }], 0).unwrap(), [1, 4]);
    assert_eq!(ask(vec![Fault::Insert { at: 3, bytes: vec![9, 9] }], 0).unwrap(), [1, 2, 3, 9, 9, 4]);
    assert_eq!(ask(vec![Fault::Late { at: 2, times: 1 }], 0).unwrap(), [1, 2]);
    assert_eq!(ask(vec![Fault::DisconnectAfterReceiving(2)], 0).unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!(ask(vec![Fault::DisconnectAfterSending(3)], 0).unwrap_err().kind(), ErrorKind::Disconnected);
    let all_flipped = ask(vec![Fault::Noise(1_000_000)], 5).unwrap();
    assert!(all_flipped.iter().zip([1_u8, 2, 3, 4]).all(|(heard, said)| (heard ^ said).count_ones() == 1));
    assert_eq!(ask(vec![Fault::Noise(1_000_000)], 5).unwrap(), all_flipped);
}

#[test]
fn a_pseudo_terminal_is_had_by_one_at_a_time_and_can_be_reopened() {
    let device = Arc::new(Mutex::new(Inverter::default()));
    let server = PtyServer::serve(Arc::clone(&device)).unwrap();
    for round in 0..3 {
        let mut port = SerialTransport::open(server.path(), LINE).unwrap();
        let busy = SerialTransport::open(server.path(), LINE).unwrap_err();
        assert_eq!(busy.kind(), ErrorKind::Busy, "{busy}");
        assert!(busy.message().contains(&format!("pid {}", std::process::id())), "{busy}");
        // The answer to the second byte is left unread: the next host must not see it.
        port.write_all(&[round, 0x55], SOON).unwrap();
        let mut heard = [0];
        port.read_exact(&mut heard, SOON).unwrap();
        assert_eq!(heard, [!round]);
    }
    server.stop().unwrap();
}

#[test]
fn baud_changes_are_seen_on_the_device_side_in_their_order() {
    let device = Arc::new(Mutex::new(Inverter::default()));
    let server = PtyServer::serve(Arc::clone(&device)).unwrap();
    let knock = [110, 300, 110, 19_200, 1_000_000];
    let seen = |baud| {
        let limit = Instant::now() + SOON;
        while device.lock().unwrap().lines.last() != Some(&LineSettings { baud, dtr: true }) {
            assert!(Instant::now() < limit, "{baud} baud was never seen");
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let mut port = SerialTransport::open(server.path(), LINE).unwrap();
    seen(LINE.baud);
    for baud in knock {
        port.configure(LineSettings { baud, dtr: true }).unwrap();
        seen(baud);
    }
    drop(port);
    let limit = Instant::now() + SOON;
    while device.lock().unwrap().lines.last().is_none_or(|line| line.dtr) {
        assert!(Instant::now() < limit, "closing was never seen");
        std::thread::sleep(Duration::from_millis(1));
    }
    let open: Vec<u32> = device
        .lock()
        .unwrap()
        .lines
        .iter()
        .filter(|line| line.dtr && line.baud != LINE.baud)
        .map(|line| line.baud)
        .collect();
    assert_eq!(open, knock);
}

#[test]
fn an_opening_that_is_over_at_once_is_seen_all_the_same() {
    let device = Arc::new(Mutex::new(Inverter { watching: true, ..Inverter::default() }));
    let server = PtyServer::serve(Arc::clone(&device)).unwrap();
    // While this thread holds the device, its server cannot look.
    let held = device.lock().unwrap();
    for _ in 0..3 {
        drop(std::fs::OpenOptions::new().read(true).write(true).open(server.path()).unwrap());
    }
    drop(held);
    let openings = || device.lock().unwrap().lines.iter().filter(|line| line.dtr).count();
    let limit = Instant::now() + SOON;
    while openings() < 3 {
        assert!(Instant::now() < limit, "{:?}", device.lock().unwrap().lines);
        std::thread::sleep(Duration::from_millis(1));
    }
    server.stop().unwrap();
    assert_eq!(openings(), 3);
    assert!(device.lock().unwrap().lines.last().is_some_and(|line| !line.dtr));
}

#[test]
fn ports_that_cannot_be_opened_say_why() {
    let absent = SerialTransport::open("/dev/ttyABSENT7", LINE).unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
    for no_port in ["/dev/null", "/", "/etc/passwd"] {
        // An ordinary user may not even write to the last one.
        let error = SerialTransport::open(no_port, LINE).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied),
            "{no_port}: {error}"
        );
    }
    let server = PtyServer::serve(Inverter::default()).unwrap();
    let zero = SerialTransport::open(server.path(), LineSettings { baud: 0, dtr: true }).unwrap_err();
    assert_eq!(zero.kind(), ErrorKind::InvalidInput);
}

#[test]
fn nobody_listening_is_not_found() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(TcpTransport::connect("127.0.0.1", port, SOON).unwrap_err().kind(), ErrorKind::NotFound);
}
