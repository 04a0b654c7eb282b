//! The threads of an ensemble: one for each device, and one that watches what is plugged in.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use qhal::{Descriptor, DeviceId, Error, ErrorKind, Kind, OpenDevice, Policy, Result};
use qhal_entropy::mixture::{Block, Event, Offer, Opened};
use qhal_entropy::{Config, Feeder};

use super::{Announcement, Call, Shared};
use crate::changes::{Change, changes};
use crate::registry::Registry;
use crate::select::select;
use crate::spec::DeviceSpec;

/// How often the operating system's list is read.
const LOOK: Duration = Duration::from_secs(1);

/// A device whose blocks nobody takes is read once in so long, so that its failure is noticed before somebody needs it.
const IDLE: Duration = Duration::from_secs(10);

/// The longest that a worker waits without looking whether it is to stop.
const NAP: Duration = Duration::from_millis(250);

/// The life of one device's thread.
pub(super) fn work(
    shared: &Arc<Shared>,
    seat: usize,
    registry: Arc<Registry>,
    policy: Policy,
    spec: Option<DeviceSpec>,
    config: Config,
) {
    let others = Arc::clone(shared);
    let open = move || open(&others, seat, &registry, policy, spec.as_ref());
    let mut worker = Worker {
        shared,
        seat,
        feeder: Feeder::new(Box::new(open), config),
        started: Instant::now(),
        former: None,
        last_error: None,
    };
    // A driver that panics must not take the others with it, nor leave its device in the mixture.
    let panicked = catch_unwind(AssertUnwindSafe(|| worker.run())).is_err();
    let id = worker.feeder.close();
    if panicked {
        let reason = "its driver panicked; it is not tried again".to_owned();
        worker.put_out(id.as_ref(), reason.clone());
        worker.say_lost(reason, Duration::ZERO);
    } else {
        worker.put_out(id.as_ref(), "it was stopped".to_owned());
    }
}

/// Chooses and opens a source that no other seat holds.
fn open(
    shared: &Shared,
    seat: usize,
    registry: &Registry,
    policy: Policy,
    spec: Option<&DeviceSpec>,
) -> Result<Opened> {
    let selected = select(registry, Kind::Entropy, policy, spec)?;
    let fallback = selected.choice.fallback;
    match selected.device {
        OpenDevice::Entropy(source) => {
            let id = source.descriptor().id.clone();
            if !shared.lock().claim(seat, &id) {
                return Err(
                    Error::new(ErrorKind::Busy, "it serves already, and a device counts once").on(&id)
                );
            }
            Ok(Opened { source, fallback })
        }
        other => {
            Err(Error::new(ErrorKind::Refused, format!("a {} device gives no random bytes", other.kind())))
        }
    }
}

struct Worker<'a> {
    shared: &'a Shared,
    seat: usize,
    feeder: Feeder,
    started: Instant,
    /// Who served last.
    former: Option<DeviceId>,
    /// What was last said about a failure, so that it is not said again and again.
    last_error: Option<String>,
}

impl Worker<'_> {
    fn run(&mut self) {
        let mut blocks = Vec::new();
        while !self.shared.stopping() {
            self.heed_call();
            let epoch = self.shared.lock().mixture.epoch();
            let event = self.feeder.step(self.started.elapsed(), epoch, &mut blocks);
            self.note_totals();
            match event {
                Event::Admitted { device, fallback } => self.admit(device, fallback),
                Event::Gathered { device, epoch } => self.bring(&device, epoch, &mut blocks),
                Event::Lost { device, error, again } => {
                    let reason = error.chain();
                    self.put_out(device.as_ref(), reason.clone());
                    self.say_lost(reason, again.saturating_sub(self.started.elapsed()));
                }
                Event::Resting { until } => {
                    let nap = until.saturating_sub(self.started.elapsed()).min(NAP);
                    drop(self.shared.wait(self.shared.lock(), nap));
                }
            }
        }
    }

    fn heed_call(&mut self) {
        let call = self.shared.lock().seats.get_mut(self.seat).and_then(|seat| seat.call.take());
        match call {
            None => {}
            Some(Call::Try) => self.feeder.nudge(),
            Some(Call::Reopen) => {
                let id = self.feeder.close();
                self.put_out(
                    id.as_ref(),
                    "what is plugged in has changed, and is looked at again".to_owned(),
                );
            }
        }
    }

    fn note_totals(&self) {
        let totals = self.feeder.totals();
        if let Some(seat) = self.shared.lock().seats.get_mut(self.seat) {
            seat.totals = totals;
        }
    }

    fn admit(&mut self, device: Descriptor, fallback: bool) {
        let mut state = self.shared.lock();
        state.mixture.admit(device.clone(), fallback);
        if let Some(seat) = state.seats.get_mut(self.seat) {
            seat.device = Some(device.clone());
            (seat.serving, seat.fallback, seat.error) = (true, fallback, None);
        }
        drop(state);
        self.shared.changed.notify_all();
        let instead_of = self.former.replace(device.id.clone()).filter(|former| *former != device.id);
        self.last_error = None;
        (self.shared.announce)(&Announcement::Serves { device, fallback, instead_of });
    }

    /// Hands blocks over, waiting for room; gives up after [`IDLE`], or when it is called.
    fn bring(&self, device: &DeviceId, epoch: u64, blocks: &mut Vec<Block>) {
        let deadline = Instant::now() + IDLE;
        for block in blocks.drain(..) {
            let mut state = self.shared.lock();
            while state.mixture.offer(device, epoch, &block) == Offer::Full {
                let called = state.seats.get(self.seat).is_some_and(|seat| seat.call.is_some());
                let left = deadline.saturating_duration_since(Instant::now());
                if called || left.is_zero() || self.shared.stopping() {
                    return;
                }
                state = self.shared.wait(state, left.min(NAP));
            }
            drop(state);
            self.shared.changed.notify_all();
        }
    }

    fn put_out(&self, device: Option<&DeviceId>, reason: String) {
        let mut state = self.shared.lock();
        if let Some(id) = device {
            state.mixture.dismiss(id);
        }
        if let Some(seat) = state.seats.get_mut(self.seat) {
            (seat.serving, seat.error, seat.claim) = (false, Some(reason), None);
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    fn say_lost(&mut self, reason: String, pause: Duration) {
        if self.last_error.as_deref() == Some(reason.as_str()) {
            return;
        }
        let (name, left) = {
            let state = self.shared.lock();
            let name = state.seats.get(self.seat).map(|seat| seat.name.clone()).unwrap_or_default();
            (name, state.mixture.members().count())
        };
        // Rounded: nobody wants nanoseconds.
        let pause = Duration::from_millis(pause.as_millis().next_multiple_of(100) as u64);
        (self.shared.announce)(&Announcement::Lost { name, reason: reason.clone(), pause, left });
        self.last_error = Some(reason);
    }
}

/// Looks what is plugged in and out since `before`, says so, and calls the workers that wait for it.
pub(super) fn watch(shared: &Shared, registry: &Registry, mut before: Vec<Descriptor>) {
    while !shared.stopping() {
        let deadline = Instant::now() + LOOK;
        while !shared.stopping() && Instant::now() < deadline {
            std::thread::sleep(NAP.min(deadline.saturating_duration_since(Instant::now())));
        }
        let now = registry.probe().devices;
        let entropy = |device: &Descriptor| device.kind == Kind::Entropy;
        for (change, device) in changes(&before, &now).into_iter().filter(|(_, device)| entropy(device)) {
            (shared.announce)(&Announcement::Listed { change, device: Box::new(device.clone()) });
            for seat in &mut shared.lock().seats {
                let held = seat.serving && seat.device.as_ref().is_some_and(|held| held.id == device.id);
                seat.call = match (change, seat.serving) {
                    (Change::Unplugged, _) if held => Some(Call::Reopen),
                    (Change::Unplugged, _) => seat.call,
                    (_, false) => Some(Call::Try),
                    // A simulation gives way to hardware.
                    (_, true) if seat.fallback => Some(Call::Reopen),
                    (_, true) => seat.call,
                };
            }
            shared.changed.notify_all();
        }
        before = now;
    }
}
