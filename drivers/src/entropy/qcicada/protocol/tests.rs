//! The published vectors, round trips, and decoding of arbitrary bytes.

use proptest::prelude::*;

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}

/// Reads a whole reply as it stands on the wire.
fn reply(wire: &[u8]) -> Reply {
    Reply::decode(wire[0], &wire[1..]).unwrap()
}

// Vectors of the hand-out: structures confirmed by the tests of amenti-labs/qcicada (src/protocol.rs, MIT).

#[test]
fn golden_commands() {
    for (command, wire) in [
        (Command::GetStatus, "01"),
        (Command::Start(Start::OneShot(32)), "04 01 20 00"),
        (Command::Start(Start::Continuous), "04 00 00 00"),
        (Command::Stop, "05"),
        (Command::SignedRead { length: 32 }, "51 20 00"),
        (Command::Reboot, "F8 A1 25"),
        (Command::GetPublicKey, "F7"),
        (Command::GetCertificate, "F9"),
        (Command::UpdateInit { length: 0x12345 }, "40 45 23 01 00"),
    ] {
        assert_eq!(command.encode(), bytes(wire), "{command:?}");
        assert_eq!(Command::parse(&bytes(wire), true), Parsed::Command(command, bytes(wire).len()));
    }
}

#[test]
fn golden_status() {
    let wire = bytes("11 01 40 34 00 00");
    let status = Status { flags: Flags(Flags::INITIALIZED), ready_bytes: 13_376 };
    assert_eq!(reply(&wire), Reply::Ack(status));
    assert_eq!(Reply::Ack(status).encode(), wire);
    assert!(status.flags.faults().is_empty());
}

#[test]
fn golden_config() {
    let wire = bytes("17 00 00 00 00 3F 0F 04 40 C0 01 00 08");
    let config = Config {
        post_process: PostProcess::Sha256,
        generator: Some(Generator {
            initial_level: 0.5,
            flags: Generator::STARTUP_TEST
                | Generator::AUTO_CALIBRATION
                | Generator::REPETITION_COUNT
                | Generator::ADAPTIVE_PROPORTION,
            n_lsbits: 4,
            hash_input_size: 64,
            block_size: 448,
            autocalibration_target: 2048,
        }),
    };
    assert_eq!(reply(&wire), Reply::Config(config));
    assert_eq!(Reply::Config(config).encode(), wire);
    assert_eq!(Command::SetConfig(config).encode()[1..], wire[1..]);
}

#[test]
fn golden_statistics() {
    let wire =
        bytes("19 40 13 00 00 00 00 00 00 00 00 00 00 01 00 00 00 02 00 00 00 58 89 01 00 00 02 00 00 36 42");
    let statistics = Statistics {
        generated_bytes: 4928,
        repetition_failures: 0,
        adaptive_failures: 1,
        bit_count_failures: 2,
        speed: 100_696,
        sensor: Some(Sensor { average: 512, led_level: 45.5 }),
    };
    assert_eq!(reply(&wire), Reply::Statistics(statistics));
    assert_eq!(Reply::Statistics(statistics).encode(), wire);
}

#[test]
fn golden_info() {
    let mut wire = bytes("1B 0C 00 01 00 0E 00 05 00 51 43 30 30 30 30 30 30 30 32 31 37");
    wire.extend([0; 12]);
    wire.extend(bytes("43 49 43 41 44 41 2D 51 52 4E 47 2D 31 2E 31"));
    wire.extend([0; 9]);
    let info = Info {
        core: Version(0x1000C),
        firmware: Version(0x5000E),
        serial: Label::new("QC0000000217").unwrap(),
        hardware: Label::new("CICADA-QRNG-1.1").unwrap(),
    };
    assert_eq!(reply(&wire), Reply::Info(info));
    assert_eq!(Reply::Info(info).encode(), wire);
    assert_eq!(info.firmware.to_string(), "5.14");
    assert!(info.firmware > SIGNED_READ_SINCE);
    assert_eq!((info.hardware_version(), info.serial_number()), (Some((1, 1)), Some(217)));
}

#[test]
fn golden_checksums() {
    for (data, sum) in [("", 0xFF), ("01", 0xFE), ("80 7F", 0x00), ("FF 01", 0xFF)] {
        assert_eq!(checksum(&bytes(data)), sum, "{data}");
    }
}

#[test]
fn chunks_have_their_full_length_on_the_wire() {
    let hash = Command::HashTestAccumulate(Chunk::new(b"abc").unwrap()).encode();
    assert_eq!((hash.len(), &hash[..6]), (1027, &bytes("22 03 00 61 62 63")[..]));
    let update = Command::UpdateChunk(UpdateChunk::new(&[0x80, 0x7F]).unwrap()).encode();
    assert_eq!((update.len(), &update[..5], update[1027]), (1028, &bytes("41 02 00 80 7F")[..], 0x00));
    assert!(Chunk::new(&[0; 1024]).is_ok());
    assert_eq!(Chunk::new(&[0; 1025]).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_chunk_that_lies_gives_no_data() {
    let mut wire = Command::UpdateChunk(UpdateChunk::new(b"image").unwrap()).encode();
    let data = |wire: &[u8]| match Command::parse(wire, true) {
        Parsed::Command(Command::UpdateChunk(chunk), _) => chunk.data().map(<[u8]>::to_vec),
        other => panic!("{other:?}"),
    };
    assert_eq!(data(&wire).unwrap(), b"image");
    wire[4] ^= 1;
    assert_eq!(data(&wire), None, "wrong checksum");
    wire[4] ^= 1;
    wire[1..3].copy_from_slice(&1025u16.to_le_bytes());
    assert_eq!(data(&wire), None, "longer than a chunk");
}

#[test]
fn every_flag_but_initialized_and_start_up_is_a_fault_with_a_name() {
    let names: Vec<_> = (2..8).flat_map(|bit| Flags(Flags::INITIALIZED | 1 << bit).faults()).collect();
    assert_eq!(names.len(), 6);
    assert!(names[4].contains("repetition count"), "{names:?}");
    assert_eq!(Flags(0).faults(), ["not initialized"]);
    assert!(Flags(Flags::STARTUP_TEST).faults().is_empty());
}

#[test]
fn firmware_without_full_mode_sends_less() {
    assert_eq!(
        reply(&bytes("17 02")),
        Reply::Config(Config { post_process: PostProcess::RawSamples, generator: None })
    );
    let short = reply(&bytes("19 40 13 00 00 00 00 00 00 00 00 00 00 01 00 00 00 02 00 00 00 58 89 01 00"));
    assert!(matches!(short, Reply::Statistics(Statistics { sensor: None, speed: 100_696, .. })), "{short:?}");
    assert_eq!(
        Command::parse(&[0x08, 1], false),
        Parsed::Command(
            Command::SetConfig(Config { post_process: PostProcess::RawNoise, generator: None }),
            2
        )
    );
    assert_eq!(Command::parse(&[0x08, 1], true), Parsed::Incomplete);
}

#[test]
fn what_makes_no_sense_is_told_from_what_is_unknown() {
    assert_eq!(Command::parse(&[], true), Parsed::Incomplete);
    assert_eq!(Command::parse(&[0x02], true), Parsed::Unknown(0x02));
    assert_eq!(Command::parse(&bytes("F8 A1"), true), Parsed::Incomplete);
    assert_eq!(Command::parse(&bytes("F8 A1 26"), true), Parsed::Invalid(3), "wrong magic");
    assert_eq!(Command::parse(&bytes("04 02 00 00"), true), Parsed::Invalid(4), "no such mode");
    let mut config =
        Command::SetConfig(Config { post_process: PostProcess::Sha256, generator: None }).encode();
    config[1] = 3;
    assert_eq!(Command::parse(&config, false), Parsed::Invalid(2), "no such post-processing");
}

#[test]
fn names_take_all_24_places_and_nothing_unprintable() {
    assert_eq!(Label::new("ABCDEFGHIJKLMNOPQRSTUVWX").unwrap().as_str().len(), 24);
    assert!(Label::new("ABCDEFGHIJKLMNOPQRSTUVWXY").is_err());
    assert!(Label::new("é").is_err());
    let mut info = Info {
        core: Version(0),
        firmware: Version(0),
        serial: Label::new("ABCDEFGHIJKLMNOPQRSTUVWX").unwrap(),
        hardware: Label::new("").unwrap(),
    }
    .encode();
    assert!(Info::decode(&info).is_ok());
    info[10] = 0x1B;
    assert_eq!(Info::decode(&info).unwrap_err().kind(), ErrorKind::Protocol);
}

fn any_config() -> impl Strategy<Value = Config> {
    let generator = (-1e6f32..1e6, any::<u8>(), any::<u8>(), any::<u8>(), any::<u16>(), any::<u16>())
        .prop_map(|(initial_level, flags, n_lsbits, hash_input_size, block_size, autocalibration_target)| {
            Generator { initial_level, flags, n_lsbits, hash_input_size, block_size, autocalibration_target }
        });
    (prop::sample::select(PostProcess::ALL.to_vec()), prop::option::of(generator))
        .prop_map(|(post_process, generator)| Config { post_process, generator })
}

fn any_label() -> impl Strategy<Value = Label> {
    prop::collection::vec(0x20u8..0x7F, 0..=24)
        .prop_map(|text| Label::new(std::str::from_utf8(&text).unwrap()).unwrap())
}

fn any_command() -> impl Strategy<Value = Command> {
    let chunk = || prop::collection::vec(any::<u8>(), 0..=CHUNK_BYTES);
    prop_oneof![
        Just(Command::GetStatus),
        Just(Command::Start(Start::Continuous)),
        any::<u16>().prop_map(|length| Command::Start(Start::OneShot(length))),
        Just(Command::Stop),
        Just(Command::GetConfig),
        any_config().prop_map(Command::SetConfig),
        Just(Command::GetStatistics),
        Just(Command::Reset),
        Just(Command::GetInfo),
        Just(Command::HashTestInit),
        chunk().prop_map(|data| Command::HashTestAccumulate(Chunk::new(&data).unwrap())),
        Just(Command::HashTestDigest),
        any::<u32>().prop_map(|length| Command::UpdateInit { length }),
        chunk().prop_map(|data| Command::UpdateChunk(UpdateChunk::new(&data).unwrap())),
        any::<u16>().prop_map(|length| Command::SignedRead { length }),
        Just(Command::GetPublicKey),
        Just(Command::Reboot),
        Just(Command::GetCertificate),
    ]
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let sensor = prop::option::of(
        (any::<u16>(), 0f32..100.0).prop_map(|(average, led_level)| Sensor { average, led_level }),
    );
    let key = || prop::collection::vec(any::<u8>(), KEY_BYTES).prop_map(|key| key.try_into().unwrap());
    prop_oneof![
        (any::<u8>(), any::<u32>())
            .prop_map(|(flags, ready_bytes)| Reply::Ack(Status { flags: Flags(flags), ready_bytes })),
        Just(Reply::Nack),
        any_config().prop_map(Reply::Config),
        (any::<u64>(), any::<[u32; 4]>(), sensor).prop_map(|(generated_bytes, counters, sensor)| {
            let [repetition_failures, adaptive_failures, bit_count_failures, speed] = counters;
            Reply::Statistics(Statistics {
                generated_bytes,
                repetition_failures,
                adaptive_failures,
                bit_count_failures,
                speed,
                sensor,
            })
        }),
        (any::<u32>(), any::<u32>(), any_label(), any_label()).prop_map(
            |(core, firmware, serial, hardware)| {
                Reply::Info(Info { core: Version(core), firmware: Version(firmware), serial, hardware })
            }
        ),
        Just(Reply::HashTestAck),
        any::<[u8; 32]>().prop_map(Reply::Digest),
        (prop::sample::select(UpdateState::ALL.to_vec()), any::<u32>())
            .prop_map(|(state, remaining)| Reply::Update(UpdateReport { state, remaining })),
        Just(Reply::SignedRead),
        Just(Reply::Rebooting),
        key().prop_map(Reply::PublicKey),
        key().prop_map(Reply::Certificate),
    ]
}

proptest! {
    #[test]
    fn commands_read_back_and_take_no_byte_of_the_next(command in any_command(), next in any::<u8>()) {
        let full = !matches!(&command, Command::SetConfig(Config { generator: None, .. }));
        let mut wire = command.encode();
        let length = wire.len();
        prop_assert_eq!(Command::payload_bytes(command.code(), full), Some(length - 1));
        for cut in [0, 1, length / 2, length - 1] {
            if cut < length {
                prop_assert_eq!(Command::parse(&wire[..cut], full), Parsed::Incomplete);
            }
        }
        wire.push(next);
        prop_assert_eq!(Command::parse(&wire, full), Parsed::Command(command, length));
    }

    #[test]
    fn replies_read_back_and_no_other_length_does(reply in any_reply()) {
        let wire = reply.encode();
        let (fewest, most) = Reply::payload_bytes(reply.code()).unwrap();
        prop_assert!((fewest..=most).contains(&(wire.len() - 1)));
        prop_assert_eq!(Reply::decode(wire[0], &wire[1..]).unwrap(), reply);
        let mut longer = wire[1..].to_vec();
        longer.resize(most + 1, 0);
        prop_assert!(Reply::decode(wire[0], &longer).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_what_reads_writes_back(
        stream in prop::collection::vec(any::<u8>(), 0..1100),
        full in any::<bool>(),
    ) {
        match Command::parse(&stream, full) {
            Parsed::Command(Command::Start(Start::Continuous), used) => prop_assert_eq!(used, 4),
            Parsed::Command(command, used) => prop_assert_eq!(&command.encode(), &stream[..used]),
            Parsed::Invalid(used) => prop_assert!(used <= stream.len()),
            Parsed::Unknown(code) => prop_assert_eq!(code, stream[0]),
            Parsed::Incomplete => prop_assert!(stream.len() < 2 + 1027),
        }
        if let Some((&code, payload)) = stream.split_first() {
            let cut = payload.len().min(60);
            for length in 0..=cut {
                if let Ok(reply) = Reply::decode(code, &payload[..length])
                    && !matches!(reply, Reply::Info(_))
                {
                    prop_assert_eq!(&reply.encode()[1..], &payload[..length]);
                }
            }
        }
    }

    #[test]
    fn each_reply_code_survives_arbitrary_payloads(
        code in prop::sample::select(vec![0x11u8, 0x17, 0x19, 0x1B, 0x24, 0x43, 0xF9, 0xFB]),
        payload in prop::collection::vec(any::<u8>(), 0..70),
    ) {
        if let Err(error) = Reply::decode(code, &payload) {
            prop_assert_eq!(error.kind(), ErrorKind::Protocol);
        }
    }
}
