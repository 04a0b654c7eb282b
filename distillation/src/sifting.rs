//! Sifting: from detections to pairs of bits measured alike, with what was counted on the way.
//!
//! Both ends number pulses (or pairs of photons) by slot. Bob announces the slots and bases of his detections, and the bits of those in the
//! check basis; Alice answers which of them she had prepared in the same basis and how bright they were. The key comes from
//! detections where both chose [`Basis::Z`]; where both chose [`Basis::X`] the bits are compared in public and given up. Detections
//! without a partner in basis are thrown away by both.
//!
//! For BBM92 and E91 a slot is a coincidence, Alice's own measurement takes the place of what she prepared, and every intensity is 0; how three
//! settings an end become two bases is in [`crate::ekert`].

use std::collections::BTreeMap;

use qhal::{Error, ErrorKind, Result};

use crate::Bits;
use crate::finite::{BlockCounts, Counts};
use crate::wire::{Reader, Writer};

/// One of two complementary bases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Basis {
    /// The basis of the key: rectilinear polarisation, arrival time.
    Z,
    /// The check basis: diagonal polarisation, phase.
    X,
}

/// Most intensities of a source.
pub const MOST_INTENSITIES: usize = 3;

/// What Alice sent in one slot (or measured there), in one byte: bit 0 the value, bit 1 the basis, bits 2 and 3 the intensity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse(u8);

impl Pulse {
    /// A pulse of the intensity with this index, 0 the brightest; indices above 2 become 2.
    pub fn new(basis: Basis, value: bool, intensity: u8) -> Self {
        Self(
            u8::from(value)
                | u8::from(basis == Basis::X) << 1
                | intensity.min(MOST_INTENSITIES as u8 - 1) << 2,
        )
    }

    /// Its bit.
    pub fn value(self) -> bool {
        self.0 & 1 == 1
    }

    /// Its basis.
    pub fn basis(self) -> Basis {
        if self.0 & 2 == 0 { Basis::Z } else { Basis::X }
    }

    /// The index of its intensity, 0 to 2.
    pub fn intensity(self) -> u8 {
        self.0 >> 2
    }
}

/// All that Alice sent, by slot.
pub trait Prepared {
    /// What was sent in a slot; none if nothing was.
    fn pulse(&self, slot: u64) -> Option<Pulse>;
}

impl Prepared for [Pulse] {
    fn pulse(&self, slot: u64) -> Option<Pulse> {
        self.get(usize::try_from(slot).ok()?).copied()
    }
}

impl Prepared for Vec<Pulse> {
    fn pulse(&self, slot: u64) -> Option<Pulse> {
        self.as_slice().pulse(slot)
    }
}

impl Prepared for BTreeMap<u64, Pulse> {
    fn pulse(&self, slot: u64) -> Option<Pulse> {
        self.get(&slot).copied()
    }
}

/// One click at Bob's side. A double click is a detection with a random bit, never none at all: throwing it away would let an
/// eavesdropper choose which bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detection {
    /// The slot it fell into.
    pub slot: u64,
    /// The basis it was measured in.
    pub basis: Basis,
    /// The bit.
    pub value: bool,
}

/// What Bob tells: where he detected something, in which basis, and the bits of the check basis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    slots: Vec<u64>,
    check: Bits,
    check_values: Bits,
}

impl Announcement {
    /// Of `detections`, whose slots rise.
    ///
    /// # Errors
    /// `InvalidInput` when a slot does not exceed the one before.
    pub fn of(detections: &[Detection]) -> Result<Self> {
        if let Some(pair) = detections.windows(2).find(|pair| pair[0].slot >= pair[1].slot) {
            let sentence =
                format!("detections have to rise in time: slot {} follows {}", pair[1].slot, pair[0].slot);
            return Err(Error::new(ErrorKind::InvalidInput, sentence));
        }
        let in_check = |detection: &&Detection| detection.basis == Basis::X;
        Ok(Self {
            slots: detections.iter().map(|detection| detection.slot).collect(),
            check: Bits::from_bools(detections.iter().map(|detection| in_check(&detection))),
            check_values: Bits::from_bools(
                detections.iter().filter(in_check).map(|detection| detection.value),
            ),
        })
    }

    /// How many detections it tells of.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it tells of none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// As bytes: differences of slots in variable length, then bases and check bits.
    pub fn write(&self, to: &mut Writer) {
        to.bits(&self.check).bits(&self.check_values);
        let mut next = 0;
        for slot in &self.slots {
            to.number(slot - next);
            next = slot + 1;
        }
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// `Protocol` when it contradicts itself or is cut short.
    pub fn read(from: &mut Reader<'_>) -> Result<Self> {
        let (check, check_values) = (from.bits()?, from.bits()?);
        if check.count_ones() != check_values.len() {
            let sentence =
                format!("{} check bits came for {} detections", check_values.len(), check.count_ones());
            return Err(Error::new(ErrorKind::Protocol, sentence));
        }
        let mut slots = Vec::with_capacity(check.len());
        let mut next = 0u64;
        for _ in 0..check.len() {
            let slot = next.checked_add(from.number()?).filter(|slot| *slot < u64::MAX);
            let slot =
                slot.ok_or_else(|| Error::new(ErrorKind::Protocol, "a slot lies beyond all numbers"))?;
            slots.push(slot);
            next = slot + 1;
        }
        Ok(Self { slots, check, check_values })
    }
}

/// What Alice answers: which detections count, and the intensity of each of those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    kept: Bits,
    intensities: Vec<u8>,
}

impl Selection {
    /// As bytes: one bit a detection, then two bits for each that is kept.
    pub fn write(&self, to: &mut Writer) {
        let both = self.intensities.iter().flat_map(|intensity| [intensity & 1 == 1, intensity & 2 == 2]);
        to.bits(&self.kept).bits(&Bits::from_bools(both));
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// `Protocol` when it contradicts itself or is cut short.
    pub fn read(from: &mut Reader<'_>) -> Result<Self> {
        let (kept, both) = (from.bits()?, from.bits()?);
        let intensities: Vec<u8> = (0..both.len() / 2)
            .map(|i| u8::from(both.get(2 * i)) | u8::from(both.get(2 * i + 1)) << 1)
            .collect();
        let wrong = both.len() != 2 * kept.count_ones()
            || intensities.iter().any(|intensity| usize::from(*intensity) >= MOST_INTENSITIES);
        if wrong {
            return Err(Error::new(
                ErrorKind::Protocol,
                "a selection does not give one intensity for each detection it keeps",
            ));
        }
        Ok(Self { kept, intensities })
    }
}

/// A sifted key with what is known about its bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sifted {
    /// The bits measured in the key basis by both.
    pub key: Bits,
    /// The index of the intensity of each.
    pub intensities: Vec<u8>,
    /// Detections by basis and intensity, and the errors of the check basis; those of the key basis are known once the key is
    /// reconciled ([`Sifted::count_errors`]).
    pub counts: BlockCounts<MOST_INTENSITIES>,
}

impl Sifted {
    fn new(capacity: usize) -> Self {
        Self {
            key: Bits::with_capacity(capacity),
            intensities: Vec::new(),
            counts: BlockCounts { key: Counts::ZERO, check: Counts::ZERO },
        }
    }

    fn push(&mut self, value: bool, intensity: u8) {
        self.key.push(value);
        self.intensities.push(intensity);
        self.counts.key.detections[usize::from(intensity)] += 1;
    }

    fn compare(&mut self, wrong: bool, intensity: u8) {
        self.counts.check.detections[usize::from(intensity)] += 1;
        self.counts.check.errors[usize::from(intensity)] += u64::from(wrong);
    }

    /// Errors of the key basis by intensity, from the key as it was reconciled.
    ///
    /// # Errors
    /// `InvalidInput` when `reconciled` has another length.
    pub fn count_errors(&self, reconciled: &Bits) -> Result<[u64; MOST_INTENSITIES]> {
        let mut difference = self.key.clone();
        difference.xor(reconciled)?;
        let mut errors = [0; MOST_INTENSITIES];
        for (index, word) in difference.words().iter().enumerate() {
            let mut word = *word;
            while word != 0 {
                let bit = index * 64 + word.trailing_zeros() as usize;
                errors[usize::from(self.intensities[bit])] += 1;
                word &= word - 1;
            }
        }
        Ok(errors)
    }
}

/// Alice's side: what she keeps of an announcement, and what she answers.
pub fn select(prepared: &(impl Prepared + ?Sized), announcement: &Announcement) -> (Sifted, Selection) {
    let mut sifted = Sifted::new(announcement.len());
    let mut kept = Bits::with_capacity(announcement.len());
    let mut intensities = Vec::new();
    let mut checks = 0;
    for (index, slot) in announcement.slots.iter().enumerate() {
        let check = announcement.check.get(index);
        let value = announcement.check_values.get(checks);
        checks += usize::from(check);
        let basis = if check { Basis::X } else { Basis::Z };
        let pulse = prepared.pulse(*slot).filter(|pulse| pulse.basis() == basis);
        kept.push(pulse.is_some());
        let Some(pulse) = pulse else { continue };
        intensities.push(pulse.intensity());
        if check {
            sifted.compare(pulse.value() != value, pulse.intensity());
        } else {
            sifted.push(pulse.value(), pulse.intensity());
        }
    }
    (sifted, Selection { kept, intensities })
}

/// Bob's side: what he keeps of his detections after Alice's answer. He does not learn the errors of the check basis this way.
///
/// # Errors
/// `Protocol` when the selection is of another number of detections.
pub fn keep(detections: &[Detection], selection: &Selection) -> Result<Sifted> {
    if selection.kept.len() != detections.len() {
        let sentence =
            format!("a selection from {} detections came for {}", selection.kept.len(), detections.len());
        return Err(Error::new(ErrorKind::Protocol, sentence));
    }
    let mut sifted = Sifted::new(detections.len());
    let kept = detections.iter().enumerate().filter(|(index, _)| selection.kept.get(*index));
    for ((_, detection), intensity) in kept.zip(&selection.intensities) {
        match detection.basis {
            Basis::Z => sifted.push(detection.value, *intensity),
            Basis::X => sifted.counts.check.detections[usize::from(*intensity)] += 1,
        }
    }
    Ok(sifted)
}
