//! Formats against golden bytes, each other, and bytes that mean nothing.

use proptest::prelude::*;
use qhal::ErrorKind;

use super::qcrypto::{Epoch, Packet};
use super::reader::read_all;
use super::writer::write_all;
use super::*;

/// What can be written, with the most inputs and the latest time of each.
const WRITTEN: [(Format, u32, u64); 8] = [
    (Format::Tags64, 4, tags64::MOST_TIME),
    (Format::Tags64Swapped, 4, tags64::MOST_TIME),
    (Format::Tags64Hex, 4, tags64::MOST_TIME),
    (Format::Text, 64, MOST_TIME),
    (Format::Ptu, 64, MOST_TIME),
    (Format::QutagRaw, 64, MOST_TIME / 1000 * 256),
    (Format::QutagText, 64, MOST_TIME / 1000 * 256),
    (Format::Qcrypto, 4, tags64::MOST_TIME),
];

/// Sorted tags of so many inputs, none at the same time.
fn tags(inputs: u32, latest: u64) -> impl Strategy<Value = Vec<Tag>> {
    let mask = if inputs == 64 { u64::MAX } else { (1 << inputs) - 1 };
    let gap = prop_oneof![1_u64..5000, 1_u64..1 << 30, Just(1 << 38)];
    prop::collection::vec((gap, any::<u64>()), 1..80).prop_map(move |events| {
        let mut time = 0;
        let tags = events.into_iter().map(|(gap, channels)| {
            time += gap;
            Tag::new(time, (channels & mask).max(1))
        });
        tags.take_while(|tag| tag.time <= latest).collect()
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_its_format_told(seed in 0_usize..8, all in tags(64, MOST_TIME)) {
        let (format, inputs, latest) = WRITTEN[seed];
        let mask = if inputs == 64 { u64::MAX } else { (1 << inputs) - 1 };
        let some: Vec<Tag> = all.into_iter().filter(|tag| tag.time <= latest)
            .map(|tag| Tag { channels: (tag.channels & mask).max(1), ..tag }).collect();
        let bytes = write_all(&some, format).unwrap();
        let (_, read, _) = read_all(&bytes, Some(format)).unwrap();
        prop_assert_eq!(&read, &some);
        // One or two records can be taken for those of another format.
        if some.len() > 4 {
            prop_assert_eq!(read_all(&bytes, None).unwrap().0, format);
        }
        // A file that breaks off is noticed, unless it breaks off between two records.
        let cut = &bytes[..bytes.len() - 1];
        match read_all(cut, Some(format)) {
            Ok((_, read, _)) => prop_assert!(matches!(format, Format::Text | Format::QutagText | Format::Tags64Hex) && read.len() >= some.len() - 1),
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::Protocol),
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), number in 0_usize..10, header in 0_usize..4) {
        let bytes = match header {
            0 => bytes,
            1 => [&ptu::MAGIC[..], &bytes].concat(),
            2 => [&[1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 49, 0, 0, 0, 4, 0, 0, 0][..], &bytes].concat(),
            _ => [&[2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0][..], &bytes].concat(),
        };
        for format in [None, Some(Format::ALL[number])] {
            if let Err(error) = read_all(&bytes, format) {
                prop_assert!(matches!(error.kind(), ErrorKind::Protocol | ErrorKind::InvalidInput | ErrorKind::Unsupported), "{error}");
                prop_assert!(!error.message().is_empty());
            }
        }
        if let Err(error) = Packet::read(&bytes) {
            prop_assert_eq!(error.kind(), ErrorKind::Protocol);
        }
    }

    /// Headers of a PicoQuant file with anything in them.
    #[test]
    fn any_tags_of_a_header_are_read_or_refused(
        entries in prop::collection::vec((0_usize..5, prop::num::u32::ANY, any::<u64>(), 0_usize..12), 0..8), tail in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let names = ["TTResult_NumberOfRecords", "TTResultFormat_TTTRRecType", "MeasDesc_GlobalResolution", "Comment", "Header_End"];
        let kinds = [0xFFFF_0008, 8, 0x1000_0008, 0x1100_0008, 0x1200_0008, 0x2000_0008, 0x2100_0008, 0x2001_FFFF, 0x4001_FFFF, 0x4002_FFFF, 0xFFFF_FFFF];
        let mut bytes = [&ptu::MAGIC[..], b"1.0.00\0\0"].concat();
        for (name, kind, value, pick) in entries {
            let mut padded = [0; 32];
            padded[..names[name].len()].copy_from_slice(names[name].as_bytes());
            bytes.extend(padded);
            bytes.extend([0xFF; 4]);
            bytes.extend(kinds.get(pick).copied().unwrap_or(kind).to_le_bytes());
            bytes.extend((if pick == 8 { value % 100 } else { value }).to_le_bytes());
        }
        bytes.extend(tail);
        if let Err(error) = read_all(&bytes, None) {
            prop_assert!(matches!(error.kind(), ErrorKind::Protocol | ErrorKind::Unsupported), "{error}");
        }
    }

    #[test]
    fn packets_read_back(
        epoch: u32, extended: bool, order in 2_u32..=28, base_bits in 0_u32..=4, protocol in 0_u32..6,
        entries in prop::collection::vec((prop_oneof![0_u32..3, 0_u32..100_000, 0_u32..1 << 24], any::<u32>()), 0..100),
    ) {
        let epoch = Epoch { number: epoch, extended };
        let mut sum = 0_u32;
        let entries: Vec<(u32, u32)> = entries.into_iter().map(|(step, base)| {
            sum += step;
            (sum, base & ((1 << base_bits) - 1))
        }).collect();
        let tags = entries.iter().map(|(fine, base)| Tag::new(epoch.start() + u64::from(*fine), u64::from(*base).max(1))).collect();
        let bits = base_bits.max(1);
        for packet in [
            Packet::Events { epoch, tags },
            Packet::Timing { epoch, order, base_bits, protocol, events: entries.clone() },
            Packet::Results { epoch, bits, results: entries.iter().map(|(_, base)| *base).collect() },
            Packet::Matches { epoch, order, base_bits, matches: entries.clone() },
        ] {
            let bytes = packet.write().unwrap();
            prop_assert_eq!(qcrypto::kind_of(&bytes), Some(packet.kind()));
            prop_assert_eq!(&Packet::read(&bytes).unwrap(), &packet);
            for cut in [bytes.len() - 1, bytes.len() - 4] {
                prop_assert!(packet.is_empty() && packet.kind() == 3 || Packet::read(&bytes[..cut]).is_err());
            }
            prop_assert!(Packet::read(&[&bytes[..], &[0; 4]].concat()).is_err());
        }
    }
}

#[test]
fn epochs_are_those_of_the_definition() {
    assert_eq!(Epoch::at_unix(1_500_000_000).number, 0xa688_906b);
    assert_eq!(Epoch::at_unix(1_700_000_000).number, 0xbcbc_e7f1);
    // The host's number and the tagger's 17 bits, a little apart around the wrap of either.
    for (host, counter, joined) in [
        (0x0002_0005, 0x0_0005, 0x0002_0005),
        (0x0001_FFFF, 0x0_0000, 0x0002_0000),
        (0x0002_0000, 0x1_FFFF, 0x0001_FFFF),
        (0x0002_0000, 0x1_2345, 0x0001_2345),
        (0x0002_9000, 0x1_9000, 0x0001_9000),
    ] {
        assert_eq!(Epoch::join(host, counter).number, joined, "{host:x} {counter:x}");
    }
    let epoch = Epoch { number: 5, extended: false };
    assert_eq!(Epoch::at(epoch.start()), epoch);
    // 2^29 ns.
    assert_eq!(epoch.start(), 5 * (1 << 29) * UNITS_PER_NS);
}

#[test]
fn a_timing_packet_is_that_of_the_programs() {
    // By hand after chopper.c: order 4, one basis bit; differences 5 (basis 1), 3 (0), 300 (1: a zero, 32 bits), the end.
    // 0101 1 | 0011 0 | 0000 00000000000000000000000100101100 1 | 0001 0
    let packet = Packet::Timing {
        epoch: Epoch { number: 0xa688_906b, extended: true },
        order: 4,
        base_bits: 1,
        protocol: 1,
        events: vec![(5, 1), (8, 0), (308, 1)],
    };
    let words = [0x102_u32, 0xa688_906b, 3, 4, 1, 1, 0x5980_0000, 0x04B2_2000];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    assert_eq!(packet.write().unwrap(), bytes);
    let (format, read, facts) = read_all(&bytes, None).unwrap();
    assert_eq!(format, Format::QcryptoTiming);
    let start = u64::from(0xa688_906b_u32 & 0x1_FFFF) << 37;
    assert_eq!(
        read,
        [(5, 0b1010), (8, 0b0101), (308, 0b1010)].map(|(fine, c)| Tag::new(start + fine * 32, c))
    );
    assert_eq!(facts.properties[1].1, "a688906b");
    assert_eq!(
        TagWriter::new(std::io::Cursor::new(Vec::new()), Format::QcryptoTiming).err().unwrap().kind(),
        ErrorKind::Unsupported
    );
}

#[test]
fn a_file_of_words_has_the_words_of_the_tools() {
    let tags =
        [Tag::new(1000 * 256, 8), Tag::new(((1 << 28) - 2) * 256, 1), Tag::new(((1 << 28) + 4) * 256, 1)];
    let hex = write_all(&tags, Format::Tags64Hex).unwrap();
    assert_eq!(hex, b"000000000fa00008\n00003ffffff80001\n0000400000100001\n");
    assert_eq!(read_all(&hex, None).unwrap().1, tags);
    // Times that begin again after 19.5 hours are carried on, also for an event that is late at that moment.
    let last = tags64::MOST_TIME;
    let around = [Tag::new(last - 3, 1), Tag::new(2, 2), Tag::new(last, 4), Tag::new(7, 8)];
    let (_, read, facts) =
        read_all(&write_all(&around, Format::Tags64).unwrap(), Some(Format::Tags64)).unwrap();
    assert_eq!(read.iter().map(|tag| tag.time).collect::<Vec<_>>(), [last - 3, last + 3, last, last + 8]);
    assert_eq!(facts.wraps, 1);
}

#[test]
fn lines_are_read_as_people_write_them() {
    let (format, read, _) = read_all(b"# a comment\r\n\r\n256 1\r\n512\t0x0a\n700 0\n768 4", None).unwrap();
    assert_eq!((format, read), (Format::Text, vec![Tag::new(256, 1), Tag::new(512, 10), Tag::new(768, 4)]));
    // Picoseconds and channels from 1; two channels at one time are one tag.
    let (format, read, facts) = read_all(b"time,channel\n1000,1\n1000,3\n2000, 2\n", None).unwrap();
    assert_eq!((format, read), (Format::QutagText, vec![Tag::new(256, 5), Tag::new(512, 2)]));
    assert_eq!(facts.tick, Some(1e-12));
    for (text, offset) in [
        ("256 1\n512\n", "byte 6"),
        ("256 1\nx 1\n", "byte 6"),
        ("256 1 7\n", "byte 0"),
        ("5 1\n4611686018427387905 1", "byte 4"),
    ] {
        let error = read_all(text.as_bytes(), Some(Format::Text)).unwrap_err();
        assert!(error.kind() == ErrorKind::Protocol && error.message().contains(offset), "{text}: {error}");
    }
    let long = [b"256 1\n".to_vec(), vec![b'7'; 100_000]].concat();
    assert!(read_all(&long, None).unwrap_err().message().contains("byte 6"));
    assert!(read_all(b"1000,0\n", Some(Format::QutagText)).is_err());
}

#[test]
fn quantum_tables_in_binary_are_those_of_the_header_file() {
    let record = |time: i64, channel: i16| [&time.to_le_bytes()[..], &channel.to_le_bytes()].concat();
    let records = [record(1000, 0), record(1000, 2), record(1500, 104), record(2000, 7)].concat();
    let expected = vec![Tag::new(256, 5), Tag::new(512, 0x80)];
    let (format, read, facts) = read_all(&records, None).unwrap();
    assert_eq!((format, &read, facts.markers), (Format::QutagRaw, &expected, 1));
    let mut behind = b"made up, since no header is published..".to_vec();
    behind.push(0);
    assert_eq!(behind.len(), qutag::HEADER);
    behind.extend(&records);
    let (format, read, _) = read_all(&behind, None).unwrap();
    assert_eq!((format, read), (Format::QutagBinary, expected));
    for (bytes, offset) in [
        ([records.clone(), record(-1, 0)].concat(), "byte 40"),
        ([records.clone(), record(5, 64)].concat(), "byte 48"),
        (records[..records.len() - 1].to_vec(), "byte 39"),
    ] {
        let error = read_all(&bytes, Some(Format::QutagRaw)).unwrap_err();
        assert!(error.kind() == ErrorKind::Protocol && error.message().contains(offset), "{error}");
    }
}

#[test]
fn what_is_no_file_of_tags_is_refused_with_the_names_of_those_that_are() {
    for bytes in [
        &b""[..],
        b"hello, world\nthis is a letter\n",
        &[0; 800],
        b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0\x01\0\0\0",
    ] {
        let error = read_all(bytes, None).unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidInput && error.message().contains("tags64"), "{error}");
    }
    for format in Format::ALL {
        assert_eq!(format.to_string().parse::<Format>().unwrap(), format);
    }
    assert!("ttbin".parse::<Format>().is_err());
}
