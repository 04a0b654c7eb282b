//! The inner loops, in every instruction set they are written for; the best one is chosen once, at first use.
#![allow(unsafe_code, reason = "vector instructions and walks over a block without bounds checks")]

mod adjoint;
mod apply;
mod blocks;
mod layer;
mod limits;
mod many;
mod matrix;
mod ops;
mod portable;
mod simd;
mod strings;
mod subnormal;
#[cfg(test)]
mod tests;
mod tile;
mod wide;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

use std::sync::OnceLock;

pub(crate) use adjoint::{Form, Local, SUMS, Sums};
pub(crate) use blocks::{Shape, Written, for_each_block};
use layer::MAX_HIGH_BITS;
pub(crate) use layer::{HighBit, Layer};
pub(crate) use many::{MAX_TARGETS, Many};
pub(crate) use ops::{Kind, Line, Sweep, TileOp, Where};
pub(crate) use strings::{RUN_GROUP_BITS, Signs, Strings};

use crate::real::Real;
use subnormal::Flushed;
use wide::Whole;

/// The kernels of one instruction set for one kind of number.
#[derive(Debug)]
pub(crate) struct Kernels<T: Real> {
    /// What the instruction set is called.
    pub(crate) name: &'static str,
    sweep: unsafe fn(*mut T, u32, &Sweep<T>, *const Line<T>),
    layer: unsafe fn(*mut T, &mut Layer<'_, T>),
    turn: unsafe fn(*mut T, usize, &Local<T>, bool),
    overlap: unsafe fn(*const T, usize, &Local<T>, bool, &mut Sums<T>),
    strings: unsafe fn(*const T, *const T, usize, u64, &Strings<T>, *mut Line<T>),
    multiply_adds: unsafe fn(usize, &mut T) -> f64,
    in_place: unsafe fn(*mut T, usize),
    many: unsafe fn(*mut T, u32, &Many<T>),
}

impl<T: Real> Kernels<T> {
    /// Does a sweep over a block of whole lane groups, as many as a power of two.
    pub(crate) fn sweep(&self, block: &mut [T], sweep: &Sweep<T>, lines: &[Line<T>]) {
        let groups = block.len() / (2 * T::LANES);
        let [first, second, third] = sweep.tile;
        assert!(groups.is_power_of_two() && first < second && second < third && third < groups.ilog2());
        assert!(sweep.ops.iter().all(|op| op.kind.lines_end() <= lines.len()));
        let _flushed = Flushed::begin();
        // SAFETY: block, tile and lines have just been checked, and these kernels are only handed out where the
        // processor has their instructions.
        unsafe { (self.sweep)(block.as_mut_ptr(), groups.ilog2(), sweep, lines.as_ptr()) }
    }

    /// Multiplies a block of whole lane groups, as many as a power of two, by a matrix.
    pub(crate) fn many(&self, block: &mut [T], matrix: &Many<T>) {
        let groups = block.len() / (2 * T::LANES);
        let (targets, mut seen) = (matrix.bits.len(), 0u64);
        assert!(groups.is_power_of_two() && (2..=MAX_TARGETS).contains(&targets));
        assert!(matrix.bits.iter().all(|&bit| bit < groups.ilog2()));
        matrix.bits.iter().for_each(|bit| seen |= 1 << bit);
        assert!(seen.count_ones() as usize == targets && matrix.elements.len() == 1 << (2 * targets));
        let _flushed = Flushed::begin();
        // SAFETY: block, bits and elements have just been checked, and these kernels are only handed out where the
        // processor has their instructions.
        unsafe { (self.many)(block.as_mut_ptr(), groups.ilog2(), matrix) }
    }

    /// Multiplies a block by a diagonal layer.
    pub(crate) fn layer(&self, block: &mut [T], layer: &mut Layer<'_, T>) {
        let (length, count) = (layer.length, layer.high.len());
        assert!(count <= MAX_HIGH_BITS && length.is_multiple_of(2 * T::LANES));
        assert!(block.len() == length << count && layer.scratch.len() >= length * count);
        assert!(layer.low.is_none_or(|table| table.len() == length));
        for high in layer.high {
            assert!(2 << high.bit >= length && (2 << high.bit) < block.len());
            assert!(high.table.as_ref().is_none_or(|table| table.len() == length));
        }
        let _flushed = Flushed::begin();
        // SAFETY: all sizes have just been checked, and these kernels are only handed out where the processor has
        // their instructions.
        unsafe { (self.layer)(block.as_mut_ptr(), layer) }
    }

    /// Applies a gate of a parametrised circuit to a block of whole lane groups, as many as a power of two.
    pub(crate) fn turn(&self, block: &mut [T], local: &Local<T>, odd: bool) {
        let groups = block.len() / (2 * T::LANES);
        assert!(groups.is_power_of_two() && local.fits(groups));
        let _flushed = Flushed::begin();
        // SAFETY: the block has just been checked, and these kernels are only handed out where the processor has
        // their instructions.
        unsafe { (self.turn)(block.as_mut_ptr(), groups, local, odd) }
    }

    /// Sums up over a block, whose halves are two states, what the derivatives by a gate's angles need.
    pub(crate) fn overlap(&self, block: &[T], local: &Local<T>, odd: bool, sums: &mut Sums<T>) {
        let groups = block.len() / (4 * T::LANES);
        assert!(groups.is_power_of_two() && local.fits(groups));
        let _flushed = Flushed::begin();
        // SAFETY: as above; twice `groups` groups are in the block.
        unsafe { (self.overlap)(block.as_ptr(), groups, local, odd, sums) }
    }

    /// Sums up, for Pauli strings that flip the same bits, over a chunk of the state and the one that it is flipped to.
    pub(crate) fn strings(
        &self,
        own: &[T],
        partner: &[T],
        address: u64,
        spec: &Strings<T>,
        sums: &mut [Line<T>],
    ) {
        let runs = own.len() / ((2 * T::LANES) << RUN_GROUP_BITS);
        assert!(runs.is_power_of_two() && spec.runs < runs && spec.groups >> RUN_GROUP_BITS == 0);
        assert!(own.len() == partner.len() && sums.len() >= spec.strings.len());
        let _flushed = Flushed::begin();
        // SAFETY: all sizes have just been checked, and these kernels are only handed out where the processor has
        // their instructions.
        unsafe { (self.strings)(own.as_ptr(), partner.as_ptr(), runs, address, spec, sums.as_mut_ptr()) }
    }

    /// Keeps the arithmetic of one thread busy for `rounds` rounds; says how many operations that were, and puts the
    /// result of all of them into `out`, so that none can be left out.
    pub(crate) fn multiply_adds(&self, rounds: usize, out: &mut T) -> f64 {
        // SAFETY: these kernels are only handed out where the processor has their instructions.
        unsafe { (self.multiply_adds)(rounds, out) }
    }

    /// Reads and writes all of some lane groups.
    pub(crate) fn in_place(&self, cells: &mut [T]) {
        // SAFETY: as above; the groups are in the slice.
        unsafe { (self.in_place)(cells.as_mut_ptr(), cells.len() / (2 * T::LANES)) }
    }
}

/// Makes a table of kernels whose functions are compiled for the named instruction sets.
macro_rules! kernels {
    ($module:ident, $name:literal, $real:ty, $vector:ty, $parts:literal, $($features:literal)?) => {
        mod $module {
            use super::*;

            $(#[target_feature(enable = $features)])?
            unsafe fn sweep(block: *mut $real, bits: u32, sweep: &Sweep<$real>, lines: *const Line<$real>) {
                // SAFETY: passed on.
                unsafe { tile::sweep::<$real, $vector>(block, bits, sweep, lines) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn layer(block: *mut $real, layer: &mut Layer<'_, $real>) {
                // SAFETY: passed on.
                unsafe { layer::layer::<$real, $vector>(block, layer) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn many(block: *mut $real, bits: u32, matrix: &Many<$real>) {
                // SAFETY: passed on.
                unsafe { many::many::<$real, $vector>(block, bits, matrix) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn turn(block: *mut $real, groups: usize, local: &Local<$real>, odd: bool) {
                // SAFETY: passed on.
                unsafe { adjoint::turn::<$real, Whole<$vector, $parts>>(block, groups, local, odd) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn overlap(
                block: *const $real,
                groups: usize,
                local: &Local<$real>,
                odd: bool,
                sums: &mut Sums<$real>,
            ) {
                // SAFETY: passed on.
                unsafe { adjoint::overlap::<$real, Whole<$vector, $parts>>(block, groups, local, odd, sums) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn strings(
                own: *const $real,
                partner: *const $real,
                runs: usize,
                address: u64,
                spec: &Strings<$real>,
                sums: *mut Line<$real>,
            ) {
                // SAFETY: passed on.
                unsafe { strings::strings::<$real, Whole<$vector, $parts>>(own, partner, runs, address, spec, sums) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn multiply_adds(rounds: usize, out: &mut $real) -> f64 {
                // SAFETY: passed on.
                unsafe { limits::multiply_adds::<$real, Whole<$vector, $parts>>(rounds, out) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn in_place(cells: *mut $real, groups: usize) {
                // SAFETY: passed on.
                unsafe { limits::in_place::<$real, Whole<$vector, $parts>>(cells, groups) }
            }

            pub(super) static KERNELS: Kernels<$real> = Kernels {
                name: $name,
                sweep,
                layer,
                many,
                turn,
                overlap,
                strings,
                multiply_adds,
                in_place,
            };
        }
    };
}

kernels!(portable64, "portable", f64, portable::Plain<f64>, 1,);
kernels!(portable32, "portable", f32, portable::Plain<f32>, 1,);
#[cfg(target_arch = "x86_64")]
kernels!(avx2_64, "avx2", f64, avx2::F64x4, 2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
kernels!(avx2_32, "avx2", f32, avx2::F32x8, 2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
kernels!(avx512_64, "avx512", f64, avx512::F64x8, 1, "avx512f");
#[cfg(target_arch = "x86_64")]
kernels!(avx512_32, "avx512", f32, avx512::F32x16, 1, "avx512f");

#[cfg(target_arch = "aarch64")]
kernels!(neon_64, "neon", f64, neon::F64x2, 4, "neon");
#[cfg(target_arch = "aarch64")]
kernels!(neon_32, "neon", f32, neon::F32x4, 4, "neon");

/// Asks the processor what it can do.
macro_rules! usable {
    ($function:ident, $real:ty, $avx512:ident, $avx2:ident, $neon:ident, $portable:ident) => {
        fn $function() -> Vec<&'static Kernels<$real>> {
            let mut all: Vec<&'static Kernels<$real>> = Vec::new();
            #[cfg(target_arch = "x86_64")]
            {
                if is_x86_feature_detected!("avx512f") {
                    all.push(&$avx512::KERNELS);
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    all.push(&$avx2::KERNELS);
                }
            }
            #[cfg(target_arch = "aarch64")]
            if std::arch::is_aarch64_feature_detected!("neon") {
                all.push(&$neon::KERNELS);
            }
            all.push(&$portable::KERNELS);
            all
        }
    };
}

usable!(usable64, f64, avx512_64, avx2_64, neon_64, portable64);
usable!(usable32, f32, avx512_32, avx2_32, neon_32, portable32);

/// Finds the kernels for a kind of number.
pub(crate) trait Choose: Real {
    /// All kernels that this machine can run, the best ones first; never empty.
    fn usable() -> Vec<&'static Kernels<Self>>;

    /// The ones this process uses: the best. The variable `QHAL_SIMULATOR_KERNELS` (`avx512`, `avx2`, `neon`, `portable`)
    /// chooses others, for comparison.
    fn chosen() -> &'static Kernels<Self>;
}

macro_rules! choose {
    ($real:ty, $usable:ident, $portable:ident) => {
        impl Choose for $real {
            fn usable() -> Vec<&'static Kernels<Self>> {
                $usable()
            }

            fn chosen() -> &'static Kernels<Self> {
                static CHOSEN: OnceLock<&'static Kernels<$real>> = OnceLock::new();
                CHOSEN.get_or_init(|| {
                    let all = $usable();
                    let wanted = std::env::var("QHAL_SIMULATOR_KERNELS").unwrap_or_default();
                    let named = all.iter().find(|kernels| kernels.name == wanted);
                    named.or(all.first()).copied().unwrap_or(&$portable::KERNELS)
                })
            }
        }
    };
}

choose!(f64, usable64, portable64);
choose!(f32, usable32, portable32);
