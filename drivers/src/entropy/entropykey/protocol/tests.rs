//! The vendor's frames, vectors computed from its rules, and arbitrary bytes.

use proptest::prelude::*;

use super::super::keys::{Key, Session};
use super::*;

/// The device of the vendor's protocol text.
const SERIAL: Serial = Serial([0x37, 0x00, 0x6F, 0x06, 0x58, 0x37, 0x39, 0x30, 0x49, 0x39, 0x11, 0x43]);

/// Frames of the vendor's protocol text, sent without a session key.
const FRAMES: [(&str, &str); 11] = [
    ("S!AANwBvBlg3OTBJORFD", "Al/Smw1b"),
    ("I>T03143 V03254", "apKTNVoy"),
    ("I>T03150 V03254", "6ihYwAqo"),
    ("I>F07342:00000:00000:00000:00000", "1L9eG/G8"),
    ("I>S08052:23751:23792:23584:07112:20876:08063:24150:0", "Sr3rR9o3"),
    ("k>Unable to send entropy. Please re-key session.", "VqrrSb4k"),
    ("K!AA6XxLwelzehWDH8ofVA7moL76KiQj0ruKmqs9T7ygW/Q=", "Qkbxfpr4"),
    ("M>Long-term rekey unlocked", "vrHSYIoF"),
    ("l>Long-term rekey locked-out", "m/wvdw2F"),
    ("l>Nonce MAC does not match", "6l+FxwYn"),
    ("W>Unknown Input Character 0x65", "TRNC7UwS"),
];

fn content(text: &str) -> [u8; CONTENT] {
    padded(text.as_bytes().to_vec())
}

fn mac(session: &Session, text: &str) -> String {
    session.mac(&content(text)).map(char::from).iter().collect()
}

fn hex(text: &str) -> [u8; 32] {
    std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
}

#[test]
fn the_vendors_frames_are_proved_and_read() {
    assert_eq!(Serial::parse("NwBvBlg3OTBJORFD"), Some(SERIAL));
    let session = Session::unkeyed(SERIAL);
    let mut stream = b"noise* before".to_vec();
    for (text, published) in FRAMES {
        assert_eq!(mac(&session, text), published, "{text}");
        let frame = Frame { content: content(text), mac: published.as_bytes().try_into().unwrap() };
        assert_eq!(frame.encode().len(), FRAME);
        stream.extend(frame.encode());
        stream.extend(b"* half");
    }
    let mut reader = FrameReader::default();
    let messages: Vec<_> = stream
        .iter()
        .filter_map(|byte| reader.push(*byte))
        .map(|frame| {
            assert!(frame.is_proved_by(&session.mac(&frame.content)));
            Message::parse(&frame.content).unwrap()
        })
        .collect();
    // The last half frame is still awaited.
    assert_eq!(reader.skipped(), 13 + 10 * 6);
    let generators = Generators {
        bytes: 8052,
        shannons: [23_751, 23_792, 23_584],
        left: [7112, 20_876],
        right: [8063, 24_150],
        failure: FailMode::NONE,
    };
    assert_eq!(messages.len(), FRAMES.len());
    assert_eq!(messages[0], Message::Serial { protocol: 0, serial: SERIAL });
    assert_eq!(
        messages[1],
        Message::Information(vec![Information::Temperature(3143), Information::Supply(3254)])
    );
    let fips = Fips { blocks: 7342, ..Fips::default() };
    assert_eq!(messages[3], Message::Information(vec![Information::Fips(fips)]));
    assert_eq!(messages[4], Message::Information(vec![Information::Generators(generators)]));
    assert_eq!(messages[5], Message::NeedsKey);
    assert!(matches!(messages[6], Message::Keyed { nonce_length: 0, .. }));
    assert_eq!(messages[7], Message::LongTermUnlocked);
    assert!(matches!(&messages[9], Message::LongTermRefused(why) if why == "Nonce MAC does not match"));
    assert!(matches!(&messages[10], Message::Unknown(what) if what.ends_with("0x65")));
}

#[test]
fn sub_codes_have_their_low_digit_first() {
    // The vendor's text: 12 is MA, 4095 is //, and the sub-code UY of its entropy frame is 1556.
    for (value, text) in [(0, b"AA"), (12, b"MA"), (1556, b"UY"), (4095, b"//")] {
        assert_eq!(encode_sub_code(value), *text);
        assert_eq!(decode_sub_code(*text), Some(value));
    }
    assert_eq!(decode_sub_code(*b"A="), None);
}

#[test]
fn keyed_vectors() {
    // Computed from the vendor's rules by an independent implementation that reproduces the MACs above: long-term key
    // 01 02 … 20, device entropy 20 21 … 3f, nonce 00 01 … 0b.
    let long_term = Key::new(std::array::from_fn(|at| at as u8 + 1));
    let entropy: [u8; 32] = std::array::from_fn(|at| at as u8 + 0x20);
    let nonce: Vec<u8> = (0..12).collect();
    let keyed = encode_binary(b'K', 12, &entropy);
    assert_eq!(keyed, content("K!MAICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="));
    assert_eq!(Session::unkeyed(SERIAL).mac(&keyed), *b"8B6Kkx6f");
    let session = Session::keyed(SERIAL, &long_term, &entropy, &nonce);
    assert_eq!(mac(&session, "I>T03143 V03254"), "04bPWxFL");
    for (sub_code, pad) in [
        (*b"AA", "ed0cb0331b7eff41cc8871c680bc8809be2b03928459eccbd3a6410124175a5f"),
        (*b"BA", "5fa7854e4e822f95067811160987af477301541f672a55fd6fd9478297a0e23f"),
    ] {
        assert_eq!(*session.crypt(sub_code, &[0; 32]), hex(pad));
        assert_eq!(*session.crypt(sub_code, &hex(pad)), [0; 32]);
    }
    let frame = encode_binary(b'E', 0, &*session.crypt(*b"AA", &[0; 32]));
    assert_eq!(frame, content("E!AA7QywMxt+/0HMiHHGgLyICb4rA5KEWezL06ZBASQXWl8="));
    assert_eq!(session.mac(&frame), *b"6OqlDTr0");
    let fresh = long_term.new_long_term(SERIAL, &entropy, &nonce);
    assert_eq!(fresh, Key::new(hex("b6ebe3096cbc963c03d116831980d1c8606235e9aa61faa6f187c79421a49444")));
}

#[test]
fn commands_have_the_published_length() {
    assert_eq!(Command::Reset.encode(), [3]);
    assert_eq!(Command::SessionKey((0..12).collect()).encode(), b"KAAECAwQFBgcICQoL.");
    assert_eq!(Command::LongTermKey(vec![0; 12]).encode(), b"LAAAAAAAAAAAAAAAA.");
    assert_eq!(Command::NonceMac(*b"apKTNVoy").encode(), b"MapKTNVoy");
}

#[test]
fn what_is_no_message_is_refused() {
    for bad in [
        "X>text",
        "S>AANwBvBlg3OTBJORFD",
        "S!AANwBvBlg3OTBJORF",
        "K!MAICEi",
        "E!A=7QywMxt+/0HMiHHGgLyICb4rA5KEWezL06ZBASQXWl8=",
        "E!AA7QywMxt+/0HMiHHGgLyICb4rA5KEWezL06ZBASQXWl9=",
        "I>T",
        "I>T-1",
        "I>F1:2:3:4",
        "I>S1:2:3:4:5:6:7:8:",
        "I>S1:2:3:4:5:6:7:8:00",
    ] {
        assert_eq!(Message::parse(&content(bad)).unwrap_err().kind(), ErrorKind::Protocol, "{bad}");
    }
    assert_eq!(
        Message::parse(&content("I>Q12 V03254")).unwrap(),
        Message::Information(vec![Information::Other, Information::Supply(3254)])
    );
    for letter in b'1'..=b'B' {
        assert!(FailMode(letter).reason().is_some());
    }
    assert_eq!(FailMode::NONE.reason(), None);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let mut reader = FrameReader::default();
        let frames = bytes.iter().filter_map(|byte| reader.push(*byte)).count() as u64;
        prop_assert!(frames * FRAME as u64 + reader.skipped() <= bytes.len() as u64);
        prop_assert!(frames * FRAME as u64 + reader.skipped() + FRAME as u64 > bytes.len() as u64);
    }

    #[test]
    fn any_content_is_survived(kind in any::<u8>(), class in prop::sample::select(b">!?".to_vec()), text in "[ -~]{0,50}") {
        let mut content = padded([&[kind, class], text.as_bytes()].concat());
        let _ = Message::parse(&content);
        content[20] = 0xFF;
        let _ = Message::parse(&content);
    }

    #[test]
    fn frames_read_back_between_garbage(
        payload in any::<[u8; 32]>(),
        sequence in 0..=LAST_SEQUENCE,
        garbage in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let session = Session::unkeyed(SERIAL);
        let content = encode_binary(b'E', sequence, &payload);
        let frame = Frame { content, mac: session.mac(&content) };
        let mut reader = FrameReader::default();
        let stream = [&garbage[..], &frame.encode(), &frame.encode()].concat();
        let found: Vec<_> = stream.iter().filter_map(|byte| reader.push(*byte)).collect();
        // Garbage may look like the beginning of a frame and hide the first one.
        prop_assert_eq!(found.last(), Some(&frame));
        let read = Message::parse(&content).unwrap();
        prop_assert_eq!(read, Message::Entropy { sequence, sub_code: encode_sub_code(sequence), cipher: payload });
    }
}
