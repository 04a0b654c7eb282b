//! The one thread that draws bytes from the devices for all clients, behind a bounded queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use qhal::{Error, ErrorKind, Result};
use qhal_backends::ensemble::{Ensemble, Lineage};
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

/// Random bytes with their origin.
#[derive(Debug)]
pub(crate) struct Drawn {
    /// The bytes, wiped when dropped.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// Where they come from.
    pub(crate) lineage: Lineage,
}

struct Ask {
    bytes: usize,
    fresh: bool,
    reply: oneshot::Sender<Result<Drawn>>,
}

/// Asks the thread for bytes.
#[derive(Clone)]
pub(crate) struct Drawer {
    queue: mpsc::Sender<Ask>,
}

/// The thread; dropping it ends it and closes the devices.
pub(crate) struct DrawerThread {
    stop: Arc<AtomicBool>,
    wake: mpsc::Sender<Ask>,
    thread: Option<JoinHandle<()>>,
}

impl Drawer {
    /// Starts the thread; `places` requests may wait at a time.
    ///
    /// # Errors
    /// `Other` and the like when the system gives no thread.
    pub(crate) fn start(mut ensemble: Ensemble, places: usize) -> Result<(Self, DrawerThread)> {
        let (queue, mut asked) = mpsc::channel::<Ask>(places);
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let draw = move || {
            while let Some(ask) = asked.blocking_recv() {
                if stopping.load(Ordering::SeqCst) {
                    break;
                }
                // Who has gone away gets nothing, and costs nothing.
                if ask.reply.is_closed() {
                    continue;
                }
                let mut bytes = Zeroizing::new(vec![0; ask.bytes]);
                let drawn = ensemble.draw(&mut bytes, ask.fresh).map(|lineage| Drawn { bytes, lineage });
                let _ = ask.reply.send(drawn);
            }
            ensemble.stop();
        };
        let thread = std::thread::Builder::new().name("qhal-draw".to_owned()).spawn(draw);
        let thread =
            thread.map_err(|cause| Error::from_io(cause, "the system gave no thread to draw bytes"))?;
        let wake = queue.clone();
        Ok((Self { queue }, DrawerThread { stop, wake, thread: Some(thread) }))
    }

    /// Draws `bytes` bytes, all or none.
    ///
    /// # Errors
    /// `Busy` when the queue is full; else those of [`Ensemble::draw`].
    pub(crate) async fn draw(&self, bytes: usize, fresh: bool) -> Result<Drawn> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .try_send(Ask { bytes, fresh, reply })
            .map_err(|_| Error::new(ErrorKind::Busy, "too many requests wait for bytes already"))?;
        answer.await.map_err(|_| Error::new(ErrorKind::Busy, "the daemon is being stopped"))?
    }
}

impl Drop for DrawerThread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // It wakes up by a request that nobody waits for; where the queue is full it is awake.
        let (reply, _) = oneshot::channel();
        let _ = self.wake.try_send(Ask { bytes: 0, fresh: false, reply });
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
