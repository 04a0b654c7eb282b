//! Files of every layout, built byte by byte, and what is refused.

use qhal::ErrorKind;

use super::super::reader::read_all;
use super::super::writer::write_all;
use super::super::{Format, Tag};
use super::*;

/// A file of these records, with a tick of a picosecond.
fn file(record_type: u64, count: u64, records: &[u32]) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], b"1.0.00\0\0"].concat();
    let mut tag = |name: &str, kind: u32, value: u64, behind: &[u8]| {
        let mut padded = [0; 32];
        padded[..name.len()].copy_from_slice(name.as_bytes());
        bytes.extend(padded);
        bytes.extend((-1i32).to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(value.to_le_bytes());
        bytes.extend(behind);
    };
    tag("File_Comment", 0x4001_FFFF, 16, b"a lab's notes\0\0\0");
    tag("Blob", 0xFFFF_FFFF, 100_000, &vec![7; 100_000]);
    tag("Wide", 0x4002_FFFF, 4, b"a\0b\0");
    tag("TTResultFormat_TTTRRecType", 0x1000_0008, record_type, b"");
    tag("TTResult_NumberOfRecords", 0x1000_0008, count, b"");
    tag("MeasDesc_GlobalResolution", 0x2000_0008, 1e-12_f64.to_bits(), b"");
    tag("Header_End", 0xFFFF_0008, 0, b"");
    bytes.extend(records.iter().flat_map(|record| record.to_le_bytes()));
    bytes
}

/// A time in ticks of a picosecond, as units.
fn units(ticks: u64) -> u64 {
    (ticks * 256 + 500) / 1000
}

#[test]
fn layouts_are_those_of_the_instruments() {
    let hydra = |special: u32, channel: u32, time: u32| special << 31 | channel << 25 | time;
    // A wrap that counts 0 stands for one; markers are no detections; channel 0 of the special ones is the sync input, input 64 here.
    let records = [
        hydra(0, 0, 1000),
        hydra(1, 0, 1000),
        hydra(1, 63, 3),
        hydra(1, 4, 5),
        hydra(0, 5, 8000),
        hydra(1, 63, 0),
        hydra(0, 1, 0),
    ];
    for (record_type, wrap, first, name) in [
        (0x0101_0204, 33_554_432, 3, "HydraHarp 2 T2"),
        (0x0001_0205, 33_554_432, 3, "TimeHarp 260 N T2"),
        (0x0001_0206, 33_554_432, 3, "TimeHarp 260 P T2"),
        (0x0001_0207, 33_554_432, 3, "MultiHarp and PicoHarp 330 T2"),
        (0x0001_0204, 33_552_000, 1, "HydraHarp 1 T2"),
    ] {
        let (format, read, facts) = read_all(&file(record_type, 7, &records), None).unwrap();
        let expected = [
            Tag::new(units(1000), 1 | 1 << 63),
            Tag::new(units(first * wrap + 8000), 1 << 5),
            Tag::new(units((first + 1) * wrap), 1 << 1),
        ];
        assert_eq!((format, &read[..]), (Format::Ptu, &expected[..]), "{name}");
        assert_eq!((facts.records.as_str(), facts.markers, facts.tick), (name, 1, Some(1e-12)));
        assert!(facts.properties.contains(&("File_Comment".to_owned(), "a lab's notes".to_owned())));
    }
    let pico = |channel: u32, time: u32| channel << 28 | time;
    let records = [pico(0, 4000), pico(15, 0), pico(15, 3), pico(1, 12)];
    let (_, read, facts) = read_all(&file(0x0001_0203, 4, &records), None).unwrap();
    assert_eq!(read, [Tag::new(units(4000), 1), Tag::new(units(210_698_240 + 12), 2)]);
    assert_eq!((facts.records.as_str(), facts.markers), ("PicoHarp T2", 1));
}

#[test]
fn files_that_contradict_themselves_are_refused_with_the_place() {
    let good = file(0x0101_0204, 2, &[1, 2]);
    let records_at = good.len() - 8;
    let place = |offset: usize| format!("byte {offset}:");
    for (bytes, kind, words) in [
        (good[..good.len() - 4].to_vec(), ErrorKind::Protocol, place(good.len() - 4)),
        (good[..good.len() - 1].to_vec(), ErrorKind::Protocol, place(good.len() - 1)),
        ([good.clone(), vec![0; 4]].concat(), ErrorKind::Protocol, place(good.len())),
        (good[..100].to_vec(), ErrorKind::Protocol, place(100)),
        (file(0x0101_0204, 1, &[1 << 31 | 40 << 25]), ErrorKind::Protocol, place(records_at)),
        (file(0x0001_0303, 0, &[]), ErrorKind::Unsupported, "T3".to_owned()),
        (file(0x0001_0999, 0, &[]), ErrorKind::Unsupported, "00010999".to_owned()),
        (file(1 << 40, 0, &[]), ErrorKind::Protocol, "no type".to_owned()),
        (file(0x0101_0204, u64::MAX, &[]), ErrorKind::Protocol, "negative".to_owned()),
    ] {
        let error = read_all(&bytes, Some(Format::Ptu)).unwrap_err();
        assert!(error.kind() == kind && error.message().contains(&words), "{words}: {error}");
    }
    // A recording that was broken off does not know its length.
    assert_eq!(read_all(&file(0x0101_0204, 0, &[1000, 2000]), None).unwrap().1.len(), 2);
}

#[test]
fn what_is_written_counts_its_records_and_refuses_to_go_back() {
    let late = 3 * records::WRAP * records::MOST_WRAPS + 7;
    let tags = [Tag::new(5, 0b101), Tag::new(5 + records::WRAP, 1), Tag::new(late, 1 << 63)];
    let bytes = write_all(&tags, Format::Ptu).unwrap();
    let (_, read, facts) = read_all(&bytes, None).unwrap();
    assert_eq!(read, tags);
    assert_eq!(facts.records, "HydraHarp 2 T2");
    // Two, then a wrap and one, then as many wraps as two records can tell of and one more, and the last.
    assert_eq!(bytes.len() % 4, 0);
    assert!(facts.properties.contains(&("CreatorSW_Name".to_owned(), "qhal".to_owned())));
    let back = write_all(&[Tag::new(records::WRAP, 1), Tag::new(records::WRAP - 1, 1)], Format::Ptu);
    assert_eq!(back.unwrap_err().kind(), ErrorKind::InvalidInput);
}
