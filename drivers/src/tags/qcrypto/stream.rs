//! Files of many packets, one after the other, as tags: raw events (type 1) both ways, times and bases (type 2) as they are read.

use qhal::{Error, ErrorKind, Result};

use super::super::{Decode, Encode, Facts, Tag, tags64, wrong};
use super::entries::{Entry, Unpack};
use super::packets::event;
use super::{EXTENDED, Epoch, NAME, STEP, order};

/// Where in a packet the next word stands.
enum Place {
    Header,
    Events { epoch: Epoch, told: u32, count: u32 },
    Times { epoch: Epoch, told: u32, count: u32, protocol: u32, fine: u32, unpack: Unpack },
}

/// Reads packets of one type.
pub(in super::super) struct Decoder {
    kind: u32,
    place: Place,
    unwrap: tags64::Unwrap,
    packets: u64,
    first: Option<Epoch>,
}

impl Decoder {
    pub(in super::super) fn new(kind: u32) -> Self {
        Self { kind, place: Place::Header, unwrap: tags64::Unwrap::default(), packets: 0, first: None }
    }

    /// Bytes that are looked at together here.
    fn wanted(&self) -> usize {
        match (&self.place, self.kind) {
            (Place::Header, 1) => 20,
            (Place::Header, _) => 24,
            (Place::Events { .. }, _) => 8,
            (Place::Times { .. }, _) => 4,
        }
    }

    fn header(&mut self, words: &[u32], offset: u64) -> Result<()> {
        let field = |at: usize| words.get(at).copied().unwrap_or(0);
        if field(0) & !EXTENDED != self.kind {
            let what =
                format!("a packet of type {} should begin here, and there is {:08x}", self.kind, field(0));
            return Err(wrong(NAME, offset, what));
        }
        let epoch = Epoch { number: field(1), extended: field(0) & EXTENDED != 0 };
        self.first.get_or_insert(epoch);
        self.packets += 1;
        let told = field(2);
        self.place = if self.kind == 1 {
            if field(3) != 49 {
                return Err(wrong(
                    NAME,
                    offset + 12,
                    format!("events have 49 bits of time, not {}", field(3)),
                ));
            }
            Place::Events { epoch, told, count: 0 }
        } else {
            order(field(3), field(4)).map_err(|error| error.context(format!("byte {}", offset + 12)))?;
            if field(5) > 1 {
                let message = format!(
                    "qcrypto: protocol {} of a type-2 packet does not tell which detectors fired",
                    field(5)
                );
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            let unpack = Unpack::new(field(3), field(4));
            Place::Times { epoch, told, count: 0, protocol: field(5), fine: 0, unpack }
        };
        Ok(())
    }

    /// The packet ends.
    fn close(&mut self, told: u32, count: u32, offset: u64) -> Result<()> {
        self.place = Place::Header;
        if told == 0 || told == count {
            return Ok(());
        }
        Err(wrong(NAME, offset, format!("a packet ends after {count} of {told} entries")))
    }

    fn words(&mut self, words: &[u32], offset: u64, out: &mut Vec<Tag>) -> Result<()> {
        match &mut self.place {
            Place::Header => self.header(words, offset),
            Place::Events { epoch, told, count } => {
                let word = words.iter().fold(0, |word, half| word << 32 | u64::from(*half));
                if word == 0 {
                    let (told, count) = (*told, *count);
                    return self.close(told, count, offset);
                }
                *count += 1;
                let tag = event(word, *epoch, offset)?;
                out.push(Tag { time: self.unwrap.carry(tag.time), ..tag });
                Ok(())
            }
            Place::Times { epoch, told, count, protocol, fine, unpack } => {
                unpack.push(words.first().copied().unwrap_or(0));
                while let Some(entry) = unpack.next() {
                    let Entry::Difference(difference, base) = entry else {
                        let (told, count) = (*told, *count);
                        return self.close(told, count, offset);
                    };
                    let next = fine.checked_add(difference);
                    *fine = next.ok_or_else(|| wrong(NAME, offset, "a difference leads out of the epoch"))?;
                    *count += 1;
                    // The basis alone: both of its detectors. V and H are inputs 1 and 3, - and + inputs 2 and 4.
                    let channels = match *protocol {
                        0 => u64::from(base & 0xF),
                        _ if base & 1 == 0 => 0b0101,
                        _ => 0b1010,
                    };
                    let time = self.unwrap.carry(epoch.start() + u64::from(*fine) * STEP);
                    out.extend((channels != 0).then_some(Tag { time, channels }));
                }
                Ok(())
            }
        }
    }
}

impl Decode for Decoder {
    fn decode(&mut self, bytes: &[u8], offset: u64, out: &mut Vec<Tag>) -> Result<usize> {
        let mut used = 0;
        let mut words = [0; 6];
        loop {
            let wanted = self.wanted();
            let Some(some) = bytes.get(used..used + wanted) else { return Ok(used) };
            let halves = some.as_chunks::<4>().0;
            words.iter_mut().zip(halves).for_each(|(word, half)| *word = u32::from_le_bytes(*half));
            let taken = words.get(..halves.len()).unwrap_or_default();
            self.words(taken, offset + used as u64, out)?;
            used += wanted;
        }
    }

    fn end(&mut self, rest: &[u8], offset: u64, _out: &mut Vec<Tag>) -> Result<()> {
        match self.place {
            Place::Header if rest.is_empty() => Ok(()),
            _ => Err(wrong(NAME, offset, "the file ends within a packet")),
        }
    }

    fn facts(&self) -> Facts {
        let mut properties = vec![("packets".to_owned(), self.packets.to_string())];
        properties
            .extend(self.first.map(|epoch| ("first epoch".to_owned(), format!("{:08x}", epoch.number))));
        let records = format!("type {}", self.kind);
        Facts { records, tick: Some(125e-12), wraps: self.unwrap.wraps(), markers: 0, properties }
    }
}

/// Writes raw events, a packet for each epoch.
#[derive(Default)]
pub(in super::super) struct Encoder {
    epoch: Option<Epoch>,
    /// Bytes so far.
    position: u64,
    /// Where the length of the packet stands, and what it is so far.
    length_at: u64,
    count: u32,
    corrections: Vec<(u64, Vec<u8>)>,
}

impl Encoder {
    fn words(&mut self, words: &[u32], out: &mut Vec<u8>) {
        for word in words {
            out.extend_from_slice(&word.to_le_bytes());
        }
        self.position += 4 * words.len() as u64;
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.epoch.take().is_some() {
            self.words(&[0, 0], out);
            self.corrections.push((self.length_at, self.count.to_le_bytes().to_vec()));
        }
    }
}

impl Encode for Encoder {
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    fn encode(&mut self, tag: Tag, out: &mut Vec<u8>) -> Result<()> {
        let word = tags64::encode(tag)?;
        if tag.channels == 0 {
            return Ok(());
        }
        let epoch = Epoch::at(tag.time);
        if self.epoch != Some(epoch) {
            self.close(out);
            self.length_at = self.position + 8;
            self.words(&[epoch.tag(1), epoch.number, 0, 49, 4], out);
            (self.epoch, self.count) = (Some(epoch), 0);
        }
        self.words(&[(word >> 32) as u32, word as u32], out);
        self.count += 1;
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.close(out);
        Ok(())
    }

    fn corrections(&mut self) -> Vec<(u64, Vec<u8>)> {
        std::mem::take(&mut self.corrections)
    }
}
