//! What operations cost on this machine, so that the planner can choose between two ways of doing the same.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::element::{Element, ElementKind};
use crate::kernels::{Choose, Kind, Line, Sweep, TileOp, Where};
use crate::memory::Buffer;

/// Prices of the kernels' operations, in nanoseconds for 1024 amplitudes in the cache.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Prices {
    /// A real turn without condition.
    pub(crate) turn: f64,
    /// A real turn under a condition, or on a lane.
    pub(crate) mix: f64,
    /// A flip under a condition.
    pub(crate) flip: f64,
    /// A factor on all amplitudes.
    pub(crate) phase: f64,
    /// A dense matrix on two qubits.
    pub(crate) dense: f64,
    /// One that is a rotation and phases in the magic basis.
    pub(crate) magic: f64,
    /// Reading and writing the block once.
    pub(crate) walk: f64,
}

impl Prices {
    /// What one element costs as an operation of a sweep.
    pub(crate) fn element(&self, element: &Element) -> f64 {
        let conditions = element.on.mask.count_ones();
        // Operations under conditions are left out where those do not hold, but each has to be looked at.
        let part = 0.2 + 0.8 * 0.5f64.powi(conditions.min(8) as i32);
        match &element.kind {
            ElementKind::Phase(_) => self.phase * part,
            ElementKind::Turn { .. } if conditions == 0 => self.turn,
            ElementKind::Turn { .. } => self.mix * part,
            ElementKind::Flip { .. } => self.flip * part,
            ElementKind::Dense { .. } => self.dense,
        }
    }

    /// What one operation of a sweep costs.
    pub(crate) fn operation<T>(&self, op: &TileOp<T>) -> f64 {
        let conditions = op.inner.mask.count_ones() + op.outer.mask.count_ones();
        let part = 0.2 + 0.8 * 0.5f64.powi(conditions.min(8) as i32);
        part * match op.kind {
            Kind::Turn { .. } | Kind::SteepTurn { .. } | Kind::Mirror { .. } | Kind::SteepMirror { .. } => {
                self.turn
            }
            Kind::Mix { .. } | Kind::LaneTurn { .. } | Kind::LaneMix { .. } => self.mix,
            Kind::Flip { .. } | Kind::LaneFlip { .. } => self.flip,
            Kind::Phase { groups, .. } => self.phase * f64::from(groups.count_ones()) / 8.0,
            Kind::Magic { .. } => self.magic,
            Kind::Dense { .. } | Kind::DenseLane { .. } | Kind::DenseLanes { .. } => self.dense,
        }
    }

    /// What a matrix on that many qubits costs: four multiplications an element instead of three, on a walk of its own.
    pub(crate) fn many(&self, targets: usize) -> f64 {
        self.dense * 2f64.powi(targets as i32) / 3.0 + self.walk
    }

    /// What a diagonal layer costs: about one factor to make each entry and one to apply it, on a walk of its own.
    pub(crate) fn layer(&self) -> f64 {
        2.0 * self.phase + self.walk
    }

    /// Proportions as the arithmetic suggests them, for states too small to be worth a measurement.
    pub(crate) const fn assumed() -> Self {
        Self { turn: 90.0, mix: 160.0, flip: 60.0, phase: 140.0, dense: 580.0, magic: 450.0, walk: 140.0 }
    }

    /// Prices measured on this machine, once in a process; takes about a millisecond the first time.
    pub(crate) fn measured<T: Choose>() -> Self {
        static MEASURED: [OnceLock<Prices>; 2] = [OnceLock::new(), OnceLock::new()];
        let [f32, f64] = &MEASURED;
        let slot = if size_of::<T>() == 4 { f32 } else { f64 };
        *slot.get_or_init(|| measure::<T>().unwrap_or(Self::assumed()))
    }
}

/// Amplitudes in the block that is measured: 64 KiB in `f64`.
const BLOCK_BITS: u32 = 12;

/// Times each kind of operation on a block in the cache.
fn measure<T: Choose>() -> Option<Prices> {
    const OPERATIONS: usize = 6;
    let mut block = Buffer::<T>::zeros(BLOCK_BITS).ok()?;
    block.fill(T::from_f64(0.5));
    // Zeros and ones: numbers stay moderate however often operations made of them are applied.
    let lines: Vec<Line<T>> =
        (0..48).map(|line| Line(T::lanes(|_| T::from_f64(if line % 10 == 0 { 1.0 } else { 0.0 })))).collect();
    let mut time = |kind: Option<Kind<T>>| {
        let nowhere = Where::default();
        let op = kind.map(|kind| TileOp { outer: nowhere, inner: nowhere, kind });
        let sweep = Sweep { tile: [2, 4, 6], ops: op.into_iter().cycle().take(OPERATIONS).collect() };
        let sweep = if kind.is_none() { Sweep { tile: [2, 4, 6], ops: Vec::new() } } else { sweep };
        let kernels = T::chosen();
        let best = (0..6).map(|_| {
            let start = Instant::now();
            kernels.sweep(&mut block, &sweep, &lines);
            start.elapsed()
        });
        best.min().unwrap_or(Duration::ZERO).as_secs_f64() * 1e9 / f64::from(1 << (BLOCK_BITS - 10))
    };
    let walk = time(None).max(1.0);
    // Part of an operation hides behind the walk; never less than a tenth of a walk, whatever the clock said.
    let mut price = |kind| ((time(Some(kind)) - 0.5 * walk) / OPERATIONS as f64).max(0.1 * walk);
    Some(Prices {
        turn: price(Kind::Turn { bit: 1, t: T::default() }),
        mix: price(Kind::Mix { bit: 1, pairs: 0b1111, at: 10 }),
        flip: price(Kind::Flip { bit: 1, pairs: 0b1111 }),
        phase: price(Kind::Phase { groups: 0xff, at: 0 }),
        dense: price(Kind::Dense { pair: 1, at: 0 }),
        magic: price(Kind::Magic { pair: 1, at: 0 }),
        walk,
    })
}

/// Bytes of a block: half of the second-level cache, the other half being for what lies beside the block; a power of two.
///
/// Linux tells the size; elsewhere it is taken for 512 KiB, which every processor with AVX2 has had since 2018. Debugging
/// aid: `QHAL_SIMULATOR_BLOCK_KIB`.
pub(crate) fn block_bytes() -> usize {
    static READ: OnceLock<usize> = OnceLock::new();
    *READ.get_or_init(|| {
        let asked = std::env::var("QHAL_SIMULATOR_BLOCK_KIB").ok().and_then(|kib| kib.parse::<usize>().ok());
        let cache = std::fs::read_to_string("/sys/devices/system/cpu/cpu0/cache/index2/size");
        let kib = cache.ok().and_then(|size| size.trim().strip_suffix('K')?.parse::<usize>().ok());
        let kib = asked.unwrap_or_else(|| kib.unwrap_or(512) / 2).clamp(64, 8192);
        1usize << (kib << 10).ilog2()
    })
}

/// Bytes a second that one thread reads and writes in memory beyond the caches; measured once in a process.
pub(crate) fn memory_bandwidth() -> f64 {
    static MEASURED: OnceLock<f64> = OnceLock::new();
    *MEASURED.get_or_init(|| {
        let Ok(mut buffer) = Buffer::<f64>::zeros(22) else { return 1e10 };
        buffer.fill(1.0);
        let best = (0..3).map(|_| {
            let start = Instant::now();
            buffer.iter_mut().for_each(|number| *number = -*number);
            start.elapsed()
        });
        let seconds = best.min().unwrap_or(Duration::ZERO).as_secs_f64().max(1e-6);
        2.0 * std::mem::size_of_val::<[f64]>(&buffer) as f64 / seconds
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_sane(prices: Prices) {
        let Prices { turn, mix, flip, phase, dense, magic, walk } = prices;
        for price in [turn, mix, flip, phase, dense, magic, walk] {
            assert!(price.is_finite() && price > 0.0, "{prices:?}");
        }
    }

    #[test]
    fn measured_prices_are_positive_and_measured_once() {
        is_sane(Prices::measured::<f64>());
        is_sane(Prices::measured::<f32>());
        assert_eq!(Prices::measured::<f64>(), Prices::measured::<f64>());
        assert!(memory_bandwidth() > 0.0);
    }
}
