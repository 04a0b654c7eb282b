//! Whole packets as values: what a daemon writes into a file named by its epoch.

use qhal::{Error, ErrorKind, Result};

use super::super::packing::{Packer, Unpacker};
use super::super::{Tag, tags64, wrong};
use super::entries::{Entry, Pack, Unpack};
use super::{EXTENDED, Epoch, LARGEST, NAME, kind_of, order};

/// A packet of one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// Type 1: raw events of the epoch, times in units of 1/256 ns on the tagger's clock.
    Events {
        /// When.
        epoch: Epoch,
        /// The events.
        tags: Vec<Tag>,
    },
    /// Type 2: times within the epoch in steps of 125 ps, rising, and some bits about the detector: in protocol 1 the basis.
    Timing {
        /// When.
        epoch: Epoch,
        /// Bits of a short difference, 2 to 32.
        order: u32,
        /// Bits behind each difference; with `order` at most 32.
        base_bits: u32,
        /// 0 service, 1 BB84, 2 rich, 3 and 4 device-independent, 5 BC.
        protocol: u32,
        /// Times and bits.
        events: Vec<(u32, u32)>,
    },
    /// Type 3: what was kept of each event of the epoch.
    Results {
        /// When.
        epoch: Epoch,
        /// Bits of a result, 1 to 16.
        bits: u32,
        /// The results.
        results: Vec<u32>,
    },
    /// Type 4: which events of the other end's type-2 packet matched, by their places from 0, rising.
    Matches {
        /// When.
        epoch: Epoch,
        /// Bits of a short difference, 2 to 32.
        order: u32,
        /// Bits behind each difference.
        base_bits: u32,
        /// Places and bits.
        matches: Vec<(u32, u32)>,
    },
}

impl Packet {
    /// The type of the packet that begins with these bytes, if it is one; 24 are enough.
    pub fn kind_of(start: &[u8]) -> Option<u32> {
        kind_of(start)
    }

    /// Its type, 1 to 4.
    pub fn kind(&self) -> u32 {
        match self {
            Self::Events { .. } => 1,
            Self::Timing { .. } => 2,
            Self::Results { .. } => 3,
            Self::Matches { .. } => 4,
        }
    }

    /// Its epoch.
    pub fn epoch(&self) -> Epoch {
        match self {
            Self::Events { epoch, .. }
            | Self::Timing { epoch, .. }
            | Self::Results { epoch, .. }
            | Self::Matches { epoch, .. } => *epoch,
        }
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Events { tags, .. } => tags.len(),
            Self::Timing { events, .. } => events.len(),
            Self::Results { results, .. } => results.len(),
            Self::Matches { matches, .. } => matches.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the one packet that `bytes` are.
    ///
    /// # Errors
    /// `Protocol` when they are none, contradict themselves or are cut short; `InvalidInput` for more than [`LARGEST`] bytes.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > LARGEST {
            let message = format!("qcrypto: {} bytes are more than a packet of one epoch has", bytes.len());
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let kind =
            kind_of(bytes).ok_or_else(|| wrong(NAME, 0, "no packet of type 1 to 4 begins like this"))?;
        let (words, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(wrong(NAME, (bytes.len() - rest.len()) as u64, "the file ends within a word"));
        }
        let words: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
        let field = |at: usize| words.get(at).copied().unwrap_or(0);
        let epoch = Epoch { number: field(1), extended: field(0) & EXTENDED != 0 };
        let body = |at: usize| words.get(at..).unwrap_or_default();
        let (packet, used) = match kind {
            1 => {
                let (tags, used) = events(body(5), epoch)?;
                (Self::Events { epoch, tags }, 5 + used)
            }
            2 => {
                let (order, base_bits, protocol) = (field(3), field(4), field(5));
                let (events, used) = differences(body(6), 6, order, base_bits, 0)?;
                (Self::Timing { epoch, order, base_bits, protocol, events }, 6 + used)
            }
            3 => {
                let bits = field(3);
                let mut unpacker = Unpacker::new(body(4));
                let results: Option<Vec<u32>> = (0..field(2)).map(|_| unpacker.pull(bits)).collect();
                let what = format!("the file ends before {} results of {bits} bits", field(2));
                let results = results.ok_or_else(|| wrong(NAME, bytes.len() as u64, what))?;
                let used = unpacker.words_used();
                (Self::Results { epoch, bits, results }, 4 + used)
            }
            _ => {
                let (order, base_bits) = (field(3), field(4));
                let (matches, used) = differences(body(5), 5, order, base_bits, 2)?;
                (Self::Matches { epoch, order, base_bits, matches }, 5 + used)
            }
        };
        if used < words.len() {
            return Err(wrong(NAME, 4 * used as u64, "something follows the end of the packet"));
        }
        // The length is optional where the body has an end of its own.
        if field(2) != 0 && field(2) as usize != packet.len() {
            let what = format!("the header tells of {} entries and there are {}", field(2), packet.len());
            return Err(wrong(NAME, 8, what));
        }
        Ok(packet)
    }

    /// As bytes.
    ///
    /// # Errors
    /// `InvalidInput` for what a packet cannot hold: entries that do not rise, or are outside the epoch or their widths.
    pub fn write(&self) -> Result<Vec<u8>> {
        let cannot = |what: &str| Error::new(ErrorKind::InvalidInput, format!("qcrypto: {what}"));
        let length = u32::try_from(self.len()).map_err(|_| cannot("a packet has at most 2^32 entries"))?;
        let mut words = vec![self.epoch().tag(self.kind()), self.epoch().number, length];
        match self {
            Self::Events { epoch, tags } => {
                words.extend([49, 4]);
                for tag in tags {
                    if tag.channels == 0 || Epoch::at(tag.time).start() != epoch.start() {
                        return Err(cannot("an event without inputs or outside its epoch"));
                    }
                    let word = tags64::encode(*tag)?;
                    words.extend([(word >> 32) as u32, word as u32]);
                }
                words.extend([0, 0]);
            }
            Self::Timing { order, base_bits, protocol, events, .. } => {
                super::order(*order, *base_bits)?;
                words.extend([*order, *base_bits, *protocol]);
                words.extend(pack(events, *order, *base_bits, 0)?);
            }
            Self::Results { bits, results, .. } => {
                if !(1..=16).contains(bits) || results.iter().any(|result| *result >= 1 << bits) {
                    return Err(cannot("a result that does not fit its bits"));
                }
                words.push(*bits);
                let mut packer = Packer::default();
                results.iter().for_each(|result| packer.push(*result, *bits));
                words.extend(packer.finish());
            }
            Self::Matches { order, base_bits, matches, .. } => {
                super::order(*order, *base_bits)?;
                words.extend([*order, *base_bits]);
                words.extend(pack(matches, *order, *base_bits, 2)?);
            }
        }
        Ok(words.into_iter().flat_map(u32::to_le_bytes).collect())
    }
}

/// Raw events up to the pair of zeros, and how many words they take.
fn events(words: &[u32], epoch: Epoch) -> Result<(Vec<Tag>, usize)> {
    let mut tags = Vec::new();
    for (number, pair) in words.as_chunks::<2>().0.iter().enumerate() {
        let word = u64::from(pair[0]) << 32 | u64::from(pair[1]);
        if word == 0 {
            return Ok((tags, 2 * number + 2));
        }
        tags.push(event(word, epoch, 20 + 8 * number as u64)?);
    }
    Err(wrong(
        NAME,
        20 + 4 * words.len() as u64,
        "the file ends before the pair of zeros that ends its events",
    ))
}

/// A raw event of an epoch.
pub(super) fn event(word: u64, epoch: Epoch, offset: u64) -> Result<Tag> {
    let tag = Tag::new(word >> 10, word & 0xF);
    if tag.channels == 0 {
        return Err(wrong(NAME, offset, format!("the event {word:016x} has no input")));
    }
    if Epoch::at(tag.time).start() != epoch.start() {
        return Err(wrong(
            NAME,
            offset,
            format!("the event {word:016x} is not in the epoch {:08x}", epoch.number),
        ));
    }
    Ok(tag)
}

/// Sums of differences with the bits behind them, and how many words they take; `shift` is added to each before it is written.
fn differences(
    words: &[u32],
    header: usize,
    width: u32,
    base_bits: u32,
    shift: u32,
) -> Result<(Vec<(u32, u32)>, usize)> {
    order(width, base_bits)?;
    let mut unpack = Unpack::new(width, base_bits);
    let (mut entries, mut sum) = (Vec::new(), 0u32);
    for (number, word) in words.iter().enumerate() {
        unpack.push(*word);
        while let Some(entry) = unpack.next() {
            let Entry::Difference(difference, base) = entry else { return Ok((entries, number + 1)) };
            let next = difference.checked_sub(shift).and_then(|difference| sum.checked_add(difference));
            sum = next.ok_or_else(|| {
                wrong(NAME, 4 * (header + number) as u64, "a difference leads out of the epoch")
            })?;
            entries.push((sum, base));
        }
    }
    Err(wrong(NAME, 4 * (header + words.len()) as u64, "the file ends before its last entry"))
}

/// The other way round.
fn pack(entries: &[(u32, u32)], width: u32, base_bits: u32, shift: u32) -> Result<Vec<u32>> {
    let mut pack = Pack::new(width, base_bits);
    let mut last = 0;
    for (value, base) in entries {
        let difference = value.checked_sub(last).and_then(|difference| difference.checked_add(shift));
        let fits = base_bits >= 32 || *base < 1 << base_bits;
        let Some(difference) = difference.filter(|_| fits) else {
            let message = format!(
                "qcrypto: the entry {value} with {base} behind it falls, or does not fit {base_bits} bits"
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        };
        pack.push(difference, *base);
        last = *value;
    }
    Ok(pack.finish())
}
