//! The threads of one simulator: its own pool, or none at all.

use std::sync::Arc;

use qhal::{Error, ErrorKind, Result};
use rayon::ThreadPool;
use rayon::prelude::*;

use crate::real::Real;

/// Below this many qubits a fork and join costs more than it brings.
pub(crate) const MIN_PARALLEL_QUBITS: u32 = 14;

/// Chunks of at least this many address bits are handed to threads whole.
pub(crate) const CHUNK_BITS: u32 = 12;

/// Where work is done: in the caller's thread, or in a pool of our own.
#[derive(Clone, Debug)]
pub(crate) struct Workers {
    pool: Option<Arc<ThreadPool>>,
}

impl Workers {
    pub(crate) fn new(threads: usize) -> Result<Self> {
        if threads == 0 {
            return Err(Error::new(ErrorKind::InvalidInput, "a simulator needs at least one thread"));
        }
        if threads == 1 {
            return Ok(Self { pool: None });
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("simulator-{index}"))
            .build()
            .map_err(|cause| {
                Error::new(ErrorKind::Exhausted, format!("cannot start {threads} threads")).because(cause)
            })?;
        Ok(Self { pool: Some(Arc::new(pool)) })
    }

    /// Calls `work` with each chunk of `size` cells and its number.
    pub(crate) fn for_each_chunk<T: Real>(
        &self,
        cells: &mut [T],
        size: usize,
        work: impl Fn(usize, &mut [T]) + Sync,
    ) {
        match &self.pool {
            Some(pool) if is_large::<T>(cells.len()) => pool.install(|| {
                cells.par_chunks_mut(size).enumerate().for_each(|(number, chunk)| work(number, chunk));
            }),
            _ => cells.chunks_mut(size).enumerate().for_each(|(number, chunk)| work(number, chunk)),
        }
    }

    /// Calls `work` with each pair of chunks of `size` cells at the same place of two slices.
    pub(crate) fn for_each_pair<T: Real>(
        &self,
        (first, second): (&mut [T], &mut [T]),
        size: usize,
        work: impl Fn(&mut [T], &mut [T]) + Sync,
    ) {
        match &self.pool {
            Some(pool) if is_large::<T>(first.len()) => pool.install(|| {
                first.par_chunks_mut(size).zip(second.par_chunks_mut(size)).for_each(|(a, b)| work(a, b));
            }),
            _ => first.chunks_mut(size).zip(second.chunks_mut(size)).for_each(|(a, b)| work(a, b)),
        }
    }

    /// Runs `work` on every thread of the pool at once if a state of `qubits` is worth it, else once right here.
    pub(crate) fn on_all(&self, qubits: u32, work: impl Fn() + Sync) {
        match &self.pool {
            Some(pool) if qubits >= MIN_PARALLEL_QUBITS => {
                pool.broadcast(|_| work());
            }
            _ => work(),
        }
    }

    /// What `work` makes of each number below `count`, in order, whichever thread did it.
    pub(crate) fn map<R: Send>(&self, count: usize, work: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
        match &self.pool {
            Some(pool) if count > 1 => pool.install(|| (0..count).into_par_iter().map(work).collect()),
            _ => (0..count).map(work).collect(),
        }
    }
}

fn is_large<T: Real>(cells: usize) -> bool {
    cells >= 2 << MIN_PARALLEL_QUBITS
}
