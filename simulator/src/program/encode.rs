//! From elements to the operations of the kernels: tile bits, lanes, conditions and lines of constants.

use qhal::Complex64;
use qhal::circuit::Matrix;

use super::element::{Element, ElementKind};
use super::magic::{self, Encoded, Four};
use crate::kernels::{Kind, Line, Many, Sweep, TileOp, Where};
use crate::real::Real;

/// Which address bits a block holds, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Residence {
    pub(crate) resident: u64,
}

impl Residence {
    /// The bit of an amplitude's number inside the block that an address bit is.
    pub(crate) fn inside(self, bit: u32) -> u32 {
        (self.resident & ((1u64 << bit) - 1)).count_ones()
    }

    /// The resident bits of a mask, moved to where they are inside the block.
    pub(crate) fn gather(self, mask: u64) -> u64 {
        (0..64)
            .filter(|bit| mask & self.resident & (1u64 << bit) != 0)
            .fold(0, |inside, bit| inside | 1 << self.inside(bit))
    }
}

/// Below this modulus, squared, what is left of all is taken in by the next matrix instead of growing further.
const SMALL_GLOBAL: f64 = 1e-12;

/// Lines of constants and the operations that use them.
pub(crate) struct Encoder<T: Real> {
    pub(crate) lines: Vec<Line<T>>,
    /// A factor of the whole state that the operations so far leave to be done.
    pub(crate) global: Complex64,
}

/// A sweep in the making: its tile bits (inside the block), ascending.
struct Tile {
    bits: [u32; 3],
}

/// A condition taken apart: what decides about blocks, tiles, groups and lanes.
struct Split {
    outer: Where,
    inner: Where,
    tile: Where,
    lanes: Where,
}

impl<T: Real> Encoder<T> {
    pub(crate) fn new() -> Self {
        Self { lines: Vec::new(), global: Complex64::ONE }
    }

    fn line(&mut self, make: impl FnMut(usize) -> f64) -> u32 {
        let mut make = make;
        self.lines.push(Line(T::lanes(|lane| T::from_f64(make(lane)))));
        self.lines.len() as u32 - 1
    }

    fn order(&mut self, make: impl FnMut(usize) -> usize) -> u32 {
        let mut make = make;
        self.lines.push(Line(T::lanes(|lane| T::from_index(make(lane)))));
        self.lines.len() as u32 - 1
    }

    fn complex(&mut self, make: impl Fn(usize) -> Complex64) -> u32 {
        let at = self.line(|lane| make(lane).re);
        self.line(|lane| make(lane).im);
        at
    }

    /// An element a + ib of a dense matrix: a + b, b and a, as the kernels multiply with three multiplications.
    fn element(&mut self, make: impl Fn(usize) -> Complex64) {
        self.line(|lane| make(lane).re + make(lane).im);
        self.line(|lane| make(lane).im);
        self.line(|lane| make(lane).re);
    }

    /// Encodes a sweep whose tile bits (address bits) are given as a mask.
    pub(crate) fn sweep(
        &mut self,
        residence: Residence,
        block_bits: u32,
        tile: u64,
        elements: &[Element],
    ) -> Sweep<T> {
        let mut inside = residence.gather(tile) >> T::LANE_BITS;
        for bit in 0..block_bits - T::LANE_BITS {
            if inside.count_ones() < 3 {
                inside |= 1 << bit;
            }
        }
        let mut bits = (0..64).filter(|bit| inside >> bit & 1 == 1);
        let tile = Tile { bits: std::array::from_fn(|_| bits.next().unwrap_or(0)) };
        let ops = elements.iter().filter_map(|element| self.op(residence, &tile, element)).collect();
        Sweep { tile: tile.bits, ops }
    }

    /// Encodes a matrix that does not fit a sweep; none of its bits is a lane.
    pub(crate) fn many(&mut self, residence: Residence, element: &Element) -> Option<Many<T>> {
        let ElementKind::Dense { matrix, targets } = &element.kind else { return None };
        let on = element.on;
        let inside = |mask: u64| residence.gather(mask) >> T::LANE_BITS;
        let outside = |mask: u64| mask & !residence.resident;
        let everywhere = on.mask == 0;
        let factor =
            if everywhere { std::mem::replace(&mut self.global, Complex64::ONE) } else { Complex64::ONE };
        Some(Many {
            outer: Where { mask: outside(on.mask), value: outside(on.value) },
            inner: Where { mask: inside(on.mask), value: inside(on.value) },
            bits: targets.iter().map(|bit| residence.inside(bit) - T::LANE_BITS).collect(),
            elements: matrix
                .elements()
                .iter()
                .map(|element| element * factor)
                .map(|element| [T::from_f64(element.re), T::from_f64(element.im)])
                .collect(),
        })
    }

    fn op(&mut self, residence: Residence, tile: &Tile, element: &Element) -> Option<TileOp<T>> {
        let split = split::<T>(residence, tile, element.on);
        let everywhere = element.on.mask == 0;
        let place = |bit: u32| tile.place::<T>(residence.inside(bit));
        let kind = match &element.kind {
            ElementKind::Phase(factor) => {
                let at = self.complex(
                    |lane| {
                        if split.lanes.holds(lane as u64) { *factor } else { Complex64::ONE }
                    },
                );
                Kind::Phase { groups: split.groups(), at }
            }
            &ElementKind::Flip { bit } => match place(bit) {
                Place::Tile(bit) if split.lanes.mask == 0 => Kind::Flip { bit, pairs: split.pairs(bit) },
                Place::Tile(bit) => self.mix(&split, bit, [[0.0, 1.0], [1.0, 0.0]]),
                Place::Lane(bit) => {
                    let at = self.order(
                        |lane| {
                            if split.lanes.holds(lane as u64) { lane ^ 1 << bit } else { lane }
                        },
                    );
                    Kind::LaneFlip { groups: split.groups(), at }
                }
                Place::Elsewhere => return None,
            },
            &ElementKind::Turn { bit, c, s, mirror } => match place(bit) {
                Place::Tile(bit) if everywhere => self.turn(bit, c, s, mirror),
                Place::Tile(bit) => self.mix(&split, bit, real_matrix(c, s, mirror)),
                Place::Lane(bit) => self.lane_turn(&split, everywhere, bit, (c, s, mirror)),
                Place::Elsewhere => return None,
            },
            ElementKind::Dense { matrix, targets } => {
                let mut places = targets.iter().map(place);
                self.dense(matrix, places.next()?, places.next()?)?
            }
        };
        Some(TileOp { outer: split.outer, inner: split.inner, kind })
    }

    /// A real turn on a tile bit with its scale left to be done later, so that one multiply-add is enough.
    fn turn(&mut self, bit: u8, c: f64, s: f64, mirror: bool) -> Kind<T> {
        let steep = s.abs() > c.abs();
        self.global *= if steep { s } else { c };
        let t = T::from_f64(if steep { c / s } else { s / c });
        match (steep, mirror) {
            (false, false) => Kind::Turn { bit, t },
            (true, false) => Kind::SteepTurn { bit, t },
            (false, true) => Kind::Mirror { bit, t },
            (true, true) => Kind::SteepMirror { bit, t },
        }
    }

    /// A real matrix on a tile bit, where the condition holds.
    fn mix(&mut self, split: &Split, bit: u8, matrix: [[f64; 2]; 2]) -> Kind<T> {
        let at = self.lines.len() as u32;
        for (row, line) in matrix.iter().enumerate() {
            for (column, &element) in line.iter().enumerate() {
                let otherwise = if row == column { 1.0 } else { 0.0 };
                self.line(|lane| if split.lanes.holds(lane as u64) { element } else { otherwise });
            }
        }
        Kind::Mix { bit, pairs: split.pairs(bit), at }
    }

    fn lane_turn(
        &mut self,
        split: &Split,
        everywhere: bool,
        bit: u32,
        (c, s, mirror): (f64, f64, bool),
    ) -> Kind<T> {
        let matrix = real_matrix(c, s, mirror);
        let at = self.order(|lane| lane ^ 1 << bit);
        let half = |lane: usize| lane >> bit & 1;
        if everywhere && !mirror && c.abs() >= s.abs() {
            self.global *= c;
            self.line(|lane| if half(lane) == 0 { -s / c } else { s / c });
            return Kind::LaneTurn { at };
        }
        let holds = |lane: usize| split.lanes.holds(lane as u64);
        self.line(|lane| if holds(lane) { matrix[half(lane)][1 - half(lane)] } else { 0.0 });
        self.line(|lane| if holds(lane) { matrix[half(lane)][half(lane)] } else { 1.0 });
        Kind::LaneMix { groups: split.groups(), at }
    }

    /// A matrix in the magic basis, on two tile bits.
    fn magic(&mut self, pair: u8, encoded: Encoded) -> Kind<T> {
        let at = self.lines.len() as u32;
        for element in encoded.elements.iter().flatten() {
            self.line(|_| *element);
        }
        for factor in encoded.factors {
            self.complex(|_| factor);
        }
        self.global *= encoded.global;
        Kind::Magic { pair, at }
    }

    /// A matrix on two qubits, wherever they are.
    fn dense(&mut self, matrix: &Matrix, first: Place, second: Place) -> Option<Kind<T>> {
        // The lower place becomes the lower bit of the index, lanes before tile bits.
        let swapped = match (first, second) {
            (Place::Lane(a), Place::Lane(b)) => a > b,
            (Place::Tile(a), Place::Tile(b)) => a > b,
            (Place::Tile(_), Place::Lane(_)) => true,
            _ => false,
        };
        let turn = |index: usize| if swapped { (index & 1) << 1 | index >> 1 } else { index };
        let four: Four =
            std::array::from_fn(|row| std::array::from_fn(|column| matrix.get(turn(row), turn(column))));
        let (low, high) = if swapped { (second, first) } else { (first, second) };
        if let (Place::Tile(a), Place::Tile(b)) = (low, high)
            && self.global.norm_sqr() > SMALL_GLOBAL
            && let Some(core) = magic::core(&four)
        {
            return Some(self.magic(a + b - 1, core.encode()));
        }
        // A dense matrix takes in for nothing what turns have left to be done.
        let global = std::mem::replace(&mut self.global, Complex64::ONE);
        let element = |row: usize, column: usize| four[row][column] * global;
        match (low, high) {
            (Place::Tile(a), Place::Tile(b)) => {
                let at = self.lines.len() as u32;
                for row in 0..4 {
                    for column in 0..4 {
                        self.element(|_| element(row, column));
                    }
                }
                Some(Kind::Dense { pair: a + b - 1, at })
            }
            (Place::Lane(lane_bit), Place::Tile(bit)) => {
                let at = self.order(|lane| lane ^ 1 << lane_bit);
                for row in 0..2 {
                    for column in 0..2 {
                        for moved in 0..2 {
                            self.element(|lane| {
                                let half = lane >> lane_bit & 1;
                                element(row << 1 | half, column << 1 | (half ^ moved))
                            });
                        }
                    }
                }
                Some(Kind::DenseLane { bit, at })
            }
            (Place::Lane(a), Place::Lane(b)) => {
                let flip = |moved: usize| (moved & 1) << a | (moved >> 1) << b;
                let at = self.order(|lane| lane ^ flip(1));
                self.order(|lane| lane ^ flip(2));
                self.order(|lane| lane ^ flip(3));
                for moved in 0..4 {
                    self.element(|lane| {
                        let row = (lane >> a & 1) | (lane >> b & 1) << 1;
                        element(row, row ^ moved)
                    });
                }
                Some(Kind::DenseLanes { at })
            }
            _ => None,
        }
    }
}

/// Where a bit is during a sweep.
#[derive(Clone, Copy, Debug)]
enum Place {
    Lane(u32),
    Tile(u8),
    /// Nowhere that a sweep can change it; the scheduler does not let this happen.
    Elsewhere,
}

impl Tile {
    fn place<T: Real>(&self, inside: u32) -> Place {
        if inside < T::LANE_BITS {
            return Place::Lane(inside);
        }
        let at = self.bits.iter().position(|&bit| bit + T::LANE_BITS == inside);
        at.map_or(Place::Elsewhere, |at| Place::Tile(at as u8))
    }
}

fn split<T: Real>(residence: Residence, tile: &Tile, on: Where) -> Split {
    let outer = Where { mask: on.mask & !residence.resident, value: on.value & !residence.resident };
    let (mask, value) = (residence.gather(on.mask), residence.gather(on.value));
    let lane_mask = (1u64 << T::LANE_BITS) - 1;
    let lanes = Where { mask: mask & lane_mask, value: value & lane_mask };
    let (mut mask, mut value) = (mask >> T::LANE_BITS, value >> T::LANE_BITS);
    let mut in_tile = Where::default();
    for (at, &bit) in tile.bits.iter().enumerate() {
        in_tile.mask |= (mask >> bit & 1) << at;
        in_tile.value |= (value >> bit & 1) << at;
        mask &= !(1 << bit);
        value &= !(1 << bit);
    }
    Split { outer, inner: Where { mask, value }, tile: in_tile, lanes }
}

impl Split {
    /// Which groups of the tile satisfy the condition.
    fn groups(&self) -> u8 {
        (0..8).filter(|&group| self.tile.holds(group)).fold(0, |mask, group| mask | 1 << group)
    }

    /// Which pairs of a tile bit satisfy it.
    fn pairs(&self, bit: u8) -> u8 {
        let low = |pair: u64| (pair >> bit << (bit + 1)) | (pair & ((1 << bit) - 1));
        (0..4).filter(|&pair| self.tile.holds(low(pair))).fold(0, |mask, pair| mask | 1 << pair)
    }
}

fn real_matrix(c: f64, s: f64, mirror: bool) -> [[f64; 2]; 2] {
    if mirror { [[c, s], [s, -c]] } else { [[c, -s], [s, c]] }
}
