//! Diagonal layers: many commuting phases merged into tables, a few of which are made anew for each block.

use std::collections::BTreeMap;

use qhal::Complex64;

use super::element::{Element, ElementKind};
use super::encode::Residence;
use crate::kernels::{HighBit, Kernels, Layer, Where};
use crate::real::Real;

/// Bits of an amplitude's number inside a block that tables run over: 2 KiB a table.
const TABLE_BITS: u32 = 7;

/// A layer as a pass holds it.
#[derive(Clone, Debug)]
pub(crate) struct LayerPlan<T> {
    /// The table for high bits that are all 0 and outer bits that are all 0.
    base: Vec<Complex64>,
    /// Factors of whole blocks.
    outer: Vec<(Where, Complex64)>,
    /// Factors of one bit inside the block, where bits outside are so.
    crossed: Vec<(Where, u32, Complex64)>,
    high: Vec<HighBit<T>>,
    /// The factor of each high bit alone.
    single: Vec<Complex64>,
}

/// Room for one thread to prepare a layer in.
#[derive(Debug, Default)]
pub(crate) struct LayerRoom<T> {
    table: Vec<Complex64>,
    low: Vec<T>,
    single: Vec<[T; 2]>,
    scratch: Vec<T>,
}

/// Products of factors on single bits and pairs of bits.
#[derive(Default)]
struct Terms {
    global: Complex64,
    single: BTreeMap<u32, Complex64>,
    pairs: BTreeMap<(u32, u32), Complex64>,
}

impl Terms {
    /// Adds a factor where the bits are so; bits that have to be 0 become one term without and one with the bit.
    fn add(&mut self, on: Where, factor: Complex64) {
        let inverted = on.mask & !on.value;
        if inverted != 0 {
            let bit = 1u64 << inverted.trailing_zeros();
            self.add(Where { mask: on.mask & !bit, value: on.value }, factor);
            self.add(Where { mask: on.mask, value: on.value | bit }, factor.conj());
            return;
        }
        let low = on.mask.trailing_zeros();
        let rest = on.mask & on.mask.wrapping_sub(1);
        let slot = if on.mask == 0 {
            &mut self.global
        } else if rest == 0 {
            self.single.entry(low).or_insert(Complex64::ONE)
        } else {
            self.pairs.entry((low, rest.trailing_zeros())).or_insert(Complex64::ONE)
        };
        *slot *= factor;
    }
}

fn is_one(factor: Complex64) -> bool {
    (factor - Complex64::ONE).norm_sqr() < 1e-31
}

/// A table of complex numbers in lane groups.
fn in_groups<T: Real>(table: &[Complex64], groups: &mut Vec<T>) {
    groups.clear();
    for lanes in table.chunks(T::LANES) {
        groups.extend(lanes.iter().map(|factor| T::from_f64(factor.re)));
        groups.extend(lanes.iter().map(|factor| T::from_f64(factor.im)));
    }
}

/// Multiplies the entries of a table whose number has `bit`.
fn multiply_bit(table: &mut [Complex64], bit: u32, factor: Complex64) {
    for half in table.chunks_mut(2 << bit) {
        let (_, ones) = half.split_at_mut(1 << bit);
        ones.iter_mut().for_each(|entry| *entry *= factor);
    }
}

impl<T: Real> LayerPlan<T> {
    /// Merges factors on at most two bits each, and `global`, into a layer for blocks of `block_bits`.
    pub(crate) fn new(
        elements: &[Element],
        global: Complex64,
        residence: Residence,
        block_bits: u32,
    ) -> Self {
        let mut terms = Terms { global, ..Terms::default() };
        for element in elements {
            if let ElementKind::Phase(factor) = element.kind {
                terms.add(element.on, factor);
            }
        }
        let table_bits = TABLE_BITS.min(block_bits);
        let resident = |bit: u32| residence.resident >> bit & 1 == 1;
        let condition = |bit: u32| Where { mask: 1 << bit, value: 1 << bit };
        let mut base = vec![terms.global; 1 << table_bits];
        let (mut outer, mut crossed) = (Vec::new(), Vec::new());
        let count = block_bits - table_bits;
        let mut single = vec![Complex64::ONE; count as usize];
        let mut tables: Vec<Option<Vec<Complex64>>> = vec![None; count as usize];
        let mut pairs = vec![vec![None; count as usize]; count as usize];
        for (bit, factor) in terms.single.into_iter().filter(|(_, factor)| !is_one(*factor)) {
            let inside = residence.inside(bit);
            match resident(bit) {
                false => outer.push((condition(bit), factor)),
                true if inside < table_bits => multiply_bit(&mut base, inside, factor),
                true => single[(inside - table_bits) as usize] = factor,
            }
        }
        for ((low, high), factor) in terms.pairs.into_iter().filter(|(_, factor)| !is_one(*factor)) {
            let (a, b) = (residence.inside(low), residence.inside(high));
            match (resident(low), resident(high)) {
                (false, false) => {
                    let mask = 1 << low | 1 << high;
                    outer.push((Where { mask, value: mask }, factor));
                }
                (true, false) => crossed.push((condition(high), a, factor)),
                (false, true) => crossed.push((condition(low), b, factor)),
                (true, true) if b < table_bits => {
                    for (number, entry) in base.iter_mut().enumerate() {
                        if number >> a & number >> b & 1 == 1 {
                            *entry *= factor;
                        }
                    }
                }
                (true, true) if a < table_bits => {
                    let table = tables[(b - table_bits) as usize]
                        .get_or_insert_with(|| vec![Complex64::ONE; 1 << table_bits]);
                    multiply_bit(table, a, factor);
                }
                (true, true) => {
                    let (a, b) = ((a - table_bits) as usize, (b - table_bits) as usize);
                    pairs[a][b] = Some(factor);
                    pairs[b][a] = Some(factor);
                }
            }
        }
        // Bits that much hangs on come first: their tables are made least often, and where they are 0 nothing is done.
        let weight = |at: usize| {
            let inside = at as u32 + table_bits;
            let alone = !is_one(single[at]) || crossed.iter().any(|&(_, bit, _)| bit == inside);
            (tables[at].is_some(), pairs[at].iter().flatten().count(), alone)
        };
        let mut order: Vec<usize> = (0..count as usize).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(weight(at)));
        let high = order.iter().enumerate().map(|(place, &at)| HighBit {
            bit: at as u32 + table_bits,
            table: tables[at].as_ref().map(|table| {
                let mut groups = Vec::new();
                in_groups(table, &mut groups);
                groups
            }),
            pairs: order
                .iter()
                .take(place)
                .enumerate()
                .filter_map(|(earlier, &other)| {
                    let factor: Complex64 = pairs[at][other]?;
                    Some((earlier, [T::from_f64(factor.re), T::from_f64(factor.im)]))
                })
                .collect(),
        });
        let high: Vec<HighBit<T>> = high.collect();
        let single = order.iter().map(|&at| single[at]).collect();
        Self { base, outer, crossed, high, single }
    }

    /// Multiplies a block whose bits outside are those of `address`.
    pub(crate) fn apply(&self, kernels: &Kernels<T>, block: &mut [T], address: u64, room: &mut LayerRoom<T>) {
        let LayerRoom { table, low, single, scratch } = room;
        table.clone_from(&self.base);
        let whole: Complex64 =
            self.outer.iter().filter(|(on, _)| on.holds(address)).map(|(_, factor)| factor).product();
        let mut alone = self.single.clone();
        for &(on, bit, factor) in self.crossed.iter().filter(|(on, ..)| on.holds(address)) {
            debug_assert!(on.mask != 0);
            if 1 << bit < table.len() {
                multiply_bit(table, bit, factor);
            } else if let Some(at) = self.high.iter().position(|high| high.bit == bit) {
                alone[at] *= factor;
            }
        }
        if !is_one(whole) {
            table.iter_mut().for_each(|entry| *entry *= whole);
        }
        let plain = table.iter().all(|&entry| is_one(entry));
        in_groups(table, low);
        single.clear();
        single.extend(alone.iter().map(|&factor| {
            if is_one(factor) {
                [T::from_f64(1.0), T::default()]
            } else {
                [T::from_f64(factor.re), T::from_f64(factor.im)]
            }
        }));
        let length = 2 * table.len();
        scratch.resize((self.high.len() + 1) * length, T::default());
        let low = (!plain).then_some(low.as_slice());
        kernels.layer(block, &mut Layer { low, high: &self.high, single, scratch, length });
    }
}
