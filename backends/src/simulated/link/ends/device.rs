//! An end of a simulated link as a device: a thread makes key while there is room for it.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use qhal::device::Property;
use qhal::{Descriptor, Device, Error, Health, KeyId, KeyLink, LinkStatus, Provenance, Result, SecretKey};
use qhal_distillation::authentication::Role;

use super::shared::Shared;
use super::store::{DEFAULT_BITS, ENOUGH, MAX_BITS, MIN_BITS};
use super::{End, EndSettings, Goal};

/// How long a key is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long is waited for a block that the other end has and this one is about to have.
const COMING: Duration = Duration::from_secs(5);

/// An end that makes keys with its other end, wherever that is. What it gives is `Simulated`, and wiped once it is given.
pub struct SimulatedLinkEnd {
    descriptor: Descriptor,
    shared: Arc<Shared>,
    settings: EndSettings,
    thread: Option<JoinHandle<()>>,
}

impl SimulatedLinkEnd {
    /// Begins to listen, or to look for the other end.
    ///
    /// # Errors
    /// `Busy` and the like when the address or the secret cannot be used; `InvalidInput` for settings that cannot be.
    pub fn open(descriptor: Descriptor, settings: EndSettings) -> Result<Self> {
        let shared = Arc::new(Shared::new(settings.role));
        let ready = settings.ready(Goal::Store)?;
        let listener = if settings.role == Role::Alice { Some(ready.listen()?) } else { None };
        let run = {
            let shared = Arc::clone(&shared);
            move || match End::new(&ready, listener, &shared) {
                Ok(mut end) => end.always(),
                Err(error) => shared.change(|state| state.trouble = Some(error)),
            }
        };
        let thread = std::thread::Builder::new().name("simulated-link".to_owned()).spawn(run);
        let thread =
            thread.map_err(|cause| Error::from_io(cause, "cannot start the thread of a simulated link"))?;
        Ok(Self { descriptor, shared, settings, thread: Some(thread) })
    }

    fn named(&self, error: Error) -> Error {
        error.on(&self.descriptor.id)
    }
}

impl std::fmt::Debug for SimulatedLinkEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimulatedLinkEnd({:?})", self.settings)
    }
}

impl Drop for SimulatedLinkEnd {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Device for SimulatedLinkEnd {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn health(&mut self) -> Result<Health> {
        let state = self.shared.lock();
        if let Some(alarm) = state.alarms.first() {
            return Ok(Health::Degraded(format!("{}: {}", alarm.name, alarm.what)));
        }
        Ok(match (&state.trouble, state.connected) {
            (_, true) => Health::Good,
            (Some(trouble), false) => Health::Degraded(trouble.to_string()),
            (None, false) => Health::Degraded("the other end of the link is not there yet".to_owned()),
        })
    }

    /// The names are those of ETSI GS QKD 015 V2.1.1 (`etsi-qkd-sdn-node`) where it has one.
    fn properties(&mut self) -> Result<Vec<Property>> {
        let state = self.shared.lock();
        let figures = &state.figures;
        let role = match self.settings.role {
            Role::Alice => "transmitter",
            Role::Bob => "receiver",
        };
        let alarms: Vec<&str> = state.alarms.iter().map(|alarm| alarm.name).collect();
        let alarms = if alarms.is_empty() { "none".to_owned() } else { alarms.join(", ") };
        Ok(vec![
            Property::text("qkdl_status", if state.connected { "active" } else { "pending" }),
            Property::text("qkdi_type", "dv-qkd"),
            Property::text("phys_qkd_role", role),
            Property::text("protocol", self.settings.link.protocol.as_str()),
            Property::number("distance", self.settings.link.distance_km, "km"),
            Property::number("skr", figures.skr(), "bit/s"),
            Property::number("qber", figures.qber, ""),
            Property::number("blocks", figures.blocks as f64, ""),
            Property::number("blocks with key", figures.blocks_with_key as f64, ""),
            Property::number("sifted bits", figures.sifted_bits as f64, ""),
            Property::number("disclosed bits", figures.leak_bits as f64, ""),
            Property::number("simulated time", figures.seconds, "s"),
            Property::text("alarms", alarms),
        ])
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl KeyLink for SimulatedLinkEnd {
    fn status(&mut self) -> Result<LinkStatus> {
        let max_keys = (2 * ENOUGH) as u64 / u64::from(DEFAULT_BITS / 8);
        Ok(LinkStatus {
            stored_keys: self.shared.lock().store.keys().min(max_keys),
            max_keys,
            default_key_bits: DEFAULT_BITS,
            min_key_bits: MIN_BITS,
            max_key_bits: MAX_BITS,
        })
    }

    /// Waits up to twenty seconds for a key to be made.
    fn next_key(&mut self, bits: u32) -> Result<(KeyId, SecretKey)> {
        let begun = self.shared.begin(bits, PATIENCE).map_err(|error| self.named(error))?;
        debug_assert_eq!(begun.1.provenance(), Provenance::Simulated);
        Ok(begun)
    }

    fn key(&mut self, id: &KeyId) -> Result<SecretKey> {
        self.shared.fetch(id, COMING).map_err(|error| self.named(error))
    }
}
