//! What a TrueRNGpro sends, mode by mode: bytes ⇄ values, without any I/O.
//!
//! Sources: the vendor's pages "How-To Change TrueRNGpro's Mode" and "TrueRNGpro Raw Binary Format" (ubld.it).

/// One packet of [`Mode::Raw`](super::model::Mode::Raw): 10 bits of each generator in four bytes that are numbered by their two top bits.
pub fn encode_raw(first: u16, second: u16) -> [u8; 4] {
    let high = |value: u16| ((value >> 6) & 0x0F) as u8;
    let low = |value: u16| (value & 0x3F) as u8;
    [high(first), 0x40 | low(first), 0x80 | high(second), 0xC0 | low(second)]
}

/// Finds the packets in a stream of [`Mode::Raw`](super::model::Mode::Raw), from wherever it is entered and after whatever was lost.
#[derive(Clone, Debug, Default)]
pub struct RawDecoder {
    packet: [u8; 4],
    filled: usize,
    skipped: u64,
}

impl RawDecoder {
    /// Takes one byte; gives both generators' values when it ends a packet. A byte out of its turn drops what was
    /// begun.
    pub fn push(&mut self, byte: u8) -> Option<(u16, u16)> {
        let turn = usize::from(byte >> 6);
        if turn != self.filled {
            self.skipped += self.filled as u64;
            self.filled = 0;
            if turn != 0 {
                self.skipped += 1;
                return None;
            }
        }
        if let Some(slot) = self.packet.get_mut(turn) {
            *slot = byte;
        }
        self.filled = (turn + 1) % 4;
        if self.filled != 0 {
            return None;
        }
        let [high1, low1, high2, low2] = self.packet.map(u16::from);
        // The two bits above a high part carry nothing.
        let value = |high: u16, low: u16| (high & 0x0F) << 6 | (low & 0x3F);
        Some((value(high1, low1), value(high2, low2)))
    }

    /// The stream was cut here: what was begun does not go on.
    pub fn interrupted(&mut self) {
        self.skipped += self.filled as u64;
        self.filled = 0;
    }

    /// How many bytes belonged to no packet so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }
}

/// Cuts a text mode into lines; one that is longer than any such line is dropped.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    line: String,
    too_long: bool,
}

/// The longest line of a text mode, with room to spare.
const LONGEST_LINE: usize = 32;

impl Lines {
    /// Takes one byte; gives the line that it ends, without the line end.
    pub fn push(&mut self, byte: u8) -> Option<String> {
        match byte {
            b'\n' | b'\r' => {
                let line = std::mem::take(&mut self.line);
                let whole = !std::mem::take(&mut self.too_long);
                (whole && !line.is_empty()).then_some(line)
            }
            b' '..=b'~' if self.line.len() < LONGEST_LINE => {
                self.line.push(char::from(byte));
                None
            }
            _ => {
                self.too_long = true;
                None
            }
        }
    }
}

/// Reads a line of [`Mode::SupplyVoltage`](super::model::Mode::SupplyVoltage), in millivolts.
pub fn parse_supply(line: &str) -> Option<u32> {
    decimal(line.trim(), 99_999)
}

/// Reads a line of [`Mode::Debug`](super::model::Mode::Debug).
pub fn parse_debug(line: &str) -> Option<(u16, u16)> {
    let value = |word: &str| {
        let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"))?;
        let plain = (1..=3).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u16::from_str_radix(digits, 16).ok().filter(|value| plain && *value < 1024)
    };
    let (first, second) = line.trim().split_once(' ')?;
    Some((value(first)?, value(second.trim_start())?))
}

/// Reads a line of [`Mode::RawText`](super::model::Mode::RawText).
pub fn parse_raw_text(line: &str) -> Option<(u16, u16)> {
    let value = |word: &str| decimal(word.trim(), 1023).and_then(|value| u16::try_from(value).ok());
    let (first, second) = line.split_once(',')?;
    Some((value(first)?, value(second)?))
}

/// Reads one figure of [`Mode::Unwhitened`](super::model::Mode::Unwhitened), what stands between two commas.
pub fn parse_unwhitened(word: &str) -> Option<u16> {
    decimal(word.trim(), 511).and_then(|value| u16::try_from(value).ok())
}

fn decimal(digits: &str, most: u32) -> Option<u32> {
    let plain = (1..=5).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|value| plain && *value <= most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_published_packet() {
        // Computed from the vendor's description: generator 1 = 0x2A7, generator 2 = 0x1F3.
        assert_eq!(encode_raw(0x2A7, 0x1F3), [0x0A, 0x67, 0x87, 0xF3]);
        let mut decoder = RawDecoder::default();
        let values: Vec<_> =
            [0x0A, 0x67, 0x87, 0xF3].into_iter().filter_map(|byte| decoder.push(byte)).collect();
        assert_eq!(values, [(0x2A7, 0x1F3)]);
    }

    #[test]
    fn a_stream_with_losses_is_entered_again_at_the_next_packet() {
        let mut stream = vec![0x67, 0x87, 0xF3];
        stream.extend(encode_raw(1, 2));
        stream.extend(&encode_raw(3, 4)[..3]);
        stream.extend(encode_raw(5, 6));
        stream.extend(&encode_raw(7, 8)[1..]);
        stream.extend(encode_raw(9, 1023));
        let mut decoder = RawDecoder::default();
        let values: Vec<_> = stream.into_iter().filter_map(|byte| decoder.push(byte)).collect();
        assert_eq!(values, [(1, 2), (5, 6), (9, 1023)]);
        assert_eq!(decoder.skipped(), 3 + 3 + 3);

        // Two halves on either side of a cut are no packet.
        let [a, b, c, d] = encode_raw(5, 6);
        assert_eq!((decoder.push(a), decoder.push(b)), (None, None));
        decoder.interrupted();
        assert_eq!((decoder.push(c), decoder.push(d)), (None, None));
    }

    #[test]
    fn lines_of_the_text_modes() {
        let mut lines = Lines::default();
        let text =
            b"8990\r\n\r\n\xFFx\n  15900\n0x2A7 0x1F3\n0679,0499\n0123456789012345678901234567890123\nend";
        let whole: Vec<_> = text.iter().filter_map(|byte| lines.push(*byte)).collect();
        assert_eq!(whole, ["8990", "  15900", "0x2A7 0x1F3", "0679,0499"]);
        assert_eq!(parse_supply("8990"), Some(8990));
        assert_eq!(parse_supply("  15900"), Some(15_900));
        assert_eq!(parse_debug("0x2A7 0x1F3"), Some((0x2A7, 0x1F3)));
        assert_eq!(parse_raw_text("0679,0499"), Some((679, 499)));
        assert_eq!(parse_unwhitened("511"), Some(511));
        for bad in ["", "-1", "+1", "1.5", "123456", "8990 mV"] {
            assert_eq!(parse_supply(bad), None, "{bad}");
        }
        for bad in ["", "0x400 0x001", "0x1", "0x+1 0x1", "0x0000 0x1", "1 2"] {
            assert_eq!(parse_debug(bad), None, "{bad}");
        }
        for bad in ["", "1024,0", "1", "1,2,3", ","] {
            assert_eq!(parse_raw_text(bad), None, "{bad}");
        }
        assert_eq!(parse_unwhitened("512"), None);
    }

    proptest! {
        #[test]
        fn packets_read_back(values in prop::collection::vec((0_u16..1024, 0_u16..1024), 0..50)) {
            let mut decoder = RawDecoder::default();
            let decoded: Vec<_> = values
                .iter()
                .flat_map(|(first, second)| encode_raw(*first, *second))
                .filter_map(|byte| decoder.push(byte))
                .collect();
            prop_assert_eq!(decoded, values);
            prop_assert_eq!(decoder.skipped(), 0);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            let (mut decoder, mut lines) = (RawDecoder::default(), Lines::default());
            let mut values = 0;
            for byte in &bytes {
                if let Some((first, second)) = decoder.push(*byte) {
                    prop_assert!(first < 1024 && second < 1024);
                    values += 4;
                }
                if let Some(line) = lines.push(*byte) {
                    prop_assert!(line.len() <= LONGEST_LINE);
                    let _ = (parse_supply(&line), parse_debug(&line), parse_raw_text(&line), parse_unwhitened(&line));
                }
            }
            prop_assert!(values + decoder.skipped() <= bytes.len() as u64);
            prop_assert!(values + decoder.skipped() + 3 >= bytes.len() as u64);
        }
    }
}
