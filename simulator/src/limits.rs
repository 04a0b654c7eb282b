//! The limits of this machine that nothing computed here can pass: bandwidth of memory and caches, arithmetic.

use std::time::{Duration, Instant};

use qhal::Result;

use crate::kernels::Choose;
use crate::memory::Buffer;
use crate::options::Precision;
use crate::workers::Workers;

/// One limit, measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// What was done.
    pub quantity: Quantity,
    /// By how many threads at once.
    pub threads: usize,
    /// Bytes or operations a second.
    pub per_second: f64,
}

/// What a limit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quantity {
    /// `a = b + s·c` over arrays of 256 MiB on huge pages: bytes read and written (the STREAM benchmark's triad).
    Triad,
    /// Reading and writing 256 MiB in place, on huge pages: what a gate does to a large state.
    InPlace,
    /// Reading 256 MiB, on huge pages.
    Read,
    /// Reading and writing this many KiB a thread again and again: a state that the caches hold.
    Cache(usize),
    /// Multiply-adds of this precision in registers; one counts as two operations.
    MultiplyAdd(Precision),
}

impl Quantity {
    /// The quantity in words.
    pub fn describe(self) -> String {
        match self {
            Self::Triad => "triad, 3 x 256 MiB, huge pages".to_owned(),
            Self::InPlace => "read and write in place, 256 MiB, huge pages".to_owned(),
            Self::Read => "read, 256 MiB, huge pages".to_owned(),
            Self::Cache(kib) => format!("read and write in place, {kib} KiB a thread, repeated"),
            Self::MultiplyAdd(precision) => format!("multiply-add, {}", precision.as_str()),
        }
    }

    /// What [`Limit::per_second`] counts: bytes or operations.
    pub fn unit(self) -> &'static str {
        if matches!(self, Self::MultiplyAdd(_)) { "operations" } else { "bytes" }
    }
}

/// The name of the instruction set that the kernels of this process use: `avx512`, `avx2`, `neon` or `portable`.
pub fn instruction_set() -> &'static str {
    f64::chosen().name
}

/// The names of all instruction sets that the kernels could use on this machine, the best first.
pub fn instruction_sets() -> Vec<&'static str> {
    f64::usable().iter().map(|kernels| kernels.name).collect()
}

/// Address bits of 256 MiB of double-precision amplitudes.
const LARGE: u32 = 24;
/// How often each is done; the best counts, since nothing makes a machine faster than it is.
const TIMES: usize = 5;

/// Measures everything with 1 thread and, if that is more, with `threads`; takes about three seconds and 768 MiB.
///
/// # Errors
/// `InvalidInput` for 0 threads; `Exhausted` when there is no memory or no thread for it.
pub fn measure(threads: usize) -> Result<Vec<Limit>> {
    let mut found = Vec::new();
    let counts = if threads > 1 { vec![1, threads] } else { vec![threads] };
    for &threads in &counts {
        let workers = Workers::new(threads)?;
        found.extend(in_memory(&workers, threads)?);
        for kib in [256, 512, 4096] {
            found.push(in_cache(&workers, threads, kib)?);
        }
        found.push(arithmetic::<f64>(&workers, threads));
        found.push(arithmetic::<f32>(&workers, threads));
    }
    Ok(found)
}

/// The shortest of some runs, in seconds.
fn best(mut run: impl FnMut()) -> f64 {
    let times = (0..TIMES).map(|_| {
        let begun = Instant::now();
        run();
        begun.elapsed()
    });
    times.min().unwrap_or(Duration::ZERO).as_secs_f64().max(1e-9)
}

fn in_memory(workers: &Workers, threads: usize) -> Result<Vec<Limit>> {
    let kernels = f64::chosen();
    let mut buffers = [Buffer::<f64>::zeros(LARGE)?, Buffer::zeros(LARGE)?, Buffer::zeros(LARGE)?];
    let bytes = std::mem::size_of_val::<[f64]>(&buffers[0]) as f64;
    let size = buffers[0].len() / (16 * threads.next_power_of_two());
    for buffer in &mut buffers {
        workers.for_each_chunk(buffer, size, |_, chunk| chunk.fill(1.0));
    }
    let [a, b, c] = &mut buffers;
    let limit = |quantity, bytes: f64, seconds: f64| Limit { quantity, threads, per_second: bytes / seconds };
    let triad = best(|| {
        workers.for_each_chunk(a, size, |number, a| {
            let part = number * size..(number + 1) * size;
            let (b, c) = (b.get(part.clone()).unwrap_or_default(), c.get(part).unwrap_or_default());
            a.iter_mut().zip(b.iter().zip(c)).for_each(|(a, (b, c))| *a = b + 0.999 * c);
        });
    });
    let in_place = best(|| workers.for_each_chunk(b, size, |_, chunk| kernels.in_place(chunk)));
    let read = best(|| {
        let sums = workers.map(c.len() / size, |number| sum(c.chunks(size).nth(number).unwrap_or_default()));
        assert!(sums.iter().sum::<f64>().is_finite());
    });
    Ok(vec![
        limit(Quantity::Triad, 3.0 * bytes, triad),
        limit(Quantity::InPlace, 2.0 * bytes, in_place),
        limit(Quantity::Read, bytes, read),
    ])
}

/// A sum in so many lanes that reading is what takes the time.
fn sum(numbers: &[f64]) -> f64 {
    let mut lanes = [0.0; 16];
    for group in numbers.chunks_exact(16) {
        lanes.iter_mut().zip(group).for_each(|(sum, number)| *sum += number);
    }
    lanes.iter().sum()
}

fn in_cache(workers: &Workers, threads: usize, kib: usize) -> Result<Limit> {
    const BYTES: usize = 256 << 20;
    let rounds = BYTES / (kib << 10);
    let width = (kib << 10 >> 4).ilog2();
    let mut buffers = Vec::new();
    for _ in 0..threads {
        buffers.push(std::sync::Mutex::new(Buffer::<f64>::zeros(width)?));
    }
    let kernels = f64::chosen();
    let seconds = best(|| {
        workers.map(threads, |number| {
            if let Some(Ok(mut buffer)) = buffers.get(number).map(std::sync::Mutex::lock) {
                (0..rounds).for_each(|_| kernels.in_place(&mut buffer));
            }
        });
    });
    let bytes = 2.0 * (threads * rounds * (kib << 10)) as f64;
    Ok(Limit { quantity: Quantity::Cache(kib), threads, per_second: bytes / seconds })
}

fn arithmetic<T: Choose>(workers: &Workers, threads: usize) -> Limit {
    const ROUNDS: usize = 4_000_000;
    let mut operations = 0.0;
    let seconds = best(|| {
        operations =
            workers.map(threads, |_| T::chosen().multiply_adds(ROUNDS, &mut T::default())).into_iter().sum();
    });
    Limit { quantity: Quantity::MultiplyAdd(T::PRECISION), threads, per_second: operations / seconds }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_figures_of_this_machine() {
        let workers = Workers::new(1).unwrap();
        let cache = in_cache(&workers, 1, 256).unwrap();
        assert!(cache.per_second.is_finite() && cache.per_second > 0.0);
        assert_eq!(cache.quantity.unit(), "bytes");
        let mut end = 0.0;
        assert!(f64::chosen().multiply_adds(100, &mut end) > 0.0);
        // Eight chains of 1, which x → 0.999·x + 0.001 leaves alone, in eight lanes.
        assert!((end - 64.0f64).abs() < 1e-9);
        assert!(measure(0).is_err());
    }
}
