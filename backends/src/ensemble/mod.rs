//! Several entropy devices kept alive as one source: a worker thread for each, hot-plug, announced fail-over.

mod announcement;
mod plan;
mod worker;

pub use announcement::Announcement;
pub use plan::Plan;
pub use qhal_entropy::mixture::{Combine, Lineage, Totals};

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use qhal::{Descriptor, DeviceId, Error, ErrorKind, Provenance, Result, SecureRandom};
use qhal_entropy::{Mixture, Seeded, Supply};
use zeroize::Zeroize;

use crate::random::Output;
use crate::registry::Registry;
use crate::spec::DeviceSpec;

/// How one of the devices of an ensemble is doing.
#[derive(Clone, Debug)]
pub struct Seat {
    /// What it was asked for as: a device's name, or the policy where none was named.
    pub name: String,
    /// The device that serves, or served last.
    pub device: Option<Descriptor>,
    /// Whether it serves now.
    pub serving: bool,
    /// Why it does not, or did not last time.
    pub error: Option<String>,
    /// Its sums since the start.
    pub totals: Totals,
    fallback: bool,
    /// The device that the worker holds, from before its start-up test on: nobody else may take it.
    claim: Option<DeviceId>,
    /// What the watcher wants of the worker.
    call: Option<Call>,
}

/// What a worker is called to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// Try now: something was plugged in.
    Try,
    /// Close and open again: the device was unplugged, or hardware can take the place of a simulation.
    Reopen,
}

type Announce = Arc<dyn Fn(&Announcement) + Send + Sync>;

struct State {
    mixture: Mixture,
    seats: Vec<Seat>,
}

struct Shared {
    state: Mutex<State>,
    /// Something was brought, taken, admitted, dismissed or called for.
    changed: Condvar,
    stop: AtomicBool,
    announce: Announce,
}

impl State {
    /// Takes a device for a seat; `false` if another seat has it.
    fn claim(&mut self, seat: usize, device: &DeviceId) -> bool {
        let taken = |(other, held): (usize, &Seat)| other != seat && held.claim.as_ref() == Some(device);
        if self.seats.iter().enumerate().any(taken) {
            return false;
        }
        if let Some(seat) = self.seats.get_mut(seat) {
            seat.claim = Some(device.clone());
        }
        true
    }

    /// Where bytes would come from now, devices in the order of the plan, whoever was ready first.
    fn lineage(&self) -> Option<Lineage> {
        let mut lineage = self.mixture.lineage()?;
        let place = |id: &DeviceId| self.seats.iter().position(|seat| seat.claim.as_ref() == Some(id));
        lineage.devices.sort_by_key(|device| place(&device.id).unwrap_or(usize::MAX));
        Some(lineage)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A worker that panicked has left the state as it was between two statements: all of them keep it sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, at_most: Duration) -> MutexGuard<'a, State> {
        self.changed
            .wait_timeout(state, at_most)
            .map_or_else(|poisoned| poisoned.into_inner().0, |waited| waited.0)
    }

    fn stopping(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

/// Several devices, each in the hands of one thread, as one generator.
///
/// A device that fails a test, stalls or goes away is put out, everything gathered is forgotten, it is said aloud, and it
/// comes back only through a start-up test. Dropping an ensemble stops its threads and closes its devices.
pub struct Ensemble {
    shared: Arc<Shared>,
    seeded: Option<Seeded>,
    dismissals: u64,
    patience: Duration,
    lineage: Option<Lineage>,
    threads: Vec<JoinHandle<()>>,
}

impl Ensemble {
    /// Starts a worker for every device, and a watcher that looks every second what is plugged in. `announce` is told
    /// what must not pass in silence, from those threads.
    ///
    /// # Errors
    /// `InvalidInput` for a plan that is impossible; `Other` when the system gives no thread.
    pub fn start(
        registry: Registry,
        plan: &Plan,
        announce: impl Fn(&Announcement) + Send + Sync + 'static,
    ) -> Result<Self> {
        plan.check()?;
        let seeded = match plan.output {
            Output::Drbg => Some(Seeded::new(&plan.names().join(" "), &plan.config)?),
            _ => None,
        };
        let seat = |name: String| Seat {
            name,
            device: None,
            serving: false,
            error: None,
            totals: Totals::default(),
            fallback: false,
            claim: None,
            call: None,
        };
        let mixture = Mixture::new(plan.combine, plan.least, plan.config.pool_bytes)?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State { mixture, seats: plan.names().into_iter().map(seat).collect() }),
            changed: Condvar::new(),
            stop: AtomicBool::new(false),
            announce: Arc::new(announce),
        });
        let mut ensemble = Self {
            shared: Arc::clone(&shared),
            seeded,
            dismissals: 0,
            patience: plan.patience,
            lineage: None,
            threads: Vec::new(),
        };
        let registry = Arc::new(registry);
        let specs: Vec<Option<DeviceSpec>> = match plan.devices.as_slice() {
            [] => vec![None],
            devices => devices.iter().cloned().map(Some).collect(),
        };
        for (seat, spec) in specs.into_iter().enumerate() {
            let (shared, registry, policy) = (Arc::clone(&shared), Arc::clone(&registry), plan.policy);
            let config = plan.config.clone();
            ensemble
                .spawn("qhal-device", move || worker::work(&shared, seat, registry, policy, spec, config))?;
        }
        let before = registry.probe().devices;
        ensemble.spawn("qhal-watch", move || worker::watch(&shared, &registry, before))?;
        Ok(ensemble)
    }

    /// Waits until all devices serve.
    ///
    /// # Errors
    /// `TimedOut` after `limit`, with the reason of every device that does not; at once when one of them is refused
    /// or not there.
    pub fn wait_for_all(&self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        let mut state = self.shared.lock();
        loop {
            if state.seats.iter().all(|seat| seat.serving) {
                return Ok(());
            }
            let failed: Vec<&str> = state
                .seats
                .iter()
                .filter(|seat| !seat.serving)
                .filter_map(|seat| seat.error.as_deref())
                .collect();
            let left = deadline.saturating_duration_since(Instant::now());
            if !failed.is_empty() {
                return Err(Error::new(ErrorKind::Unhealthy, failed.join("; ")));
            }
            if left.is_zero() {
                let message = format!("not all devices were ready within {limit:?}");
                return Err(Error::new(ErrorKind::TimedOut, message));
            }
            state = self.shared.wait(state, left);
        }
    }

    /// Fills all of `out`, when `fresh` from samples that are taken after this call alone, and says where it came from.
    ///
    /// Freshness counts from the device's driver on: what a device or the system holds ready in a buffer of its own may
    /// be older by as much.
    ///
    /// # Errors
    /// `Exhausted` while too few devices serve, with the reasons; `TimedOut` when they do not give enough in time. `out`
    /// is all zeros then.
    pub fn draw(&mut self, out: &mut [u8], fresh: bool) -> Result<Lineage> {
        let deadline = Instant::now() + self.patience;
        loop {
            let before = self.shared.lock().mixture.dismissals();
            if before != self.dismissals {
                self.dismissals = before;
                self.seeded.iter_mut().for_each(Seeded::wipe);
            }
            let mut gathering = Gathering { shared: &self.shared, deadline };
            let outcome = match &mut self.seeded {
                Some(seeded) => seeded.fill(out, fresh, &mut gathering),
                None if fresh => gathering.supply_fresh(out),
                None => gathering.supply(out),
            };
            let (after, lineage) = {
                let state = self.shared.lock();
                (state.mixture.dismissals(), state.lineage())
            };
            match (outcome, lineage) {
                (Ok(()), Some(lineage)) if after == before => {
                    self.lineage = Some(lineage.clone());
                    return Ok(lineage);
                }
                (Err(error), _) => {
                    out.zeroize();
                    return Err(error);
                }
                (Ok(()), None) if after == before => {
                    return Err(Error::new(ErrorKind::InvalidInput, "no bytes were asked for"));
                }
                // A device was put out meanwhile: what it may have touched is not given.
                _ => out.zeroize(),
            }
        }
    }

    /// Where bytes would come from now, if any device has brought some.
    pub fn lineage(&self) -> Option<Lineage> {
        self.shared.lock().lineage()
    }

    /// A view for status displays, which outlives a lock.
    pub fn view(&self) -> View {
        View { shared: Arc::clone(&self.shared) }
    }

    /// Stops the threads and closes the devices.
    pub fn stop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A worker that panicked has said so already.
            let _ = thread.join();
        }
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        self.threads
            .push(thread.map_err(|cause| Error::from_io(cause, "the system gave no thread for a device"))?);
        Ok(())
    }
}

impl Drop for Ensemble {
    fn drop(&mut self) {
        self.stop();
    }
}

impl SecureRandom for Ensemble {
    /// The weakest of the last bytes given and of the devices that serve now, whose blocks may be in the next;
    /// [`draw`](Self::draw) says exactly what went into which bytes.
    fn provenance(&self) -> Provenance {
        let last = self.lineage.as_ref().map(|lineage| lineage.provenance);
        let state = self.shared.lock();
        let serving = state.mixture.members().map(|device| device.provenance);
        Provenance::weakest(serving.chain(last)).unwrap_or(Provenance::Simulated)
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        if out.is_empty() {
            let deadline = Instant::now() + self.patience;
            return Gathering { shared: &self.shared, deadline }.supply(out);
        }
        self.draw(out, false).map(|_| ())
    }
}

/// Looks at an ensemble from another thread.
#[derive(Clone)]
pub struct View {
    shared: Arc<Shared>,
}

impl View {
    /// How every device is doing.
    pub fn seats(&self) -> Vec<Seat> {
        self.shared.lock().seats.clone()
    }

    /// Whether enough devices serve.
    pub fn serves(&self) -> bool {
        self.shared.lock().mixture.serves()
    }

    /// Combined bytes that lie ready.
    pub fn ready(&self) -> usize {
        self.shared.lock().mixture.ready()
    }

    /// Where bytes would come from now, if any device has brought some.
    pub fn lineage(&self) -> Option<Lineage> {
        self.shared.lock().lineage()
    }

    /// Times a device was put out.
    pub fn dismissals(&self) -> u64 {
        self.shared.lock().mixture.dismissals()
    }
}

/// The mixture as a supply that waits for the workers until the deadline.
struct Gathering<'a> {
    shared: &'a Shared,
    deadline: Instant,
}

impl Supply for Gathering<'_> {
    fn ready(&self) -> usize {
        self.shared.lock().mixture.ready()
    }

    fn supply(&mut self, out: &mut [u8]) -> Result<()> {
        let mut state = self.shared.lock();
        let mut filled = 0;
        loop {
            match state.mixture.take(out.get_mut(filled..).unwrap_or_default()) {
                Ok(0) => {}
                Ok(taken) => {
                    filled += taken;
                    self.shared.changed.notify_all();
                }
                Err(error) => return Err(with_reasons(error, &state.seats)),
            }
            if filled >= out.len() {
                return Ok(());
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let message = format!("the devices gave {filled} of {} bytes in time", out.len());
                return Err(Error::new(ErrorKind::TimedOut, message));
            }
            state = self.shared.wait(state, left);
        }
    }

    fn supply_fresh(&mut self, out: &mut [u8]) -> Result<()> {
        self.shared.lock().mixture.flush();
        self.shared.changed.notify_all();
        self.supply(out)
    }
}

fn with_reasons(error: Error, seats: &[Seat]) -> Error {
    let reasons: Vec<&str> =
        seats.iter().filter(|seat| !seat.serving).filter_map(|seat| seat.error.as_deref()).collect();
    if reasons.is_empty() {
        return error;
    }
    Error::new(error.kind(), format!("{}: {}", error.message(), reasons.join("; ")))
}
