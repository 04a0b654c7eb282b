//! Hands out the blocks of a pass: gathers their strips into a buffer of the thread, and scatters them back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::real::Real;
use crate::workers::Workers;

/// Which amplitudes make up a block, and which of them can be other than zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Address bits that vary inside a block; the lowest ones always do, up to a lane group at least.
    pub(crate) resident: u64,
    /// Address bits of the state.
    pub(crate) width: u32,
    /// Bits that may be 1 in an amplitude other than zero, before and after.
    pub(crate) live_before: u64,
    pub(crate) live_after: u64,
}

impl Shape {
    /// Bits outside the blocks that can be other than 0.
    fn outside(self) -> u64 {
        ((1 << self.width) - 1) & !self.resident & self.live_before
    }

    /// How many blocks can be other than zero.
    pub(crate) fn blocks(self) -> u64 {
        1 << self.outside().count_ones()
    }
}

/// Address bits of a stretch of the state that is remembered to be all zero: about a huge page.
const STRETCH_BITS: u32 = 17;

/// Which stretches of the state have ever been written; the others are zero, and need not even be read.
pub(crate) struct Written(Vec<AtomicBool>);

impl Written {
    /// For a state of `width` address bits: everything, or the beginning alone.
    pub(crate) fn new(width: u32, everything: bool) -> Self {
        let stretches = 1usize << width.saturating_sub(STRETCH_BITS);
        Self((0..stretches).map(|number| AtomicBool::new(everything || number == 0)).collect())
    }

    fn get(&self, address: u64) -> bool {
        // Each strip is read and written by one thread in a pass, and passes are joined; a stretch that another thread
        // marks meanwhile only costs a look at zeros.
        self.0.get((address >> STRETCH_BITS) as usize).is_none_or(|written| written.load(Ordering::Relaxed))
    }

    fn set(&self, address: u64) {
        if let Some(written) = self.0.get((address >> STRETCH_BITS) as usize) {
            written.store(true, Ordering::Relaxed);
        }
    }
}

/// The cells of a state, to be shared out in blocks.
struct Cells<T>(*mut T);

// SAFETY: blocks with different numbers have no cell in common, and each number is given to one thread.
unsafe impl<T: Send> Sync for Cells<T> {}

/// Puts the bits of `number` where `mask` has ones.
fn deposit(mut number: u64, mut mask: u64) -> u64 {
    let mut spread = 0;
    while mask != 0 && number != 0 {
        let lowest = mask & mask.wrapping_neg();
        if number & 1 == 1 {
            spread |= lowest;
        }
        number >>= 1;
        mask ^= lowest;
    }
    spread
}

/// A buffer that begins on a line of the cache.
fn aligned<T: Real>(buffer: &mut Vec<T>, length: usize) -> &mut [T] {
    let line = 128 / size_of::<T>();
    buffer.resize(length + line, T::default());
    let start = buffer.as_ptr().align_offset(128).min(line);
    &mut buffer[start..start + length]
}

/// Calls `work` once for each block with the bits outside it, the block's amplitudes in order, and the thread's own room.
///
/// Blocks that are all zero are left out: nothing linear changes them.
pub(crate) fn for_each_block<T: Real, R: Default>(
    workers: &Workers,
    cells: &mut [T],
    shape: Shape,
    written: &Written,
    work: impl Fn(u64, &mut [T], &mut R) + Sync,
) {
    let Shape { resident, width, live_before, live_after } = shape;
    let all = (1u64 << width) - 1;
    let strip_bits = resident.trailing_ones();
    assert!(cells.len() == 2 << width && resident & !all == 0 && strip_bits >= T::LANE_BITS);
    let block_bits = resident.count_ones();
    let strip = 2usize << strip_bits;
    let (outside, blocks) = (shape.outside(), shape.blocks());
    let high = resident & !((1 << strip_bits) - 1);
    let strips: Vec<u64> =
        (0..1u64 << (block_bits - strip_bits)).map(|number| deposit(number, high)).collect();
    let contiguous = strips.len() == 1;
    let next = AtomicU64::new(0);
    let shared = Cells(cells.as_mut_ptr());
    let one_thread = || {
        let shared = &shared;
        let mut room = R::default();
        let mut buffer = Vec::new();
        let block: &mut [T] = if contiguous { &mut [] } else { aligned(&mut buffer, 2 << block_bits) };
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= blocks {
                break;
            }
            let address = deposit(number, outside);
            if contiguous {
                if !written.get(address) {
                    continue;
                }
                // SAFETY: the block begins at `address`, whose resident bits are 0, and no other block has its cells.
                let block = unsafe {
                    std::slice::from_raw_parts_mut(shared.0.add(2 * address as usize), 2 << block_bits)
                };
                if !is_zero(block) {
                    work(address, block, &mut room);
                }
                continue;
            }
            let may_be_set = |offset: u64| offset & !live_before == 0 && written.get(address | offset);
            if !strips.iter().any(|&offset| may_be_set(offset)) {
                continue;
            }
            let mut empty = true;
            for (&offset, to) in strips.iter().zip(block.chunks_exact_mut(strip)) {
                if !may_be_set(offset) {
                    to.fill(T::default());
                    continue;
                }
                // SAFETY: `address | offset` has zeros in the strip's bits and none above `width`; the strip is this
                // block's alone and the buffer is the thread's.
                unsafe {
                    let from = shared.0.add(2 * (address | offset) as usize);
                    std::ptr::copy_nonoverlapping(from, to.as_mut_ptr(), strip);
                }
                empty = empty && is_zero(to);
            }
            if empty {
                continue;
            }
            work(address, block, &mut room);
            for (&offset, from) in strips.iter().zip(block.chunks_exact(strip)) {
                let there = address | offset;
                if offset & !live_after == 0 && (written.get(there) || !is_zero(from)) {
                    written.set(there);
                    // SAFETY: as above.
                    unsafe {
                        let to = shared.0.add(2 * there as usize);
                        std::ptr::copy_nonoverlapping(from.as_ptr(), to, strip);
                    }
                }
            }
        }
    };
    if blocks == 1 { one_thread() } else { workers.on_all(width, one_thread) }
}

fn is_zero<T: Real>(cells: &[T]) -> bool {
    cells.iter().all(|&cell| cell == T::default())
}
