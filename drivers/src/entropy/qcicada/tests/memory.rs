//! Over a wire in memory, where time is a number: the whole command set, every way of reading, and the rates.

use proptest::prelude::*;
use qhal::conformance;
use qhal::device::PropertyValue;
use qhal::{Device as _, EntropySource as _, ErrorKind, Health, Stage};

use super::super::protocol::{Config, Flags, Generator, PostProcess, Version};
use super::super::{ReadMode, signature};
use super::*;
use crate::transport::fault::{Fault as Disturbance, FaultyTransport};
use crate::transport::recorded::RecordedTransport;

#[test]
fn the_published_vectors_are_a_conversation() {
    // Written by hand from the golden vectors of the hand-out, not captured from our own emulator.
    let text = |text: &str, length| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(length, 0);
        bytes.iter().map(|byte| format!("{byte:02x} ")).collect::<String>()
    };
    let capture = format!(
        "@ 1000000 dtr\n> 05\n< 11 01 40 34 00 00\n.\nx\n\
         x\n> 0b\n< 1b 0c 00 01 00 0e 00 05 00 {} {}\n\
         x\n> 07\n< 17 00 00 00 00 3f 0f 04 40 c0 01 00 08\n\
         x\n> 01\n< 11 01 40 34 00 00\n\
         x\n> 04 01 04 00\n< 11 01 3c 34 00 00 de ad be ef\n\
         x\n> 01\n< 11 01 40 34 00 00\n\
         x\n> 09\n< 19 40 13 00 00 00 00 00 00 00 00 00 00 01 00 00 00 02 00 00 00 58 89 01 00 00 02 00 00 36 42\n\
         x\n> f8 a1 25\n< f8\n",
        text("QC0000000217", 24),
        text("CICADA-QRNG-1.1", 24)
    );
    let wire = RecordedTransport::new(&capture).unwrap();
    let mut device = QCicada::over(wire, None, &Place::simulated(), Options::default()).unwrap();
    assert_eq!(device.descriptor().id.to_string(), "qcicada:QC0000000217");
    assert_eq!(device.descriptor().model, "CICADA-QRNG-1.1");
    let mut out = [0; 4];
    assert_eq!(device.read(&mut out).unwrap(), 4);
    assert_eq!(out, [0xDE, 0xAD, 0xBE, 0xEF]);
    assert_eq!(device.statistics().unwrap().sensor.unwrap().led_level, 45.5);
    device.reboot().unwrap();
}

#[test]
fn everything_the_device_tells_is_read() {
    let (_, mut device) = opened(Settings::default(), Options::default());
    assert_eq!(device.info().serial_number(), Some(217));
    assert_eq!(device.status().unwrap().flags, Flags(Flags::INITIALIZED));
    assert_eq!(device.config().unwrap(), Settings::default().config);
    assert_eq!(device.statistics().unwrap().speed, 100_696);
    assert_eq!(device.health().unwrap(), Health::Good);
    let properties = device.properties().unwrap();
    let level = properties.iter().find(|property| property.name == "led level").unwrap();
    assert_eq!((&level.value, level.unit), (&PropertyValue::Number(45.5), "%"));
    assert_eq!(device.hash(b"").unwrap()[..4], [0xE3, 0xB0, 0xC4, 0x42], "FIPS 180-4, empty message");
    device.test_hash().unwrap();
    assert_eq!(device.certified_key(&authority()).unwrap(), device.public_key().unwrap());
}

#[test]
fn every_way_of_reading_keeps_the_promises_of_a_source() {
    for post_process in PostProcess::ALL {
        for (read, signed_by) in
            [(ReadMode::OneShot, None), (ReadMode::Continuous, None), (ReadMode::OneShot, Some(authority()))]
        {
            let options = Options { post_process: Some(post_process), read, signed_by, ..Options::default() };
            let (_, mut device) = opened(Settings::default(), options);
            conformance::entropy::check(&mut device).unwrap();
            let raw = post_process != PostProcess::Sha256;
            assert_eq!(device.stage() == Stage::Raw, raw);
            conformance::device::check_close(Box::new(device)).unwrap();
        }
    }
}

#[test]
fn claims_are_modest_and_follow_the_configuration() {
    let claim = |mode, input| {
        let mut config = Settings::default().config;
        config.post_process = mode;
        config.generator.as_mut().unwrap().hash_input_size = input;
        super::super::source::claim(&config).unwrap().per_sample()
    };
    assert_eq!(claim(PostProcess::RawNoise, 64), 2.0);
    assert_eq!(claim(PostProcess::RawSamples, 64), 0.5);
    assert_eq!(claim(PostProcess::Sha256, 64), 4.0);
    assert_eq!(claim(PostProcess::Sha256, 32), 2.0);
    assert_eq!(claim(PostProcess::Sha256, 255), 7.9);
    assert!(claim(PostProcess::Sha256, 0) > 0.0);
    // The model's bytes hold what is claimed for them: the most frequent of 60 000 is rarer than 2^-claim.
    for mode in PostProcess::ALL {
        let options = Options { post_process: Some(mode), ..Options::default() };
        let (_, mut device) = opened(Settings::default(), options);
        let mut counts = [0u32; 256];
        for byte in read(&mut device, 60_000) {
            counts[usize::from(byte)] += 1;
        }
        let most = f64::from(counts.into_iter().max().unwrap()) / 60_000.0;
        assert!(-most.log2() > device.claimed_min_entropy().per_sample(), "{mode}: {most}");
    }
}

fn read(device: &mut Device, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let mut got = 0;
    while got < count {
        got += device.read(&mut bytes[got..]).unwrap();
    }
    bytes
}

#[test]
fn reads_of_any_size_come_at_the_rate_of_the_device() {
    for (mode, overhead) in [(ReadMode::OneShot, 1.01), (ReadMode::Continuous, 1.05)] {
        let (shared, mut device) = opened(Settings::default(), Options { read: mode, ..Options::default() });
        let begin = shared.lock().unwrap().now;
        read(&mut device, 300_000);
        // The device's own time, not this machine's.
        let took = (shared.lock().unwrap().now - begin).as_secs_f64();
        assert!(took < overhead * 300_000.0 / 12_587.0, "{mode:?}: {took} s");
    }
}

#[test]
fn a_one_shot_asks_for_no_more_than_there_is() {
    let settings = Settings { capacity: 700, ..Settings::default() };
    let (shared, mut device) = opened(settings, Options::default());
    assert_eq!(read(&mut device, 5000).len(), 5000);
    let asked: Vec<u16> = shared
        .lock()
        .unwrap()
        .heard
        .iter()
        .filter(|bytes| bytes[0] == 0x04)
        .map(|bytes| u16::from_le_bytes([bytes[2], bytes[3]]))
        .collect();
    assert!(asked.len() > 7 && asked.iter().all(|&length| length <= 700), "{asked:?}");
    let error = device.one_shot(&mut [0; 701]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.message().contains("701 bytes were asked for and 700 are ready"), "{error}");
    assert_eq!(device.one_shot(&mut []).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_stream_can_be_had_by_hand() {
    let (_, mut device) = opened(Settings::default(), Options::default());
    device.start_stream().unwrap();
    assert_eq!(device.status().unwrap_err().kind(), ErrorKind::Refused, "only STOP is obeyed");
    let mut bytes = [0; 1000];
    device.read_stream(&mut bytes).unwrap();
    assert_eq!(device.health().unwrap(), Health::Good, "stopped, asked, started again");
    device.read_stream(&mut bytes).unwrap();
    let (status, tail) = device.stop().unwrap();
    assert!(status.flags.faults().is_empty() && !tail.is_empty());
    assert_eq!(device.read(&mut bytes[..32]).unwrap(), 32);
}

#[test]
fn what_was_changed_is_put_back() {
    let config = |device: &Shared| {
        let mut device = device.lock().unwrap();
        let (mut reply, now) = (Vec::new(), device.now + Duration::from_secs(1));
        device.receive(&[0x07], now);
        device.transmit(&mut reply, 13, now);
        reply[1]
    };
    let options = Options { post_process: Some(PostProcess::RawNoise), ..Options::default() };
    let (shared, device) = opened(Settings::default(), options);
    assert_eq!(config(&shared), 1);
    Box::new(device).close().unwrap();
    assert_eq!(config(&shared), 0);

    let mut device = open(&shared, options).unwrap();
    device.start_stream().unwrap();
    drop(device);
    assert_eq!(config(&shared), 0, "dropping stops a stream, too");
    assert_eq!(shared.lock().unwrap().heard.iter().filter(|bytes| bytes[0] == 0x08).count(), 4);
}

#[test]
fn configuration_firmware_and_reset_reach_the_device() {
    let (shared, mut device) = opened(Settings::default(), Options::default());
    let mut config = device.config().unwrap();
    config.generator.as_mut().unwrap().flags |= Generator::BIT_COUNT;
    device.set_config(config).unwrap();
    assert_eq!(device.config().unwrap(), config);
    config.generator.as_mut().unwrap().n_lsbits = 0;
    assert_eq!(device.set_config(config).unwrap_err().kind(), ErrorKind::Refused);

    let image: Vec<u8> = (0..3000u32).map(|at| (at % 253) as u8).collect();
    let mut steps = Vec::new();
    device.update_firmware(&image, |remaining| steps.push(remaining)).unwrap();
    assert_eq!(steps, [1976, 952, 0]);
    assert_eq!(shared.lock().unwrap().device.firmware_image(), image);
    assert_eq!(device.update_firmware(&[], |_| ()).unwrap_err().kind(), ErrorKind::InvalidInput);
    let error = device.update_firmware(&vec![0; (1 << 20) + 1], |_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.message().contains("memory"), "{error}");

    assert!(device.reset().unwrap().flags.has(Flags::STARTUP_TEST));
    assert!(matches!(device.health().unwrap(), Health::Degraded(_)));
    assert_eq!(read(&mut device, 100).len(), 100, "a read waits for the start-up test");
    assert!(device.statistics().unwrap().generated_bytes < 2000, "and the counters began anew");
    device.reboot().unwrap();
}

#[test]
fn firmware_that_says_less_is_understood() {
    let config = Config { post_process: PostProcess::RawNoise, generator: None };
    let settings = Settings { config, firmware: Version::new(5, 12), ..Settings::default() };
    let (shared, mut device) = opened(settings, Options::default());
    assert_eq!(device.config().unwrap(), config);
    assert_eq!(device.statistics().unwrap().sensor, None);
    device.set_post_process(PostProcess::Sha256).unwrap();
    conformance::entropy::check(&mut device).unwrap();
    drop(device);
    let signed = Options { signed_by: Some(authority()), ..Options::default() };
    assert_eq!(open(&shared, signed).err().unwrap().kind(), ErrorKind::Unsupported, "5.12 does not sign");
    let both = Options { read: ReadMode::Continuous, ..signed };
    assert_eq!(open(&shared, both).err().unwrap().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_device_without_a_name_still_has_an_id() {
    let settings = Settings { serial: String::new(), hardware: "  ".to_owned(), ..Settings::default() };
    let (_, device) = opened(settings, Options::default());
    conformance::device::check_descriptor(device.descriptor()).unwrap();
    assert_eq!((device.descriptor().serial.as_ref(), &*device.descriptor().model), (None, "QCicada"));
}

#[test]
fn a_device_that_is_idle_is_not_kept_waiting() {
    let (shared, _device) = opened(Settings::default(), Options::default());
    assert!(
        shared.lock().unwrap().now < Duration::from_millis(70),
        "the device's own time, not this machine's"
    );
    let (shared, _device) = opened(broken("streaming"), Options::default());
    assert!(shared.lock().unwrap().now >= Duration::from_millis(300), "silence was waited for");
}

fn disturbance() -> impl Strategy<Value = Disturbance> {
    let at = 0u64..1500;
    prop_oneof![
        (at.clone(), 1u8..).prop_map(|(at, mask)| Disturbance::Flip { at, mask }),
        (at.clone(), 1u64..40).prop_map(|(at, count)| Disturbance::Lose { at, count }),
        (at.clone(), prop::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(at, bytes)| Disturbance::Insert { at, bytes }),
        (at.clone(), 1u32..3).prop_map(|(at, times)| Disturbance::Late { at, times }),
        at.prop_map(Disturbance::DisconnectAfterReceiving),
        (1usize..20).prop_map(Disturbance::ShortReads),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn signed_bytes_are_the_devices_own_or_none_whatever_happens_to_the_wire(
        script in prop::collection::vec(disturbance(), 0..4),
        seed in any::<u64>(),
    ) {
        let options = Options { signed_by: Some(authority()), ..Options::default() };
        let first_read = |script| {
            let device = QCicadaEmulator::new(Settings { rate: 1_000_000, ..Settings::default() }).unwrap();
            let wire = FaultyTransport::new(MemoryTransport::new(device), script, seed);
            let mut device = QCicada::over(wire, None, &Place::simulated(), options)?;
            let mut out = [0; 600];
            let read = device.read(&mut out);
            if read.is_err() {
                assert_eq!(out, [0; 600]);
            }
            read.map(|count| (count, out))
        };
        let (count, clean) = first_read(Vec::new()).unwrap();
        prop_assert_eq!(count, 600);
        if let Ok((count, disturbed)) = first_read(script) {
            prop_assert_eq!(&disturbed[..count], &clean[..count]);
        }
    }

    #[test]
    fn nothing_on_the_wire_panics(answers in prop::collection::vec(any::<u8>(), 0..400), seed in any::<u64>()) {
        // The device's answers are replaced by noise from some point on.
        let device = QCicadaEmulator::new(Settings::default()).unwrap();
        let at = seed % 120;
        let script = vec![Disturbance::Insert { at, bytes: answers }, Disturbance::Lose { at, count: seed % 60 }];
        let wire = FaultyTransport::new(MemoryTransport::new(device), script, seed);
        if let Ok(mut device) = QCicada::over(wire, None, &Place::simulated(), Options::default()) {
            let _ = device.read(&mut [0; 100]);
            let _ = device.statistics();
            let _ = device.health();
        }
    }
}

#[test]
fn a_key_of_somebody_else_opens_nothing() {
    let shared = Watched::new(Settings::default());
    let stranger: signature::PublicKey =
        QCicadaEmulator::new(Settings { authority_key: [9; 32], ..Settings::default() }).unwrap().authority();
    let error = open(&shared, Options { signed_by: Some(stranger), ..Options::default() }).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.message().contains("certificate"), "{error}");
}
