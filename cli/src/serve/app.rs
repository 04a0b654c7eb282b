//! What every connection of the daemon shares.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use qhal::Result;
use qhal_backends::ensemble::{Ensemble, View};

use super::drawer::{Drawer, DrawerThread};
use super::metrics::Metrics;
use super::quota::Quotas;
use super::receipt::Signer;
use super::settings::Settings;

/// The daemon's state.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) drawer: Drawer,
    pub(crate) view: View,
    pub(crate) metrics: Metrics,
    pub(crate) signer: Signer,
    quotas: Mutex<Quotas>,
    started: Instant,
    thread: Mutex<Option<DrawerThread>>,
}

impl App {
    pub(crate) fn new(settings: Settings, ensemble: Ensemble) -> Result<Arc<Self>> {
        let view = ensemble.view();
        let (drawer, thread) = Drawer::start(ensemble, settings.queue)?;
        Ok(Arc::new(Self {
            drawer,
            view,
            metrics: Metrics::default(),
            signer: Signer::new(settings.receipt_key.as_deref())?,
            quotas: Mutex::new(Quotas::new(settings.rate_bytes_per_s, settings.burst_bytes)),
            started: Instant::now(),
            thread: Mutex::new(Some(thread)),
            settings,
        }))
    }

    /// Takes `bytes` from the quota of `client`.
    ///
    /// # Errors
    /// How long it has to wait until there are so many.
    pub(crate) fn spend(&self, client: &str, bytes: usize) -> std::result::Result<(), Duration> {
        let mut quotas = self.quotas.lock().unwrap_or_else(PoisonError::into_inner);
        quotas.take(client, bytes as u64, self.started.elapsed())
    }

    /// Time since the start.
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Milliseconds since 1970-01-01 UTC by the system's clock.
    pub(crate) fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Closes the devices.
    pub(crate) fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(thread);
    }
}
