//! The inner loops, in every instruction set they are written for; the best one is chosen once, at first use.
#![allow(unsafe_code, reason = "vector instructions and walks over a block without bounds checks")]

mod blocks;
mod layer;
mod ops;
mod portable;
mod simd;
#[cfg(test)]
mod tests;
mod tile;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

use std::sync::OnceLock;

pub(crate) use blocks::{Shape, Written, for_each_block};
use layer::MAX_HIGH_BITS;
pub(crate) use layer::{HighBit, Layer};
pub(crate) use ops::{Kind, Line, Sweep, TileOp, Where};

use crate::real::Real;

/// The kernels of one instruction set for one kind of number.
#[derive(Debug)]
pub(crate) struct Kernels<T: Real> {
    /// What the instruction set is called.
    pub(crate) name: &'static str,
    sweep: unsafe fn(*mut T, u32, &Sweep<T>, *const Line<T>),
    layer: unsafe fn(*mut T, &mut Layer<'_, T>),
}

impl<T: Real> Kernels<T> {
    /// Does a sweep over a block of whole lane groups, as many as a power of two.
    pub(crate) fn sweep(&self, block: &mut [T], sweep: &Sweep<T>, lines: &[Line<T>]) {
        let groups = block.len() / (2 * T::LANES);
        let [first, second, third] = sweep.tile;
        assert!(groups.is_power_of_two() && first < second && second < third && third < groups.ilog2());
        assert!(sweep.ops.iter().all(|op| op.kind.lines_end() <= lines.len()));
        // SAFETY: block, tile and lines have just been checked, and these kernels are only handed out where the
        // processor has their instructions.
        unsafe { (self.sweep)(block.as_mut_ptr(), groups.ilog2(), sweep, lines.as_ptr()) }
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
        // SAFETY: all sizes have just been checked, and these kernels are only handed out where the processor has
        // their instructions.
        unsafe { (self.layer)(block.as_mut_ptr(), layer) }
    }
}

/// Makes a table of kernels whose functions are compiled for the named instruction sets.
macro_rules! kernels {
    ($module:ident, $name:literal, $real:ty, $vector:ty, $($features:literal)?) => {
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

            pub(super) static KERNELS: Kernels<$real> = Kernels { name: $name, sweep, layer };
        }
    };
}

kernels!(portable64, "portable", f64, portable::Plain<f64>,);
kernels!(portable32, "portable", f32, portable::Plain<f32>,);
#[cfg(target_arch = "x86_64")]
kernels!(avx2_64, "avx2", f64, avx2::F64x8, "avx2,fma");
#[cfg(target_arch = "x86_64")]
kernels!(avx2_32, "avx2", f32, avx2::F32x16, "avx2,fma");
#[cfg(target_arch = "x86_64")]
kernels!(avx512_64, "avx512", f64, avx512::F64x8, "avx512f");
#[cfg(target_arch = "x86_64")]
kernels!(avx512_32, "avx512", f32, avx512::F32x16, "avx512f");

/// Asks the processor what it can do.
macro_rules! usable {
    ($function:ident, $real:ty, $avx512:ident, $avx2:ident, $portable:ident) => {
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
            all.push(&$portable::KERNELS);
            all
        }
    };
}

usable!(usable64, f64, avx512_64, avx2_64, portable64);
usable!(usable32, f32, avx512_32, avx2_32, portable32);

/// Finds the kernels for a kind of number.
pub(crate) trait Choose: Real {
    /// All kernels that this machine can run, the best ones first; never empty.
    #[cfg_attr(not(test), expect(dead_code, reason = "the others are for tests and for comparison"))]
    fn usable() -> Vec<&'static Kernels<Self>>;

    /// The ones this process uses: the best. The variable `QHAL_SIMULATOR_KERNELS` (`avx512`, `avx2`, `portable`)
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
