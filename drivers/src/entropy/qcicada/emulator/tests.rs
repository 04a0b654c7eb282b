//! The emulated device, byte for byte, as a host would see it on a serial line.

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::super::protocol::{Chunk, Command, KEY_BYTES, Reply, Start, Statistics, Status, UpdateChunk};
use super::*;
use crate::transport::Emulator;

const SECOND: Duration = Duration::from_secs(1);

/// A device, and a host that counts time itself.
struct Bench {
    device: QCicadaEmulator,
    now: Duration,
}

impl Bench {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        Self { device: QCicadaEmulator::new(settings).unwrap(), now: Duration::ZERO }
    }

    fn broken(fault: &str) -> Self {
        Self::with(Settings { fault: Some(fault.parse().unwrap()), ..Settings::default() })
    }

    fn heard(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.device.transmit(&mut out, usize::MAX, self.now);
        out
    }

    /// Sends bytes and takes what is answered at once.
    fn say(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.device.receive(bytes, self.now);
        self.heard()
    }

    fn ask(&mut self, command: Command) -> Reply {
        let bytes = self.say(&command.encode());
        Reply::decode(bytes[0], &bytes[1..]).unwrap()
    }

    fn later(&mut self, time: Duration) -> Vec<u8> {
        self.now += time;
        self.heard()
    }

    fn status(&mut self) -> Status {
        match self.ask(Command::GetStatus) {
            Reply::Ack(status) => status,
            other => panic!("{other:?}"),
        }
    }

    fn statistics(&mut self) -> Statistics {
        match self.ask(Command::GetStatistics) {
            Reply::Statistics(statistics) => statistics,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn at_power_on_it_is_the_device_of_the_published_vectors() {
    let mut bench = Bench::new();
    assert_eq!(bench.say(&[0x01]), [0x11, 0x01, 0x40, 0x34, 0, 0]);
    assert_eq!(bench.say(&[0x07]), [0x17, 0, 0, 0, 0, 0x3F, 0x0F, 4, 0x40, 0xC0, 1, 0, 8]);
    let info = bench.say(&[0x0B]);
    assert_eq!(info[..21], *b"\x1B\x0C\0\x01\0\x0E\0\x05\0QC0000000217");
    assert_eq!(info[33..48], *b"CICADA-QRNG-1.1");
    assert_eq!((info.len(), &info[48..]), (57, &[0; 9][..]));
    // The public key of AA…AA and the certificate that 01 02 … 20 gives it, by the vectors of the hand-out.
    let key = bench.say(&[0xF7]);
    assert_eq!((key.len(), &key[..5]), (65, &[0xF9, 0x38, 0x01, 0x4C, 0x60][..]));
    let certificate = bench.say(&[0xF9]);
    assert_eq!((certificate.len(), &certificate[..5]), (65, &[0xFB, 0xC3, 0xD7, 0xA4, 0x67][..]));
    assert_eq!(certificate[61..], [0xC4, 0xB7, 0x34, 0xF5, 0x5C][1..]);
    assert!(bench.device.authority().to_string().starts_with("515c3d6eb9e396b9"));
}

#[test]
fn a_one_shot_comes_at_the_rate_of_generation_and_no_byte_more() {
    let mut bench = Bench::new();
    let first = bench.say(&[0x04, 0x01, 0x00, 0x04]);
    assert_eq!(first, [0x11, 0x01, 0x40, 0x30, 0, 0], "acknowledged at once, 1024 bytes fewer ready");
    assert_eq!(bench.later(SECOND / 100).len(), 125);
    assert_eq!(bench.later(SECOND).len(), 1024 - 125);
    assert_eq!(bench.later(SECOND), [0_u8; 0]);
    assert_eq!(bench.status().ready_bytes, 13_440, "and the store is full again");
}

#[test]
fn what_it_does_not_serve_is_refused() {
    let mut bench = Bench::new();
    for refused in [
        vec![0x04, 0x01, 0x00, 0x00],
        vec![0x04, 0x01, 0x41, 0x34],
        vec![0x04, 0x02, 0x20, 0x00],
        vec![0x51, 0x00, 0x00],
        vec![0x51, 0x41, 0x34],
        [&[0x08][..], &[0; 12]].concat(),
        vec![0xF8, 0xA1, 0x26],
        vec![0x23],
        vec![0x02],
        vec![0x12],
    ] {
        assert_eq!(bench.say(&refused), [0x12], "{refused:02X?}");
    }
    assert_eq!(bench.say(&[0x04, 0x01, 0x40, 0x34])[0], 0x11, "all that is ready");
}

#[test]
fn a_stream_takes_stop_alone_and_ends_with_its_acknowledgement() {
    let mut bench = Bench::new();
    assert_eq!(bench.say(&[0x04, 0, 0, 0])[0], 0x11);
    let mut count = bench.later(SECOND / 10).len();
    assert_eq!(count, 1258);
    assert_eq!(bench.say(&[0x01]), [0x12]);
    assert_eq!(bench.say(&[0x0B]), [0x12]);
    bench.now += SECOND / 100;
    bench.device.receive(&[0x05], bench.now);
    let tail = bench.heard();
    assert_eq!(tail[tail.len() - 6..tail.len() - 4], [0x11, 0x01]);
    count += tail.len() - 6;
    assert!(count > 1258 + 120 && count.is_multiple_of(448), "up to the end of a block: {count}");
    assert_eq!(bench.later(SECOND), [0_u8; 0]);
    assert_eq!(bench.say(&[0x05]).len(), 6, "an idle device acknowledges too");
}

#[test]
fn a_stream_that_nobody_reads_is_lost_but_for_what_the_device_can_hold() {
    let mut bench = Bench::new();
    bench.say(&[0x04, 0, 0, 0]);
    assert_eq!(bench.later(SECOND * 60).len(), 4096);
    assert_eq!(bench.later(SECOND / 10).len(), 1258);
}

#[test]
fn post_processing_changes_what_is_sent() {
    let mut bench = Bench::with(Settings { rate: 10_000_000, ..Settings::default() });
    let mut seen = Vec::new();
    for mode in PostProcess::ALL {
        let config = Config { post_process: mode, ..Settings::default().config };
        assert!(matches!(bench.ask(Command::SetConfig(config)), Reply::Ack(_)));
        assert_eq!(bench.ask(Command::GetConfig), Reply::Config(config));
        bench.say(&Command::Start(Start::OneShot(2000)).encode());
        seen.push(bench.later(SECOND));
        assert_eq!(seen.last().unwrap().len(), 2000);
    }
    let upper_bytes = seen[2].iter().skip(1).step_by(2);
    assert!(upper_bytes.clone().all(|&byte| byte == 7 || byte == 8), "12-bit samples around 2048");
    assert_ne!(seen[0], seen[1]);
}

#[test]
fn statistics_count_and_reset_clears_them_and_tests_again() {
    let mut bench = Bench::new();
    let before = bench.statistics();
    assert_eq!((before.speed, before.repetition_failures), (100_696, 0));
    bench.say(&Command::Start(Start::OneShot(5000)).encode());
    bench.later(SECOND);
    assert_eq!(bench.statistics().generated_bytes, before.generated_bytes + 5000 + 64);
    let Reply::Ack(status) = bench.ask(Command::Reset) else { panic!() };
    assert_eq!((status.flags.0, status.ready_bytes), (0x02, 0), "the start-up test is running");
    assert_eq!(bench.statistics().generated_bytes, 0);
    assert_eq!(
        bench.say(&Command::Start(Start::OneShot(100)).encode()),
        [0_u8; 0],
        "the read waits for the test"
    );
    assert_eq!(bench.later(SECOND / 50), [0_u8; 0]);
    // The test ends after 40 ms; its samples made 256 bytes, 100 of which the read takes.
    assert_eq!(bench.later(SECOND / 50), [0x11, 0x01, 156, 0, 0, 0]);
    assert_eq!(bench.later(SECOND / 10).len(), 100);
    // 100 ms after the test, at 12 587 bytes a second.
    assert_eq!(bench.status().ready_bytes, 156 + 1258);
    assert_eq!(bench.statistics().generated_bytes, 256 + 1258);
}

#[test]
fn the_hash_test_is_sha_256() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask(Command::HashTestInit), Reply::HashTestAck);
    for part in [&b"a"[..], b"bc"] {
        assert_eq!(bench.ask(Command::HashTestAccumulate(Chunk::new(part).unwrap())), Reply::HashTestAck);
    }
    // FIPS 180-4, message "abc": ba7816bf …
    let Reply::Digest(digest) = bench.ask(Command::HashTestDigest) else { panic!() };
    assert_eq!(digest[..4], [0xBA, 0x78, 0x16, 0xBF]);
    assert_eq!(digest, *Sha256::digest(b"abc"));
    assert_eq!(bench.ask(Command::HashTestDigest), Reply::Nack, "it is over");
}

#[test]
fn a_firmware_update_goes_from_ready_to_complete() {
    let mut bench = Bench::new();
    let image: Vec<u8> = (0..2500u32).map(|at| at as u8).collect();
    assert_eq!(
        bench.say(&Command::UpdateChunk(UpdateChunk::new(b"x").unwrap()).encode()),
        [0x43, 3, 0, 0, 0, 0]
    );
    assert_eq!(bench.say(&Command::UpdateInit { length: 0 }.encode()), [0x43, 6, 0, 0, 0, 0]);
    assert_eq!(bench.say(&Command::UpdateInit { length: u32::MAX }.encode()), [0x43, 4, 0, 0, 0, 0]);
    assert_eq!(bench.say(&Command::UpdateInit { length: 2500 }.encode()), [0x43, 0, 0xC4, 9, 0, 0]);
    let chunk = |part: &[u8]| Command::UpdateChunk(UpdateChunk::new(part).unwrap()).encode();
    assert_eq!(bench.say(&chunk(&image[..1024])), [0x43, 1, 0xC4, 5, 0, 0]);
    let mut damaged = chunk(&image[1024..2048]);
    damaged[100] ^= 1;
    assert_eq!(bench.say(&damaged), [0x43, 6, 0xC4, 5, 0, 0], "wrong checksum, still as many to go");
    assert_eq!(bench.say(&chunk(&[])), [0x43, 6, 0xC4, 5, 0, 0]);
    assert_eq!(bench.say(&chunk(&image[1024..2048])), [0x43, 1, 0xC4, 1, 0, 0]);
    assert_eq!(bench.say(&chunk(&[0; 453])), [0x43, 6, 0xC4, 1, 0, 0], "more than is left");
    assert_eq!(bench.say(&chunk(&image[2048..])), [0x43, 2, 0, 0, 0, 0]);
    assert_eq!(bench.device.firmware_image(), image);
    assert_eq!(bench.say(&chunk(b"x")), [0x43, 3, 0, 0, 0, 0]);
}

#[test]
fn signed_reads_are_signed_with_the_device_key_over_exactly_the_data() {
    let mut bench = Bench::new();
    assert_eq!(bench.say(&[0x51, 0x20, 0x00]), [0x52]);
    let rest = bench.later(SECOND);
    assert_eq!(rest.len(), 32 + KEY_BYTES);
    let Reply::PublicKey(key) = bench.ask(Command::GetPublicKey) else { panic!() };
    let key = PublicKey::new(&key).unwrap();
    key.verify(&rest[..32], rest[32..].try_into().unwrap()).unwrap();
    let old = Settings { firmware: Version::new(5, 12), ..Settings::default() };
    assert_eq!(Bench::with(old).say(&[0x51, 0x20, 0x00]), [0x12], "firmware 5.12 has none");
}

#[test]
fn a_reboot_forgets_settings_and_what_was_under_way() {
    let mut bench = Bench::new();
    let config = Config { post_process: PostProcess::RawNoise, ..Settings::default().config };
    bench.ask(Command::SetConfig(config));
    bench.ask(Command::HashTestInit);
    assert_eq!(bench.say(&[0xF8, 0xA1, 0x25]), [0xF8]);
    bench.later(SECOND);
    assert_eq!(bench.ask(Command::GetConfig), Reply::Config(Settings::default().config));
    assert_eq!(bench.ask(Command::HashTestDigest), Reply::Nack);
}

#[test]
fn firmware_without_full_mode_says_less() {
    let config = Config { post_process: PostProcess::RawNoise, generator: None };
    let mut bench = Bench::with(Settings { config, ..Settings::default() });
    assert_eq!(bench.say(&[0x07]), [0x17, 1]);
    assert_eq!(bench.say(&[0x09]).len(), 25);
    assert_eq!(bench.say(&[0x08, 0])[0], 0x11);
    assert_eq!(bench.say(&[0x07]), [0x17, 0]);
}

#[test]
fn each_fault_shows_itself() {
    let one_shot = Command::Start(Start::OneShot(1000)).encode();
    let fetch = |bench: &mut Bench| {
        let mut bytes = bench.say(&one_shot);
        bytes.extend(bench.later(SECOND));
        bytes
    };
    assert_eq!(fetch(&mut Bench::broken("nack")), [0x12]);
    assert_eq!(fetch(&mut Bench::broken("short-read")).len(), 6 + 750);
    assert_eq!(fetch(&mut Bench::broken("stuck"))[6..], [0x55; 1000]);
    assert_eq!(fetch(&mut Bench::broken("silent")), [0_u8; 0]);
    assert_eq!(fetch(&mut Bench::broken("wrong-reply"))[0], 0x21);
    assert!((0x80..0xF0).contains(&fetch(&mut Bench::broken("garble"))[0]));
    assert_eq!(fetch(&mut Bench::broken("voltage-low"))[1], 0x05);

    let mut bench = Bench::broken("gone");
    assert_eq!(fetch(&mut bench).len(), 6 + 500);
    assert!(bench.device.gone());

    let mut bench = Bench::broken("health-flag");
    assert_eq!(bench.status(), Status { flags: super::super::protocol::Flags(0x41), ready_bytes: 0 });
    assert_eq!(bench.statistics().repetition_failures, 1);
    assert_eq!(fetch(&mut bench), [0x12], "no more output");

    let mut bench = Bench::broken("streaming");
    assert_eq!(bench.later(SECOND / 100).len(), 4096, "its buffer had run full");
    assert_eq!(bench.say(&[0x01])[0], 0x12);

    let mut bench = Bench::broken("bad-signature");
    bench.say(&[0x51, 0x20, 0x00]);
    let rest = bench.later(SECOND);
    let Reply::PublicKey(key) = bench.ask(Command::GetPublicKey) else { panic!() };
    let signature: &[u8; KEY_BYTES] = rest[32..].try_into().unwrap();
    assert!(PublicKey::new(&key).unwrap().verify(&rest[..32], signature).is_err());

    let good = Bench::new().say(&[0xF9]);
    let bad = Bench::broken("bad-certificate").say(&[0xF9]);
    assert_eq!(good.iter().zip(&bad).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>(), 1);
}

#[test]
fn a_fault_may_wait() {
    let mut bench = Bench::broken("stuck:1500");
    bench.say(&Command::Start(Start::OneShot(1000)).encode());
    let first = bench.later(SECOND);
    bench.say(&Command::Start(Start::OneShot(1000)).encode());
    let second = bench.later(SECOND);
    assert!(first.windows(8).all(|window| window != [0x55; 8]));
    assert!(second[..500].windows(8).all(|window| window != [0x55; 8]));
    assert_eq!(second[500..], [0x55; 500]);
    bench.device.set_fault(None);
    bench.say(&Command::Start(Start::OneShot(1000)).encode());
    assert_ne!(bench.later(SECOND), [0x55; 1000], "mended");
}

#[test]
fn wrong_settings_are_refused() {
    for settings in [
        Settings { rate: 0, ..Settings::default() },
        Settings { device_key: [0; 32], ..Settings::default() },
        Settings { authority_key: [0xFF; 32], ..Settings::default() },
        Settings { serial: "longer than twenty-four characters".to_owned(), ..Settings::default() },
    ] {
        assert!(QCicadaEmulator::new(settings).is_err_and(|error| error.kind() == ErrorKind::InvalidInput));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_survives_anything_in_any_pieces(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
        fault in prop::option::of(prop::sample::select(FaultKind::ALL.to_vec())),
    ) {
        let mut bench = Bench::with(Settings { fault: fault.map(Fault::from), ..Settings::default() });
        for piece in pieces {
            bench.say(&piece);
            bench.later(Duration::from_millis(3));
        }
    }

    #[test]
    fn how_a_conversation_is_cut_does_not_matter(cuts in prop::collection::vec(1usize..200, 1..12)) {
        let mut said = Vec::new();
        for command in [
            Command::HashTestInit,
            Command::HashTestAccumulate(Chunk::new(b"abc").unwrap()),
            Command::GetStatus,
            Command::HashTestDigest,
            Command::GetInfo,
        ] {
            said.extend(command.encode());
        }
        let whole = Bench::new().say(&said);
        let mut bench = Bench::new();
        let (mut parts, mut rest) = (Vec::new(), said.as_slice());
        for cut in cuts {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            parts.extend(bench.say(now));
            rest = later;
        }
        parts.extend(bench.say(rest));
        prop_assert_eq!(parts, whole);
    }
}
