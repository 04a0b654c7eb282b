//! The key manager: it keeps what links make and gives each key once, to the two applications it is for.
//!
//! Words (ETSI GS QKD 014 V1.1.1 §3): a *KME* is the key manager of a site, an *SAE* an application. The *master* SAE asks
//! first and gets keys with their names; the *slave* SAE fetches the same keys by name from the KME of its own site.

mod audit;
mod certificate;
mod etsi004;
mod etsi014;
mod identity;
mod keystream;
mod ledger;
mod manager;
mod memory;
mod peer;
pub mod pki;
mod quota;
mod refusal;
mod server;
mod settings;
mod skip;
mod store;
mod supply;
mod telemetry;
mod uuid;

pub use audit::{Audit, Event};
pub use manager::{LinkState, Manager};
pub use memory::{Protection, protect_memory};
pub use refusal::Refusal;
pub use server::{Server, Stop};
pub use settings::{Alone, KmeSection, PairSection, PeerSection, SaeSection, Settings, SupplyKind};
pub use supply::Supply;
