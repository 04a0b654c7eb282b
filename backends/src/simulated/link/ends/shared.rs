//! What the thread of an end and those who use it share: keys, figures, alarms, and whether the other end is there.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use qhal::{Error, ErrorKind, KeyId, Result, SecretKey};
use qhal_distillation::authentication::Role;
use qhal_distillation::session::{Outcome, Report};

use super::store::{ENOUGH, Store, check_length};
use crate::link::{Alarm, LinkReport};

/// What is shared.
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// Everything about an end that changes.
pub(super) struct State {
    pub(super) store: Store,
    /// Figures of all blocks so far; the keys are in the store.
    pub(super) figures: LinkReport,
    /// Errors in the sifted bits of the key bases, for the mean of their ratio.
    errors: f64,
    /// Sifted bits of blocks that gave a key.
    counted: u64,
    /// Alarms of the last block, none if it gave a key.
    pub(super) alarms: Vec<Alarm>,
    pub(super) connected: bool,
    /// The conversation, and the first block of it that has not come to its end yet.
    pub(super) underway: (u64, u64),
    /// Why there is no conversation, if one was tried.
    pub(super) trouble: Option<Error>,
    stopped: bool,
}

impl Shared {
    pub(super) fn new(role: Role) -> Self {
        let state = State {
            store: Store::new(role),
            figures: LinkReport::default(),
            errors: 0.0,
            counted: 0,
            alarms: Vec::new(),
            connected: false,
            underway: (0, 0),
            trouble: None,
            stopped: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something, and tells those who wait.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    pub(super) fn stop(&self) {
        self.change(|state| state.stopped = true);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Whether there is room for more key.
    pub(super) fn wants(&self) -> bool {
        self.lock().store.left() < ENOUGH
    }

    /// Begins a key; waits for so long until there is one.
    ///
    /// # Errors
    /// As [`Store::begin`]; `Unhealthy` when there is none because of an alarm.
    pub(super) fn begin(&self, bits: u32, patience: Duration) -> Result<(KeyId, SecretKey)> {
        check_length(bits)?;
        let lacks = |state: &mut State| {
            let length = bits as usize / 8;
            // An end that has gone may not come back; one that was never there may be on its way.
            let hope = state.connected || state.underway == (0, 0);
            hope && !state.stopped && state.alarms.is_empty() && !state.store.has(length)
        };
        let waited = self.changed.wait_timeout_while(self.lock(), patience, lacks);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.store.begin(bits).map_err(|error| state.explained(error))
    }

    /// The key that the other end began under this name. That end may know sooner than this one that a block has a key, so a name
    /// of the block that is under way is waited for.
    ///
    /// # Errors
    /// As [`Store::fetch`].
    pub(super) fn fetch(&self, id: &KeyId, patience: Duration) -> Result<SecretKey> {
        let coming = |state: &mut State| {
            !state.stopped && state.connected && Store::is_ahead(id, state.underway.0, state.underway.1)
        };
        let waited = self.changed.wait_timeout_while(self.lock(), patience, coming);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.store.fetch(id)
    }
}

impl State {
    /// Why there is no key.
    fn explained(&self, error: Error) -> Error {
        if !self.alarms.is_empty() {
            let names: Vec<String> =
                self.alarms.iter().map(|alarm| format!("{} ({})", alarm.name, alarm.what)).collect();
            return Error::new(
                ErrorKind::Unhealthy,
                format!("the last block was discarded: {}", names.join("; ")),
            );
        }
        match (&self.trouble, self.connected) {
            (Some(trouble), _) => Error::new(error.kind(), format!("{}: {trouble}", error.message())),
            (None, false) => Error::new(
                error.kind(),
                format!("{}: the other end of the link is not there yet", error.message()),
            ),
            (None, true) => error,
        }
    }

    /// Notes what became of a block.
    pub(super) fn book(&mut self, session: u64, outcome: Outcome) {
        if !matches!(outcome, Outcome::Undecided { .. }) {
            self.underway = (session, self.underway.1.max(outcome.block().saturating_add(1)));
        }
        match outcome {
            Outcome::Key { block, key, report } => {
                self.count(&report, key.bits() as u64);
                self.store.add(session, block, &key);
                self.alarms.clear();
            }
            Outcome::Discarded { reason, .. } => {
                // What made a block suspect was told by name.
                if reason.is_alarm() && self.alarms.is_empty() {
                    self.raise(vec![Alarm::from(reason)]);
                }
            }
            // The next selection says what became of it.
            Outcome::Undecided { .. } => {}
        }
    }

    fn count(&mut self, report: &Report, key_bits: u64) {
        let figures = &mut self.figures;
        figures.blocks_with_key += 1;
        figures.sifted_bits += report.sifted_bits;
        figures.leak_bits += report.leak_bits + u64::from(report.verification_bits);
        figures.secret_bits += key_bits;
        figures.bound = Some(report.bound());
        self.errors += report.qber * report.sifted_bits as f64;
        self.counted += report.sifted_bits;
        figures.qber = self.errors / self.counted.max(1) as f64;
    }

    /// Notes alarms of the block that is over.
    pub(super) fn raise(&mut self, alarms: Vec<Alarm>) {
        for alarm in &alarms {
            self.figures.alarm(alarm.clone());
        }
        self.alarms = alarms;
    }
}
