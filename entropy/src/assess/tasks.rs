//! Runs independent pieces of work on a few threads.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use qhal::{Error, ErrorKind, Result};

/// Does `work` for each of `jobs` on at most `threads` threads and gives the results in the order of the jobs. The next
/// job goes to the first thread that is free, so the longest should come first.
///
/// # Errors
/// The first error of `work` in the order of the jobs; `Other` when a thread could not be started or did not end well.
pub(super) fn run<J: Sync, T: Send>(
    threads: NonZero<usize>,
    jobs: &[J],
    work: impl Fn(&J) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let threads = threads.get().min(jobs.len());
    if threads < 2 {
        return jobs.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(job) = jobs.get(index)
        {
            done.push((index, work(job)));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..threads)
            .map(|_| thread::Builder::new().name("assess".into()).spawn_scoped(scope, worker))
            .collect();
        // Where the system gives no further thread, this one does the work that is left.
        let mut done = worker();
        for other in others.into_iter().flatten() {
            done.append(&mut other.join().map_err(|_| {
                Error::new(ErrorKind::Other, "a thread of the assessment stopped before its work was done")
            })?);
        }
        Ok::<_, Error>(done)
    })?;
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
