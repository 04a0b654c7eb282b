//! A thread that serves something until its handle is stopped or dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use qhal::{Error, ErrorKind, Result};

/// The handle of a serving thread.
#[derive(Debug)]
pub(crate) struct Service {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Service {
    /// Runs `serve` on a thread called `name`, until it ends by itself or sees the flag set.
    ///
    /// # Errors
    /// The kind of the system's error when it gives no thread.
    pub(crate) fn start(
        name: &str,
        serve: impl FnOnce(&AtomicBool) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || serve(&told))
            .map_err(|cause| Error::from_io(cause, "the system gives no thread"))?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Ends it and waits until it has ended.
    ///
    /// # Errors
    /// What ended it before, if something did.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(Error::new(ErrorKind::Other, "the emulator's thread died")),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A handle that is dropped has nobody left to tell.
        let _ = self.end();
    }
}
